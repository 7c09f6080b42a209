"""How long does a grid search take beside one over a plain Keras wrapper?

    python -m benchmarks.grid_search [--epochs 50]

Twelve candidates (six numbers of codes × two hidden layers) and five folds on digits:
60 fits, each with its score. `AutoencoderTransformer`, in one process and in two, and
`KerasAutoencoder` below: the transformer that one writes around a Keras functional
model with ``compile``, ``Model.fit`` and ``predict``. All have the same networks
(linear maps beside the hidden layers), folds, batches of 32, held-out rows that are
judged after every epoch (a fifth), and metric (variance explained). All train for the
same number of epochs, so what skae gains elsewhere, by its PCA start and by stopping
early, is not counted.

Each search runs in a fresh process in which TensorFlow has started. The processes of
``n_jobs=2`` start within the search, and their start counts. Memory per fit is what the
process has grown by, divided by the number of fits. Worker processes are not in it, nor
in the processor seconds, which other work on the machine disturbs less than the clock.

The second table shows what fits of one architecture gain from the functions that an
earlier one has compiled.
"""

import argparse
import time

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from benchmarks.memory import in_fresh_process, resident, warm_up
from skae import AutoencoderTransformer

GRID = {
    "encoding_dim": [2, 4, 8, 12, 16, 24],
    "hidden_layer_sizes": [(128,), (256,)],
}
N_FOLDS = 5
BATCH_SIZE = 32
VALIDATION_FRACTION = 0.2


class KerasAutoencoder(TransformerMixin, BaseEstimator):
    """A Keras autoencoder as a transformer, as one writes it for oneself.

    Parameters
    ----------
    encoding_dim : int, default=8
        Number of codes.

    hidden_layer_sizes : tuple of int, default=(256,)
        Units of the encoder's hidden layers; the decoder mirrors them.

    epochs : int, default=50
        Passes over the training rows.
    """

    def __init__(self, encoding_dim=8, hidden_layer_sizes=(256,), epochs=50):
        self.encoding_dim = encoding_dim
        self.hidden_layer_sizes = hidden_layer_sizes
        self.epochs = epochs

    def fit(self, X, y=None):
        """Train encoder and decoder."""
        import keras

        self.mean_, self.scale_ = X.mean(axis=0), X.std(axis=0).max()
        n_features, hidden = X.shape[1], self.hidden_layer_sizes
        self.encoder_ = _shortcut_model(n_features, hidden, self.encoding_dim)
        self.decoder_ = _shortcut_model(self.encoding_dim, hidden[::-1], n_features)
        inputs = keras.Input((n_features,))
        self.model_ = keras.Model(inputs, self.decoder_(self.encoder_(inputs)))
        self.model_.compile(optimizer="adam", loss="mse")
        rows = self._standardized(X)
        self.model_.fit(
            rows,
            rows,
            batch_size=BATCH_SIZE,
            epochs=self.epochs,
            validation_split=VALIDATION_FRACTION,
            verbose=0,
        )
        return self

    def transform(self, X):
        """Encode rows."""
        return self.encoder_.predict(self._standardized(X), verbose=0)

    def score(self, X, y=None):
        """Return the fraction of the variance that reconstructions explain."""
        rows = self._standardized(X)
        errors = (self.model_.predict(rows, verbose=0) - rows) ** 2
        return 1 - errors.sum() / ((rows - rows.mean(axis=0)) ** 2).sum()

    def _standardized(self, X):
        return (X - self.mean_) / self.scale_


def _shortcut_model(n_inputs, hidden, n_outputs):
    """Return hidden layers with a linear map beside them."""
    import keras

    inputs = features = keras.Input((n_inputs,))
    for units in hidden:
        features = keras.layers.Dense(units, activation="relu")(features)
    branch = keras.layers.Dense(n_outputs, use_bias=False)(features)
    linear = keras.layers.Dense(n_outputs)(inputs)
    return keras.Model(inputs, keras.layers.Add()([linear, branch]))


def main():
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=50)
    epochs = parser.parse_args().epochs
    report_searches(epochs)
    report_later_fits(epochs)


def contender(name, epochs):
    """Return an unfitted estimator."""
    if name == "Keras wrapper":
        return KerasAutoencoder(epochs=epochs)
    return AutoencoderTransformer(
        epochs=epochs,
        batch_size=BATCH_SIZE,
        validation_fraction=VALIDATION_FRACTION,
        early_stopping=False,
        random_state=0,
    )


def report_searches(epochs):
    """Print time and memory of all searches."""
    n_fits = N_FOLDS * np.prod([len(values) for values in GRID.values()])
    print(f"A search of {n_fits} fits of {epochs} epochs on digits, and its scores\n")
    print(
        "| | n_jobs | seconds | / skae, n_jobs=1 | processor seconds | / skae "
        "| MB per fit | best mean score |"
    )
    print("|---|---|---|---|---|---|---|---|")
    found = {}
    for name, n_jobs in (("skae", 1), ("skae", 2), ("Keras wrapper", 1)):
        found[name, n_jobs] = in_fresh_process(search, name, n_jobs, epochs)
        seconds, cpu, growth, scores = found[name, n_jobs]
        ours = found["skae", 1]
        one_process = f"{cpu:.1f} | {cpu / ours[1]:.2f} | {growth / n_fits:.2f}"
        print(
            f"| {name} | {n_jobs} | {seconds:.1f} | {seconds / ours[0]:.2f} "
            f"| {one_process if n_jobs == 1 else '| |'} "
            f"| {scores.mean(axis=0).max():.3f} |",
            flush=True,
        )
    same = np.array_equal(found["skae", 1][-1], found["skae", 2][-1])
    print(
        f"\nThe {n_fits} scores of skae with n_jobs=1 and n_jobs=2 are "
        f"{'the same, bit for bit' if same else 'NOT the same'}.\n",
        flush=True,
    )


def search(name, n_jobs, epochs):
    """Search in this process.

    Returns
    -------
    seconds, cpu : float
        On the clock, and of all processors together.

    growth : float
        Of the memory of this process, in MB.

    scores : ndarray of shape (n_folds, n_candidates)
    """
    X = load_digits().data.astype(np.float32)
    before = warm_up()["VmRSS"]
    searched = GridSearchCV(
        contender(name, epochs), GRID, cv=N_FOLDS, n_jobs=n_jobs, refit=False
    )
    start, cpu_start = time.perf_counter(), time.process_time()
    searched.fit(X)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    results = searched.cv_results_
    scores = np.array([results[f"split{i}_test_score"] for i in range(N_FOLDS)])
    return seconds, cpu, resident()["VmRSS"] - before, scores


def report_later_fits(epochs):
    """Print what the first fit of an architecture takes, and the later ones."""
    print("Seconds of a fit and its score, five times the same architecture\n")
    print("| | first | later, median of 4 | first / later |")
    print("|---|---|---|---|")
    for name in ("skae", "Keras wrapper"):
        first, *later = in_fresh_process(repeated_fits, name, epochs)
        typical = np.median(later)
        print(
            f"| {name} | {first:.2f} | {typical:.2f} | {first / typical:.1f} |",
            flush=True,
        )
    print()


def repeated_fits(name, epochs):
    """Return the seconds of five fits of one architecture, each with its score."""
    X = load_digits().data.astype(np.float32)
    warm_up()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        contender(name, epochs).set_params(encoding_dim=8).fit(X).score(X)
        times.append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    main()
