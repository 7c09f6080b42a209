"""Keras models in training: the compiled call that runs an epoch over them."""

import contextlib
import json
import math
from collections import OrderedDict

import numpy as np

from skae import _backend
from skae._corruption import Frame
from skae._interruption import Pace
from skae._pool import evict_oldest
from skae._settings import NO_STEPS
from skae._threads import Lock
from skae.networks._models import (
    architecture_key,
    build,
    count_weights,
    variables,
)

_MOST_IDLE_TRAINERS = 16
_OPERATIONS_WORTH_XLA = 2e11


class Trainer:
    """Keras models and their optimizer, with the compiled steps over them.

    Parameters
    ----------
    network : object
        Builds the Keras models; see `skae.networks`.

    sample_shape : tuple of int
        Shape of one sample.

    encoding_dim : int
        Number of codes.

    objective : Objective
        Gives the row losses.

    optimizer : keras.optimizers.Optimizer
        Unbuilt, and the trainer's own.

    step_shapes : tuple of tuples of int, default=()
        Shapes of the sizes in `Steps`.

    has_targets : bool, default=False
        Whether the rows to reconstruct are others than those to encode.

    compile_with_xla : bool, default=False
        Whether XLA compiles the steps.
    """

    def __init__(
        self,
        network,
        sample_shape,
        encoding_dim,
        objective,
        optimizer,
        *,
        step_shapes=(),
        has_targets=False,
        compile_with_xla=False,
    ):
        keras, tf = _backend.load()
        self.encoder, self.decoder = build(
            network, sample_shape, encoding_dim, objective
        )
        self.objective = objective
        self.optimizer = optimizer
        self._sample_shape = sample_shape
        self._n_draws = objective.n_draws(encoding_dim)
        self._seed = keras.random.SeedGenerator(0)
        self._pace = Pace()
        self._compiled_with_xla = compile_with_xla
        self._own = objective.build()
        self.variables = variables(self.encoder, self.decoder) + self._own
        self.trainable = (
            self.encoder.trainable_variables
            + self.decoder.trainable_variables
            + self._own
        )
        optimizer.build(self.trainable)
        self._fresh_optimizer = self.optimizer_values
        self.follows_schedule = isinstance(optimizer.learning_rate, keras.Variable)
        steps = tf.function(self._take_steps, jit_compile=compile_with_xla)
        self._run = steps.get_concrete_function(
            *_step_signature(sample_shape, objective, step_shapes, has_targets)
        )

    @property
    def n_weights(self):
        """Number of weights that the trainer holds, its optimizer's included."""
        slots = sum(value.size for value in self._fresh_optimizer)
        return count_weights(self.encoder, self.decoder) + 2 * slots

    @property
    def weights(self):
        """Copies of all variables' values."""
        return [v.numpy() for v in self.variables]

    @property
    def learning_rate(self):
        """The optimizer's present learning rate, before the schedule's factor."""
        return float(self.optimizer.learning_rate.numpy())

    def reset(self, weights, seed=0, optimizer_values=None):
        """Start from the given values and a seed.

        Parameters
        ----------
        weights : list of arrays
            Values of all variables.

        seed : int, default=0
            Of corruption and other draws.

        optimizer_values : list of arrays or None, default=None
            What `optimizer_values` was after other training; its learning rate is not
            taken over. None is a fresh optimizer.
        """
        self.set_weights(weights)
        self._seed.state.assign([seed, 0])
        _assign(self.optimizer.variables, self._fresh_optimizer)
        if optimizer_values is not None:
            rate = self.learning_rate
            _assign(self.optimizer.variables, optimizer_values)
            if self.follows_schedule:
                self.optimizer.learning_rate.assign(rate)

    @property
    def optimizer_values(self):
        """Copies of the values of the optimizer's variables."""
        return [v.numpy() for v in self.optimizer.variables]

    def set_weights(self, weights):
        """Assign values to all variables."""
        _assign(self.variables, weights)

    @property
    def unsaved(self):
        """Values of what a weights file of `autoencoder` lacks.

        The objective's own variables, and the states of all that draws at random.
        """
        return [v.numpy() for v in self._unsaved_variables()]

    def restore(self, unsaved):
        """Assign the values of `unsaved`."""
        _assign(self._unsaved_variables(), unsaved)

    def _unsaved_variables(self):
        # The variables of Keras models include the states of random layers; the
        # weights do not.
        saved = {id(v) for v in self.encoder.weights + self.decoder.weights}
        unsaved = [v for v in self.variables if id(v) not in saved]
        return [*unsaved, self._seed.state]

    def autoencoder(self):
        """Return the model that callbacks see, compiled with the optimizer."""
        keras, _ = _backend.load()
        inputs = keras.Input(
            self.encoder.input_shape[1:], dtype="float32", name="sample"
        )
        codes = self.objective.codes(self.encoder(inputs))
        model = keras.Model(inputs, self.decoder(codes), name="autoencoder")
        model.compile(optimizer=self.optimizer, loss="mse")
        return model

    def run(
        self,
        data,
        batches,
        factors,
        term_weights,
        n_batches,
        steps=NO_STEPS,
        frame=(),
    ):
        """Train on batches.

        Parameters
        ----------
        data : list of float32 tensors of shape (n_rows, n_features)
            Training rows, and with `has_targets` what to reconstruct from each.

        batches : tuple of arrays of shape (n_batches, batch_size)
            Row numbers (int32) and row weights (float32; 0 pads the last batch).

        factors : float32 array of shape (n_batches,)
            What multiplies the learning rate.

        term_weights : float32 array of shape (n_batches, n_terms)
            What the objective's terms count in the loss.

        n_batches : int
            How many of the batches to train on. The others, without weight, only make
            up a shape that XLA has compiled for.

        steps : Steps
            How the optimizer's steps are changed.

        frame : sequence of tensors
            Of `Frame.tensors`, if the objective corrupts rows.

        Returns
        -------
        float64 array of shape (n_terms,)
            Mean of the weighted terms, each taken before its step.
        """
        _, tf = _backend.load()
        rate = self.learning_rate
        batches = [tf.constant(part) for part in (*batches, factors, term_weights)]
        decays = tf.constant(np.asarray(steps.decays, np.float32))
        arguments = [list(data), batches, list(steps.sizes), decays, list(frame)]
        total = tf.zeros(len(self.objective.terms))
        for piece in self._pace.pieces(n_batches):
            with self._quiet_start():
                total, mean = self._run(*arguments, tf.constant(piece), total)
                mean = mean.numpy()
            if self.follows_schedule:
                self.optimizer.learning_rate.assign(rate)
        return mean.astype(np.float64)

    def _quiet_start(self):
        if self._compiled_with_xla:
            return _backend.quiet_start_of_xla()
        return contextlib.nullcontext()

    def _take_steps(self, data, batches, step_sizes, decays, frame, piece, total):
        """Train on the batches from the first to before the second of `piece`.

        Return the sums of the terms, added to `total`, and what these come to as means.
        """
        _, tf = _backend.load()
        rows, weights, factors, term_weights = batches
        full_rate = tf.cast(self.optimizer.learning_rate, tf.float32)
        i = piece[0]
        while i < piece[1]:  # XLA would compile a tf.range anew for other ends
            rate = full_rate
            if self.follows_schedule:
                rate = full_rate * factors[i]
                self.optimizer.learning_rate.assign(rate)
            before = [tf.identity(v.value) for v in self.trainable]
            batch = [tf.gather(part, rows[i]) for part in data]
            targets = batch[-1]
            if frame:
                batch[0] = self.objective.corruption.apply(
                    batch[0], data[0], Frame(*frame), self._seed
                )
            total += self._take_step(batch[0], targets, weights[i], term_weights[i])
            if step_sizes:
                self._rescale_step(before, step_sizes, rate * decays)
            i += 1
        return total, total / tf.reduce_sum(weights)

    def _take_step(self, rows, targets, weights, term_weights):
        """Update all variables; return the weighted sums of the row terms."""
        _, tf = _backend.load()
        with tf.GradientTape() as tape:
            terms = self._row_terms(rows, targets)
            losses = tf.linalg.matvec(terms, term_weights)
            n_rows = tf.math.count_nonzero(weights, dtype=tf.float32)
            loss = tf.reduce_sum(losses * weights) / n_rows
            # Regularisation by the layers of a user's models.
            for penalty in self.encoder.losses + self.decoder.losses:
                loss += tf.cast(penalty, tf.float32)
        gradients = tape.gradient(loss, [v.value for v in self.trainable])
        self._apply(gradients)
        return tf.linalg.matvec(terms, weights, transpose_a=True)

    def _apply(self, gradients):
        """Have the optimizer take a step, as on one device.

        Asked to sum the gradients over devices, TensorFlow would keep the compiled
        steps, some megabytes, as long as the process lives.
        """
        _, tf = _backend.load()

        def apply(strategy):
            self.optimizer.apply(gradients)

        devices = tf.distribute.get_replica_context()
        if devices is None:  # the user chose a strategy, which sums by itself
            apply(tf.distribute.get_strategy())
        else:
            devices.merge_call(apply)

    def _row_terms(self, rows, targets):
        keras, tf = _backend.load()
        samples = tf.reshape(rows, (-1, *self._sample_shape))
        encoded = self.encoder(samples, training=True)
        draws = None
        if self._n_draws:
            shape = (tf.shape(rows)[0], self._n_draws)
            draws = keras.random.normal(shape, seed=self._seed)
        codes = self.objective.sampled(encoded, draws)
        outputs = tf.reshape(self.decoder(codes, training=True), tf.shape(targets))
        own = [variable.value for variable in self._own]
        return self.objective.row_terms(targets, encoded, outputs, own)

    def _rescale_step(self, before, step_sizes, decays):
        """Multiply the step just taken by the step sizes, and decay the weights."""
        for i, (variable, old, size) in enumerate(
            zip(self.trainable, before, step_sizes, strict=True)
        ):
            step = size * (variable.value - old) - decays[i] * old
            variable.assign(old + step)


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _step_signature(sample_shape, objective, step_shapes, has_targets):
    """Return the shapes and types of what `Trainer._take_steps` takes."""
    _, tf = _backend.load()
    n_features = math.prod(sample_shape)
    rows = tf.TensorSpec((None, n_features), tf.float32)
    frame = Frame.shapes(sample_shape) if objective.corruption else ()
    return (
        [rows, rows] if has_targets else [rows],
        [
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None, None), tf.float32),
            tf.TensorSpec((None,), tf.float32),
            tf.TensorSpec((None, len(objective.terms)), tf.float32),
        ],
        [tf.TensorSpec(shape, tf.float32) for shape in step_shapes],
        tf.TensorSpec((None,), tf.float32),
        [tf.TensorSpec(shape, tf.float32) for shape in frame],
        tf.TensorSpec((2,), tf.int32),
        tf.TensorSpec((len(objective.terms),), tf.float32),
    )


_idle_trainers: OrderedDict = OrderedDict()
_idle_lock = Lock()


@contextlib.contextmanager
def borrowed_trainer(network, sample_shape, encoding_dim, objective, optimizer, **how):
    """Lend a trainer to the body, one compiled by an earlier fit where possible.

    See `Trainer` for the parameters. A trainer whose body fails is dropped.
    """
    keras, _ = _backend.load()
    config = json.dumps(keras.optimizers.serialize(optimizer), default=repr)
    optimizer_key = type(optimizer), config, keras.config.floatx()
    parts = (sample_shape, encoding_dim, objective, optimizer_key)
    key = architecture_key(network, *parts, *sorted(how.items()))
    with _idle_lock.held():
        trainer = _idle_trainers.pop(key, None)
    if trainer is None:
        trainer = Trainer(
            network, sample_shape, encoding_dim, objective, optimizer, **how
        )
    yield trainer
    with _idle_lock.held():
        _idle_trainers[key] = trainer
        evict_oldest(_idle_trainers, _MOST_IDLE_TRAINERS)


def xla_pays(cost, objective, n_rows, n_epochs):
    """Tell whether XLA saves more time than it takes to compile.

    Only dense layers gain; on the CPU, convolutions become slower, and so do random
    numbers, of which corruption draws one a value. Counts the
    multiplications and additions of the whole training, forwards and backwards.
    ``python -m benchmarks.training_speed`` shows both sides of the limit.
    """
    operations = 6 * cost.n_products * n_rows * n_epochs
    gains = cost.is_dense and objective.corruption is None
    return gains and operations > _OPERATIONS_WORTH_XLA
