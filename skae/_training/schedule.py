"""Settings of training, and schedules of what changes from step to step."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of training.

    Parameters
    ----------
    epochs, batch_size : int
        Number of passes over the rows, and number of rows in a step.

    learning_rate_schedule : {"cosine", "constant"}
        Schedule of the factor of the optimizer's learning rate.

    patience : int or None
        Number of epochs without a better validation loss after which training ends.

    must_beat_start : bool
        If true, the first weights are kept unless others are better by more than
        chance. Otherwise the weights of lowest validation loss are kept.

    warmup : float
        Number of epochs in which all terms of the loss but the first rise to their
        weights.

    loss_unit, loss_offset : float
        Losses times `loss_unit` plus `loss_offset` are in the user's unit, for logs and
        reports.
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
class StepSizes:
    """Changes of the optimizer's steps, one for each trainable variable.

    Parameters
    ----------
    sizes : tuple of float32 arrays
        Factors of the steps, of a shape that broadcasts to the variable's. An empty
        tuple leaves the steps as the optimizer takes them.

    decays : tuple of float
        Weight decay, decoupled from the gradient and from the sizes: each step
        subtracts decay times learning rate times the weight (Loshchilov and Hutter,
        2019).
    """

    sizes: tuple = ()
    decays: tuple = ()

    @property
    def shapes(self):
        """Shapes of the sizes."""
        return tuple(size.shape for size in self.sizes)


USUAL_STEPS = StepSizes()


def cosine_with_warmup(steps, n_steps):
    """Return the factors of a cosine schedule with a linear warm-up.

    The learning rate rises over the first tenth of the steps, while Adam's averages of
    the gradients settle. Then it falls towards zero as half a cosine (Loshchilov and
    Hutter, 2017).

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
    """Return the weights of a loss's terms at each step; all but the first rise.

    For a variational autoencoder this is KL warm-up (Bowman et al., 2016): without it
    codes can collapse to the prior before the decoder has learnt to read them.

    Parameters
    ----------
    steps : int array of shape (n_steps_now,)
        Step numbers, counted from 0.

    n_steps : float
        Number of steps in which the weights rise linearly from zero.

    term_weights : array of shape (n_terms,)
        Final weights.

    Returns
    -------
    float32 array of shape (n_steps_now, n_terms)
    """
    rising = np.minimum((steps + 1) / max(n_steps, 1), 1.0)
    factors = np.ones((len(steps), len(term_weights)))
    factors[:, 1:] = rising[:, None]
    return (factors * term_weights).astype(np.float32)
