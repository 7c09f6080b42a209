"""Autoencoders as scikit-learn transformers, never worse than PCA."""

from skae._dense import AutoencoderTransformer
from skae.compare import compare

__version__ = "0.1.0"

__all__ = ["AutoencoderTransformer", "compare"]
