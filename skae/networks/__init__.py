"""Networks: how an autoencoder is wired.

A network turns ``(sample_shape, encoding_dim)`` into two Keras models, an encoder
and a decoder. It never sees data. A grid search can set its parameters like those of
any scikit-learn estimator.
"""

from skae.networks._base import BRANCH, FIRST_HIDDEN, LINEAR, Network
from skae.networks._convolutional import ConvNetwork
from skae.networks._custom import CustomNetwork
from skae.networks._dense import DenseNetwork
from skae.networks._recurrent import RecurrentNetwork

__all__ = [
    "BRANCH",
    "FIRST_HIDDEN",
    "LINEAR",
    "ConvNetwork",
    "CustomNetwork",
    "DenseNetwork",
    "Network",
    "RecurrentNetwork",
]

for _name in set(__all__) - {"BRANCH", "FIRST_HIDDEN", "LINEAR"}:
    globals()[_name].__module__ = __name__  # saved files hold this public name
