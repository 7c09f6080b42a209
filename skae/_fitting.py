"""One fit, from the user's data to fitted attributes."""

import contextlib
import math
import re
import warnings

import numpy as np

from skae import _data, _defaults, _pca, _random, _validation
from skae._inference import FittedCodec
from skae._trainer import NO_STEPS, Trainer, borrowed_trainer, xla_pays
from skae._training import Loop, Settings
from skae.networks import architecture_key, build, variables


class Fitting:
    """The steps of a fit.

    Parameters
    ----------
    estimator : BaseAutoencoder
        A copy of the user's estimator; gets the fitted attributes at the end.
    """

    def __init__(self, estimator):
        self._estimator = estimator
        self._resumed = estimator.warm_start and hasattr(estimator, "_fitted")
        self._generator = _random.as_generator(estimator.random_state)

    def run(self, X, sample_weight, X_val):
        """Fit; see `BaseAutoencoder.fit` for the parameters."""
        _validation.check_callbacks(self._estimator.callbacks)
        self._estimator._check_parameters()
        self._optimizer = self._checked_optimizer()
        self._take(X, sample_weight, X_val)
        self._choose_architecture()
        start, steps = self._start()
        self._resolve_settings(sum(values.size for values in start))
        training = self._train(start, steps)
        self._set_attributes(training)

    def _take(self, X, sample_weight, X_val):
        """Check the data and bring them to the network's scale."""
        estimator = self._estimator
        self._objective = estimator._objective()
        X = self._checked(X, reset=not self._resumed, fewest=2)
        weights = _validation.check_sample_weight(sample_weight, X)
        X, weights = _data.merge_repeated_rows(X, weights)
        if X_val is not None:
            X_val = self._checked_validation_rows(X_val)
        self._mean, variance = _data.mean_and_variance(X, weights)
        self._scaling = self._choose_scaling(variance)
        self._hold_out(X, weights, X_val)

    def _checked(self, X, **how):
        X = _validation.check_rows(self._estimator, X, **how)
        if self._objective.has_logits:
            _validation.check_unit_interval(X)
        return X

    def _checked_validation_rows(self, X_val):
        try:
            return self._checked(X_val, reset=False)
        except (TypeError, ValueError) as error:
            message = re.sub(r"\bX\b", "X_val", str(error))
            prefix = "" if "X_val" in message else "X_val: "
            raise type(error)(prefix + message) from error

    def _hold_out(self, X, weights, X_val):
        """Split the rows, the held-out ones last, so that all are one array."""
        automatic = _defaults.validation_fraction(len(X))
        fraction = self._resolved("validation_fraction", automatic)
        self._validation_fraction = fraction if X_val is None else 0.0
        order, n_held_out = _data.validation_last(
            len(X), self._validation_fraction, self._generator
        )
        rows = _data.Rows(self._scaling.standardize(X, order), weights[order])
        n_kept = len(X) - n_held_out
        self._rows, self._training_rows = rows, rows[:n_kept]
        self._validation = rows[n_kept:] if n_held_out else None
        if X_val is not None:
            values = self._scaling.standardize(X_val, np.arange(len(X_val)))
            self._validation = _data.Rows(values, np.ones(len(X_val)))

    def _checked_optimizer(self):
        optimizer = self._resolved("optimizer", _defaults.OPTIMIZER)
        rate = self._resolved("learning_rate", _defaults.learning_rate(optimizer))
        return _validation.check_optimizer(optimizer, rate)

    def _choose_scaling(self, variance):
        if self._resumed:
            return self._estimator._fitted.scaling
        if self._objective.has_logits:
            return _data.Scaling(np.zeros_like(self._mean), 1.0)
        return _data.Scaling(self._mean, _data.total_scale(self._mean, variance))

    def _resolved(self, parameter, automatic):
        value = getattr(self._estimator, parameter)
        return automatic if isinstance(value, str) and value == "auto" else value

    def _resolve_settings(self, n_weights):
        """Turn every "auto" about training into a value."""
        estimator, n_rows = self._estimator, len(self._training_rows)
        batch_size = self._resolved("batch_size", _defaults.batch_size(n_rows))
        batch_size = min(batch_size, n_rows)
        automatic = _defaults.epochs(n_rows, batch_size, n_weights)
        epochs = self._resolved("epochs", automatic)
        self._patience = self._resolved("patience", _defaults.patience(epochs))
        self._learning_rate = float(self._optimizer.learning_rate.numpy())
        self._settings = Settings(
            epochs=0 if self._nothing_to_learn() else epochs,
            batch_size=batch_size,
            learning_rate_schedule=estimator.learning_rate_schedule,
            patience=self._patience if estimator.early_stopping else None,
            must_beat_start=estimator.init == "pca",
            loss_unit=1.0 if self._objective.has_logits else self._scaling.scale**2,
            verbose=estimator.verbose,
        )
        self._epochs = epochs
        self._compile_with_xla = xla_pays(n_weights, n_rows, epochs)

    def _choose_architecture(self):
        """Name the network; a resumed fit must name the one that it resumes."""
        estimator = self._estimator
        sample_shape = self._rows.values.shape[1:]
        network = estimator._network(sample_shape)
        dim = int(estimator.encoding_dim)
        self._architecture = network, sample_shape, dim, self._objective
        if self._resumed and architecture_key(*self._architecture) != architecture_key(
            *estimator._fitted.architecture
        ):
            raise ValueError(
                "warm_start=True continues the network of the previous fit, but the "
                "parameters now describe another one. Set them back, or set "
                "warm_start=False to fit anew."
            )

    def _start(self):
        """Return the weights that training starts from, and the size of its steps."""
        network, sample_shape, dim, objective = self._architecture
        seed = _random.draw_seed(self._generator)
        encoder, decoder = build(network, sample_shape, dim, seed)
        self._axes, steps = None, NO_STEPS
        if self._estimator.init == "pca":
            rows = self._rows
            self._axes = _pca.principal_axes(
                rows.values, rows.weights, dim, self._generator
            )
            _warn_of_lost_axes(self._axes)
            steps = _pca.start_at_pca(
                encoder,
                decoder,
                self._axes,
                self._estimator.code_activation,
                rows,
                objective,
                self._weight_decay(),
            )
        if self._resumed:
            return self._estimator._fitted.weights, steps
        return [v.numpy() for v in variables(encoder, decoder)], steps

    def _weight_decay(self):
        if self._resolved("optimizer", None) is not None:
            return 0.0
        return _defaults.weight_decay(
            len(self._training_rows), self._estimator.encoding_dim
        )

    def _nothing_to_learn(self):
        """Tell whether the start reconstructs the rows up to rounding."""
        return (
            not self._resumed
            and self._axes is not None
            and self._axes.are_exact
            and _pca.start_is_exact(self._estimator.code_activation)
            and self._objective.is_plain_error
        )

    def _train(self, start, steps):
        if self._optimizer.use_ema:
            steps = NO_STEPS  # the optimizer would average steps of another size
        callbacks = self._estimator.callbacks or ()
        loop = Loop(
            self._settings,
            self._training_rows,
            self._validation,
            self._row_losses(),
            self._generator,
            steps,
        )
        if self._nothing_to_learn() and not callbacks:
            return loop.stay(start)
        with self._trainer(steps, bool(callbacks)) as trainer:
            return loop.run(trainer, start, callbacks)

    def _trainer(self, steps, is_kept):
        """Return a context with a trainer, fresh if callbacks may keep its model."""
        parts = (*self._architecture, self._optimizer)
        how = {
            "step_shapes": steps.shapes,
            "compile_with_xla": self._compile_with_xla,
        }
        if is_kept:
            return contextlib.nullcontext(Trainer(*parts, **how))
        return borrowed_trainer(*parts, **how)

    def _row_losses(self):
        as_they_are = _data.Scaling(np.zeros(self._rows.values.shape[1:]), 1.0)
        return lambda weights, values: FittedCodec(
            self._architecture, weights, as_they_are
        ).row_losses(values)

    def _set_attributes(self, training):
        """Set all fitted attributes at once; nothing can fail any more."""
        network, sample_shape, dim, _ = self._architecture
        settings = self._settings
        attributes = {
            "history_": training.history,
            "n_iter_": len(training.history["loss"]),
            "best_epoch_": training.best_epoch,
            "initial_loss_": training.initial_loss,
            "best_loss_": training.best_loss,
            "optimizer_": self._optimizer.name,
            "learning_rate_": self._learning_rate,
            "batch_size_": settings.batch_size,
            "epochs_": self._epochs,
            "validation_fraction_": self._validation_fraction,
            "patience_": self._patience,
            "sample_shape_": sample_shape,
            "compression_factor_": math.prod(sample_shape) / dim,
            "_fitted": FittedCodec(self._architecture, training.weights, self._scaling),
            "_n_features_out": dim,
        }
        if not self._resumed:
            attributes["mean_"] = self._mean
        for name in self._estimator._network_parameters:
            attributes[f"{name}_"] = getattr(network, name)
        vars(self._estimator).update(attributes)


def _warn_of_lost_axes(axes):
    if axes.are_beyond_float32:
        warnings.warn(
            "Some features vary by less than a millionth of others, and encoding_dim "
            "asks for axes that only they have. The network computes in float32, where "
            "these are lost. Scale the features, for instance with "
            "sklearn.preprocessing.StandardScaler, or use fewer codes.",
            UserWarning,
            stacklevel=2,
        )
