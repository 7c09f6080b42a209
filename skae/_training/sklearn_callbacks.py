"""scikit-learn's own callbacks, where its version has them: 1.9 and newer."""

from skae._training.observers import Observer

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's; there is no `set_callbacks`."""

    def with_callbacks(method):
        """Return the method as it is."""
        return method


def has_callbacks(estimator):
    """Tell whether an estimator has callbacks of `set_callbacks`."""
    return bool(getattr(estimator, "_skl_callbacks", None))


class FitTasks(Observer):
    """Announces a fit and its epochs to an estimator's callbacks.

    Callbacks that score get the rows of X and, as `y`, the user's or else X itself,
    which is what an autoencoder is to predict.

    Parameters
    ----------
    estimator : BaseAutoencoder
        The estimator in the making.

    given : UserData
        What the user handed to `fit`.

    n_epochs : int
        Number of epochs, at most.

    attributes_of : callable
        Returns the fitted attributes that a `Training` makes, as a dict.
    """

    def __init__(self, estimator, given, n_epochs, attributes_of):
        self.stopped = False
        self._attributes_of = attributes_of
        self._n_epochs = n_epochs
        self._hooks = {
            "estimator": estimator,
            "X": given.X,
            "y": given.X if given.y is None else given.y,
        }

    def begin(self, compiled_steps, start_loss):
        """Announce the fit."""
        estimator = self._hooks["estimator"]
        self._fit = estimator._init_callback_context(max_subtasks=self._n_epochs)
        self._fit.call_on_fit_task_begin(**self._hooks)

    def epoch_begin(self, epoch):
        """Announce an epoch."""
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._hooks)

    def epoch_end(self, epoch, logs, training):
        """Hand over an epoch."""
        # Called only if a callback wants a fitted estimator.
        self.stopped |= self._epoch.call_on_fit_task_end(
            **self._hooks,
            reconstruction_attributes=lambda: self._attributes_of(training()),
        )

    def end(self, attributes):
        """Hand over the fit."""
        self._fit.call_on_fit_task_end(
            **self._hooks, reconstruction_attributes=attributes
        )
