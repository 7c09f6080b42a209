"""What a pass of `partial_fit` leaves for the next: step sizes, and the optimizer."""

import contextlib

from skae._keras.objects import description, plain, restored


def pass_of(trainer, steps):
    """Return what a trainer leaves, as plain data.

    Parameters
    ----------
    trainer : Trainer
        After its epoch.

    steps : Steps
        How its steps were changed.

    Returns
    -------
    dict
    """
    return {
        "optimizer": _key(trainer.optimizer),
        "values": trainer.optimizer_values,
        "step_sizes": list(steps.sizes),
    }


def optimizer_values(last_pass, optimizer):
    """Return the values that the last pass left, None if of another optimizer."""
    if last_pass is None or last_pass["optimizer"] != _key(optimizer):
        return None
    return last_pass["values"]


def _key(optimizer):
    """Tell optimizers apart by all but their learning rate."""
    held = restored(plain(optimizer))
    with contextlib.suppress(TypeError):  # a schedule
        held.learning_rate = 1.0
    return description(held)[0]
