"""What the rows of a collection are like, and a partition of it as such rows."""

import dataclasses

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
from dask.delayed import Delayed
from dask.utils import is_dataframe_like
from scipy.sparse import csr_array, issparse

from skae._data import containers
from skae.dask._frames import dtype_of_frame, names_of_frame, values_of_frame


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """What the rows of every partition are like, known before they are computed.

    Parameters
    ----------
    name : str
        What the user calls the rows, for messages.

    sample_shape : tuple of int
        Shape of one sample.

    dtype : numpy.dtype
        Of the rows: that of the data, or the one that holds all columns of a frame.

    feature_names : object ndarray of shape (n_features,) or None
        Names of the columns of a frame, if all are text.

    columns : list or None
        Labels of all columns of a frame; None for arrays.
    """

    name: str
    sample_shape: tuple
    dtype: np.dtype
    feature_names: np.ndarray | None
    columns: list | None

    @property
    def is_frame(self):
        """Whether the partitions are data frames."""
        return self.columns is not None

    @property
    def n_features(self):
        """Number of values of a sample."""
        return int(np.prod(self.sample_shape))


def is_lazy(X):
    """Tell whether X is a Dask array or data frame."""
    return isinstance(X, (da.Array, dd.DataFrame))


def layout_of(X, name="X"):
    """Return the `Layout` of a Dask array or frame, or of an array or frame in memory.

    Raises
    ------
    TypeError, ValueError
        For what has no rows of numbers; see `partitions`.
    """
    if dask.is_dask_collection(X) and not is_lazy(X):
        raise TypeError(_other_collection(X, name))
    if isinstance(X, dd.DataFrame) or is_dataframe_like(X):
        n_features = len(X.columns)
        dtype = dtype_of_frame(X, name)
        return Layout(
            name, (n_features,), dtype, names_of_frame(X, name), list(X.columns)
        )
    _check_axes(X, name)
    dtype = _number_type(X.dtype, name)
    return Layout(name, tuple(map(int, X.shape[1:])), dtype, None, None)


def _other_collection(X, name):
    cures = {
        "Series": f"One column as a frame is {name}.to_frame()",
        "Delayed": "Build one with dask.array.from_delayed or "
        "dask.dataframe.from_delayed",
        "Bag": f"Use {name}.to_dataframe()",
        "DataArray": f"Use {name}.data",
    }
    kind = "Delayed" if isinstance(X, Delayed) else type(X).__name__
    cure = cures.get(kind, "Convert it to one of these")
    return (
        f"{name} is a {kind} of Dask, but rows must come as a dask.array, a "
        f"dask.dataframe, or an array in memory. {cure}."
    )


def _check_axes(X, name):
    """Raise a ValueError unless each chunk of an array holds whole rows."""
    if X.ndim < 2:
        raise ValueError(
            f"{name} has {X.ndim} axes, but rows have at least two. One feature is "
            f"{name}.reshape(-1, 1), one row {name}.reshape(1, -1)."
        )
    if np.isnan(X.shape[1:]).any():
        raise ValueError(
            f"{name} has rows of a length that Dask does not know. Compute it first: "
            f"{name}.compute_chunk_sizes()."
        )
    if not all(X.shape[1:]):
        raise ValueError(
            f"{name} has samples of shape {X.shape[1:]}, without any value."
        )
    divided = [axis for axis, n in enumerate(getattr(X, "numblocks", ())) if n > 1]
    divided = [axis for axis in divided if axis]
    if divided:
        whole = ", ".join(f"{axis}: -1" for axis in divided)
        raise ValueError(
            f"{name} has chunks that hold a part of each row: {X.numblocks} chunks "
            f"along its axes. A chunk must hold whole rows: {name} = "
            f"{name}.rechunk({{{whole}}})."
        )


def _number_type(dtype, name):
    """Return the type that rows of a type get, or raise an error for no numbers."""
    if dtype.kind == "c":
        raise ValueError(
            f"Complex data not supported: {name} has the dtype {dtype}. Make real and "
            f"imaginary parts features of their own."
        )
    if dtype.kind not in "biuf":
        raise TypeError(
            f"{name} has the dtype {dtype}, not one of numbers. Convert it first, for "
            f"instance with {name}.astype('float64')."
        )
    return np.dtype(np.float64) if dtype.itemsize > 8 else np.dtype(dtype)


def rows_of(part, layout):
    """Return a partition as contiguous rows of shape (n_rows, n_features).

    Parameters
    ----------
    part : DataFrame, ndarray or sparse matrix
        The partition as Dask computes it.

    layout : Layout
        What Dask has said of it.

    Returns
    -------
    ndarray or csr_array
        Of type ``layout.dtype``. Masked values become NaN.

    Raises
    ------
    TypeError, ValueError
        When the partition is something else than Dask has said.
    """
    name = layout.name
    if is_dataframe_like(part):
        _check_shape(part, layout)
        return values_of_frame(part, layout.dtype)
    part = containers.unmasked(part, name, is_allowed=True)
    if not (issparse(part) or isinstance(part, np.ndarray)):
        kind = f"{type(part).__module__}.{type(part).__qualname__}"
        raise TypeError(
            f"A partition of {name} is a {kind}, but must be a NumPy array, a sparse "
            f"matrix of SciPy or a pandas DataFrame. Convert it with {name}.map_blocks."
        )
    _check_shape(part, layout)
    if issparse(part):
        return csr_array(part).astype(_checked_type(part, layout), copy=False)
    part = np.ascontiguousarray(part, _checked_type(part, layout))
    return part.reshape(part.shape[0], layout.n_features)


def _check_shape(part, layout):
    if tuple(part.shape[1:]) != layout.sample_shape:
        raise ValueError(
            f"A partition of {layout.name} has samples of shape {part.shape[1:]}, but "
            f"Dask was told {layout.sample_shape}. Tell it the shape that there is, as "
            "chunks of an array or meta of a frame."
        )


def _checked_type(part, layout):
    """Return the type of the rows, if this partition's values fit it."""
    if part.dtype == layout.dtype or part.dtype.kind == "f" == layout.dtype.kind:
        return layout.dtype
    if not np.can_cast(part.dtype, layout.dtype, "safe"):
        raise TypeError(
            f"A partition of {layout.name} has the dtype {part.dtype}, but Dask was "
            f"told {layout.dtype}. Tell it the type that there is, as dtype of "
            "map_blocks or of from_delayed."
        )
    return layout.dtype
