"""Autoencoders as scikit-learn transformers, never worse than PCA."""

from skae._convolutional import ConvAutoencoder
from skae._denoising import DenoisingAutoencoder
from skae._dense import AutoencoderTransformer
from skae._persistence import load
from skae._sequence import SequenceAutoencoder
from skae._variational import VAETransformer
from skae.comparison import compare

__version__ = "0.1.0"

__all__ = [
    "AutoencoderTransformer",
    "ConvAutoencoder",
    "DenoisingAutoencoder",
    "SequenceAutoencoder",
    "VAETransformer",
    "compare",
    "load",
]

for _name in set(__all__) - {"compare", "load"}:
    globals()[_name].__module__ = __name__  # the public place, which files name
