"""A fitted estimator's methods on Dask's collections, computed where the rows are."""

import dataclasses

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
from dask.dataframe.dispatch import make_meta
from dask.delayed import delayed

from skae.dask._layout import Layout, layout_of, rows_of


def mapped(estimator, method_name, X):
    """Return what a method of a fitted estimator gives for each row, not yet computed.

    Each partition of X becomes one of the result, by one task. The fitted network is a
    task of its own, so a worker gets it once.

    Parameters
    ----------
    estimator : AutoencoderTransformer
        Fitted. Dense networks are computed in NumPy, and then workers need no
        TensorFlow.

    method_name : {"transform", "inverse_transform", "reconstruct", "score_samples", \
"impute"}
        A method that maps rows to as many rows.

    X : dask.array or dask.dataframe
        What the method takes. Chunks of an array hold whole rows.

    Returns
    -------
    dask.array, dask.dataframe or Series of dask.dataframe
        For an array an array with the same chunks of rows, for a frame a frame with
        its index and divisions; for one value a row, of one axis.

    Raises
    ------
    TypeError, ValueError
        What the method raises for a row of such type, shape and names. Errors of the
        values come when they are computed.
    """
    layout = layout_of(X)
    example = checked_example(estimator, method_name, layout)
    call = _Call(method_name, layout, example.shape[1:], example.dtype)
    model = delayed(for_workers(estimator), pure=True, traverse=False)
    if isinstance(X, dd.DataFrame):
        columns = _columns(estimator, method_name, X)
        return _mapped_frame(call, model, X, columns)
    return _mapped_array(call, model, X)


@dataclasses.dataclass(frozen=True, eq=False)
class _Call:
    """What a task does with a partition.

    Parameters
    ----------
    method_name : str
        The method to call.

    layout : Layout
        What the partition is like.

    shape : tuple of int
        Shape of the result for one row.

    dtype : numpy.dtype
        Type of the result.
    """

    method_name: str
    layout: Layout
    shape: tuple
    dtype: np.dtype

    def __call__(self, part, model):
        """Return the method's values for a partition, which may be empty."""
        rows = rows_of(part, self.layout)
        if not rows.shape[0]:
            return np.empty((0, *self.shape), self.dtype)
        # An array, even where the user has asked for frames with set_output.
        return np.asarray(getattr(model, self.method_name)(rows), self.dtype)


def checked_example(estimator, method_name, layout):
    """Return what a method gives for one row like those to come, as an array.

    So the method makes its own checks of types, shapes and names before anything is
    computed, and shows what it returns.
    """
    row = _example(estimator, method_name, layout)
    return np.asarray(getattr(estimator, method_name)(row))


def _example(estimator, method_name, layout):
    """Return a row as the method would be given it.

    A mean row is as near to the fit as a row can be.
    """
    row = np.zeros(layout.n_features)
    mean = np.ravel(getattr(estimator, "mean_", row))
    if method_name != "inverse_transform" and len(mean) == len(row):
        row = mean
    if layout.dtype.kind in "iu":
        limits = np.iinfo(layout.dtype)
        row = np.clip(row, limits.min, limits.max)
    row = row.astype(layout.dtype).reshape(1, *layout.sample_shape)
    if layout.is_frame and method_name != "inverse_transform":
        return pd.DataFrame(row, columns=layout.columns)
    return row


def for_workers(estimator):
    """Return a copy that holds what inference needs, and takes rows without names.

    An optimizer of Keras' would make workers import TensorFlow, and callbacks may be
    what cannot be pickled.
    """
    kept = dict(vars(estimator))
    kept.pop("feature_names_in_", None)
    for name, value in (("optimizer", "auto"), ("callbacks", None), ("client", None)):
        if name in kept:
            kept[name] = value
    model = object.__new__(type(estimator))
    vars(model).update(kept)
    return model


def _mapped_array(call, model, X):
    axes = "n" + "abcdefgh"[: X.ndim - 1]
    new = {f"new {axis}": size for axis, size in enumerate(call.shape)}
    return da.blockwise(
        _call_of_array,
        ("n", *new),
        X,
        tuple(axes),
        model,
        None,
        call,
        None,
        new_axes=new,
        dtype=call.dtype,
        meta=np.empty((0,) * (1 + len(call.shape)), call.dtype),
        token=f"skae-{call.method_name}",
    )


def _call_of_array(part, model, call):
    # One list for each axis along which the result has no chunks; each has one chunk.
    while isinstance(part, list):
        (part,) = part
    return call(part, model)


def _mapped_frame(call, model, X, columns):
    index = make_meta(X).index
    empty = np.empty((0, *call.shape), call.dtype)
    return X.map_partitions(
        _call_of_frame,
        model,
        call,
        columns,
        meta=_frame(empty, index, columns),
        enforce_metadata=False,
    )


def _call_of_frame(part, model, call, columns):
    return _frame(call(part, model), part.index, columns)


def _frame(values, index, columns):
    """Return a frame, or a series for one value a row, named by its columns."""
    if isinstance(columns, str):
        return pd.Series(values, index, name=columns)
    values = values.reshape(len(values), len(columns))
    return pd.DataFrame(values, index, columns)


def _columns(estimator, method_name, X):
    """Return the names of the result's columns, or of its series."""
    if method_name == "score_samples":
        return method_name
    if method_name == "transform":
        return list(estimator.get_feature_names_out())
    if method_name != "inverse_transform":
        return list(X.columns)
    n_features = estimator.n_features_in_
    default = [f"x{i}" for i in range(n_features)]  # scikit-learn's
    return list(getattr(estimator, "feature_names_in_", default))
