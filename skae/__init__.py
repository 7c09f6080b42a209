"""Autoencoders as scikit-learn transformers, never worse than PCA."""

from skae._dense import AutoencoderTransformer

__version__ = "0.1.0"

__all__ = ["AutoencoderTransformer"]
