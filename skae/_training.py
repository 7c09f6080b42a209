"""The only training loop: epoch by epoch, keeping the weights worth keeping."""

import dataclasses
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae import _backend
from skae._callbacks import CallbackDriver, NoCallbacks
from skae._random import draw_seed
from skae._settings import cosine_with_warmup, warmed_up_weights
from skae._trainer import NO_STEPS

_STANDARD_ERRORS = 2.0


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

    objective : Objective
        Names and weighs the terms of the loss.

    row_terms : callable
        ``row_terms(weights, rows)`` gives the terms of each row at the weights.

    generator : numpy.random.RandomState
        Shuffles the rows, and seeds what else is random.

    steps : Steps, default=NO_STEPS
        How the optimizer's steps are changed.

    frame : sequence of tensors, default=()
        Of `Frame.tensors`, if the objective corrupts rows.
    """

    def __init__(
        self,
        settings,
        rows,
        validation,
        objective,
        row_terms,
        generator,
        steps=NO_STEPS,
        frame=(),
    ):
        self._settings = settings
        self._rows = rows
        self._validation = validation
        self._objective = objective
        self._term_weights = np.array(objective.term_weights)
        self._row_terms = row_terms
        self._generator = generator
        self._how = {"steps": steps, "frame": frame}
        self._row_weights = (rows.weights / rows.weights.mean()).astype(np.float32)
        self._n_batches = -(-len(rows) // settings.batch_size)
        self._history: dict[str, list] = {
            name: []
            for name in ("loss", "learning_rate", "val_loss")
            if name != "val_loss" or validation is not None
        }
        self._diverged = False

    def stay(self, start):
        """Return the values `start` as the result, without training."""
        if self._validation is None:
            return Training(start, self._history, 0)
        loss = self._in_units(self._judge(start, 0).loss)
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
        self._data = [tf.convert_to_tensor(part) for part in self._rows.data]
        self._trainer = trainer
        self._trainer.reset(start, draw_seed(self._generator))
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
        rate = self._trainer.learning_rate
        factors = self._schedule_factors(epoch)
        weights = warmed_up_weights(
            self._steps_of(epoch),
            self._settings.warmup * self._n_batches,
            self._term_weights,
        )
        if driver.wants_batches:
            terms = self._run_batch_by_batch(factors, weights, driver)
        else:
            batches = self._shuffled_batches()
            terms = self._trainer.run(
                self._data, batches, factors, weights, **self._how
            )
        logs = self._logs(terms)
        if self._validation is None:
            self._keep_if_best(epoch + 1, float(terms @ self._term_weights))
        else:
            driver.validate(lambda: self._in_units(self._keep_if_best(epoch + 1)))
            logs.update(self._logs(self._latest_terms, "val_"))
        self._rate = rate * float(factors[-1])
        return {**logs, "learning_rate": self._rate}

    def _logs(self, terms, prefix=""):
        """Name loss and terms, in the user's unit."""
        logs = {f"{prefix}loss": self._in_units(float(terms @ self._term_weights))}
        if len(terms) > 1:
            values = terms * self._settings.loss_unit
            values[0] += self._settings.loss_offset
            for name, value in zip(self._objective.terms, values, strict=True):
                logs[prefix + name] = float(value)
        return logs

    def _in_units(self, loss):
        return loss * self._settings.loss_unit + self._settings.loss_offset

    def _run_batch_by_batch(self, factors, weights, driver):
        """Train with the driver's hooks around each batch; return the mean terms."""
        batches = self._shuffled_batches()
        terms, counts = [], []
        for i in range(self._n_batches):
            driver.batch_begin(i)
            one = slice(i, i + 1)
            batch = tuple(part[one] for part in batches)
            terms.append(
                self._trainer.run(
                    self._data, batch, factors[one], weights[one], **self._how
                )
            )
            counts.append(batch[1].sum())
            mean = np.average(terms, axis=0, weights=counts)
            driver.batch_end(i, self._logs(mean))
            if driver.stopped:
                break
        return mean

    def _shuffled_batches(self):
        """Return row numbers and row weights of all batches, the last one padded."""
        n_rows = len(self._rows)
        shape = (self._n_batches, self._settings.batch_size)
        order = self._generator.permutation(n_rows)
        # Padded by random rows, not one: batch normalisation sees them too.
        numbers = np.resize(order, shape).astype(np.int32)
        weights = np.zeros(shape, np.float32)
        weights.flat[:n_rows] = self._row_weights[order]
        return numbers, weights

    def _schedule_factors(self, epoch):
        """Return the learning rate's factor at each of the epoch's steps."""
        constant = self._settings.learning_rate_schedule == "constant"
        if constant or not self._trainer.follows_schedule:
            return np.ones(self._n_batches, np.float32)
        n_steps = self._settings.epochs * self._n_batches
        return cosine_with_warmup(self._steps_of(epoch), n_steps)

    def _steps_of(self, epoch):
        return epoch * self._n_batches + np.arange(self._n_batches)

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
        rows = self._validation
        terms = self._row_terms(weights, rows).astype(np.float64)
        self._latest_terms = np.average(terms, axis=0, weights=rows.weights)
        loss = float(self._latest_terms @ self._term_weights)
        return _Judged(weights, epoch, loss, terms @ self._term_weights)

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
            last = self._history["loss"][-1] - self._settings.loss_offset
            last /= self._settings.loss_unit
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
            self._in_units(self._start.loss),
            self._in_units(chosen.loss),
        )

    def _final_weights(self):
        """Return what the last epoch and the callbacks left, unless it diverged."""
        weights = self._trainer.weights
        if not self._diverged and not np.isfinite(self._training_loss(weights)):
            self._report_divergence(len(self._history["loss"]) - 1)
        return self._best.weights if self._diverged else weights

    def _training_loss(self, weights):
        terms = self._row_terms(weights, self._rows).mean(axis=0, dtype=np.float64)
        return float(terms @ self._term_weights)

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
