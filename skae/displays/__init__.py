"""Plots of what autoencoders learn, by the convention of scikit-learn's displays.

``from_estimator`` computes and draws; ``plot`` draws again, into other axes or with
other colours. The numbers are attributes.
"""

from skae.displays._biplot import BiplotDisplay
from skae.displays._encoding_dim import EncodingDimDisplay
from skae.displays._latent import LatentDisplay
from skae.displays._loadings import LoadingsDisplay
from skae.displays._manifold import LatentManifoldDisplay
from skae.displays._reconstruction import ReconstructionDisplay
from skae.displays._training import TrainingDisplay
from skae.displays._traversal import LatentTraversalDisplay

__all__ = [
    "BiplotDisplay",
    "EncodingDimDisplay",
    "LatentDisplay",
    "LatentManifoldDisplay",
    "LatentTraversalDisplay",
    "LoadingsDisplay",
    "ReconstructionDisplay",
    "TrainingDisplay",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # the public name
