"""Keras models in training: the compiled call that runs an epoch over them."""

import contextlib
import dataclasses
import json
import threading
from collections import OrderedDict

import numpy as np

from skae import _backend
from skae._inference import evict_oldest
from skae.networks import architecture_key, build, count_weights, variables

_MOST_IDLE_TRAINERS = 8
_OPERATIONS_WORTH_XLA = 2e11


@dataclasses.dataclass(frozen=True)
class Steps:
    """How the optimizer's steps are changed, for each trainable variable.

    Parameters
    ----------
    sizes : tuple of float32 arrays
        What multiplies each step, in a shape that broadcasts to the variable's. None
        at all leaves the steps as the optimizer takes them.

    decays : tuple of float
        Weight decay, decoupled from the gradient and from the sizes: each step takes
        away this times the learning rate of a weight (Loshchilov and Hutter, 2019).
    """

    sizes: tuple = ()
    decays: tuple = ()

    @property
    def shapes(self):
        """Shapes of the sizes."""
        return tuple(size.shape for size in self.sizes)


NO_STEPS = Steps()


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

    compile_with_xla : bool
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
        compile_with_xla=False,
    ):
        keras, tf = _backend.load()
        self.encoder, self.decoder = build(network, sample_shape, encoding_dim)
        self.objective = objective
        self.optimizer = optimizer
        self._compiled_with_xla = compile_with_xla
        self.variables = variables(self.encoder, self.decoder)
        self.trainable = (
            self.encoder.trainable_variables + self.decoder.trainable_variables
        )
        optimizer.build(self.trainable)
        self._fresh_optimizer = [v.numpy() for v in optimizer.variables]
        self.follows_schedule = isinstance(optimizer.learning_rate, keras.Variable)
        steps = tf.function(self._take_steps, jit_compile=compile_with_xla)
        self._run = steps.get_concrete_function(
            *_step_signature(sample_shape, step_shapes)
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

    def reset(self, weights):
        """Start afresh from the given values, with a fresh optimizer."""
        self.set_weights(weights)
        for variable, value in zip(
            self.optimizer.variables, self._fresh_optimizer, strict=True
        ):
            variable.assign(value)

    def set_weights(self, weights):
        """Assign values to all variables."""
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def autoencoder(self):
        """Return the model that callbacks see, compiled with the optimizer."""
        keras, _ = _backend.load()
        inputs = keras.Input(
            self.encoder.input_shape[1:], dtype="float32", name="sample"
        )
        model = keras.Model(
            inputs, self.decoder(self.encoder(inputs)), name="autoencoder"
        )
        model.compile(optimizer=self.optimizer, loss="mse")
        return model

    def run(self, data, batches, factors, steps=NO_STEPS):
        """Train on batches.

        Parameters
        ----------
        data : float32 tensor of shape (n_rows, *sample_shape)
            All training rows.

        batches : tuple of arrays of shape (n_batches, batch_size)
            Row numbers (int32) and row weights (float32; 0 pads the last batch).

        factors : float32 array of shape (n_batches,)
            What multiplies the learning rate.

        steps : Steps
            How the optimizer's steps are changed.

        Returns
        -------
        float
            Mean of the weighted row losses, each taken before its step.
        """
        _, tf = _backend.load()
        rate = self.learning_rate
        arguments = [tf.constant(part) for part in (*batches, factors)]
        decays = np.asarray(steps.decays, np.float32)
        arguments += [list(steps.sizes), tf.constant(decays)]
        with self._quiet_start():
            loss = float(self._run(data, *arguments))
        if self.follows_schedule:
            self.optimizer.learning_rate.assign(rate)
        return loss

    def _quiet_start(self):
        if self._compiled_with_xla:
            return _backend.quiet_start_of_xla()
        return contextlib.nullcontext()

    def _take_steps(self, data, rows, weights, factors, step_sizes, decays):
        _, tf = _backend.load()
        full_rate = tf.cast(self.optimizer.learning_rate, tf.float32)
        total = tf.constant(0.0)
        for i in tf.range(tf.shape(rows)[0]):
            rate = full_rate
            if self.follows_schedule:
                rate = full_rate * factors[i]
                self.optimizer.learning_rate.assign(rate)
            before = [tf.identity(v.value) for v in self.trainable]
            total += self._take_step(tf.gather(data, rows[i]), weights[i])
            if step_sizes:
                self._rescale_step(before, step_sizes, rate * decays)
        return total / tf.reduce_sum(weights)

    def _take_step(self, batch, weights):
        """Update all variables; return the weighted sum of the row losses."""
        _, tf = _backend.load()
        with tf.GradientTape() as tape:
            codes = self.encoder(batch, training=True)
            outputs = self.decoder(codes, training=True)
            losses = self.objective.row_losses(batch, codes, outputs)
            total = tf.reduce_sum(losses * weights)
            loss = total / tf.math.count_nonzero(weights, dtype=tf.float32)
        gradients = tape.gradient(loss, [v.value for v in self.trainable])
        self.optimizer.apply(gradients)
        return total

    def _rescale_step(self, before, step_sizes, decays):
        """Multiply the step just taken by the step sizes, and decay the weights."""
        for i, (variable, old, size) in enumerate(
            zip(self.trainable, before, step_sizes, strict=True)
        ):
            step = size * (variable.value - old) - decays[i] * old
            variable.assign(old + step)


def _step_signature(sample_shape, step_shapes):
    """Return the shapes and types of what `Trainer._take_steps` takes."""
    _, tf = _backend.load()
    return (
        tf.TensorSpec((None, *sample_shape), tf.float32),
        tf.TensorSpec((None, None), tf.int32),
        tf.TensorSpec((None, None), tf.float32),
        tf.TensorSpec((None,), tf.float32),
        [tf.TensorSpec(shape, tf.float32) for shape in step_shapes],
        tf.TensorSpec((None,), tf.float32),
    )


_idle_trainers: OrderedDict = OrderedDict()
_idle_lock = threading.Lock()


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
    with _idle_lock:
        trainer = _idle_trainers.pop(key, None)
    if trainer is None:
        trainer = Trainer(
            network, sample_shape, encoding_dim, objective, optimizer, **how
        )
    yield trainer
    with _idle_lock:
        _idle_trainers[key] = trainer
        evict_oldest(_idle_trainers, _MOST_IDLE_TRAINERS)


def xla_pays(n_weights, n_rows, n_epochs):
    """Tell whether XLA saves more time on dense layers than it takes to compile.

    Counts the multiplications and additions of the whole training, forwards and
    backwards. ``python -m benchmarks.training_speed`` shows both sides of the limit.
    """
    return 6 * n_weights * n_rows * n_epochs > _OPERATIONS_WORTH_XLA
