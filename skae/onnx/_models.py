"""Fitted estimators as ONNX models."""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae._estimators.encoder import BaseEncoder
from skae._estimators.variational import VAETransformer
from skae._runtime.version import __version__
from skae.onnx._keras_models import NEWEST_OF_KERAS
from skae.onnx._library import load_onnx
from skae.onnx._maps import Maps
from skae.onnx._nodes import Nodes

METHODS = {
    "transform": ("X", "codes"),
    "inverse_transform": ("codes", "reconstructions"),
    "reconstruct": ("X", "reconstructions"),
    "score_samples": ("X", "scores"),
}
"""What each method takes and gives."""

# The oldest operators that `Nodes` may hold: sums of float64 and Where of all types.
OLDEST_OPSET = 13
_DEFAULT_OPSET = 18


def to_onnx(
    estimator: Any,
    method: Literal[
        "transform", "inverse_transform", "reconstruct", "score_samples"
    ] = "transform",
    *,
    dtype: Any = np.float32,
    target_opset: int = _DEFAULT_OPSET,
) -> Any:
    """Return a method of a fitted estimator as an ONNX model.

    The model takes any number of rows as the user has them, and gives what the method
    gives, up to the rounding of float32. Dense networks are written node by node;
    others need TensorFlow and Keras' exporter, which needs tf2onnx.

    Parameters
    ----------
    estimator : estimator of skae
        Fitted.

    method : {"transform", "inverse_transform", "reconstruct", "score_samples"}, \
default="transform"
        What the model computes. `VAETransformer.score_samples` draws codes at random,
        which no model of ONNX repeats.

    dtype : {numpy.float32, numpy.float64}, default=numpy.float32
        Type of the rows or codes that the model takes. Codes and reconstructions have
        the same type; scores are float64.

    target_opset : int, default=18
        Version of ONNX's operators, at least 13; for networks that need Keras' exporter
        at most 18.

    Returns
    -------
    model : onnx.ModelProto
        Its one input is named "X" ("codes" for "inverse_transform"), its one output
        "codes", "reconstructions" or "scores". Its properties (``metadata_props``) tell
        the version of skae, the estimator and its parameters, and, in JSON, what codes
        and PCA explain.

    Raises
    ------
    TypeError
        When `estimator` is not one of skae's. `skl2onnx.to_onnx` takes pipelines; see
        `register`.

    ValueError
        When `method`, `dtype` or `target_opset` is none of these.

    sklearn.exceptions.NotFittedError
        When the estimator is not fitted.

    ImportError
        When onnx, or what Keras' exporter needs, is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime
    >>> import skae.onnx
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data.astype(np.float32)
    >>> fitted = skae.AutoencoderTransformer(8, epochs=5, random_state=0).fit(X)
    >>> model = skae.onnx.to_onnx(fitted)
    >>> session = onnxruntime.InferenceSession(model.SerializeToString())
    >>> (codes,) = session.run(["codes"], {"X": X})
    >>> bool(np.allclose(codes, fitted.transform(X), atol=1e-4))
    True
    """
    _check(estimator, method)
    dtype = _checked_dtype(dtype)
    onnx = load_onnx()
    opset = _checked_opset(target_opset, _newest_opset(estimator))
    nodes = Nodes("skae_")
    taken, given = METHODS[method]
    maps = Maps(estimator, nodes, dtype, opset)
    output = getattr(maps, method)(taken)
    nodes.nodes.append(onnx.helper.make_node("Identity", [output], [given]))
    shapes = {
        "X": estimator.sample_shape_,
        "codes": (estimator._n_features_out,),
        "reconstructions": estimator.sample_shape_,
        "scores": (),
    }
    graph = onnx.helper.make_graph(
        nodes.nodes,
        f"{type(estimator).__name__}.{method}",
        [_value(taken, dtype, shapes[taken])],
        [_value(given, maps.output_type(method), shapes[given])],
        [onnx.numpy_helper.from_array(v, name) for name, v in nodes.constants.items()],
    )
    opsets = [onnx.helper.make_opsetid("", opset)]
    model = onnx.helper.make_model(
        graph,
        opset_imports=opsets,
        ir_version=onnx.helper.find_min_ir_version_for(opsets),
        producer_name="skae",
        producer_version=__version__,
    )
    onnx.helper.set_model_props(model, properties_of(estimator, method))
    onnx.checker.check_model(model)
    return model


def _check(estimator, method):
    if not isinstance(estimator, BaseEncoder):
        raise TypeError(
            f"estimator={estimator!r:.100} is not one of skae's. For a pipeline call "
            "skae.onnx.register() and then skl2onnx.to_onnx."
        )
    check_is_fitted(estimator)
    if method not in METHODS:
        raise ValueError(
            f"method={method!r} is none of {', '.join(map(repr, METHODS))}."
        )
    if not hasattr(estimator, method):
        raise ValueError(
            f"method={method!r} is none of {type(estimator).__name__}'s here. Export "
            "'transform', which all estimators have."
        )
    if method == "score_samples" and isinstance(estimator, VAETransformer):
        raise ValueError(
            "method='score_samples' of VAETransformer draws codes at random, which an "
            "ONNX model cannot repeat. Export 'reconstruct', and compare rows with "
            "their reconstructions."
        )


def _checked_dtype(dtype):
    found = None if dtype is None else np.dtype(dtype)
    if found not in (np.float32, np.float64):
        raise ValueError(
            f"dtype={dtype!r} is neither numpy.float32 nor numpy.float64. Convert rows "
            "of other types to one of these before the model."
        )
    return found


def _newest_opset(estimator):
    newest = load_onnx().defs.onnx_opset_version()
    return newest if estimator.inference_ == "numpy" else min(newest, NEWEST_OF_KERAS)


def _checked_opset(opset, newest):
    is_number = isinstance(opset, int | np.integer) and not isinstance(opset, bool)
    if not is_number or not OLDEST_OPSET <= opset <= newest:
        raise ValueError(
            f"target_opset={opset!r} is no version of ONNX's operators from "
            f"{OLDEST_OPSET} to {newest}, the newest that can be written here."
        )
    return int(opset)


def _value(name, dtype, shape):
    helper = load_onnx().helper
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, ["n_samples", *shape])


def properties_of(estimator, method):
    """Return what a model tells of itself, as text by name."""
    facts = {
        name: getattr(estimator, name, None)
        for name in ("explained_variance_ratio_", "pca_score_", "best_loss_", "init_")
    }
    facts = {name: np.asarray(v).tolist() for name, v in facts.items() if v is not None}
    parameters = estimator.get_params(deep=False)
    return {
        "skae_version": __version__,
        "skae_estimator": type(estimator).__name__,
        "skae_method": method,
        "skae_parameters": json.dumps({k: repr(v) for k, v in parameters.items()}),
        "skae_fit": json.dumps(facts),
    }
