"""The only training loop: epoch by epoch, keeping the weights worth keeping."""

import dataclasses
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae import _backend
from skae._callbacks import CallbackDriver, NoCallbacks
from skae._trainer import NO_STEPS

_STANDARD_ERRORS = 2.0


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

    loss_unit : float
        What logs and reported losses are multiplied by, to be in the user's unit.

    verbose : int
        Above 0, prints a line per epoch.
    """

    epochs: int
    batch_size: int
    learning_rate_schedule: str = "cosine"
    patience: int | None = None
    must_beat_start: bool = False
    loss_unit: float = 1.0
    verbose: int = 0


@dataclasses.dataclass(frozen=True)
class Training:
    """What training gave.

    Parameters
    ----------
    weights : list of ndarray
        Values of the encoder's variables, then the decoder's.

    history : dict of lists
        One value an epoch: "loss", "val_loss" where there are validation rows,
        "learning_rate", and what callbacks add.

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


class Loop:
    """Trains from a start, epoch by epoch, and keeps the weights worth keeping.

    Parameters
    ----------
    settings : Settings
        How to train.

    rows : Rows
        Training rows.

    validation : Rows or None
        Rows that judge each epoch.

    row_losses : callable
        ``row_losses(weights, values)`` gives the loss of each row at the weights.

    generator : numpy.random.RandomState
        Shuffles the rows.

    steps : Steps, default=NO_STEPS
        How the optimizer's steps are changed.
    """

    def __init__(
        self,
        settings,
        rows,
        validation,
        row_losses,
        generator,
        steps=NO_STEPS,
    ):
        self._settings = settings
        self._rows = rows
        self._validation = validation
        self._row_losses = row_losses
        self._generator = generator
        self._steps = steps
        self._row_weights = (rows.weights / rows.weights.mean()).astype(np.float32)
        self._n_batches = -(-len(rows) // settings.batch_size)
        names = ["loss", "learning_rate"] + ["val_loss"] * (validation is not None)
        self._history: dict[str, list] = {name: [] for name in names}
        self._diverged = False

    def stay(self, start):
        """Return the values `start` as the result, without training."""
        if self._validation is None:
            return Training(start, self._history, 0)
        loss = self._judge(start, 0).loss * self._settings.loss_unit
        return Training(start, self._history, 0, loss, loss)

    def run(self, trainer, start, callbacks=()):
        """Train from the values `start`.

        Parameters
        ----------
        trainer : Trainer
            The network in training.

        start : list of arrays
            Values of the encoder's variables, then the decoder's.

        callbacks : list of keras.callbacks.Callback, default=()
            Driven as Keras would drive them.

        Returns
        -------
        Training

        Raises
        ------
        ValueError
            When no epoch and no start had a finite loss.
        """
        _, tf = _backend.load()
        self._data = tf.convert_to_tensor(self._rows.values)
        self._trainer = trainer
        self._trainer.reset(start)
        self._start = self._previous = self._best = self._judge(start, 0)
        driver = self._driver(callbacks)
        driver.train_begin()
        logs = {}
        for epoch in range(self._settings.epochs):
            driver.epoch_begin(epoch)
            logs = self._train_one_epoch(epoch, driver)
            logs = {**driver.epoch_end(epoch, logs), "learning_rate": self._rate}
            self._record(epoch, logs)
            if self._is_over(epoch, logs, driver):
                break
        self._average_weights()
        driver.train_end(logs)
        return self._training()

    def _driver(self, callbacks):
        if not callbacks:
            return NoCallbacks()
        model = self._trainer.autoencoder()
        return CallbackDriver(callbacks, model, self._settings.epochs, self._n_batches)

    def _train_one_epoch(self, epoch, driver):
        """Run the epoch's batches and the validation; return the logs."""
        unit = self._settings.loss_unit
        rate = self._trainer.learning_rate
        factors = self._schedule_factors(epoch)
        if driver.wants_batches:
            loss = self._run_batch_by_batch(factors, driver)
        else:
            batches = self._shuffled_batches()
            loss = self._trainer.run(self._data, batches, factors, self._steps)
        logs = {"loss": loss * unit}
        if self._validation is None:
            self._keep_if_best(epoch + 1, loss)
        else:
            logs["val_loss"] = driver.validate(
                lambda: self._keep_if_best(epoch + 1) * unit
            )
        self._rate = rate * float(factors[-1])
        return {**logs, "learning_rate": self._rate}

    def _run_batch_by_batch(self, factors, driver):
        """Train with the driver's hooks around each batch; return the mean loss."""
        batches = self._shuffled_batches()
        losses, counts = [], []
        for i in range(self._n_batches):
            driver.batch_begin(i)
            one = slice(i, i + 1)
            batch = tuple(part[one] for part in batches)
            loss = self._trainer.run(self._data, batch, factors[one], self._steps)
            losses.append(loss)
            counts.append(batch[1].sum())
            mean = float(np.average(losses, weights=counts))
            driver.batch_end(i, {"loss": mean * self._settings.loss_unit})
            if driver.stopped:
                break
        return mean

    def _shuffled_batches(self):
        """Return row numbers and row weights of all batches, the last one padded."""
        n_rows = len(self._rows)
        shape = (self._n_batches, self._settings.batch_size)
        order = self._generator.permutation(n_rows)
        numbers = np.zeros(shape, np.int32)
        numbers.flat[:n_rows] = order
        weights = np.zeros(shape, np.float32)
        weights.flat[:n_rows] = self._row_weights[order]
        return numbers, weights

    def _schedule_factors(self, epoch):
        """Return the learning rate's factor at each of the epoch's steps."""
        constant = self._settings.learning_rate_schedule == "constant"
        if constant or not self._trainer.follows_schedule:
            return np.ones(self._n_batches, np.float32)
        steps = epoch * self._n_batches + np.arange(self._n_batches)
        return cosine_with_warmup(steps, self._settings.epochs * self._n_batches)

    def _keep_if_best(self, epoch, loss=None):
        """Judge the present weights, by their validation loss unless given another.

        Without validation rows the latest weights are the best. Weights whose loss
        is not finite never are.
        """
        judged = self._judge(self._trainer.weights, epoch, loss)
        better = self._validation is None or not judged.loss >= self._best.loss
        if better and np.isfinite(judged.loss):
            self._previous, self._best = self._best, judged
        return judged.loss

    def _judge(self, weights, epoch, loss=None):
        if self._validation is None:
            return _Judged(weights, epoch, np.nan if loss is None else loss)
        losses = self._row_losses(weights, self._validation.values).astype(np.float64)
        loss = float(np.average(losses, weights=self._validation.weights))
        return _Judged(weights, epoch, loss, losses)

    def _record(self, epoch, logs):
        for name, value in logs.items():
            self._history.setdefault(name, []).append(value)
        if self._settings.verbose:
            numbers = {k: v for k, v in logs.items() if isinstance(v, float)}
            values = "  ".join(f"{name} {value:.6g}" for name, value in numbers.items())
            print(f"epoch {epoch + 1}/{self._settings.epochs}  {values}")

    def _is_over(self, epoch, logs, driver):
        """Tell whether training ends after this epoch; warn if it has diverged."""
        if not np.isfinite(logs.get("val_loss", 0.0) + logs["loss"]):
            self._report_divergence(epoch)
            return True
        patience = self._settings.patience
        idle_epochs = epoch + 1 - self._best.epoch
        return driver.stopped or (
            self._validation is not None
            and patience is not None
            and idle_epochs >= patience
        )

    def _report_divergence(self, epoch):
        self._diverged = True
        if self._validation is None:
            self._best = self._latest_finite()
        advice = (
            "Try a smaller learning_rate, a larger batch_size, or data without "
            "extreme values."
        )
        if not np.isfinite(self._best.loss):
            raise ValueError(
                f"The loss was not finite at the start nor in epoch {epoch + 1}, so "
                f"there are no weights to keep. {advice}"
            )
        warnings.warn(
            f"The loss became infinite or NaN in epoch {epoch + 1}; training stopped "
            f"and kept the weights after epoch {self._best.epoch}. {advice}",
            ConvergenceWarning,
            stacklevel=2,
        )

    def _latest_finite(self):
        """Return the latest weights with a finite loss on the training rows.

        The loss of an epoch is that of the weights before its steps, so the weights
        after it may already be lost.
        """
        for judged in (self._best, self._previous, self._start):
            loss = self._training_loss(judged.weights)
            if np.isfinite(loss):
                return dataclasses.replace(judged, loss=loss)
        return self._start

    def _average_weights(self):
        """Let an optimizer with averaged weights (use_ema) put them in place."""
        optimizer = self._trainer.optimizer
        if optimizer.use_ema and self._history["loss"]:
            optimizer.finalize_variable_values(self._trainer.trainable)
            last = self._history["loss"][-1] / self._settings.loss_unit
            self._keep_if_best(len(self._history["loss"]), last)

    def _training(self):
        if self._validation is None:
            weights = self._final_weights()
            return Training(weights, self._history, self._best.epoch)
        chosen = self._best
        if self._settings.must_beat_start and not self._beats_start(chosen):
            chosen = self._start
        return Training(
            chosen.weights,
            self._history,
            chosen.epoch,
            self._start.loss * self._settings.loss_unit,
            chosen.loss * self._settings.loss_unit,
        )

    def _final_weights(self):
        """Return what the last epoch and the callbacks left, unless it diverged."""
        weights = self._trainer.weights
        if not self._diverged and not np.isfinite(self._training_loss(weights)):
            self._report_divergence(len(self._history["loss"]) - 1)
        return self._best.weights if self._diverged else weights

    def _training_loss(self, weights):
        return float(self._row_losses(weights, self._rows.values).mean())

    def _beats_start(self, judged):
        """Tell whether the gain over the start is more than chance.

        The mean gain per validation row must exceed two of its standard errors:
        about one chance in 40 for weights that are no better than the start.
        """
        gains = self._start.row_losses - judged.row_losses
        weights = self._validation.weights
        mean = np.average(gains, weights=weights)
        variance = np.average((gains - mean) ** 2, weights=weights)
        if not (mean > 0 and len(gains) > 1):
            return False
        return mean > _STANDARD_ERRORS * np.sqrt(variance / (len(gains) - 1))


@dataclasses.dataclass(frozen=True)
class _Judged:
    """Weights, the epochs behind them, and their losses."""

    weights: list
    epoch: int
    loss: float
    row_losses: np.ndarray | None = None


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
