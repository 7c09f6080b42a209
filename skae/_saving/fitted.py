"""Fits as plain data, and back: checked, then built, on first use."""

import copy
import functools
import math
import numbers

import numpy as np

from skae._data.scaling import Scaling
from skae._keras.models import check_weights, compare_weights
from skae._keras.objects import plain, restored
from skae._model.correction import UNCORRECTED, Correction
from skae._model.fitted import FittedNetwork
from skae._model.imputation import Donors
from skae._objective.losses import as_given, comparable
from skae._objective.neighbor_embedding import NeighborEmbedding
from skae._objective.objective import NegativeELBO, Objective
from skae._runtime.tensorflow import load_keras
from skae._serving.graph import as_text, of_text
from skae.exceptions import SavedFileError
from skae.networks import ConvNetwork, CustomNetwork, DenseNetwork, RecurrentNetwork
from skae.networks._build import Architecture, variables

OWN_NETWORKS = ConvNetwork, DenseNetwork, RecurrentNetwork

_OBJECTIVES = {
    objective.__name__: objective
    for objective in (NegativeELBO, NeighborEmbedding, Objective)
}


class LoadedNetwork(FittedNetwork):
    """A fit whose weights are compared with its network before that is used.

    So a file cannot make a network larger than itself, and weights of another network
    are told from right ones.

    Parameters
    ----------
    architecture : Architecture
        Of the network.

    weights, scaling, correction, donors : see `FittedNetwork`

    graphs : tuple of Graph or None, default=None
        Those of encoder and decoder, if they were saved. Then inference needs no Keras.
    """

    def __init__(
        self,
        architecture,
        weights,
        scaling,
        correction=UNCORRECTED,
        graphs=None,
        donors=None,
    ):
        self.architecture = architecture
        self.weights = weights
        self.scaling = scaling
        self.correction = correction
        self.donors = donors
        self._saved_graphs = graphs

    def with_correction(self, correction):
        """Return the same network with another `Correction`."""
        return LoadedNetwork(
            self.architecture,
            self.weights,
            self.scaling,
            correction,
            self._saved_graphs,
        )

    def on_standardized(self):
        """Return the same fit for rows in the network's scale."""
        if self._saved_graphs is None:
            return super().on_standardized()
        identity = Scaling.identity(len(self.scaling.mean))
        return LoadedNetwork(
            self.architecture,
            self.weights,
            identity,
            self.correction,
            self._saved_graphs,
        )

    @functools.cached_property
    def graphs(self):
        """Graphs of encoder and decoder for NumPy; None where it needs Keras."""
        if self._saved_graphs is None:
            return super().graphs
        wanted = [kind for graph in self._saved_graphs for kind in graph.weights]
        architecture = self.architecture
        own = architecture.objective.variable_shapes(architecture.encoding_dim)
        wanted += [(shape, "float32") for shape in own.values()]
        compare_weights(self.weights, wanted)
        return self._saved_graphs

    @functools.cached_property
    def codec(self):
        """The codec of the architecture, shared with other fits."""
        self.check()
        return self._same_in_numpy(super().codec)

    def _new_codec(self):
        self.check()
        return self._same_in_numpy(super()._new_codec())

    def _same_in_numpy(self, codec):
        """Return a codec, if NumPy was to compute the same network, or raise."""
        if self._saved_graphs not in (None, codec.graphs):
            raise SavedFileError(
                "What was saved for inference in NumPy is another network than the one "
                "that was saved. Take another copy of the file, or fit again."
            )
        return codec

    def check(self):
        """Raise a SavedFileError if the weights are not the network's.

        Networks of the user's own code are left to it.
        """
        architecture = self.architecture
        if _is_data(architecture.network):
            check_weights(
                self.weights,
                lambda: variables(*architecture.models()),
                architecture.objective.build(architecture.encoding_dim),
            )


def _is_data(network):
    """Tell whether a network is without code of the user's own."""
    if type(network) is not CustomNetwork:
        return type(network) in OWN_NETWORKS
    keras = load_keras()
    models = network.encoder, network.decoder
    return all(isinstance(model, keras.Model) for model in models)


def plain_fit(fitted, given):
    """Return a `FittedNetwork` as plain data and its network.

    Parameters
    ----------
    given : object
        The estimator's parameter `network`. If the fit is of that network, it is
        written once, and its models are the same again.
    """
    architecture = fitted.architecture
    network, objective = architecture.network, architecture.objective
    fields = dict(vars(objective))
    fields["loss"] = as_given(objective.loss)
    donors = fitted.donors
    return {
        "network": None if _is_shallow_copy(network, given) else network,
        "sample_shape": architecture.sample_shape,
        "encoding_dim": architecture.encoding_dim,
        "objective": {"name": type(objective).__name__, **plain(fields)},
        "weights": [np.asarray(values) for values in fitted.weights],  # of scalars too
        "mean": fitted.scaling.mean,
        "scale": float(fitted.scaling.scale),
        "correction": [np.asarray(values) for values in fitted.correction.arrays],
        "graphs": as_text(fitted.graphs),
        "donors": None if donors is None else [donors.values, donors.weights],
    }


def _is_shallow_copy(network, given):
    one, other = vars(network), getattr(given, "__dict__", {})
    is_such = type(network) is type(given) and one.keys() == other.keys()
    return is_such and all(one[name] is other[name] for name in one)


def fit_of(state, given):
    """Return the `LoadedNetwork` of what `plain_fit` returned; see there.

    Raises
    ------
    ValueError, TypeError or LookupError
        When it is something else.
    """
    shape, dim = state["sample_shape"], state["encoding_dim"]
    weights, mean, scale = state["weights"], state["mean"], state["scale"]
    sizes = [*_checked(shape, isinstance(shape, tuple)), dim]
    _checked(sizes, all(type(size) is int and size > 0 for size in sizes))
    _checked(weights, isinstance(weights, list) and all(map(_is_numbers, weights)))
    _checked(mean, _is_numbers(mean) and mean.shape == (math.prod(shape),))
    _checked(scale, isinstance(scale, numbers.Real) and 0 < float(scale) < math.inf)
    network = copy.copy(given) if state["network"] is None else state["network"]
    objective = _objective_of(state["objective"])
    own = weights[len(weights) - len(objective.variable_shapes(dim)) :]
    _checked(own, all(np.isfinite(values).all() for values in own))
    architecture = Architecture(network, shape, dim, objective)
    graphs = of_text(state["graphs"])
    _checked(graphs, graphs is None or _are_of(graphs, architecture))
    correction = _correction_of(state["correction"], architecture)
    scaling = Scaling(mean, float(scale))
    donors = _donors_of(state["donors"], architecture.n_features)
    return LoadedNetwork(architecture, weights, scaling, correction, graphs, donors)


def _are_of(graphs, architecture):
    """Tell whether graphs take and give as many values as encoder and decoder do."""
    n_features, dim = architecture.n_features, architecture.encoding_dim
    n_outputs = dim * architecture.objective.outputs_per_code
    sizes = [(graph.n_inputs, graph.n_outputs) for graph in graphs]
    n_decoded = n_features if architecture.objective.has_decoder else dim
    return sizes == [(n_features, n_outputs), (dim, n_decoded)]


def _correction_of(arrays, architecture):
    """Return the `Correction` of float32 arrays of the right shapes."""
    _checked(arrays, isinstance(arrays, list) and all(map(_is_numbers, arrays)))
    _checked(arrays, all(values.dtype == np.float32 for values in arrays))
    correction = Correction.of_arrays(arrays)
    part = correction.kernel_decoder
    centers_shape = (0, 0) if part is None else part.centers.shape
    _checked(arrays, len(centers_shape) == 2)
    n_codes, n_features = architecture.encoding_dim, architecture.n_features
    n_outputs = n_codes * architecture.objective.outputs_per_code
    wanted = correction.shapes(n_features, n_outputs, n_codes, centers_shape)
    _checked(arrays, [values.shape for values in arrays] == wanted)
    return correction


def _donors_of(arrays, n_features):
    """Return `Donors` of float32 rows and float64 weights, or None of None."""
    if arrays is None:
        return None
    _checked(arrays, isinstance(arrays, list) and all(map(_is_numbers, arrays)))
    values, weights = arrays
    _checked(values, values.shape == (len(weights), n_features))
    _checked(values, values.dtype == np.float32 and not np.isinf(values).any())
    _checked(weights, weights.dtype == np.float64 and weights.ndim == 1)
    _checked(weights, (weights > 0).all() and np.isfinite(weights).all())
    return Donors(values, weights)


def _objective_of(state):
    fields = restored(state)
    cls = _OBJECTIVES[fields.pop("name")]
    _checked(fields["corruption"], fields["corruption"] is None)
    for name in fields.keys() - {"loss", "corruption"}:
        _checked(fields[name], isinstance(fields[name], numbers.Real))
    fields["loss"] = comparable(fields["loss"])
    return cls(**fields)


def _is_numbers(value):
    return isinstance(value, np.ndarray) and value.dtype.kind in "biuf"


def _checked(value, is_right):
    if not is_right:
        raise ValueError(f"{value!r:.100} is no part of a fit.")
    return value
