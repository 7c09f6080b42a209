"""How tight a bound does VAETransformer reach on MNIST, beside a plain Keras VAE?

    python -m benchmarks.variational [--encoding-dim 20] [--hidden 512 256]
        [--epochs 20] [--rows 60000]

Grey pixels as Bernoulli probabilities, one network, as many epochs for all. Prints the
evidence lower bound of the test images in nats (16 draws of each image's code), the
importance-weighted estimate with 100 draws, and the seconds of the fit.

The plain Keras VAE is that of Keras' own example: Adam at its defaults, batches of 128,
`Model.fit` with the KL divergence added to the loss.
"""

import argparse
import time

import keras
import numpy as np

from benchmarks import datasets
from skae import VAETransformer
from skae.networks import DenseNetwork

DRAWS = 16


def main():
    """Run the benchmark and print its table."""
    arguments = _arguments()
    train, test = datasets.mnist()
    train, test = train[: arguments.rows], test
    sizes, dim = tuple(arguments.hidden), arguments.encoding_dim
    print(f"{sizes} units, {dim} codes, {arguments.epochs} epochs\n")
    print("| | test ELBO, nats | importance-weighted, 100 draws | fit, s |")
    print("|---|---|---|---|")
    _warm_up()
    for label, shortcut in (("from PCA", True), ("chain of layers", False)):
        vae = VAETransformer(
            dim,
            network=DenseNetwork(sizes, linear_shortcut=shortcut),
            loss="binary_crossentropy",
            epochs=arguments.epochs,
            random_state=0,
        )
        seconds = _seconds(vae.fit, train)
        elbo = vae.score_samples(test).mean()
        tight = vae.log_likelihood(test).mean()
        print(
            f"| VAETransformer, {label} | {elbo:.2f} | {tight:.2f} | {seconds:.1f} |",
            flush=True,
        )
    encoder, decoder = _plain_models(train.shape[1], sizes, dim)
    seconds = _seconds(_fit_plain, encoder, decoder, train, arguments.epochs)
    elbo, tight = _plain_bounds(encoder, decoder, test)
    print(f"| plain Keras VAE | {elbo:.2f} | {tight:.2f} | {seconds:.1f} |")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoding-dim", type=int, default=20)
    parser.add_argument("--hidden", nargs="+", type=int, default=[512, 256])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rows", type=int, default=60_000)
    return parser.parse_args()


def _warm_up():
    """Take the start of TensorFlow out of the seconds."""
    VAETransformer(1, epochs=1).fit(np.random.RandomState(0).rand(40, 5))


def _seconds(fit, *arguments):
    start = time.perf_counter()
    fit(*arguments)
    return time.perf_counter() - start


def _plain_models(n_features, sizes, dim):
    """Return encoder (to means and log-variances) and decoder (to logits)."""
    keras.utils.set_random_seed(0)
    inputs = hidden = keras.Input((n_features,))
    for units in sizes:
        hidden = keras.layers.Dense(units, activation="relu")(hidden)
    heads = [keras.layers.Dense(dim)(hidden), keras.layers.Dense(dim)(hidden)]
    codes = hidden = keras.Input((dim,))
    for units in sizes[::-1]:
        hidden = keras.layers.Dense(units, activation="relu")(hidden)
    logits = keras.layers.Dense(n_features)(hidden)
    return keras.Model(inputs, heads), keras.Model(codes, logits)


class _Sampling(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(0)

    def call(self, heads):
        mean, log_variance = heads
        kl = 0.5 * (mean**2 + keras.ops.exp(log_variance) - 1 - log_variance)
        self.add_loss(keras.ops.mean(keras.ops.sum(kl, axis=-1)))
        noise = keras.random.normal(keras.ops.shape(mean), seed=self.seed)
        return mean + keras.ops.exp(log_variance / 2) * noise


def _fit_plain(encoder, decoder, train, epochs):
    inputs = keras.Input(encoder.input_shape[1:])
    vae = keras.Model(inputs, decoder(_Sampling()(encoder(inputs))))

    def surprise(rows, logits):
        errors = keras.ops.softplus(logits) - rows * logits
        return keras.ops.sum(errors, axis=-1)

    vae.compile(optimizer="adam", loss=surprise)
    vae.fit(train, train, epochs=epochs, batch_size=128, verbose=0)


def _plain_bounds(encoder, decoder, test, n_draws=100):
    """Return the ELBO and the importance-weighted bound, in NumPy."""
    mean, log_variance = encoder.predict(test, batch_size=1000, verbose=0)
    rng = np.random.RandomState(0)
    elbo, total = np.zeros(len(test)), np.full(len(test), -np.inf)
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1)
    for i in range(n_draws):
        noise = rng.standard_normal(mean.shape).astype(np.float32)
        codes = mean + np.exp(log_variance / 2) * noise
        logits = decoder.predict(codes, batch_size=1000, verbose=0)
        likelihood = (test * logits - np.logaddexp(0, logits)).sum(axis=1)
        if i < DRAWS:
            elbo += (likelihood - kl) / DRAWS
        ratio = 0.5 * (log_variance + noise**2 - codes**2).sum(axis=1)
        total = np.logaddexp(total, likelihood + ratio)
    return elbo.mean(), (total - np.log(n_draws)).mean()


if __name__ == "__main__":
    main()
