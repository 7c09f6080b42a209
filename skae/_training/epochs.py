"""The only training loop: epoch by epoch, keeping the weights worth keeping."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae._runtime.randomness import draw_seed
from skae._runtime.warnings import warn
from skae._training.batches import Feed, lengthened
from skae._training.history import History, Training
from skae._training.schedule import NO_STEPS, cosine_with_warmup, warmed_up_weights
from skae._training.selection import BestWeights


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

    observers : list of Observer, default=()
        Told of all that happens.
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
        observers=(),
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
        self._observers = observers
        self._one_by_one = any(observer.watches_batches for observer in observers)
        self._row_weights = (rows.weights / rows.weights.mean()).astype(np.float32)
        self._n_batches = -(-len(rows) // settings.batch_size)
        self._weights = BestWeights(row_terms, self._term_weights, rows, validation)
        self._history = History(
            settings, objective, self._term_weights, validation is not None
        )
        self._diverged = False

    def stay(self, start):
        """Return the values `start` as the result, without training."""
        self._weights.begin(start)
        loss = self._start_loss
        self._tell("begin", None, loss)
        return Training(start, self._history.by_name(), 0, loss, loss)

    def run(self, trainer, start):
        """Train from the values `start`.

        Parameters
        ----------
        trainer : Trainer
            The network in training.

        start : list of arrays
            Values of the encoder's variables, then the decoder's.

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
        self._tell("begin", trainer, self._start_loss)
        while not self._is_over():
            self._run_epoch(len(self._history))
        self._average_weights()
        self._tell("train_end", self._history.last)
        return self._training()

    def _tell(self, event, *arguments):
        """Call a method of all observers."""
        for observer in self._observers:
            getattr(observer, event)(*arguments)

    @property
    def _is_stopped(self):
        """Whether an observer has asked for the end of training."""
        return any(observer.stopped for observer in self._observers)

    @property
    def _start_loss(self):
        """Validation loss of the start, in the user's unit; None without such rows."""
        if self._validation is None:
            return None
        return self._history.in_units(self._weights.start.loss)

    def _run_epoch(self, epoch):
        """Train for an epoch, counted from 0, judge the weights, and tell of it."""
        self._tell("epoch_begin", epoch)
        rate = self._trainer.learning_rate
        factors = self._schedule_factors(epoch)
        terms = self._train(epoch, factors)
        logs = {
            **self._history.logs(terms),
            **self._judge(epoch + 1, terms),
            "learning_rate": rate * float(factors[-1]),  # of the epoch's last step
        }
        self._history.epochs.append(logs)
        self._tell("epoch_end", epoch, logs, self._training_so_far)

    def _train(self, epoch, factors):
        """Train on all batches, or as many at a time as are fed; return mean terms."""
        weights = warmed_up_weights(
            self._steps_of(epoch),
            self._settings.warmup * self._n_batches,
            self._term_weights,
        )
        groups: list[tuple] = []
        for fed in self._feed.groups(*self._shuffled_batches()):
            *_, done = self._run(fed, factors, weights, groups)
            groups.append(done)
            if self._one_by_one and self._is_stopped:
                break
        return _mean_of(groups)

    def _run(self, fed, factors, weights, groups):
        """Train on the batches `Fed`; yield what `Trainer.run` does.

        If observers want to, they hear of each batch; the `groups` before count in
        what these hear. They may end the training.
        """
        pieces = self._trainer.run(
            fed.data,
            (fed.numbers, fed.counts),
            lengthened(factors, fed.batches),
            lengthened(weights, fed.batches),
            fed.n_batches,
            steps=self._steps,
            frame=fed.frame,
            one_by_one=self._one_by_one,
        )
        if not self._one_by_one:
            yield from pieces
            return
        for batch in range(fed.batches.start, fed.batches.start + fed.n_batches):
            self._tell("batch_begin", batch)
            done = next(pieces)
            logs = self._history.logs(_mean_of([*groups, done]))
            self._tell("batch_end", batch, logs)
            yield done
            if self._is_stopped:
                return

    def _judge(self, epoch, terms):
        """Judge the weights after an epoch; return what to log of that."""
        weights = self._trainer.weights
        if self._validation is None:
            loss = float(terms @ self._term_weights)
            self._weights.consider(weights, epoch, loss)
            return {}
        self._tell("validation_begin")
        judged = self._weights.consider(weights, epoch)
        self._tell("validation_end", self._history.in_units(judged.loss))
        return self._history.logs(judged.terms, "val_")

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
            or self._is_stopped
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
        warn(
            f"The loss became infinite or NaN in epoch {epoch}; training stopped "
            f"and kept the weights after epoch {best.epoch}. {advice}",
            ConvergenceWarning,
        )

    def _average_weights(self):
        """Let an optimizer with averaged weights (use_ema) put them in place."""
        optimizer = self._trainer.optimizer
        if optimizer.use_ema and len(self._history):
            optimizer.finalize_variable_values(self._trainer.trainable)
            last = self._history.in_scale(self._history.last["loss"])
            self._weights.consider(self._trainer.weights, len(self._history), last)

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


def _mean_of(groups):
    """Return the mean terms of groups of batches, from that of each and its weight."""
    means, weights = zip(*groups, strict=True)
    return np.average(means, axis=0, weights=weights) if len(means) > 1 else means[0]
