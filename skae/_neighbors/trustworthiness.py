"""Trustworthiness of a map, in bounded memory."""

import numpy as np

from skae._data.lazy import LazyRows

_N_NEIGHBORS = 5
# scikit-learn makes three matrices of so many rows and columns: 600 MB.
_MOST_ROWS = 5_000


def trustworthiness_of_some(rows, encode):
    """Return the trustworthiness of the map of rows, evenly spaced ones of many.

    Parameters
    ----------
    rows : ndarray or SparseRows of shape (n_rows, n_features)
        In the user's units.

    encode : callable
        Maps rows.
    """
    from sklearn.manifold import trustworthiness  # takes a second to import

    if len(rows) < 3:
        raise ValueError(
            f"score compares neighbours, but X has {len(rows)} row(s). Pass three or "
            "more."
        )
    if len(rows) > _MOST_ROWS:
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_ROWS).astype(int)]
    positions = encode(rows)
    if isinstance(rows, LazyRows):
        rows = rows.matrix[rows.numbers]
    n_neighbors = min(_N_NEIGHBORS, (len(positions) - 1) // 2)
    return float(trustworthiness(rows, positions, n_neighbors=n_neighbors))
