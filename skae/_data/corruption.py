"""Corruption of rows in training, for denoising."""

import dataclasses
import math
from collections.abc import Callable
from typing import cast

import numpy as np

from skae._data.lazy import LazyRows
from skae._data.rows import row_chunks
from skae._runtime.tensorflow import load_keras, rows_of, tensor, traced

KINDS = ("gaussian", "masking", "salt_and_pepper", "swap")

# Normal noise goes beyond 6 deviations once in 1e9 values: as many as large data have.
_REACH_OF_NOISE = 6.0
# With so many values, a share of one in a thousand is known to a tenth of it.
_VALUES_TO_LOOK_AT = 2**18
# Of values without limits only the two outermost are extremes. Of the pixels of MNIST
# 81% are; of a photograph in 8 bits, some thousandths.
_SHARE_AT_LIMITS = 1e-3


@dataclasses.dataclass(frozen=True)
class Corruption:
    """The damage that a denoising autoencoder learns to undo.

    Parameters
    ----------
    kind : {"gaussian", "masking", "salt_and_pepper", "swap"} or callable
        See `DenoisingAutoencoder`.

    rate : float
        Fraction of the values that masking, salt and pepper, and swap noise replace.
    """

    kind: str | Callable
    rate: float

    @property
    def has_known_range(self):
        """Whether the range of corrupted rows follows from that of the data."""
        return not callable(self.kind)

    def range_of(self, lowest, highest, masked, noise):
        """Return the range of corrupted values, None where it is not known.

        Parameters
        ----------
        lowest, highest : float
            Range of the data, in the user's units.

        masked : array of shape (n_features,)
            What stands in place of masked values, in these units.

        noise : Noise
            Size of Gaussian noise.
        """
        if not self.has_known_range:
            return None
        if self.kind == "masking":
            return min(lowest, float(masked.min())), max(highest, float(masked.max()))
        if self.kind != "gaussian" or noise.clipped == 1:
            return lowest, highest
        reach = _REACH_OF_NOISE * noise.scale
        return lowest - reach, highest + reach

    def check(self, sample_shape):
        """Raise a ValueError if a callable cannot be compiled into the training step.

        Parameters
        ----------
        sample_shape : tuple of int
            Shape of one sample.
        """
        if not callable(self.kind):
            return
        generator = load_keras().random.SeedGenerator(0)
        samples = rows_of(sample_shape)
        wanted = (
            f"corruption={self.kind!r} must take (samples, seed) and return a tensor "
            "of the samples' shape, written with keras.ops"
        )
        try:
            hash(self.kind)
            compiled = traced(self._corrupt, samples, generator)
            returned = compiled.structured_outputs
        except Exception as error:  # whatever a user's function raises
            raise ValueError(f"{wanted}. It failed: {error}") from error
        shape = getattr(returned, "shape", None)
        if shape is None or not samples.shape.is_compatible_with(shape):
            raise ValueError(f"{wanted}, {samples.shape}; it returned {returned!r}.")

    def apply(self, rows, everything, units, seed):
        """Return corrupted rows, in the network's scale.

        Parameters
        ----------
        rows : float32 tensor of shape (n_rows, n_features)
            Clean rows.

        everything : float32 tensor of shape (n_all_rows, n_features)
            The rows from which swap noise takes its values.

        units : CorruptionUnits of tensors
            The user's units.

        seed : keras.random.SeedGenerator
            Source of the random numbers.
        """
        if callable(self.kind):
            return self._called(rows, units, seed)
        keras = load_keras()
        ops = keras.ops
        shape = ops.shape(rows)
        if self.kind == "gaussian":
            noise = keras.random.normal(shape, dtype="float32", seed=seed)
            noisy = rows + units.noise * noise
            draws = _uniform((shape[0], 1), seed)
            inside = ops.clip(noisy, units.lowest, units.highest)
            return ops.where(draws < units.clipped, inside, noisy)
        hit = _uniform(shape, seed) < self.rate
        return ops.where(hit, self._replacement(rows, everything, units, seed), rows)

    def apply_once(self, rows, everything, units, seed):
        """Corrupt an array of rows chunk by chunk; see `apply`.

        Parameters
        ----------
        seed : int

        Returns
        -------
        float32 ndarray, or CorruptedRows if the rows are lazy
        """
        generator = load_keras().random.SeedGenerator(seed)
        everything = tensor(everything)
        units = CorruptionUnits(*units.tensors())

        def corrupt(some, number):
            # The number of the first row is the counter of the generator, so a chunk
            # gets the same noise each time, and different chunks get different noise.
            generator.state.assign([seed, number])
            return self.apply(tensor(some), everything, units, generator).numpy()

        if isinstance(rows, LazyRows):
            return CorruptedRows(rows, np.arange(len(rows)), corrupt)
        corrupted = np.empty_like(rows)
        for chunk in row_chunks(rows):
            corrupted[chunk] = corrupt(rows[chunk], chunk.start)
        return corrupted

    def _replacement(self, rows, everything, units, seed):
        """Return what stands in place of the values that are hit."""
        ops = load_keras().ops
        shape = ops.shape(rows)
        if self.kind == "masking":
            # Zero is each feature's mean in the network's scale.
            return ops.zeros_like(rows)
        if self.kind == "salt_and_pepper":
            is_salt = _uniform(shape, seed) < 0.5
            return ops.where(is_salt, units.highest, units.lowest)
        return self._from_donors(shape, everything, units, seed)

    def _from_donors(self, shape, everything, units, seed):
        """Return each value from a random training row, drawn by weight."""
        ops = load_keras().ops
        # Inverse transform sampling: a uniform draw lies between the cumulative weights
        # of one row and the row before. The last of them may round to less than 1, so
        # the minimum keeps draws above it at the last row.
        where = _uniform((math.prod(shape),), seed)
        donors = ops.searchsorted(units.shares, where, side="right")
        donors = ops.minimum(ops.reshape(donors, shape), ops.shape(everything)[0] - 1)
        return ops.take_along_axis(everything, donors, axis=0)

    def _corrupt(self, samples, seed):
        """Call the user's function."""
        return cast(Callable, self.kind)(samples, seed)

    def _called(self, rows, units, seed):
        """Apply the user's function to samples in the user's units."""
        ops = load_keras().ops
        samples = ops.reshape(rows, (-1, *ops.shape(units.mean)))
        corrupted = self._corrupt(samples * units.scale + units.mean, seed)
        standardized = (ops.cast(corrupted, "float32") - units.mean) / units.scale
        return ops.reshape(standardized, ops.shape(rows))


def _uniform(shape, seed):
    """Return float32 draws from [0, 1), whatever type the user has set for Keras."""
    return load_keras().random.uniform(shape, dtype="float32", seed=seed)


@dataclasses.dataclass(frozen=True, eq=False)
class CorruptedRows(LazyRows):
    """Lazy rows that are corrupted as they are read.

    A chunk that starts at the same row gets the same corruption each time.

    Parameters
    ----------
    matrix, numbers
        See `LazyRows`; the matrix holds the clean rows, which are lazy too.

    corrupt : callable
        ``corrupt(rows, number)`` returns corrupted dense rows. `number` is that of the
        first row and seeds the randomness.
    """

    corrupt: Callable

    def write(self, dense):
        """Write the values into an array of the same shape."""
        dense[:] = self.corrupt(np.asarray(self.matrix[self.numbers]), self.numbers[0])


@dataclasses.dataclass(frozen=True)
class Noise:
    """How large Gaussian noise is, and how much of it is clipped.

    Parameters
    ----------
    scale : float
        Standard deviation, in the user's units.

    clipped : float
        Fraction of the rows that are clipped to the range of the data.
    """

    scale: float
    clipped: float


def clipped_fraction(values, lowest, highest):
    """Return which fraction of noisy rows to clip, where nobody has said it.

    It is a half where values pile up at the limits of their range, as those of pixels
    do: noisy rows of the user's may then be clipped or not, and a network that has
    learnt from both cleans either almost as well as one that has learnt from that kind
    alone: the error is up to 3% higher (``benchmarks.denoising``). Without such limits
    it is 0.

    Parameters
    ----------
    values : ndarray or LazyRows of shape (n_rows, n_features)
        Rows without noise; of many rows some are looked at.

    lowest, highest : array-like of shape (n_features,)
        Their range, in the scale of the rows.
    """
    n_looked_at = min(len(values), max(1, _VALUES_TO_LOOK_AT // values.shape[1]))
    some = np.linspace(0, len(values) - 1, n_looked_at).astype(int)
    limits = np.asarray([lowest, highest], values.dtype)
    counts = np.zeros(2, int)
    for chunk in row_chunks(values[some]):
        looked_at = np.asarray(values[some[chunk]])
        counts += [np.count_nonzero(looked_at == limit) for limit in limits]
    n_values = n_looked_at * values.shape[1]
    piles_up = counts.max() > 1 and counts.sum() >= _SHARE_AT_LIMITS * n_values
    return 0.5 if piles_up else 0.0


def shares_of(weights):
    """Return the cumulative weights as fractions of the total weight."""
    shares = weights.cumsum(dtype=np.float64)
    return shares / shares[-1]


@dataclasses.dataclass(frozen=True)
class CorruptionUnits:
    """The user's units, as corruption needs them; numbers or tensors.

    Parameters
    ----------
    mean, scale : float32 array of shape sample_shape, float
        Rows times `scale` plus `mean` are in the user's units.

    noise : float
        Standard deviation of Gaussian noise, in the network's scale.

    lowest, highest : arrays of shape (n_features,)
        Range of the data, in the network's scale; infinite if it is not needed.

    clipped : float
        Fraction of the rows with Gaussian noise that are clipped to this range.

    shares : float32 array of shape (n_rows,)
        Cumulative weights of the training rows, as fractions of the total.
    """

    mean: np.ndarray
    scale: float
    noise: float
    lowest: np.ndarray
    highest: np.ndarray
    clipped: float
    shares: np.ndarray

    def tensors(self):
        """Return the fields, in order, as float32 tensors."""
        return [tensor(part, "float32") for part in vars(self).values()]

    @staticmethod
    def shapes(sample_shape):
        """Return the shapes of the fields, in order."""
        per_feature = (math.prod(sample_shape),)
        return sample_shape, (), (), per_feature, per_feature, (), (None,)
