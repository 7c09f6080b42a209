"""One pass over the rows: their batches, shuffled, and the steps on them."""

import numpy as np

from skae._runtime.randomness import draw_seed
from skae._training.batches import BatchReader, lengthened
from skae._training.schedule import cosine_with_warmup, warmed_up_weights


class EpochsHere:
    """Epochs of compiled steps in this process.

    Parameters
    ----------
    task : Task
        What to train on, and how.

    compiled_steps : CompiledSteps
        The network in training.
    """

    def __init__(self, task, compiled_steps):
        self._task, self.compiled_steps = task, compiled_steps
        found = task.coordinates
        read = task.rows if found is None else found.rows
        self._reader = BatchReader(read, task.units)

    def begin(self, start):
        """Start from the given values of all variables."""
        seed, values = draw_seed(self._task.generator), self._task.optimizer_values
        self.compiled_steps.reset(start, seed, values)

    def run(self, epoch):
        """Train for an epoch.

        Returns
        -------
        terms : float64 array of shape (n_terms,)
            Mean terms of the loss.

        rate : float
            Learning rate of the last step.
        """
        rate = self.compiled_steps.learning_rate
        factors = _schedule_factors(self._task, self.compiled_steps, epoch)
        arguments = self._task, self.compiled_steps, self._reader, epoch, factors
        return train_epoch(*arguments), rate * float(factors[-1])

    @property
    def weights(self):
        """Copies of all variables' values."""
        return self.compiled_steps.weights

    @property
    def averages_weights(self):
        """Whether the optimizer keeps averages of the weights, to be put in place."""
        return self.compiled_steps.optimizer.use_ema

    def put_averages_in_place(self):
        """Let the optimizer put its averages in the weights' place."""
        self.compiled_steps.put_averages_in_place()


def train_epoch(task, compiled_steps, reader, epoch, factors):
    """Train on all batches, a group at a time; return the mean terms of the loss.

    Parameters
    ----------
    task : Task
        What to train on, and how.

    compiled_steps : CompiledSteps
        The network in training.

    reader : BatchReader
        Of the task's rows.

    epoch : int
        Number of the epoch.

    factors : float32 array of shape (n_batches,)
        What multiplies the learning rate.
    """
    weights = warmed_up_weights(
        _steps_of(task, epoch),
        task.settings.warmup * task.n_batches,
        task.term_weights,
    )
    groups: list[tuple] = []
    for group in reader.groups(*_shuffled_batches(task)):
        *_, done = _train_group(task, compiled_steps, group, factors, weights, groups)
        groups.append(done)
        if task.watches_batches and task.is_stopped:
            break
    return _mean_of(groups)


def _train_group(task, compiled_steps, group, factors, weights, groups):
    """Train on a `BatchGroup`; yield what `CompiledSteps.run` does.

    If observers want to, they hear of each batch; the `groups` before count in
    what these hear. They may end the training.
    """
    pieces = compiled_steps.run(
        group.data,
        (group.numbers, group.counts, group.pulls),
        lengthened(factors, group.batches),
        lengthened(weights, group.batches),
        group.n_batches,
        steps=task.steps,
        units=group.units,
        one_by_one=task.watches_batches,
    )
    if not task.watches_batches:
        yield from pieces
        return
    first = group.batches.start
    for batch in range(first, first + group.n_batches):
        task.tell("batch_begin", batch)
        done = next(pieces)
        task.tell("batch_end", batch, task.loss_units.logs(_mean_of([*groups, done])))
        yield done
        if task.is_stopped:
            return


def _shuffled_batches(task):
    """Return numbers, weights and pulls of rows in batches, the last one padded."""
    n_rows = len(task.rows)
    shape = (task.n_batches, task.settings.batch_size)
    order = task.generator.permutation(n_rows)
    # Padded by random rows, not one: batch normalisation sees them too.
    numbers = np.resize(order, shape).astype(np.int32)
    weights = np.zeros(shape, np.float32)
    weights.flat[:n_rows] = task.row_weights[order]
    pulls = np.ones(shape, np.float32)
    if task.pulls is not None:
        pulls.flat[:n_rows] = task.pulls[order]
    return numbers, weights, pulls


def _schedule_factors(task, compiled_steps, epoch):
    """Return the learning rate's factor at each of the epoch's steps."""
    is_constant = task.settings.learning_rate_schedule == "constant"
    if is_constant or not compiled_steps.follows_schedule:
        return np.ones(task.n_batches, np.float32)
    n_steps = task.settings.epochs * task.n_batches
    return cosine_with_warmup(_steps_of(task, epoch), n_steps)


def _steps_of(task, epoch):
    return epoch * task.n_batches + np.arange(task.n_batches)


def _mean_of(groups):
    """Return the mean terms of groups of batches, from that of each and its weight."""
    means, weights = zip(*groups, strict=True)
    return np.average(means, axis=0, weights=weights) if len(means) > 1 else means[0]
