"""How to train: settings, and what changes from step to step."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to train.

    Parameters
    ----------
    epochs, batch_size : int
        Passes over the rows, and rows in a step.

    learning_rate_schedule : {"cosine", "constant"}
        What multiplies the optimizer's learning rate.

    patience : int or None
        Epochs without a better validation loss after which training ends.

    must_beat_start : bool
        Whether the first weights are kept unless others are better by more than
        chance; otherwise the lowest validation loss wins.

    warmup : float
        Epochs in which the terms of the loss but the first rise to their weight.

    loss_unit, loss_offset : float
        What logs and reported losses are multiplied by, and what is added then, to be
        in the user's unit.
    """

    epochs: int
    batch_size: int
    learning_rate_schedule: str = "cosine"
    patience: int | None = None
    must_beat_start: bool = False
    warmup: float = 0.0
    loss_unit: float = 1.0
    loss_offset: float = 0.0


@dataclasses.dataclass(frozen=True)
class Steps:
    """How the optimizer's steps are changed, for each trainable variable.

    Parameters
    ----------
    sizes : tuple of float32 arrays
        What multiplies each step, in a shape that broadcasts to the variable's. None
        at all leaves the steps as the optimizer takes them.

    decays : tuple of float
        Weight decay, decoupled from the gradient and from the sizes: each step takes
        away this times the learning rate of a weight (Loshchilov and Hutter, 2019).
    """

    sizes: tuple = ()
    decays: tuple = ()

    @property
    def shapes(self):
        """Shapes of the sizes."""
        return tuple(size.shape for size in self.sizes)


NO_STEPS = Steps()


def cosine_with_warmup(steps, n_steps):
    """Return the factors of a cosine schedule with a linear warm-up.

    The learning rate rises over the first tenth of the steps and falls to zero over
    the rest as half a cosine (Loshchilov and Hutter, 2017).

    Parameters
    ----------
    steps : int array
        Step numbers, counted from 0.

    n_steps : int
        Number of steps in the whole training.

    Returns
    -------
    float32 array
        In (0, 1], of the shape of `steps`.
    """
    warmup = max(1, n_steps // 10)
    rising = (steps + 1) / warmup
    falling = (steps + 1 - warmup) / (n_steps - warmup + 1)
    factors = np.where(steps < warmup, rising, (1 + np.cos(np.pi * falling)) / 2)
    return factors.astype(np.float32)


def warmed_up_weights(steps, n_steps, term_weights):
    """Return what the terms of a loss count at each step, all but the first rising.

    Parameters
    ----------
    steps : int array of shape (n_steps_now,)
        Step numbers, counted from 0.

    n_steps : float
        Number of steps in which the weights rise from zero, linearly.

    term_weights : array of shape (n_terms,)
        Where they rise to.

    Returns
    -------
    float32 array of shape (n_steps_now, n_terms)
    """
    rising = np.minimum((steps + 1) / max(n_steps, 1), 1.0)
    factors = np.ones((len(steps), len(term_weights)))
    factors[:, 1:] = rising[:, None]
    return (factors * term_weights).astype(np.float32)
