"""The measures of one fit, on rows that it has not seen."""

import time
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils import get_tags
from threadpoolctl import threadpool_limits

from skae.comparison._candidates import check_shape
from skae.comparison._records import Conditions, Measurement, PlaneMap
from skae.comparison._rows import Parts
from skae.comparison._tables import EncodedSplit
from skae.exceptions import DominantFeatureWarning

# Below this fraction of the variance an error is rounding. Float64 rounds squares at
# about 1e-16; larger would hide true differences, smaller would compare roundings.
_ROUNDING = 1e-12
# scikit-learn's default.
_PERPLEXITY = 30.0


@dataclass(frozen=True)
class Trial:
    """One split: rows to fit, rows to measure on, and how to measure.

    `order` has the numbers of the test rows in random order. Trustworthiness, accuracy
    and t-SNE use the first of them; accuracy has the training rows `fitted`. `table`
    has the same rows as columns of a table, or is None.
    """

    number: int
    conditions: Conditions
    parts: Parts
    y_train: np.ndarray | None
    y_test: np.ndarray | None
    order: np.ndarray
    fitted: np.ndarray
    table: EncodedSplit | None = None

    @property
    def X_test(self):
        """The rows to measure on, with NaN where values are missing."""
        return self.parts.test

    def run(self, name, dim, estimator, pca_error=None):
        """Fit an estimator; return a `Measurement`, a `PlaneMap` or None, and scores.

        The scores are those of a table's columns; there are none of other rows. Without
        `pca_error` the estimator is PCA itself.
        """
        X_train, X_test = self._rows_for(estimator)
        seconds = _seconds_of_fit(estimator, X_train)
        codes = np.asarray(estimator.transform(X_test))
        reconstructions = estimator.inverse_transform(codes)
        check_shape(name, reconstructions, X_test)
        plane_map = self._map(name, dim, codes)
        n_rows = self.conditions.trustworthiness_rows
        measurement = Measurement(
            estimator=name,
            encoding_dim=dim,
            split=self.number,
            **of_reconstructions(self.X_test, reconstructions, pca_error),
            trustworthiness=self._trustworthiness(codes, n_rows),
            accuracy=self._accuracy(estimator, X_train, codes),
            **self._after_tsne(plane_map),
            fit_seconds=seconds,
        )
        return measurement, plane_map, self._column_scores(name, dim, reconstructions)

    def _rows_for(self, estimator):
        """Return training and test rows, filled in unless the estimator takes NaN."""
        parts = self.parts
        if parts.filled_train is not parts.train and _takes_missing(estimator):
            return parts.train, parts.test
        return parts.filled_train, parts.filled_test

    def _column_scores(self, name, dim, reconstructions):
        if self.table is None:
            return []
        return self.table.scores(reconstructions, name, dim, self.number)

    def _accuracy(self, estimator, X_train, codes):
        if self.y_train is None or self.y_test is None:
            return None
        fitted, judged = self.fitted, self.order[: self.conditions.accuracy_rows]
        neighbors = self._classifier(len(fitted))
        neighbors.fit(estimator.transform(X_train[fitted]), self.y_train[fitted])
        return float(neighbors.score(codes[judged], self.y_test[judged]))

    def _classifier(self, most):
        return KNeighborsClassifier(min(self.conditions.n_neighbors, most))

    def _trustworthiness(self, positions, n_rows):
        """Compare neighbours among the positions of test rows with those in X."""
        from sklearn.manifold import trustworthiness

        rows = self.order[:n_rows]
        k = min(self.conditions.n_neighbors, (len(rows) - 1) // 2)
        X_test = self.parts.filled_test[rows]
        return float(trustworthiness(X_test, positions[rows], n_neighbors=k))

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


def _seconds_of_fit(estimator, X):
    """Fit an estimator; return the seconds that it took."""
    with warnings.catch_warnings():
        # The comparison says itself which features dominate.
        warnings.simplefilter("ignore", DominantFeatureWarning)
        started = time.perf_counter()
        estimator.fit(X)
        return time.perf_counter() - started


def _takes_missing(estimator):
    """Tell whether an estimator takes NaN, by scikit-learn's tags."""
    has_tags = hasattr(estimator, "__sklearn_tags__")
    return has_tags and get_tags(estimator).input_tags.allow_nan


def of_reconstructions(X, reconstructions, pca_error=None):
    """Return measures by their names; without `pca_error` they are PCA's own.

    They are taken over the values that are not missing.
    """
    errors = np.square(X - reconstructions)
    if np.isnan(errors).any():
        known = ~np.isnan(errors)
        error = float(errors[known].mean(dtype=np.float64))
        deviations = X - _means_of_known(X)
        variance = float(np.square(deviations[known]).mean(dtype=np.float64))
    else:
        error = float(errors.mean(dtype=np.float64))
        variance = float(X.var(axis=0, dtype=np.float64).mean())
    rounding = _ROUNDING * variance
    baseline = error if pca_error is None else pca_error
    return {
        "error": error,
        "relative_error": max(error, rounding) / max(baseline, rounding),
        "variance_explained": 1 - error / variance,
    }


def _means_of_known(X):
    """Return the means of the columns, zero for those without a value."""
    imputer = SimpleImputer(keep_empty_features=True)
    return imputer.fit(X).statistics_


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
