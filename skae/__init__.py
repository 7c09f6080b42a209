"""Autoencoders as scikit-learn transformers, never worse than PCA."""

from skae._estimators.convolutional import ConvAutoencoder
from skae._estimators.denoising import DenoisingAutoencoder
from skae._estimators.dense import AutoencoderTransformer
from skae._estimators.loading import load
from skae._estimators.outliers import AutoencoderOutlierDetector
from skae._estimators.parametric_tsne import ParametricTSNE
from skae._estimators.sequence import SequenceAutoencoder
from skae._estimators.variational import VAETransformer
from skae._runtime.version import __version__ as __version__
from skae._tables.encoder import TableEncoder
from skae.comparison import compare

__all__ = [
    "AutoencoderOutlierDetector",
    "AutoencoderTransformer",
    "ConvAutoencoder",
    "DenoisingAutoencoder",
    "ParametricTSNE",
    "SequenceAutoencoder",
    "TableEncoder",
    "VAETransformer",
    "compare",
    "load",
]

for _name in set(__all__) - {"compare", "load"}:
    globals()[_name].__module__ = __name__  # the public place, which files name
