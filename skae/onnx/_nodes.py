"""Nodes and constants of an ONNX graph, collected one after another."""

from __future__ import annotations

import numpy as np

from skae.onnx._library import load_onnx


class Nodes:
    """Collects nodes and constants, under names that begin alike.

    Parameters
    ----------
    prefix : str
        Begins all names.

    Attributes
    ----------
    nodes : list of onnx.NodeProto
        In the order of computation.

    constants : dict of ndarray
        By name.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list = []
        self.constants: dict[str, np.ndarray] = {}

    def add(self, op_type, *inputs, **attributes):
        """Append a node of one output; return the output's name.

        Parameters
        ----------
        op_type : str
            Name of an operator of ONNX.

        *inputs : str or numbers
            Names of values; numbers become constants.

        **attributes : see the operator
        """
        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        output = f"{self.prefix}{op_type.lower()}_{len(self.nodes)}"
        helper = load_onnx().helper
        node = helper.make_node(op_type, names, [output], name=output, **attributes)
        self.nodes.append(node)
        return output

    def constant(self, values):
        """Return the name of a constant; arrays and NumPy's scalars keep their type."""
        name = f"{self.prefix}constant_{len(self.constants)}"
        self.constants[name] = np.asarray(values)
        return name

    def cast(self, value, dtype):
        """Append a change of type; return the output's name."""
        to = load_onnx().helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.add("Cast", value, to=to)

    def reshaped(self, value, shape):
        """Append a change of the shape of each sample; return the output's name."""
        return self.add("Reshape", value, np.array([-1, *shape], np.int64))

    def insert(self, model, value):
        """Append the nodes of a whole model of one input and one output.

        Parameters
        ----------
        model : onnx.ModelProto
            Its names get another beginning.

        value : str
            What takes the place of its input.

        Returns
        -------
        str
            Name of its output.
        """
        onnx = load_onnx()
        first = f"{self.prefix}model_{len(self.nodes)}_"
        model = onnx.compose.add_prefix(model, first)
        graph = model.graph
        names = {graph.input[0].name: value}
        for constant in graph.initializer:
            self.constants[constant.name] = onnx.numpy_helper.to_array(constant)
        for node in graph.node:
            _rename_inputs(node, names)
            self.nodes.append(node)
        return graph.output[0].name


def _rename_inputs(node, names):
    """Give the inputs of a node, and of nodes inside it, other names."""
    node.input[:] = [names.get(name, name) for name in node.input]
    for attribute in node.attribute:
        for inner in attribute.g.node:
            _rename_inputs(inner, names)
