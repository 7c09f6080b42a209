"""What training reports of each epoch, in the user's unit, and gives in the end."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Training:
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


class History:
    """The logs of the epochs.

    Parameters
    ----------
    settings : Settings
        Unit and offset of the loss.

    objective : Objective
        Names the terms of the loss.

    term_weights : array of shape (n_terms,)
        What the terms count in it.

    has_validation : bool
        Whether there are rows that judge each epoch.

    Attributes
    ----------
    epochs : list of dict
        The logs of each epoch done.
    """

    def __init__(self, settings, objective, term_weights, has_validation):
        self.epochs: list[dict] = []
        self._settings = settings
        self._objective = objective
        self._term_weights = term_weights
        self._has_validation = has_validation

    def __len__(self):
        return len(self.epochs)

    @property
    def last(self):
        """The logs of the last epoch, {} if there was none."""
        return self.epochs[-1] if self.epochs else {}

    def logs(self, terms, prefix=""):
        """Name the loss and its terms, where there are several."""
        logs = {f"{prefix}loss": self.in_units(float(terms @ self._term_weights))}
        if len(terms) > 1:
            values = terms * self._settings.loss_unit
            values[0] += self._settings.loss_offset
            for name, value in zip(self._objective.terms, values, strict=True):
                logs[prefix + name] = float(value)
        return logs

    def in_units(self, loss):
        """Return a loss of the network's scale in the user's unit."""
        return loss * self._settings.loss_unit + self._settings.loss_offset

    def in_scale(self, loss):
        """Return a loss of the user's unit in the network's scale."""
        return (loss - self._settings.loss_offset) / self._settings.loss_unit

    def by_name(self):
        """Return a dict of lists with one value an epoch."""
        names = ["loss", "learning_rate"]
        if self._has_validation:
            names.append("val_loss")
        history: dict[str, list] = {name: [] for name in names}
        for logs in self.epochs:
            for name, value in logs.items():
                history.setdefault(name, []).append(value)
        return history


def appended(history, more):
    """Return a history, by name, with the epochs of another after its own."""
    names = {**history, **more}
    return {name: history.get(name, []) + more.get(name, []) for name in names}
