"""How long does an epoch take, and how far is that from the machine's limit?

    python -m benchmarks.training_speed [--rounds 5] [--epochs 20]

The same network (ReLU hidden layers and code, linear output), squared error, Adam with
a rate of 0.001 and batches of 256, trained on MNIST by skae, by ``keras.Model.fit``, by
scikit-learn's ``MLPRegressor``, and by a bare compiled loop with a hand-written Adam:
seconds per epoch, the first epoch with its compilation left out. Then whole fits of 50
epochs on digits. The contenders take turns in every round; medians are printed.
"""

import argparse
import itertools
import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from benchmarks import datasets
from skae import AutoencoderTransformer
from skae._runtime.tensorflow import load_keras, load_tensorflow

BATCH_SIZE = 256
LEARNING_RATE = 0.001
NETWORKS = {"simple 784-32-784": (32,), "deep 784-128-64-32-64-128-784": (128, 64, 32)}


def main():
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    X = datasets.mnist()[0]
    print("Seconds per epoch on MNIST, and how many times as long as skae's\n")
    for name, layers in NETWORKS.items():
        contenders = {
            "skae": lambda layers=layers: skae_epochs(X, layers, arguments.epochs),
            "bare loop": bare_loop(X, layers, arguments.epochs),
            "Model.fit": lambda layers=layers: keras_epochs(
                X, layers, arguments.epochs
            ),
            "MLPRegressor": lambda layers=layers: mlp_epochs(X, layers),
        }
        report(name, contenders, arguments.rounds)
    print("Seconds of a whole 50-epoch fit on digits, 64-32-64\n")
    X = load_digits().data.astype(np.float32) / 16
    contenders = {
        "skae": lambda: whole_fit(lambda: skae_fit(X, (32,), 50)),
        "Model.fit": lambda: whole_fit(lambda: keras_fit(X, (32,), 50)),
    }
    report("digits", contenders, arguments.rounds)


def report(name, contenders, n_rounds):
    """Let the contenders take turns, and print their medians."""
    for run in contenders.values():
        run()
    seconds = {contender: [] for contender in contenders}
    for _ in range(n_rounds):
        for contender, run in contenders.items():
            seconds[contender].append(run())
    ours = np.array(seconds["skae"])
    print(f"| {name} | seconds | / skae: median | lowest | highest |")
    print("|---|---|---|---|---|")
    for contender, values in seconds.items():
        ratios = np.array(values) / ours
        print(
            f"| {contender} | {np.median(values):.4f} | {np.median(ratios):.2f} "
            f"| {ratios.min():.2f} | {ratios.max():.2f} |"
        )
    print(flush=True)


def whole_fit(fit):
    """Return the seconds of a call."""
    start = time.perf_counter()
    fit()
    return time.perf_counter() - start


def clock():
    """Return a Keras callback that notes the time at the end of every epoch."""
    keras = load_keras()

    class Clock(keras.callbacks.Callback):
        times = []

        def on_epoch_end(self, epoch, logs=None):
            self.times.append(time.perf_counter())

    Clock.times.clear()
    return Clock()


def skae_fit(X, layers, epochs, callbacks=None):
    """Fit the plain network with skae."""
    return AutoencoderTransformer(
        layers[-1],
        hidden_layer_sizes=layers[:-1],
        code_activation="relu",
        init="random",
        optimizer="adam",
        learning_rate=LEARNING_RATE,
        learning_rate_schedule="constant",
        batch_size=BATCH_SIZE,
        epochs=epochs,
        validation_fraction=0,
        callbacks=callbacks,
    ).fit(X)


def skae_epochs(X, layers, epochs):
    """Return the median seconds of skae's epochs after the first."""
    watch = clock()
    skae_fit(X, layers, epochs + 1, [watch])
    return float(np.median(np.diff(watch.times)))


def keras_model(n_features, layers):
    """Build the plain network with Keras."""
    keras = load_keras()
    units = (*layers, *layers[-2::-1])
    return keras.Sequential(
        [
            keras.Input((n_features,)),
            *(keras.layers.Dense(u, activation="relu") for u in units),
            keras.layers.Dense(n_features),
        ]
    )


def keras_fit(X, layers, epochs, callbacks=None):
    """Fit the plain network with Model.fit."""
    keras = load_keras()
    model = keras_model(X.shape[1], layers)
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="mse")
    model.fit(
        X, X, batch_size=BATCH_SIZE, epochs=epochs, verbose=0, callbacks=callbacks
    )
    return model


def keras_epochs(X, layers, epochs):
    """Return the median seconds of Model.fit's epochs after the first."""
    watch = clock()
    keras_fit(X, layers, epochs + 1, [watch])
    return float(np.median(np.diff(watch.times)))


def mlp_epochs(X, layers):
    """Return the seconds of MLPRegressor's second epoch."""
    units = (*layers, *layers[-2::-1])
    model = MLPRegressor(
        hidden_layer_sizes=units,
        batch_size=BATCH_SIZE,
        learning_rate_init=LEARNING_RATE,
        alpha=0.0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.partial_fit(X, X)
        start = time.perf_counter()
        model.partial_fit(X, X)
    return time.perf_counter() - start


def bare_loop(X, layers, epochs):
    """Return a function that gives the median seconds of a hand-written epoch.

    Matrix products, gradients and Adam in one XLA-compiled loop over batches that are
    gathered from the data: no Keras, no callbacks, no partial batch.
    """
    tf = load_tensorflow()
    data = tf.constant(X)
    units = (X.shape[1], *layers, *layers[-2::-1], X.shape[1])
    generator = np.random.RandomState(0)
    weights = []
    for fan_in, fan_out in itertools.pairwise(units):
        scale = np.sqrt(2 / fan_in)
        weights.append(
            tf.Variable(generator.normal(0, scale, (fan_in, fan_out)).astype("f4"))
        )
        weights.append(tf.Variable(tf.zeros(fan_out)))
    first = [tf.Variable(tf.zeros_like(w)) for w in weights]
    second = [tf.Variable(tf.zeros_like(w)) for w in weights]
    step = tf.Variable(0.0)

    def loss(batch):
        hidden = batch
        for i in range(0, len(weights) - 2, 2):
            hidden = tf.nn.relu(hidden @ weights[i] + weights[i + 1])
        return tf.reduce_mean((hidden @ weights[-2] + weights[-1] - batch) ** 2)

    @tf.function(jit_compile=True)
    def run(batches):
        for i in tf.range(tf.shape(batches)[0]):
            with tf.GradientTape() as tape:
                value = loss(tf.gather(data, batches[i]))
            step.assign_add(1.0)
            rate = LEARNING_RATE * tf.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            for w, m, v, g in zip(
                weights, first, second, tape.gradient(value, weights), strict=True
            ):
                m.assign(0.9 * m + 0.1 * g)
                v.assign(0.999 * v + 0.001 * g * g)
                w.assign_sub(rate * m / (tf.sqrt(v) + 1e-7))

    def seconds():
        times = []
        for _ in range(epochs):
            start = time.perf_counter()
            order = generator.permutation(len(X))
            order = order[: len(X) // BATCH_SIZE * BATCH_SIZE]
            run(tf.constant(order.reshape(-1, BATCH_SIZE).astype("int32")))
            weights[0].numpy()
            times.append(time.perf_counter() - start)
        return float(np.median(times))

    return seconds


if __name__ == "__main__":
    main()
