"""Converters of skae's estimators for `skl2onnx`, for whole pipelines."""

from __future__ import annotations

import numpy as np

from skae._estimators.convolutional import ConvAutoencoder
from skae._estimators.denoising import DenoisingAutoencoder
from skae._estimators.dense import AutoencoderTransformer
from skae._estimators.parametric_tsne import ParametricTSNE
from skae._estimators.sequence import SequenceAutoencoder
from skae._estimators.variational import VAETransformer
from skae.onnx._library import load_onnx, load_skl2onnx
from skae.onnx._maps import Maps
from skae.onnx._nodes import Nodes

_ESTIMATORS = (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    ParametricTSNE,
    SequenceAutoencoder,
    VAETransformer,
)
# What `Nodes` writes is the same from version 13 of ONNX's operators on. The version
# of a pipeline's model is that of its newest node; 15 is the one that tf2onnx, which
# Keras' exporter uses, takes by itself.
_OPSET_OF_NODES, _OPSET_OF_KERAS = 13, 15


def register() -> None:
    """Register converters for all estimators of skae with `skl2onnx`.

    After it, `skl2onnx.to_onnx` takes pipelines, and whatever else it takes, with
    these estimators as transformers. It may be called more than once.

    Returns
    -------
    None

    Raises
    ------
    ImportError
        When skl2onnx is not installed.

    Examples
    --------
    >>> import skae.onnx
    >>> import skl2onnx
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_digits(return_X_y=True)
    >>> autoencoder = skae.AutoencoderTransformer(8, epochs=5, random_state=0)
    >>> classifier = LogisticRegression(max_iter=1000)
    >>> pipeline = make_pipeline(StandardScaler(), autoencoder, classifier).fit(X, y)
    >>> skae.onnx.register()
    >>> model = skl2onnx.to_onnx(pipeline, X[:1])
    >>> len(model.graph.output)  # labels and probabilities
    2
    """
    skl2onnx = load_skl2onnx()
    for estimator in _ESTIMATORS:
        skl2onnx.update_registered_converter(
            estimator, f"Skae{estimator.__name__}", _set_output_type, _convert
        )


def _set_output_type(operator):
    estimator, given = operator.raw_operator, operator.inputs[0]
    kind = _kind_of(_output_type(estimator, given))
    n_rows = given.type.shape[0] if given.type.shape else None
    operator.outputs[0].type = kind([n_rows, estimator._n_features_out])


def _convert(scope, operator, container):
    estimator, given = operator.raw_operator, operator.inputs[0]
    dtype = _dtype_of(given)
    nodes = Nodes(scope.get_unique_variable_name("skae") + "_")
    is_plain = estimator.inference_ == "numpy"
    opset = _OPSET_OF_NODES if is_plain else _OPSET_OF_KERAS
    _check_opset(container, opset)
    X = nodes.cast(given.full_name, dtype)
    codes = Maps(estimator, nodes, dtype, opset).transform(X)
    nodes.add("Identity", codes)
    nodes.nodes[-1].output[:] = [operator.outputs[0].full_name]
    onnx = load_onnx()
    for name, values in nodes.constants.items():
        container.initializers.append(onnx.numpy_helper.from_array(values, name))
    for node in nodes.nodes:
        read = onnx.helper.get_attribute_value
        container.add_node(
            node.op_type,
            list(node.input),
            list(node.output),
            op_domain=node.domain,
            op_version=opset,
            name=node.name,
            **{one.name: read(one) for one in node.attribute},
        )


def _check_opset(container, opset):
    target = container.target_opset_any_domain("")
    if target < opset:
        raise ValueError(
            f"target_opset={target} is older than the version {opset} of ONNX's "
            "operators that skae writes. Give skl2onnx.to_onnx a newer target_opset."
        )


def _dtype_of(variable):
    """Return the type in which the network takes a variable, as `transform` does."""
    is_float = type(variable.type).__name__ == "FloatTensorType"
    return np.dtype(np.float32 if is_float else np.float64)


def _output_type(estimator, variable):
    return Maps(estimator, Nodes(""), _dtype_of(variable), 13).output_type("transform")


def _kind_of(dtype):
    types = load_skl2onnx().common.data_types
    is_float = dtype == np.float32
    return types.FloatTensorType if is_float else types.DoubleTensorType
