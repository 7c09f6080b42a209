"""How well a map keeps affinities: the loss of t-SNE itself."""

import numpy as np

from skae._data.rows import row_chunks
from skae._runtime.threads import map_in_threads

# Of the sum over all pairs, from so many rows to all others. It takes half a second for
# 60,000 rows, and the sum is off by some 0.2%, its logarithm by 0.002.
_ROWS_OF_SUM = 4096
# 4 MB in float32, for each of the arrays that a thread makes.
_PAIRS_AT_A_TIME = 2**20


def kl_divergence(affinities, positions):
    """Return the Kullback-Leibler divergence of a map from affinities, in nats.

    Van der Maaten and Hinton (2008): Σ p log(p / q) with q = w / Z, where w is
    1 / (1 + d²) and Z the sum of w over all pairs. Beyond 4,096 rows Z is estimated
    from so many evenly spaced rows and all others, so that time and memory grow
    linearly.

    Parameters
    ----------
    affinities : Affinities
        Of the rows.

    positions : array of shape (n_rows, n_components)
        Of the same rows in the map.

    Returns
    -------
    float
    """
    positions = positions.astype(np.float32)
    p = affinities.symmetrized().data.astype(np.float64)
    p = p[p > 0]
    # Affinities and distances are symmetric, so the conditional ones do.
    attraction = 0.0
    for chunk in row_chunks(affinities.numbers):
        others = positions[affinities.numbers[chunk]]
        squares = np.square(positions[chunk, None] - others).sum(axis=-1)
        attraction += float((affinities.shares[chunk] * np.log1p(squares)).sum())
    attraction /= len(positions)
    return float(p @ np.log(p)) + attraction + np.log(_sum_of_similarities(positions))


def _sum_of_similarities(positions):
    """Return the sum of 1 / (1 + d²) over all pairs of different rows."""
    n_rows = len(positions)
    some = np.linspace(0, n_rows - 1, min(n_rows, _ROWS_OF_SUM)).astype(int)
    step = max(1, _PAIRS_AT_A_TIME // n_rows)
    columns = np.ascontiguousarray(positions.T)

    def sum_of(start):
        squares = np.zeros((len(some[start : start + step]), n_rows), np.float32)
        for column in columns:
            squares += np.square(column[some[start : start + step], None] - column)
        return (1 / (1 + squares)).sum(dtype=np.float64)

    parts = map_in_threads(sum_of, range(0, len(some), step))
    own = len(some)  # each row's similarity to itself, which is 1
    return max((sum(parts) - own) * n_rows / len(some), np.finfo(np.float32).tiny)
