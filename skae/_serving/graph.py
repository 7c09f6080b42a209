"""A network as plain data: operations on the values of one sample, in order."""

import dataclasses
import functools
import json
import math
from typing import Any

import numpy as np

from skae._serving.operations import KINDS


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation of a `Graph`.

    Parameters
    ----------
    kind : str
        One of `KINDS`.

    inputs : tuple of int
        Values that it reads: 0 is the graph's input, i the output of the i-th
        operation, counted from 1.

    weights : tuple of int
        Positions of its weights among those of the graph.

    settings : dict
        Numbers, or lists of them, by name.
    """

    kind: str
    inputs: tuple[int, ...]
    weights: tuple[int, ...] = ()
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Graph:
    """A network without TensorFlow. Its output is that of the last operation.

    Parameters
    ----------
    n_inputs : int
        Number of values of a sample.

    weights : tuple of (tuple of int, str)
        Shape and type of each weight. Those that operations read are float32.

    operations : tuple of Operation
        In an order in which they can be computed.

    Raises
    ------
    ValueError, TypeError or LookupError
        When these are no network. Graphs also come from files.
    """

    n_inputs: int
    weights: tuple[tuple[tuple[int, ...], str], ...]
    operations: tuple[Operation, ...]

    def __post_init__(self):
        if any(i < 0 for one in self.operations for i in one.inputs + one.weights):
            raise ValueError("Positions are not negative.")
        # No value is larger than the input and all weights together, so that a forged
        # file cannot ask for more memory than a multiple of its own size.
        most = self.n_inputs + sum(math.prod(shape) for shape, _ in self.weights)
        if any(math.prod(shape) > most for shape in self._shapes_of_values()):
            raise ValueError("A value is larger than the network.")

    def _shapes_of_values(self):
        """Return the shapes of one sample's input and of what the operations give."""
        values = [(self.n_inputs,)]
        for operation in self.operations:
            shape = KINDS[operation.kind].shape(
                [values[i] for i in operation.inputs],
                [self._shape_of_weight(i) for i in operation.weights],
                operation.settings,
            )
            values.append(shape)
        return values

    def _shape_of_weight(self, number):
        shape, dtype = self.weights[number]
        if dtype != "float32":
            raise ValueError(f"An operation reads weights of {dtype}.")
        return shape

    @property
    def n_outputs(self):
        """Number of values that are computed from a sample."""
        return math.prod(self._shapes_of_values()[-1])

    @property
    def is_flat(self):
        """Whether what is computed from a sample has one axis."""
        return len(self._shapes_of_values()[-1]) == 1

    @functools.cached_property
    def input_layers(self):
        """Positions of the operations that read the input, if all are dense layers.

        Each has a bias. Empty if anything else reads the input.
        """
        readers = [i for i, one in enumerate(self.operations) if 0 in one.inputs]
        are_dense = all(
            self.operations[i].kind == "dense" and len(self.operations[i].weights) == 2
            for i in readers
        )
        return tuple(readers) if are_dense else ()

    @functools.cached_property
    def _may_overwrite(self):
        """For each operation, whether nothing else reads its first input's memory."""
        n_readers = [0] * (len(self.operations) + 1)
        for operation in self.operations:
            for i in operation.inputs:
                n_readers[i] += 1
        owned = [False]  # the input is the caller's
        allowed = []
        for operation in self.operations:
            first = operation.inputs[0]
            allowed.append(owned[first] and n_readers[first] == 1)
            is_view = operation.kind == "reshape"
            owned.append(not is_view or allowed[-1])
        return tuple(allowed)

    def run(self, inputs, weights):
        """Compute the outputs of samples.

        Parameters
        ----------
        inputs : float32 array of shape (n_samples, n_inputs)
            The samples.

        weights : list of float32 arrays
            The weights.

        Returns
        -------
        float32 array of shape (n_samples, n_outputs)
        """
        return self._run({0: inputs}, weights)

    def run_from_products(self, products, weights):
        """Do as `run` does, given the products of the samples and the input kernels.

        Parameters
        ----------
        products : float32 array of shape (n_samples, n_units)
            Of all `input_layers`, side by side.
        """
        known, start = {}, 0
        for i in self.input_layers:
            bias = weights[self.operations[i].weights[1]]
            end = start + len(bias)
            known[i + 1] = products[:, start:end] + bias
            start = end
        return self._run(known, weights)

    def _run(self, known, weights):
        for i, operation in enumerate(self.operations):
            if i + 1 in known:
                continue
            inputs = [known[number] for number in operation.inputs]
            known[i + 1] = KINDS[operation.kind].compute(
                inputs,
                [weights[number] for number in operation.weights],
                operation.settings,
                inputs[0] if self._may_overwrite[i] else None,
            )
        outputs = known[len(self.operations)]
        return outputs.reshape(len(outputs), -1)

    def as_data(self):
        """Return lists, dicts, text and numbers that `of_data` takes."""
        operations = [
            [one.kind, list(one.inputs), list(one.weights), one.settings]
            for one in self.operations
        ]
        weights = [[list(shape), dtype] for shape, dtype in self.weights]
        return [self.n_inputs, weights, operations]

    @classmethod
    def of_data(cls, data):
        """Return the graph of what `as_data` returned; the errors are those of init."""
        n_inputs, weights, operations = data
        sizes = [n_inputs, *(size for shape, _ in weights for size in shape)]
        positions = [i for one in operations for part in one[1:3] for i in part]
        if not all(type(number) is int for number in sizes + positions):
            raise ValueError("Sizes and positions are no integers.")
        if not all(size > 0 for size in sizes):
            raise ValueError("Sizes are not positive.")
        made = [
            Operation(kind, tuple(inputs), tuple(of_operation), _settings(settings))
            for kind, inputs, of_operation, settings in operations
        ]
        kinds = tuple((tuple(shape), str(dtype)) for shape, dtype in weights)
        return cls(n_inputs, kinds, tuple(made))


def _settings(settings):
    """Return settings, or raise an error if they are no numbers."""
    for value in settings.values():
        np.asarray(value, np.float64)
    return dict(settings)


def as_text(graphs):
    """Return graphs as text, or None for None."""
    return None if graphs is None else json.dumps([one.as_data() for one in graphs])


def of_text(text):
    """Return the graphs of what `as_text` returned, or raise a ValueError."""
    if text is None:
        return None
    try:
        return tuple(map(Graph.of_data, json.loads(text)))
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise ValueError(f"{text!r:.100} is no network: {error!r:.100}") from error
