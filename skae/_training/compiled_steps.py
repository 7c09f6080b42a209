"""Keras models in training: the compiled call that runs an epoch over them."""

import math

import numpy as np

from skae._data.corruption import CorruptionUnits
from skae._runtime.interrupts import Pace
from skae._runtime.tensorflow import (
    as_traced,
    float32_by_default,
    load_keras,
    load_tensorflow,
    number_of,
    traced,
)
from skae._training.schedule import USUAL_STEPS
from skae.networks._build import count_weights, variables


class CompiledSteps:
    """Keras models and their optimizer, with the compiled steps over them.

    Parameters
    ----------
    architecture : Architecture
        Its objective gives the row losses.

    optimizer : keras.optimizers.Optimizer
        Unbuilt; from here on it belongs to these steps.

    step_shapes : tuple of tuples of int, default=()
        Shapes of the sizes in `StepSizes`.

    has_targets : bool, default=False
        Whether the rows to reconstruct are others than those to encode.

    compilation : {"none", "graph", "xla"}, default="none"
        Whether TensorFlow runs the steps as they were traced, optimizes their graph,
        or has XLA compile them.

    models : tuple of keras.Model or None, default=None
        The network's encoder and decoder, which from here on belong to these steps.
        None builds them.

    Attributes
    ----------
    n_weights : int
        Number of weights held, those of the optimizer included.
    """

    def __init__(
        self,
        architecture,
        optimizer,
        *,
        step_shapes=(),
        has_targets=False,
        compilation="none",
        models=None,
    ):
        keras = load_keras()
        if models is None:
            models = architecture.build()
        self.encoder, self.decoder = models
        self.objective = objective = architecture.objective
        self.optimizer = optimizer
        self._sample_shape = sample_shape = architecture.sample_shape
        self._n_draws = objective.n_draws(architecture.encoding_dim)
        self._seed = keras.random.SeedGenerator(0)
        self._pace = Pace()
        self._objective_variables = objective.build(architecture.encoding_dim)
        self.variables = (
            variables(self.encoder, self.decoder) + self._objective_variables
        )
        self.trainable = (
            self.encoder.trainable_variables
            + self.decoder.trainable_variables
            + self._objective_variables
        )
        with float32_by_default():
            optimizer.build(self.trainable)
        self._fresh_optimizer = self.optimizer_values
        # Those of the optimizer are held twice, to start afresh.
        n_slots = sum(value.size for value in self._fresh_optimizer)
        self.n_weights = count_weights(self.encoder, self.decoder) + 2 * n_slots
        self.follows_schedule = isinstance(optimizer.learning_rate, keras.Variable)
        run = traced(
            self._take_steps,
            *_step_signature(sample_shape, objective, step_shapes, has_targets),
            jit_compile=compilation == "xla",
        )
        self._run = as_traced(run) if compilation == "none" else run

    @property
    def weights(self):
        """Copies of all variables' values."""
        return [v.numpy() for v in self.variables]

    @property
    def learning_rate(self):
        """The optimizer's present learning rate, before the schedule's factor."""
        return number_of(self.optimizer.learning_rate)

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

    def put_averages_in_place(self):
        """Let an optimizer that averages weights (use_ema) put these in place."""
        self.optimizer.finalize_variable_values(self.trainable)

    def set_weights(self, weights):
        """Assign values to all variables."""
        _assign(self.variables, weights)

    def autoencoder(self):
        """Return the model that callbacks see, compiled with the optimizer."""
        keras = load_keras()
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
        steps=USUAL_STEPS,
        units=(),
        one_by_one=False,
    ):
        """Train on batches, a piece at a time. The steps are the same, however cut.

        Parameters
        ----------
        data : list of float32 tensors of shape (n_rows, n_features)
            Training rows, and with `has_targets` what to reconstruct from each.

        batches : tuple of arrays of shape (n_batches, batch_size)
            Row numbers (int32), row weights (float32; 0 pads the last batch), and what
            these are multiplied by in the loss that is minimised, but not in the one
            that is reported (float32).

        factors : float32 array of shape (n_batches,)
            What multiplies the learning rate.

        term_weights : float32 array of shape (n_batches, n_terms)
            What the objective's terms count in the loss.

        n_batches : int
            How many of the batches to train on. The others, without weight, only make
            up a shape that XLA has compiled for.

        steps : StepSizes
            How the optimizer's steps are changed.

        units : sequence of tensors
            Of `CorruptionUnits.tensors`, if the objective corrupts rows.

        one_by_one : bool, default=False
            Whether each batch is a piece.

        Yields
        ------
        mean : float64 array of shape (n_terms,)
            Of the weighted terms of all batches so far, each taken before its step.

        weight : float
            Sum of the weights of their rows.
        """
        tf = load_tensorflow()
        weights = batches[1]
        batches = [tf.constant(part) for part in (*batches, factors, term_weights)]
        decays = tf.constant(np.asarray(steps.decays, np.float32))
        arguments = [list(data), batches, list(steps.sizes), decays, list(units)]
        total = tf.zeros(len(self.objective.terms))
        for piece in self._pieces(n_batches, one_by_one):
            rate = self.learning_rate
            total, mean = self._run(*arguments, tf.constant(piece), total)
            mean = mean.numpy()
            if self.follows_schedule:
                self.optimizer.learning_rate.assign(rate)
            done = weights if piece[1] == n_batches else weights[: piece[1]]
            part = done.sum() / weights.sum()
            yield mean.astype(np.float64) / part, done.sum()

    def _pieces(self, n_batches, one_by_one):
        """Yield the first batch and the one after the last of each piece."""
        if not one_by_one:
            yield from self._pace.pieces(n_batches)
            return
        for batch in range(n_batches):
            for _ in self._pace.pieces(1):
                yield batch, batch + 1

    def _take_steps(self, data, batches, step_sizes, decays, units, piece, total):
        """Train on the batches from the first to before the second of `piece`.

        Return the sums of the terms, added to `total`, and what these come to as means.
        """
        tf = load_tensorflow()
        rows, weights, pulls, factors, term_weights = batches
        full_rate = tf.cast(self.optimizer.learning_rate, tf.float32)

        def take_step(i, total):
            if self.follows_schedule:
                self.optimizer.learning_rate.assign(full_rate * factors[i])
            rate = tf.cast(self.optimizer.learning_rate, tf.float32)
            if step_sizes:
                before = [tf.identity(v.value) for v in self.trainable]
                n_updates = self._n_updates()
            batch = [tf.gather(part, rows[i]) for part in data]
            targets = batch[-1]
            if units:
                batch[0] = self.objective.corruption.apply(
                    batch[0], data[0], CorruptionUnits(*units), self._seed
                )
            terms = self._take_step(
                batch[0], targets, weights[i], pulls[i], term_weights[i]
            )
            if step_sizes:
                self._rescale_step(before, step_sizes, rate, decays, n_updates)
            return i + 1, total + terms

        # A range would have XLA compile anew for other ends.
        first, end = piece[0], piece[1]
        _, total = tf.while_loop(lambda i, _: i < end, take_step, (first, total))
        return total, total / tf.reduce_sum(weights)

    def _take_step(self, rows, targets, weights, pulls, term_weights):
        """Update all variables; return the weighted sums of the row terms."""
        tf = load_tensorflow()
        with tf.GradientTape() as tape:
            terms = self._row_terms(rows, targets)
            losses = tf.linalg.matvec(terms, term_weights)
            n_rows = tf.math.count_nonzero(weights, dtype=tf.float32)
            loss = tf.reduce_sum(losses * weights * pulls) / n_rows
            # Regularisation by the layers of a user's models.
            for penalty in self.encoder.losses + self.decoder.losses:
                loss += tf.cast(penalty, tf.float32)
        gradients = tape.gradient(loss, [v.value for v in self.trainable])
        _check_some_gradient(gradients, self.objective.loss)
        self._apply(gradients)
        return tf.linalg.matvec(terms, weights, transpose_a=True)

    def _apply(self, gradients):
        """Have the optimizer take a step, as on one device.

        Asked to sum the gradients over devices, TensorFlow would keep the compiled
        steps, some megabytes, as long as the process lives.
        """
        tf = load_tensorflow()

        def apply(strategy):
            self.optimizer.apply(gradients)

        devices = tf.distribute.get_replica_context()
        if devices is None:  # the user chose a strategy, which sums by itself
            apply(tf.distribute.get_strategy())
        else:
            devices.merge_call(apply)

    def _row_terms(self, rows, targets):
        keras, tf = load_keras(), load_tensorflow()
        samples = tf.reshape(rows, (-1, *self._sample_shape))
        encoded = self.encoder(samples, training=True)
        draws = None
        if self._n_draws:
            shape = (tf.shape(rows)[0], self._n_draws)
            draws = keras.random.normal(shape, dtype="float32", seed=self._seed)
        values = [variable.value for variable in self._objective_variables]
        codes = self.objective.sampled(encoded, draws, values)
        outputs = self.decoder(codes, training=True)
        if self.objective.has_decoder:
            outputs = tf.reshape(outputs, tf.shape(targets))
        return self.objective.row_terms(targets, encoded, outputs, values)

    def _rescale_step(self, before, step_sizes, rate, decays, n_updates):
        """Multiply the step just taken by the step sizes, and decay the weights.

        With a decay d of its own the optimizer has, at the learning rate r, made
        (1 - r d) w + step of a weight w (Loshchilov and Hutter, 2019). Only the step is
        multiplied.
        """
        own_decay, decays = self._own_decay(n_updates), rate * decays
        for i, (variable, old, size) in enumerate(
            zip(self.trainable, before, step_sizes, strict=True)
        ):
            decayed = old if own_decay is None else (1 - rate * own_decay) * old
            step = size * (variable.value - decayed) - decays[i] * old
            variable.assign(decayed + step)

    def _own_decay(self, n_updates):
        """Return the weight decay that the optimizer applied in its last step.

        One that accumulates gradients leaves the weights until it has enough.
        """
        tf = load_tensorflow()
        decay = self.optimizer.weight_decay
        if not decay or not self.optimizer.gradient_accumulation_steps:
            return decay or None
        return tf.where(self._n_updates() > n_updates, decay, 0.0)

    def _n_updates(self):
        """Return how often the optimizer has changed the weights."""
        keras = load_keras()
        return keras.ops.convert_to_tensor(self.optimizer.iterations)


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _check_some_gradient(gradients, loss):
    """Raise a ValueError if no weight has an influence on the loss."""
    if gradients and all(gradient is None for gradient in gradients):
        raise ValueError(
            f"loss={loss!r} has no gradient: it does not depend on the outputs of the "
            "network, or only by operations without a derivative. Let its call method "
            "return a differentiable function of both arguments."
        )


def _step_signature(sample_shape, objective, step_shapes, has_targets):
    """Return the shapes and types of what `CompiledSteps._take_steps` takes."""
    tf = load_tensorflow()
    n_features = math.prod(sample_shape)
    rows = tf.TensorSpec((None, n_features), tf.float32)
    units = CorruptionUnits.shapes(sample_shape) if objective.corruption else ()
    return (
        [rows, rows] if has_targets else [rows],
        [
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None, None), tf.float32),
            tf.TensorSpec((None, None), tf.float32),
            tf.TensorSpec((None,), tf.float32),
            tf.TensorSpec((None, len(objective.terms)), tf.float32),
        ],
        [tf.TensorSpec(shape, tf.float32) for shape in step_shapes],
        tf.TensorSpec((None,), tf.float32),
        [tf.TensorSpec(shape, tf.float32) for shape in units],
        tf.TensorSpec((2,), tf.int32),
        tf.TensorSpec((len(objective.terms),), tf.float32),
    )
