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


@dataclasses.dataclass(frozen=True)
class Corruption:
    """What a denoising autoencoder has to undo.

    Parameters
    ----------
    kind : {"gaussian", "masking", "salt_and_pepper", "swap"} or callable
        See `DenoisingAutoencoder`.

    rate : float
        Share of the values that masking, salt and pepper, and swap noise replace.
    """

    kind: str | Callable
    rate: float

    @property
    def needs_range(self):
        """Whether it needs the lowest and the highest value of the data."""
        return self.kind in ("gaussian", "salt_and_pepper")

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

    def apply(self, rows, everything, frame, seed):
        """Return corrupted rows, all in the network's scale.

        Parameters
        ----------
        rows : float32 tensor of shape (n_rows, n_features)
            Clean rows.

        everything : float32 tensor of shape (n_all_rows, n_features)
            Where swap noise takes its values from.

        frame : Frame of tensors
            The user's units.

        seed : keras.random.SeedGenerator
            Where the randomness comes from.
        """
        if callable(self.kind):
            return self._called(rows, frame, seed)
        keras = load_keras()
        ops = keras.ops
        shape = ops.shape(rows)
        if self.kind == "gaussian":
            noisy = rows + frame.noise * keras.random.normal(shape, seed=seed)
            return ops.clip(noisy, frame.lowest, frame.highest)
        hit = keras.random.uniform(shape, seed=seed) < self.rate
        return ops.where(hit, self._replacement(rows, everything, frame, seed), rows)

    def apply_once(self, rows, everything, frame, seed):
        """Corrupt an array of rows chunk by chunk; see `apply`.

        Parameters
        ----------
        seed : int

        Returns
        -------
        float32 ndarray, or CorruptedRows where the rows are lazy
        """
        generator = load_keras().random.SeedGenerator(seed)
        everything = tensor(everything)
        frame = Frame(*frame.tensors())

        def corrupt(some, number):
            generator.state.assign([seed, number])
            return self.apply(tensor(some), everything, frame, generator).numpy()

        if isinstance(rows, LazyRows):
            return CorruptedRows(rows, np.arange(len(rows)), corrupt)
        corrupted = np.empty_like(rows)
        for chunk in row_chunks(rows):
            corrupted[chunk] = corrupt(rows[chunk], chunk.start)
        return corrupted

    def _replacement(self, rows, everything, frame, seed):
        keras = load_keras()
        ops = keras.ops
        shape = ops.shape(rows)
        if self.kind == "masking":
            return ops.zeros_like(rows)
        if self.kind == "salt_and_pepper":
            is_salt = keras.random.uniform(shape, seed=seed) < 0.5
            return ops.where(is_salt, frame.highest, frame.lowest)
        return self._from_donors(shape, everything, frame, seed)

    def _from_donors(self, shape, everything, frame, seed):
        """Return each value from a training row, drawn by what the rows count."""
        keras = load_keras()
        ops = keras.ops
        where = keras.random.uniform((math.prod(shape),), seed=seed)
        donors = ops.searchsorted(frame.shares, where, side="right")
        donors = ops.minimum(ops.reshape(donors, shape), ops.shape(everything)[0] - 1)
        return ops.take_along_axis(everything, donors, axis=0)

    def _corrupt(self, samples, seed):
        """Call the user's function."""
        return cast(Callable, self.kind)(samples, seed)

    def _called(self, rows, frame, seed):
        """Apply the user's function to samples in the user's units."""
        ops = load_keras().ops
        samples = ops.reshape(rows, (-1, *ops.shape(frame.mean)))
        corrupted = self._corrupt(samples * frame.scale + frame.mean, seed)
        standardized = (ops.cast(corrupted, "float32") - frame.mean) / frame.scale
        return ops.reshape(standardized, ops.shape(rows))


@dataclasses.dataclass(frozen=True, eq=False)
class CorruptedRows(LazyRows):
    """Lazy rows that are corrupted as they are read, each chunk always alike.

    Parameters
    ----------
    matrix, numbers
        See `LazyRows`; the matrix is clean rows, themselves lazy.

    corrupt : callable
        ``corrupt(rows, number)`` returns dense rows corrupted; the number of the first
        seeds what is random.
    """

    corrupt: Callable

    def write(self, dense):
        """Write the values into an array of the same shape."""
        dense[:] = self.corrupt(np.asarray(self.matrix[self.numbers]), self.numbers[0])


def shares_of(weights):
    """Return what each row and those before it count, of all."""
    shares = weights.cumsum(dtype=np.float64)
    return shares / shares[-1]


@dataclasses.dataclass(frozen=True)
class Frame:
    """The user's units, as corruption sees them; numbers or tensors.

    Parameters
    ----------
    mean, scale : float32 array of shape sample_shape, float
        What brings the network's scale to the user's units.

    noise : float
        Deviation of Gaussian noise, in the network's scale.

    lowest, highest : arrays of shape (n_features,)
        Range of the data, in the network's scale; infinite where it is not needed.

    shares : float32 array of shape (n_rows,)
        What each training row and those before it count, of all.
    """

    mean: np.ndarray
    scale: float
    noise: float
    lowest: np.ndarray
    highest: np.ndarray
    shares: np.ndarray

    def tensors(self):
        """Return the fields, in order, as float32 tensors."""
        return [tensor(part, "float32") for part in vars(self).values()]

    @staticmethod
    def shapes(sample_shape):
        """Return the shapes of the fields, in order."""
        per_feature = (math.prod(sample_shape),)
        return sample_shape, (), (), per_feature, per_feature, (None,)
