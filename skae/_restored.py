"""Fits that were made elsewhere: checked, then built, on first use."""

import functools
import itertools
from concurrent.futures import ThreadPoolExecutor

from skae import _backend, _random
from skae._inference import FittedCodec
from skae.exceptions import SavedFileError
from skae.networks import ConvNetwork, CustomNetwork, DenseNetwork, RecurrentNetwork
from skae.networks._models import variables

OWN_NETWORKS = ConvNetwork, DenseNetwork, RecurrentNetwork


class RestoredFit(FittedCodec):
    """A fit whose weights are compared with its network before that is built.

    So a file cannot make a network larger than itself, and weights of another network
    are told from right ones.
    """

    @classmethod
    def restored(cls, architecture, weights, scaling):
        """Return a fit made elsewhere; its codec is made on first use.

        Parameters
        ----------
        architecture : tuple
            What `Codec` takes.
        """
        fitted = cls.__new__(cls)
        fitted.architecture = architecture
        fitted.weights = weights
        fitted.scaling = scaling
        return fitted

    @functools.cached_property
    def codec(self):
        """The codec of the architecture, shared with other fits."""
        self.check()
        return super().codec

    @functools.cached_property
    def models(self):
        """Encoder and decoder as Keras models that work on the user's units."""
        self.check()
        return super().models

    def check(self):
        """Raise a SavedFileError if the weights are not the network's.

        Networks of the user's own code are left to it.
        """
        network, sample_shape, dim, objective = self.architecture
        n_outputs = dim * objective.outputs_per_code

        def models():
            yield network.build_encoder(sample_shape, n_outputs)
            yield network.build_decoder(sample_shape, dim)

        if _is_data(network):
            check_weights(self.weights, lambda: variables(*models()), objective.build())


def _is_data(network):
    """Tell whether a network is without code of the user's own."""
    if type(network) is not CustomNetwork:
        return type(network) in OWN_NETWORKS
    keras, _ = _backend.load()
    models = network.encoder, network.decoder
    return all(isinstance(model, keras.Model) for model in models)


def check_weights(weights, variables_of_models, others=()):
    """Raise a SavedFileError unless weights are values of Keras variables.

    Parameters
    ----------
    weights : list of ndarray
        Values of the models' variables, and then of others.

    variables_of_models : callable
        Builds Keras models and returns their variables, which get no memory.

    others : list of keras.Variable
        With values.
    """
    _backend.load()  # what stops it is no fault of the file
    try:
        wanted = _without_memory(variables_of_models)
    except Exception as error:
        raise SavedFileError(
            f"The network that was saved cannot be built: {error} Take another copy of "
            "the file, or fit again."
        ) from error
    wanted += [(tuple(v.shape), v.dtype) for v in others]
    found = [(values.shape, values.dtype.name) for values in weights]
    for number, (one, other) in enumerate(itertools.zip_longest(found, wanted)):
        if one != other:
            raise SavedFileError(
                "The weights that were saved are not those of the network that was "
                f"saved: number {number} is {_text(one)}, not {_text(other)}. Take "
                "another copy of the file, or fit again."
            )


def _without_memory(variables_of_models):
    """Return shapes and types of the variables that Keras models would have.

    In a stateless scope Keras leaves variables without values; at the end of the
    thread it forgets them.
    """
    keras, _ = _backend.load()

    def describe():
        with keras.StatelessScope(initialize_variables=False):
            return [(tuple(v.shape), v.dtype) for v in variables_of_models()]

    with _random.seeded(0), ThreadPoolExecutor(1) as thread:
        return thread.submit(describe).result()


def _text(kind):
    return "missing" if kind is None else f"{kind[1]} of shape {kind[0]}"
