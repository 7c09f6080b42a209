"""What training reports of each epoch, in the user's units, and gives in the end."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Trained:
    """What training gave.

    Parameters
    ----------
    weights : list of ndarray
        Values of the encoder's variables, then the decoder's.

    history : dict of lists
        One value an epoch: "loss", "val_loss" where there are validation rows, the
        terms of either where there are several, "learning_rate", and what callbacks
        add.

    best_epoch : int
        Number of epochs behind `weights`; 0 where the start was kept.

    initial_loss, best_loss : float or None
        Validation loss of the start and of `weights`, if there are validation rows.
    """

    weights: list
    history: dict
    best_epoch: int
    initial_loss: float | None = None
    best_loss: float | None = None


@dataclasses.dataclass(frozen=True)
class LossUnits:
    """How losses of the network's scale are reported.

    Parameters
    ----------
    unit, offset : float
        What losses are multiplied by, and what is added then, to be in the user's
        units.

    names : tuple of str
        Names of the terms of the loss.

    term_weights : array of shape (n_terms,)
        What the terms count in it.
    """

    unit: float
    offset: float
    names: tuple
    term_weights: np.ndarray

    def logs(self, terms, prefix=""):
        """Return the loss by name, and its terms where there are several."""
        logs = {f"{prefix}loss": self.reported(float(terms @ self.term_weights))}
        if len(terms) > 1:
            values = terms * self.unit
            values[0] += self.offset
            for name, value in zip(self.names, values, strict=True):
                logs[prefix + name] = float(value)
        return logs

    def reported(self, loss):
        """Return a loss of the network's scale in the user's units."""
        return loss * self.unit + self.offset

    def in_scale(self, loss):
        """Return a loss of the user's units in the network's scale."""
        return (loss - self.offset) / self.unit


def by_name(epochs, has_validation):
    """Return the logs of epochs as a dict of lists with one value an epoch.

    Parameters
    ----------
    epochs : list of dict
        The logs of each epoch.

    has_validation : bool
        Whether there are rows that judge each epoch.
    """
    names = ["loss", "learning_rate"]
    if has_validation:
        names.append("val_loss")
    history: dict[str, list] = {name: [] for name in names}
    for logs in epochs:
        for name, value in logs.items():
            history.setdefault(name, []).append(value)
    return history


def appended(history, more):
    """Return a history, by name, with the epochs of another after its own."""
    names = {**history, **more}
    return {name: history.get(name, []) + more.get(name, []) for name in names}
