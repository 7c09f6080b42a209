"""Plots of what autoencoders learn, by the convention of scikit-learn's displays.

``from_estimator`` computes and draws; ``plot`` draws again, elsewhere or otherwise. The
numbers are attributes.
"""

from skae.displays._latent import LatentDisplay
from skae.displays._manifold import LatentManifoldDisplay
from skae.displays._traversal import LatentTraversalDisplay

__all__ = [
    "LatentDisplay",
    "LatentManifoldDisplay",
    "LatentTraversalDisplay",
]
