"""What a comparison records: measurements, maps, and what was the same for all."""

import math
from typing import Any, NamedTuple

import numpy as np

from skae.comparison._columns import LeftOut


class Measurement(NamedTuple):
    """The measures of one estimator, for one split and one number of codes.

    All are taken on the test rows of the split.

    Attributes
    ----------
    estimator : str
        Name of the estimator.

    encoding_dim : int
        Number of codes.

    split : int
        Number of the split, from 0.

    error : float
        Mean squared error of the reconstructions over all test rows and features, in
        the squared unit of X.

    relative_error : float
        `error` divided by PCA's with as many codes on the same split. Below 1 the
        estimator is better. Errors below 1e-12 of the variance are rounding, and count
        as 1e-12 of the variance.

    variance_explained : float
        1 - SSE / SST over all features, with SST around the means of the test rows;
        at most 1.

    trustworthiness : float
        Whether neighbours among the codes are neighbours in X, from 0 to 1; see
        `sklearn.manifold.trustworthiness`.

    accuracy : float or None
        Fraction of the test rows whose label is found by a nearest-neighbour
        classifier, fitted on the codes of the training rows. None without labels.

    tsne_trustworthiness : float or None
        `trustworthiness` of the plane in which t-SNE lays out the codes of test rows.
        None without t-SNE.

    tsne_accuracy : float or None
        Fraction of the rows in that plane whose label is found by the votes of their
        nearest neighbours there, leaving out the row itself. None without t-SNE or
        labels.

    fit_seconds : float
        Wall-clock time of the fit, without TensorFlow's start.
    """

    estimator: str
    encoding_dim: int
    split: int
    error: float
    relative_error: float
    variance_explained: float
    trustworthiness: float
    accuracy: float | None
    tsne_trustworthiness: float | None
    tsne_accuracy: float | None
    fit_seconds: float


class PlaneMap(NamedTuple):
    """Where t-SNE put the codes of test rows.

    Attributes
    ----------
    estimator : str
        Name of the estimator.

    encoding_dim : int
        Number of codes.

    positions : ndarray of shape (n_rows, 2)
        A point for each row.

    labels : ndarray of shape (n_rows,) or None
        Labels of the rows.
    """

    estimator: str
    encoding_dim: int
    positions: np.ndarray
    labels: np.ndarray | None


class Conditions(NamedTuple):
    """What was the same for all estimators.

    Attributes
    ----------
    n_samples, n_features : int
        Shape of X.

    n_classes : int or None
        Number of different labels; None without labels.

    n_splits : int
        Number of splits.

    n_train, n_test : int
        Rows of the first split that were fitted, and measured on.

    n_neighbors : int
        Number of neighbours behind accuracies and trustworthiness.

    trustworthiness_rows : int
        Number of test rows that trustworthiness was measured on.

    tsne_rows : int or None
        Number of test rows that t-SNE laid out; None without t-SNE.

    seed : int
        Seed of the splits, of t-SNE, and of the first split's fits.

    startup_seconds : float
        Time that TensorFlow took to start before the first comparison in the process;
        no fit is billed for it.

    n_columns : int or None
        Number of columns of a table that was encoded; None for numbers alone.

    accuracy_rows : int or None
        Number of test rows that accuracy was measured on; None for all.

    is_scaled : bool
        Whether each feature was divided by its standard deviation.

    dominant : tuple of str or int
        Names or numbers of the few features that hold over 99% of the variance in the
        units of X. Empty if there are no such features.

    dominant_share : float
        Fraction of the variance that they hold; NaN without such features.

    left_out : tuple of LeftOut
        Columns of a data frame that were not compared, and why.

    missing_fraction : float
        Fraction of the values that are missing.
    """

    n_samples: int
    n_features: int
    n_classes: int | None
    n_splits: int
    n_train: int
    n_test: int
    n_neighbors: int
    trustworthiness_rows: int
    tsne_rows: int | None
    seed: int
    startup_seconds: float
    n_columns: int | None = None
    accuracy_rows: int | None = None
    is_scaled: bool = False
    dominant: tuple[Any, ...] = ()
    dominant_share: float = math.nan
    left_out: tuple[LeftOut, ...] = ()
    missing_fraction: float = 0.0
