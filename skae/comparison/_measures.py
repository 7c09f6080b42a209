"""The measures of one fit, on rows that it has not seen."""

import time
from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from skae.comparison._candidates import check_shape
from skae.comparison._result import Conditions, Measurement, PlaneMap
from skae.comparison._tables import EncodedSplit

# Below this fraction of the variance an error is rounding. Float64 rounds squares at
# about 1e-16; larger would hide true differences, smaller would compare roundings.
_ROUNDING = 1e-12
# scikit-learn's default.
_PERPLEXITY = 30.0


@dataclass(frozen=True)
class Trial:
    """One split: rows to fit, rows to measure on, and how to measure.

    `order` has the numbers of the test rows in random order. Trustworthiness and t-SNE
    use the first of them. `table` has the same rows as columns of a table, or is None.
    """

    number: int
    conditions: Conditions
    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray | None
    y_test: np.ndarray | None
    order: np.ndarray
    table: EncodedSplit | None = None

    def run(self, name, dim, estimator, pca_error=None):
        """Fit an estimator; return a `Measurement`, a `PlaneMap` or None, and scores.

        The scores are those of a table's columns; there are none of other rows. Without
        `pca_error` the estimator is PCA itself.
        """
        started = time.perf_counter()
        estimator.fit(self.X_train)
        seconds = time.perf_counter() - started
        codes = np.asarray(estimator.transform(self.X_test))
        reconstructions = estimator.inverse_transform(codes)
        check_shape(name, reconstructions, self.X_test)
        plane_map = self._map(name, dim, codes)
        n_rows = self.conditions.trustworthiness_rows
        measurement = Measurement(
            estimator=name,
            encoding_dim=dim,
            split=self.number,
            **of_reconstructions(self.X_test, reconstructions, pca_error),
            trustworthiness=self._trustworthiness(codes, n_rows),
            accuracy=self._accuracy(estimator, codes),
            **self._after_tsne(plane_map),
            fit_seconds=seconds,
        )
        return measurement, plane_map, self._column_scores(name, dim, reconstructions)

    def _column_scores(self, name, dim, reconstructions):
        if self.table is None:
            return []
        return self.table.scores(reconstructions, name, dim, self.number)

    def _accuracy(self, estimator, codes):
        if self.y_train is None:
            return None
        neighbors = self._classifier(len(self.y_train))
        neighbors.fit(estimator.transform(self.X_train), self.y_train)
        return float(neighbors.score(codes, self.y_test))

    def _classifier(self, most):
        return KNeighborsClassifier(min(self.conditions.n_neighbors, most))

    def _trustworthiness(self, positions, n_rows):
        """Compare neighbours among the positions of test rows with those in X."""
        from sklearn.manifold import trustworthiness

        rows = self.order[:n_rows]
        k = min(self.conditions.n_neighbors, (len(rows) - 1) // 2)
        return float(trustworthiness(self.X_test[rows], positions[rows], n_neighbors=k))

    def _map(self, name, dim, codes):
        n_rows = self.conditions.tsne_rows
        if n_rows is None:
            return None
        rows = self.order[:n_rows]
        labels = None if self.y_test is None else self.y_test[rows]
        positions = tsne_plane(codes[rows], self.conditions.seed)
        return PlaneMap(name, dim, positions, labels)

    def _after_tsne(self, plane_map):
        """Return trustworthiness and accuracy in t-SNE's plane, by their names."""
        if plane_map is None:
            return {"tsne_trustworthiness": None, "tsne_accuracy": None}
        n_rows = len(plane_map.positions)
        positions = np.zeros((len(self.X_test), 2), plane_map.positions.dtype)
        positions[self.order[:n_rows]] = plane_map.positions
        fewer = min(n_rows, self.conditions.trustworthiness_rows)
        return {
            "tsne_trustworthiness": self._trustworthiness(positions, fewer),
            "tsne_accuracy": self._accuracy_in_plane(plane_map),
        }

    def _accuracy_in_plane(self, plane_map):
        """Return the accuracy by leaving one out: the other rows vote on each label."""
        if plane_map.labels is None:
            return None
        neighbors = self._classifier(len(plane_map.labels) - 1)
        neighbors.fit(plane_map.positions, plane_map.labels)
        return float(neighbors.score(None, plane_map.labels))


def of_reconstructions(X, reconstructions, pca_error=None):
    """Return measures by their names; without `pca_error` they are PCA's own."""
    error = float(np.square(X - reconstructions).mean(dtype=np.float64))
    variance = float(X.var(axis=0, dtype=np.float64).mean())
    rounding = _ROUNDING * variance
    baseline = error if pca_error is None else pca_error
    return {
        "error": error,
        "relative_error": max(error, rounding) / max(baseline, rounding),
        "variance_explained": 1 - error / variance,
    }


def tsne_plane(codes, random_state):
    """Lay out codes in the plane by t-SNE; return an array of shape (n_rows, 2)."""
    from sklearn.manifold import TSNE

    # The PCA start needs two components, and divides by the spread of the first.
    has_plane = codes.shape[1] > 1 and np.ptp(codes, axis=0).any()
    tsne = TSNE(
        init="pca" if has_plane else "random",
        perplexity=min(_PERPLEXITY, (len(codes) - 1) / 3),
        random_state=random_state,
    )
    # With several threads its bits differ, and it is slow if cores are shared.
    with threadpool_limits(1):
        return tsne.fit_transform(codes)
