"""The only training loop: epoch by epoch, keeping the weights worth keeping."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae._callbacks import CallbackDriver, NoCallbacks
from skae._feed import Feed, lengthened
from skae._history import History, Training
from skae._judging import BestWeights
from skae._progress import SILENCE
from skae._random import draw_seed
from skae._resume import Backup, State
from skae._settings import NO_STEPS, cosine_with_warmup, warmed_up_weights
from skae._sklearn_callbacks import NO_TASKS


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

    optimizer_values : list of arrays or None, default=None
        What earlier training left; see `Trainer.reset`.

    progress : Silence, ProgressLine or EpochLines
        Prints.

    tasks : NoTasks or FitTasks
        Announces the epochs to scikit-learn's callbacks.
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
        optimizer_values=None,
        progress=SILENCE,
        tasks=NO_TASKS,
    ):
        self._settings = settings
        self._rows = rows
        self._validation = validation
        self._objective = objective
        self._term_weights = np.array(objective.term_weights)
        self._generator = generator
        self._optimizer_values = optimizer_values
        self._steps = steps
        self._frame = frame
        self._progress = progress
        self._tasks = tasks
        self._row_weights = (rows.weights / rows.weights.mean()).astype(np.float32)
        self._n_batches = -(-len(rows) // settings.batch_size)
        self._weights = BestWeights(row_terms, self._term_weights, rows, validation)
        self._history = History(
            settings, objective, self._term_weights, validation is not None
        )
        self._batch_terms: list[np.ndarray] = []
        self._batch_counts: list[float] = []
        self._diverged = False

    def stay(self, start):
        """Return the values `start` as the result, without training."""
        if self._validation is None:
            return Training(start, self._history.by_name(), 0)
        loss = self._history.in_units(self._weights.judge(start, 0).loss)
        self._progress.begin(loss)
        return Training(start, self._history.by_name(), 0, loss, loss)

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
        self._feed = Feed(self._rows, self._frame)
        self._trainer = trainer
        seed = draw_seed(self._generator)
        self._trainer.reset(start, seed, self._optimizer_values)
        self._weights.begin(start)
        self._driver = self._new_driver(callbacks)
        self._go_on_from(self._driver.train_begin())
        self._progress.begin(self._start_loss)
        while not self._is_over():
            self._run_epoch(len(self._history))
        self._average_weights()
        self._driver.train_end(self._history.last)
        return self._training()

    @property
    def _start_loss(self):
        """Validation loss of the start, in the user's unit; None without such rows."""
        if self._validation is None:
            return None
        return self._history.in_units(self._weights.start.loss)

    def _new_driver(self, callbacks):
        if not callbacks:
            return NoCallbacks()
        model = self._trainer.autoencoder()
        shapes = [tuple(v.shape) for v in self._trainer.variables]
        fit = {
            "batch_size": self._settings.batch_size,
            "training rows": len(self._rows),
            "optimizer": self._trainer.optimizer.name,
            "weights of shapes": ", ".join(map(str, shapes)),
        }
        return CallbackDriver(
            callbacks,
            model,
            self._settings.epochs,
            self._n_batches,
            Backup(model, fit, self._state),
        )

    def _state(self):
        """Return where the training stands, in the midst of a callback's hook."""
        logs = self._driver.logs
        epochs = self._history.epochs
        if logs is not None:
            epochs = [*epochs, self._in_full(logs)]
        in_epoch = len(self._batch_terms) > 0
        order = self._order if in_epoch else self._generator.get_state(legacy=False)
        return State(
            epochs=epochs,
            terms=self._batch_terms,
            counts=self._batch_counts,
            generator=order,
            stopped=self._driver.stopped,
            unsaved=self._trainer.unsaved,
            kept=self._weights.kept,
        )

    def _go_on_from(self, state):
        """Take up a training that was interrupted, if there is any."""
        if state is None:
            return
        self._history.epochs = state.epochs
        self._batch_terms = [np.array(terms) for terms in state.terms]
        self._batch_counts = state.counts
        self._generator.set_state(state.generator)
        self._driver.stopped = state.stopped
        self._trainer.restore(state.unsaved)
        self._weights.restore(state.kept)

    def _run_epoch(self, epoch):
        """Train for an epoch, counted from 0, and tell all who want to know."""
        self._driver.epoch_begin(epoch)
        self._tasks.epoch_begin()
        logs = self._train_one_epoch(epoch)
        self._history.epochs.append(self._in_full(self._driver.epoch_end(epoch, logs)))
        self._progress.epoch_end(epoch + 1, self._history.last)
        self._tasks.epoch_end(self._training_so_far)

    def _train_one_epoch(self, epoch):
        """Run the epoch's batches and the validation; return the logs."""
        rate = self._trainer.learning_rate
        factors = self._schedule_factors(epoch)
        weights = warmed_up_weights(
            self._steps_of(epoch),
            self._settings.warmup * self._n_batches,
            self._term_weights,
        )
        if self._driver.wants_batches:
            terms = self._run_batch_by_batch(factors, weights)
        else:
            terms = self._run_in_groups(factors, weights)
        logs = self._history.logs(terms)
        if self._validation is None:
            self._consider(epoch + 1, float(terms @ self._term_weights))
        else:
            self._driver.validate(
                lambda: self._history.in_units(self._consider(epoch + 1))
            )
            logs.update(self._history.logs(self._latest.terms, "val_"))
        self._rate = rate * float(factors[-1])
        return self._in_full(logs)

    def _consider(self, epoch, loss=None):
        """Judge the present weights; return their loss."""
        self._latest = self._weights.consider(self._trainer.weights, epoch, loss)
        return self._latest.loss

    def _in_full(self, logs):
        """Add the learning rate, that of the epoch's last step."""
        return {**logs, "learning_rate": self._rate}

    def _run_in_groups(self, factors, weights):
        """Train on all batches, or as many at a time as are fed; return mean terms."""
        terms, counts = [], []
        for fed in self._feed.groups(*self._shuffled_batches()):
            terms.append(self._run(fed, factors, weights))
            counts.append(fed.counts.sum())
        return np.average(terms, axis=0, weights=counts) if len(terms) > 1 else terms[0]

    def _run(self, fed, factors, weights):
        """Train on the batches `Fed`; return the mean terms."""
        return self._trainer.run(
            fed.data,
            (fed.numbers, fed.counts),
            lengthened(factors, fed.batches),
            lengthened(weights, fed.batches),
            fed.n_batches,
            steps=self._steps,
            frame=fed.frame,
        )

    def _run_batch_by_batch(self, factors, weights):
        """Train with the driver's hooks around each batch; return the mean terms."""
        numbers, counts = self._shuffled_batches()
        for i in range(len(self._batch_terms), self._n_batches):
            self._driver.batch_begin(i)
            fed = self._feed.take(numbers, counts, slice(i, i + 1))
            self._batch_terms.append(self._run(fed, factors, weights))
            self._batch_counts.append(float(fed.counts.sum()))
            self._driver.batch_end(i, self._history.logs(self._mean_terms()))
            if self._driver.stopped:
                break
        mean = self._mean_terms()
        self._batch_terms, self._batch_counts = [], []
        return mean

    def _mean_terms(self):
        return np.average(self._batch_terms, axis=0, weights=self._batch_counts)

    def _shuffled_batches(self):
        """Return row numbers and row weights of all batches, the last one padded."""
        n_rows = len(self._rows)
        shape = (self._n_batches, self._settings.batch_size)
        self._order = self._generator.get_state(legacy=False)
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

    def _is_over(self):
        """Tell whether training ends here; warn if it has diverged."""
        done = len(self._history)
        if done == 0:
            return self._settings.epochs == 0
        logs = self._history.last
        if not np.isfinite(logs.get("val_loss", 0.0) + logs["loss"]):
            self._report_divergence(done)
            return True
        patience = self._settings.patience
        return (
            done >= self._settings.epochs
            or self._driver.stopped
            or self._tasks.stopped
            or (
                self._validation is not None
                and patience is not None
                and done - self._weights.best.epoch >= patience
            )
        )

    def _report_divergence(self, epoch):
        self._diverged = True
        if self._validation is None:
            self._weights.fall_back()
        best = self._weights.best
        advice = (
            "Try a smaller learning_rate, a larger batch_size, or data without "
            "extreme values."
        )
        if not np.isfinite(best.loss):
            raise ValueError(
                f"The loss was not finite at the start nor in epoch {epoch}, so "
                f"there are no weights to keep. {advice}"
            )
        warnings.warn(
            f"The loss became infinite or NaN in epoch {epoch}; training stopped "
            f"and kept the weights after epoch {best.epoch}. {advice}",
            ConvergenceWarning,
            stacklevel=2,
        )

    def _average_weights(self):
        """Let an optimizer with averaged weights (use_ema) put them in place."""
        optimizer = self._trainer.optimizer
        if optimizer.use_ema and len(self._history):
            optimizer.finalize_variable_values(self._trainer.trainable)
            last = self._history.in_scale(self._history.last["loss"])
            self._consider(len(self._history), last)

    def _training_so_far(self):
        """Return what training would give if it ended here."""
        if self._validation is not None:
            return self._training()
        weights = self._trainer.weights
        if not np.isfinite(self._weights.training_loss(weights)):
            weights = self._weights.latest_finite().weights
        return Training(weights, self._history.by_name(), len(self._history))

    def _training(self):
        if self._validation is None:
            weights = self._final_weights()
            return Training(weights, self._history.by_name(), self._weights.best.epoch)
        chosen = self._weights.start
        if not self._settings.must_beat_start or self._weights.best_beats_start():
            chosen = self._weights.best
        return Training(
            chosen.weights,
            self._history.by_name(),
            chosen.epoch,
            self._start_loss,
            self._history.in_units(chosen.loss),
        )

    def _final_weights(self):
        """Return what the last epoch and the callbacks left, unless it diverged."""
        weights = self._trainer.weights
        if not self._diverged and not np.isfinite(self._weights.training_loss(weights)):
            self._report_divergence(len(self._history))
        return self._weights.best.weights if self._diverged else weights
