"""One fit, from the user's data to fitted attributes."""

import contextlib
import copy
import dataclasses
import math
import numbers

import numpy as np

from skae import _defaults
from skae._data.checks import extremes
from skae._data.prepare import Intake
from skae._data.scaling import Scaling
from skae._model.codec import shared_codec
from skae._model.description import described
from skae._model.fitted import FittedCodec
from skae._model.ordering import OrderedCodes, check_order, order_codes, warn_if_short
from skae._pca.axes import principal_axes
from skae._pca.missing import axes_despite_gaps
from skae._runtime.interrupts import interrupts_deferred, let_interrupts_in
from skae._runtime.randomness import as_generator, draw_seed
from skae._training.batches import rows_to_feed
from skae._training.compiled_steps import Trainer
from skae._training.epochs import Loop
from skae._training.history import appended
from skae._training.keras_callbacks import KerasCallbacks, check_callbacks
from skae._training.observers import Observer
from skae._training.optimizers import check_optimizer
from skae._training.passes import optimizer_values, pass_of
from skae._training.pca_start import (
    automatic_init,
    check_continues,
    check_network,
    start_at_pca,
    start_is_exact,
    warn_of_lost_axes,
)
from skae._training.progress import EpochLines, ProgressBar
from skae._training.schedule import NO_STEPS, Settings, Steps
from skae._training.sklearn_callbacks import FitTasks, has_callbacks
from skae._training.trainer_pool import borrowed_trainer, xla_pays
from skae.networks._build import Cost

_RATIOS = "explained_variance_ratio_"
_NOT_OF_EVERY_FIT = (
    _RATIOS,
    "hidden_layer_sizes_",
    "noise_scale_",
    "pca_score_",
    "_last_pass",
)


class Fitting:
    """The steps of a fit.

    Parameters
    ----------
    estimator : BaseAutoencoder
        A copy of the user's estimator; gets the fitted attributes at the end.

    is_partial : bool
        Whether this is one pass over a part of the data, which goes on where the
        last one ended.
    """

    def __init__(self, estimator, is_partial):
        self._estimator = estimator
        self._is_partial = is_partial
        goes_on = is_partial or estimator.warm_start
        self._resumed = goes_on and hasattr(estimator, "_fitted")
        self._last_pass = getattr(estimator, "_last_pass", None) if is_partial else None
        self._generator = as_generator(estimator.random_state)
        if is_partial and self._resumed:
            # Other draws in every pass.
            seeds = draw_seed(self._generator), estimator.n_iter_
            self._generator = np.random.RandomState(seeds)

    def run(self, given):
        """Fit to what is `Given`; Ctrl-C ends it between steps."""
        with interrupts_deferred():
            check_callbacks(self._estimator.callbacks)
            self._estimator._check_parameters()
            self._optimizer = self._checked_optimizer()
            self._take(given)
            let_interrupts_in()
            self._choose_architecture()
            start, steps = self._start()
            self._corrupt_and_draw()
            self._resolve_settings()
            let_interrupts_in()
            attributes = self._train_while_watched(start, steps, self._observers(given))
            if self._share_to_cut_at is not None:
                warn_if_short(attributes[_RATIOS], self._share_to_cut_at)
            self._estimator._report(self._data.training_rows.values)

    def _checked_optimizer(self):
        optimizer = self._resolved("optimizer", _defaults.OPTIMIZER)
        rate = self._resolved(
            "learning_rate", _defaults.learning_rate(optimizer, self._is_partial)
        )
        return check_optimizer(optimizer, rate)

    def _resolved(self, parameter, automatic):
        value = getattr(self._estimator, parameter)
        return automatic if isinstance(value, str) and value == "auto" else value

    def _take(self, given):
        """Check the data and bring them to the network's scale."""
        estimator = self._estimator
        objective = estimator._objective()
        if given.is_paired:
            objective = dataclasses.replace(objective, corruption=None)
        self._objective = objective
        self._data = Intake(
            estimator, objective, self._resumed, self._generator, self._is_partial
        )
        self._data.take(given)

    def _choose_architecture(self):
        """Name the network; a resumed fit must name the one that it resumes."""
        estimator = self._estimator
        sample_shape = estimator.sample_shape_
        network = copy.copy(estimator._network())
        if estimator.init == "random" and hasattr(network, "linear_shortcut"):
            network.linear_shortcut = False
        self._axes = None
        dim = network.n_codes(sample_shape, self._n_codes_wanted(network))
        self._init = self._resolved("init", automatic_init(network))
        if self._init == "pca":
            check_network(network)
        self._architecture = network, sample_shape, dim, self._objective
        # Inference has no use for what corrupts the rows in training.
        objective = dataclasses.replace(self._objective, corruption=None)
        self._codec = shared_codec(network, sample_shape, dim, objective)
        check_order(self._share, self._codec, self._is_partial, self._resumed)
        if self._resumed:
            check_continues(self._codec, estimator._fitted)

    @property
    def _starts_at_pca(self):
        return self._init == "pca" and not self._resumed

    @property
    def _start_name(self):
        """What the start is called: PCA, where it reconstructs as that does."""
        is_pca = self._starts_at_pca and self._objective.link == "identity"
        return "PCA" if is_pca else "start"

    @property
    def _share(self):
        """The share of variance that `encoding_dim` asks for, if it does."""
        wanted = self._estimator.encoding_dim
        if wanted is None or isinstance(wanted, numbers.Integral):
            return None
        return float(wanted)

    def _n_codes_wanted(self, network):
        """Return the number of codes to train, None where that is the network's."""
        wanted = self._estimator.encoding_dim
        if wanted is not None and self._share is None:
            return wanted
        if network.sizes_itself:
            return None
        if self._resumed:
            return self._estimator.encoding_dim_
        most = min(*self._data.rows.targets.shape, _defaults.MOST_CODES)
        if self._share is None:
            return most
        self._axes = self._principal_axes(most).explaining(self._share)
        return max(len(self._axes.variances), 1)

    def _principal_axes(self, n_axes):
        rows = self._rows_of_start = self._data.rows
        arguments = rows.targets, rows.weights, n_axes, self._generator
        if not self._data.has_gaps:
            return principal_axes(*arguments)
        axes, complete = axes_despite_gaps(*arguments)
        if self._objective.link != "identity":
            complete = complete.clip(*extremes(rows.targets))
        self._rows_of_start = dataclasses.replace(rows, clean=complete)
        return axes

    def _start(self):
        """Return the weights that training starts from, and the size of its steps."""
        network, _, dim, objective = self._architecture
        self._cost = Cost.of(self._codec.encoder, self._codec.decoder)
        if self._last_pass is not None:
            sizes = tuple(self._last_pass["step_sizes"])
            return self._estimator._fitted.weights, Steps(sizes, (0.0,) * len(sizes))
        seed = draw_seed(self._generator)
        weights = self._codec.initial_weights(seed)
        weights += [v.numpy() for v in objective.build()]
        steps = NO_STEPS
        if self._init == "pca":
            if self._axes is None:
                self._axes = self._principal_axes(dim)
            warn_of_lost_axes(self._axes)
            weights, steps = start_at_pca(
                self._codec.encoder,
                self._codec.decoder,
                weights,
                self._axes,
                network.code_activation,
                self._rows_of_start,
                objective,
                self._weight_decay(dim),
            )
        if self._resumed:
            return self._estimator._fitted.weights, steps
        return weights, steps

    def _weight_decay(self, dim):
        if self._resolved("optimizer", None) is not None or self._is_partial:
            return 0.0
        return _defaults.weight_decay(len(self._data.training_rows), dim)

    def _corrupt_and_draw(self):
        """Prepare what objectives of chance need; the start has seen clean rows."""
        self._frame = ()
        if self._objective.corruption is not None:
            self._objective.corruption.check(self._estimator.sample_shape_)
            automatic = _defaults.noise_scale(self._data.spread)
            if self._last_pass is not None:
                automatic = getattr(self._estimator, "noise_scale_", automatic)
            self._noise_scale = self._resolved("noise_scale", automatic)
            frame = self._data.frame(self._noise_scale)
            self._frame = frame.tensors()
            self._data.corrupt_validation(self._objective.corruption, frame)
        n_draws = self._objective.n_draws(self._architecture[2])
        if n_draws:
            self._data.draw_for_validation(n_draws)

    def _resolve_settings(self):
        """Turn every "auto" about training into a value."""
        estimator, n_rows = self._estimator, len(self._data.training_rows)
        batch_size = self._resolved("batch_size", _defaults.batch_size(n_rows))
        batch_size = min(int(batch_size), n_rows)
        automatic = _defaults.epochs(
            n_rows, batch_size, self._cost, self._objective.nested_dropout
        )
        epochs = 1 if self._is_partial else int(self._resolved("epochs", automatic))
        self._patience = self._resolved("patience", _defaults.patience(epochs))
        self._learning_rate = float(self._optimizer.learning_rate)
        n_features, scale = self._data.rows.values.shape[1], self._data.scaling.scale
        self._settings = Settings(
            epochs=0 if self._nothing_to_learn() else epochs,
            batch_size=batch_size,
            learning_rate_schedule=self._schedule(),
            patience=self._patience if estimator.early_stopping else None,
            must_beat_start=self._init == "pca",
            warmup=self._warmup(epochs),
            loss_unit=self._objective.unit(scale),
            loss_offset=self._objective.offset(scale, n_features),
        )
        self._epochs = epochs
        self._compile_with_xla = xla_pays(self._cost, self._objective, n_rows, epochs)

    def _schedule(self):
        """Name the schedule; passes over parts know of no end to fall towards."""
        return (
            "constant" if self._is_partial else self._estimator.learning_rate_schedule
        )

    def _warmup(self, epochs):
        if self._is_partial:
            return 0
        return self._estimator._warmup(epochs, self._init == "pca")

    def _nothing_to_learn(self):
        """Tell whether the start reconstructs the rows up to rounding."""
        return (
            not (self._resumed or self._is_partial)
            and self._axes is not None
            and self._axes.are_exact
            and start_is_exact(self._architecture[0].code_activation)
            and self._objective.is_plain_error
            and self._data.rows.clean is None
        )

    def _observers(self, given):
        """Return what watches the fit; Keras' callbacks first, they add to the logs."""
        estimator, n_epochs = self._estimator, self._settings.epochs
        observers: list[Observer] = []
        if estimator.callbacks:
            n_rows = len(self._data.training_rows)
            n_batches = math.ceil(n_rows / self._settings.batch_size)
            observers += [KerasCallbacks(estimator.callbacks, n_epochs, n_batches)]
        if estimator.verbose:
            shown = ProgressBar if estimator.verbose == 1 else EpochLines
            observers += [shown(n_epochs, self._start_name)]
        if has_callbacks(estimator) and not self._is_partial:
            observers += [FitTasks(estimator, given, n_epochs, self._attributes)]
        return observers

    def _train_while_watched(self, start, steps, observers):
        """Train, set the fitted attributes, and return them."""
        with contextlib.ExitStack() as stack:
            for observer in observers:
                stack.callback(observer.close)
            training = self._train(start, steps, observers)
            let_interrupts_in()
            attributes = self._attributes(training)
            self._set(attributes)
            for observer in observers:
                observer.end(attributes)
        return attributes

    def _train(self, start, steps, observers):
        """Return the `Training` from a start."""
        if self._optimizer.use_ema:
            steps = NO_STEPS  # the optimizer would average steps of another size
        with_callbacks = bool(self._estimator.callbacks)
        stays = self._nothing_to_learn() and not with_callbacks
        rows = self._data.training_rows
        loop = Loop(
            self._settings,
            rows if stays else rows_to_feed(rows, self._cost),
            self._data.validation,
            self._objective,
            lambda weights, rows: self._on_standardized(weights).row_terms(rows),
            self._generator,
            steps,
            self._frame,
            optimizer_values(self._last_pass, self._optimizer),
            observers,
        )
        if stays:
            return loop.stay(start)
        with self._trainer(steps, with_callbacks) as trainer:
            training = loop.run(trainer, start)
            if self._is_partial:
                self._this_pass = pass_of(trainer, steps)
            return training

    def _trainer(self, steps, is_kept):
        """Return a context with a trainer, fresh if callbacks may keep its model."""
        how = {
            "step_shapes": steps.shapes,
            "has_targets": self._data.rows.clean is not None,
            "compile_with_xla": self._compile_with_xla,
        }
        if is_kept:
            trainer = Trainer(*self._architecture, self._optimizer, **how)
            return contextlib.nullcontext(trainer)
        return borrowed_trainer(self._codec, self._objective, self._optimizer, **how)

    def _on_standardized(self, weights):
        """Return a codec with weights, for rows in the network's scale."""
        as_they_are = Scaling.identity(len(self._data.mean))
        return FittedCodec(self._codec, weights, as_they_are)

    def _order_codes(self, training):
        """Return the fit with its codes in order, and what each explains."""
        standardized = self._on_standardized(training.weights)
        if self._is_partial:
            return OrderedCodes(standardized, None)
        is_pca = self._starts_at_pca and training.best_epoch == 0
        share = self._share_to_cut_at
        return order_codes(standardized, self._data.rows, share, is_pca)

    @property
    def _share_to_cut_at(self):
        """The share of variance that the codes to keep have to explain, if any."""
        return None if self._resumed or self._is_partial else self._share

    def _attributes(self, training):
        """Return the fitted attributes that training has made."""
        network, sample_shape, *_ = self._architecture
        codes = self._order_codes(training)
        dim = codes.fitted.codec.encoding_dim
        settings = self._settings
        scaling = self._data.scaling
        history, n_before = training.history, 0
        if self._is_partial and self._resumed:
            n_before = self._estimator.n_iter_
            history = appended(self._estimator.history_, history)
        attributes = {
            "history_": history,
            "n_iter_": n_before + len(training.history["loss"]),
            "best_epoch_": n_before + training.best_epoch,
            "initial_loss_": training.initial_loss,
            "best_loss_": training.best_loss,
            "init_": self._init,
            "optimizer_": self._optimizer.name,
            "learning_rate_": self._learning_rate,
            "batch_size_": settings.batch_size,
            "epochs_": self._epochs,
            "validation_fraction_": self._data.validation_fraction,
            "patience_": self._patience,
            "encoding_dim_": dim,
            "compression_factor_": math.prod(sample_shape) / dim,
            "_fitted": FittedCodec(codes.fitted.codec, codes.fitted.weights, scaling),
            "_n_features_out": dim,
            "_layers": described(codes.fitted.codec),
            "_start_name": self._start_name,
        }
        if self._frame:
            attributes["noise_scale_"] = self._noise_scale
        if codes.ratios is not None:
            attributes[_RATIOS] = codes.ratios
            attributes.update(self._score_of_pca(dim))
        if not self._resumed:
            attributes["mean_"] = self._data.mean.reshape(sample_shape)
        attributes.update(self._estimator._resolved_parameters(network))
        if self._is_partial:
            attributes["_last_pass"] = self._this_pass
        return attributes

    def _score_of_pca(self, n_codes):
        """Return what as many principal components explain, if the start was these."""
        if self._axes is None or self._start_name != "PCA" or self._data.has_gaps:
            return {}
        return {"pca_score_": self._axes.share_of_first(n_codes)}

    def _set(self, attributes):
        """Set all fitted attributes at once, after all that can fail."""
        for name in _NOT_OF_EVERY_FIT:
            vars(self._estimator).pop(name, None)  # an earlier fit may have had one
        vars(self._estimator).update(attributes)
