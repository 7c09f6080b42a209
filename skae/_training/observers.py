"""What watches a fit: Keras' callbacks, progress, and scikit-learn's callbacks."""

import contextlib


class Observer:
    """Is told how a fit goes on, and may end its training; here it does nothing.

    Epochs and batches are counted from 0, batches in each epoch.

    Attributes
    ----------
    stopped : bool
        Whether training is to end.

    watches_batches : bool
        Whether `batch_begin` and `batch_end` are wanted.
    """

    stopped = False
    watches_batches = False

    def begin(self, compiled_steps, start_loss):
        """Hear that training begins.

        Parameters
        ----------
        compiled_steps : CompiledSteps or None
            The network in training, at its start. None where the start is kept
            without training.

        start_loss : float or None
            Validation loss of the start, if there are validation rows.
        """

    def epoch_begin(self, epoch):
        """Hear that an epoch begins."""

    def batch_begin(self, batch):
        """Hear that a batch begins."""

    def batch_end(self, batch, logs):
        """Hear that a batch is done; `logs` has the mean losses of the epoch so far."""

    def validation_begin(self):
        """Hear that the validation rows are about to judge the weights."""

    def validation_end(self, loss):
        """Hear what loss the validation rows found."""

    def epoch_end(self, epoch, logs, training):
        """Hear that an epoch is done.

        Parameters
        ----------
        epoch : int
            Its number.

        logs : dict
            What the history keeps of it. What is added here is kept as well.

        training : callable
            Returns the `Training` that there would be if it ended here.
        """

    def train_end(self, logs):
        """Hear that training is done, with the last epoch's logs.

        The weights in training may still be changed.
        """

    def end(self, attributes):
        """Hear that the fit is done, with these fitted attributes."""

    def close(self):
        """Clean up after a fit or a failure."""


@contextlib.contextmanager
def closed_at_the_end(observers):
    """Close all observers at the end of the body, also when it fails."""
    with contextlib.ExitStack() as stack:
        for observer in observers:
            stack.callback(observer.close)
        yield
