"""The affinities of t-SNE between neighbours."""

import dataclasses

import numpy as np
from scipy.sparse import csr_array

from skae._data.rows import row_chunks
from skae._runtime.threads import map_in_threads

# Bisections of the logarithm (to base 2) of a row's precision, in units of the inverse
# of its mean squared distance. The range is far wider than data need, and 80 / 2**32 is
# finer than float32.
_RANGE_OF_LOG_PRECISION = 40.0
_BISECTIONS = 32


@dataclasses.dataclass(frozen=True)
class Affinities:
    """The conditional affinities of rows: p(j | i), which sum to one for each row i.

    Parameters
    ----------
    numbers : int32 array of shape (n_rows, n_neighbors)
        Row numbers of the neighbours.

    shares : float32 array of shape (n_rows, n_neighbors)
        The affinities to them.
    """

    numbers: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, neighbors, perplexity):
        """Return the affinities of `Neighbors`, by perplexity.

        Van der Maaten and Hinton (2008): p(j | i) falls with the squared distance as a
        Gaussian, whose width for each row is that at which the entropy of its
        affinities is the logarithm of the perplexity.
        """
        distances = neighbors.distances
        shares = np.empty_like(distances)
        chunks = list(row_chunks(distances))
        found = map_in_threads(
            lambda chunk: _gaussian_shares(distances[chunk], perplexity), chunks
        )
        for chunk, part in zip(chunks, found, strict=True):
            shares[chunk] = part
        return cls(neighbors.numbers, shares)

    def __len__(self):
        return len(self.numbers)

    def drawn(self, generator):
        """Return a neighbour of each row, drawn by the affinities; int32 numbers."""
        draws = generator.random_sample(len(self)).astype(np.float32)
        drawn = np.empty(len(self), np.int32)
        for chunk in row_chunks(self.shares):
            ends = np.cumsum(self.shares[chunk], axis=1)
            places = (ends < draws[chunk, None] * ends[:, -1:]).sum(axis=1)
            drawn[chunk] = self.numbers[chunk][np.arange(len(places)), places]
        return drawn

    def symmetrized(self):
        """Return (p(j | i) + p(i | j)) / 2n as a csr_array; it sums to one."""
        n_rows, n_neighbors = self.numbers.shape
        starts = np.arange(0, n_rows * n_neighbors + 1, n_neighbors)
        conditional = csr_array(
            (self.shares.ravel() / (2 * n_rows), self.numbers.ravel(), starts),
            shape=(n_rows, n_rows),
        )
        return (conditional + conditional.T).tocsr()


def _gaussian_shares(distances, perplexity):
    """Return the affinities of some rows at a perplexity, by bisection."""
    squares = distances.astype(np.float64) ** 2
    squares -= squares.min(axis=1, keepdims=True)  # so that the largest share is finite
    units = squares.mean(axis=1, keepdims=True)
    squares = (squares / np.where(units > 0, units, 1)).astype(np.float32)
    wanted = np.log(perplexity)
    low = np.full((len(squares), 1), -_RANGE_OF_LOG_PRECISION, np.float32)
    high = -low
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        is_too_wide = _entropies(squares, np.exp2(middle)) > wanted
        low = np.where(is_too_wide, middle, low)
        high = np.where(is_too_wide, high, middle)
    weights = np.exp(-squares * np.exp2(low))
    return weights / weights.sum(axis=1, keepdims=True)


def _entropies(squares, precisions):
    """Return the entropies of Gaussian affinities, in nats; shape (n_rows, 1).

    With weights exp(-b s) of sum Z, -Σ p log p is log Z + b Σ p s.
    """
    exponents = squares * precisions
    weights = np.exp(-exponents)
    sums = weights.sum(axis=1, keepdims=True)
    return np.log(sums) + (weights * exponents).sum(axis=1, keepdims=True) / sums
