"""Comparison of autoencoders with PCA, on rows that neither has seen."""

import functools
import itertools
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.model_selection import BaseCrossValidator, ShuffleSplit, check_cv
from sklearn.utils import (
    check_array,
    check_consistent_length,
    check_random_state,
    check_scalar,
    column_or_1d,
)
from sklearn.utils.multiclass import check_classification_targets

from skae._data import containers
from skae._estimators.dense import AutoencoderTransformer
from skae._runtime.randomness import as_generator, draw_seed
from skae.comparison._candidates import BASELINE, candidates
from skae.comparison._measures import Trial
from skae.comparison._result import Comparison, Conditions
from skae.comparison._tables import encoded, is_mixed, split_of

# Trustworthiness needs three rows for a single neighbour. A larger bound would measure
# better, but refuse small data.
_FEWEST_TEST_ROWS = 4


def compare(
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    estimators: BaseEstimator
    | Sequence[BaseEstimator]
    | Mapping[str, BaseEstimator]
    | None = None,
    encoding_dims: int | Sequence[int] = (2, 8, 16, 32),
    n_splits: int = 3,
    test_size: float = 0.2,
    cv: BaseCrossValidator | Iterable[tuple[ArrayLike, ArrayLike]] | None = None,
    n_neighbors: int = 5,
    trustworthiness_rows: int = 2000,
    tsne: bool = True,
    tsne_rows: int = 2000,
    random_state: int | np.random.RandomState | None = 0,
    verbose: int = 0,
) -> Comparison:
    """Measure what autoencoders gain over PCA on the same data.

    For each split and number of codes, all estimators are fitted on the same training
    rows and measured on the rows held out: error of the reconstructions, variance
    explained, trustworthiness, accuracy of nearest neighbours if there are labels, the
    last two again after t-SNE of the codes, and seconds of the fit. TensorFlow takes
    seconds to start, once in a process. It starts before the first fit, and its time is
    reported separately.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features) or data frame, default=None
        Rows in any unit. None stands for scikit-learn's digits with their labels. A
        data frame with other columns than numbers and booleans is encoded by
        `TableEncoder`, fitted to each split's training rows, with missing values as a
        category. Then all is measured on the encoded rows, where PCA is the factor
        analysis of mixed data, and `Comparison.columns` has the scores by column.

    y : array-like of shape (n_samples,), default=None
        Class labels. Without them no accuracy is measured.

    estimators : estimator, list of estimators or dict of str to estimator, default=None
        What to compare with PCA: unfitted transformers with `inverse_transform` and a
        parameter `encoding_dim` or `n_components`, which gets the number of codes. In a
        `Pipeline` it is set in the last step that has one. Copies are fitted, so the
        instances stay as they are. The keys of a dict are the names in the results.
        None stands for ``AutoencoderTransformer()``; an empty dict measures only PCA.

    encoding_dims : int or list of int, default=(2, 8, 16, 32)
        Numbers of codes, from 1 to the number of training rows or of features,
        whichever is smaller, since PCA has no more components.

    n_splits : int, default=3
        Number of random splits into rows to fit and rows to measure on.

    test_size : float or int, default=0.2
        Fraction or number of the rows held out from the fits; at least 4 rows.

    cv : splitter or iterable of (train, test), default=None
        Splits of your own, instead of `n_splits` and `test_size`: one of scikit-learn's
        splitters, or pairs of arrays with the numbers of rows.

    n_neighbors : int, default=5
        Number of neighbours for the accuracy and for trustworthiness (there, fewer than
        half of the rows).

    trustworthiness_rows : int, default=2000
        Largest number of test rows for trustworthiness. Memory and time grow with its
        square.

    tsne : bool, default=True
        Whether t-SNE lays out the codes of test rows in the plane, which takes longer
        than most fits. It starts at two principal components of the codes. Its
        perplexity is 30, or a third of the rows if that is less.

    tsne_rows : int, default=2000
        Largest number of test rows for t-SNE.

    random_state : int, RandomState instance or None, default=0
        Seed of the splits, the fits and t-SNE. With an int, every call gives the same
        numbers, except the seconds. An estimator whose own `random_state` is None
        gets this seed in the first split, this seed plus one in the second, and so on.

    verbose : int, default=0
        Above 0, prints a line to the standard error stream for each fit.

    Returns
    -------
    Comparison
        The numbers; ``verdict`` says what they mean, ``table()`` gives means and
        spreads, ``plot()`` draws them, ``save(folder)`` writes a report.

    Raises
    ------
    ValueError
        When the data or a parameter cannot be used; the message says which and what
        would do.

    TypeError
        When a number is not an integer, or an estimator is not a transformer with
        `inverse_transform`.

    References
    ----------
    Venna and Kaski (2001), Neighborhood preservation in nonlinear projection methods:
    an experimental study, ICANN (trustworthiness). Van der Maaten and Hinton (2008),
    Visualizing data using t-SNE, Journal of Machine Learning Research 9.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> import skae
    >>> X, y = load_digits(return_X_y=True)
    >>> comparison = skae.compare(
    ...     X[:500], y[:500], encoding_dims=2, n_splits=1, tsne=False
    ... )
    >>> [row.estimator for row in comparison]
    ['PCA', 'AutoencoderTransformer']
    >>> pca, autoencoder = comparison
    >>> autoencoder.error < 0.95 * pca.error
    True
    >>> print(comparison.verdict.partition(":")[0])
    Take AutoencoderTransformer with 2 codes
    """
    rows, labels, encoder = _check_data(X, y)
    named = candidates(estimators)
    seed = seed_of(random_state)
    splits = splits_of(rows, labels, cv, n_splits, test_size, seed)
    tables = [encoder and split_of(X, encoder, *split) for split in splits]
    n_train = min(len(train) for train, _ in splits)
    n_features = min(t.n_features if t else rows.shape[1] for t in tables)
    dims = _check_dims(encoding_dims, n_train, n_features)
    _check_numbers(labels, n_neighbors, n_train, trustworthiness_rows, tsne_rows)
    train, test = splits[0]
    conditions = Conditions(
        n_samples=len(rows),
        n_features=n_features,
        n_classes=None if labels is None else len(np.unique(labels)),
        n_splits=len(splits),
        n_train=len(train),
        n_test=len(test),
        n_neighbors=n_neighbors,
        trustworthiness_rows=min(trustworthiness_rows, len(test)),
        tsne_rows=min(tsne_rows, len(test)) if tsne else None,
        seed=seed,
        startup_seconds=_start_tensorflow() if any(c.is_ours for c in named) else 0.0,
        n_columns=encoder and len(encoder.kinds_),
    )
    comparison = Comparison([], conditions, encoder=tables[0] and tables[0].encoder)
    show = _progress(len(splits) * len(dims) * len(named), verbose)
    for number, split in enumerate(splits):
        table = tables[number]
        parts = table.rows() if table else [rows[part] for part in split]
        trial = _trial(parts, labels, split, number, conditions, table)
        _run(trial, dims, named, seed + number, comparison, show)
    return comparison


def _check_data(X, y):
    """Return rows as an array, labels, and the encoder of a table or None."""
    if X is None and y is None:
        from sklearn.datasets import load_digits

        return *load_digits(return_X_y=True), None
    if X is None:
        raise ValueError(
            "y was given without X. Pass both, or neither for scikit-learn's digits."
        )
    encoder = None
    if is_mixed(X):
        encoder, X = encoded(X)
    X = check_table(X, "X")
    if y is not None:
        y = column_or_1d(containers.unmasked(y, "y"))
        check_classification_targets(y)
        check_consistent_length(X, y)
    return X, y, encoder


def check_table(X, name):
    """Return rows as scikit-learn's `check_array` does, also for unusual containers."""
    with config_context(assume_finite=False):
        return check_array(containers.checked(X, name), input_name=name)


def seed_of(random_state):
    """Return the int that seeds all that is random."""
    if isinstance(random_state, Integral):
        check_random_state(random_state)
        return int(random_state)
    return draw_seed(as_generator(random_state))


def splits_of(X, y, cv, n_splits, test_size, seed):
    """Return pairs of arrays with the numbers of training and of test rows."""
    if cv is None:
        check_scalar(n_splits, "n_splits", Integral, min_val=1)
        cv = ShuffleSplit(n_splits, test_size=test_size, random_state=seed)
    splits = list(check_cv(cv).split(X, y))
    for _, test in splits:
        if len(test) < _FEWEST_TEST_ROWS:
            raise ValueError(
                f"{len(test)} of the {len(X)} rows of X are held out to measure on, "
                f"but at least {_FEWEST_TEST_ROWS} are needed. Pass more rows, or "
                "raise test_size."
            )
        if (X[test] == X[test[0]]).all():
            raise ValueError(
                f"The test rows of X, {len(test)} in all, are equal, so there is no "
                "variance to explain. Pass rows that differ, or raise test_size."
            )
    return splits


def _check_dims(encoding_dims, n_rows, n_features):
    """Return a list of numbers of codes; PCA can have each as components."""
    dims = np.atleast_1d(encoding_dims).tolist()
    most = min(n_rows, n_features)
    if not dims or not all(isinstance(dim, int) and 1 <= dim <= most for dim in dims):
        raise ValueError(
            f"encoding_dims must hold integers from 1 to {most}, the most components "
            f"that PCA has on {n_rows} training rows of {n_features} features, got "
            f"{dims}. Leave out the others."
        )
    return list(dict.fromkeys(dims))


def _check_numbers(y, n_neighbors, n_train, trustworthiness_rows, tsne_rows):
    most = None if y is None else n_train
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1, max_val=most)
    fewest = {"target_type": Integral, "min_val": _FEWEST_TEST_ROWS}
    check_scalar(trustworthiness_rows, "trustworthiness_rows", **fewest)
    check_scalar(tsne_rows, "tsne_rows", **fewest)


def _trial(rows, y, split, number, conditions, table):
    train, test = split
    order = np.random.RandomState(conditions.seed).permutation(len(test))
    y_train, y_test = (None, None) if y is None else (y[train], y[test])
    X_train, X_test = rows
    return Trial(number, conditions, X_train, X_test, y_train, y_test, order, table)


@functools.cache
def _start_tensorflow():
    """Fit tiny data, so that the start counts for no later fit; return its seconds."""
    started = time.perf_counter()
    for estimator in (PCA(1), AutoencoderTransformer(1, epochs=1, random_state=0)):
        estimator.fit(np.eye(4))
    return time.perf_counter() - started


def _run(trial, dims, named, seed, comparison, show):
    """Measure all candidates on one split, and add the results to `comparison`."""
    for dim in dims:
        pca_error = None
        for candidate in named:
            estimator = candidate.make(dim, seed % 2**32)
            row, plane_map, column_scores = trial.run(
                candidate.name, dim, estimator, pca_error
            )
            if candidate.name == BASELINE:
                pca_error = row.error
            comparison.rows.append(row)
            comparison.column_scores += column_scores
            if trial.number == 0:
                comparison.estimators[candidate.name, dim] = estimator
                comparison.maps += [plane_map] if plane_map else []
            show(row)


def _progress(n_fits, verbose):
    """Return a function that prints a line for each of `n_fits` measurements."""
    numbers = itertools.count(1)

    def show(row):
        if verbose:
            codes = "code" if row.encoding_dim == 1 else "codes"
            print(
                f"{next(numbers):>{len(str(n_fits))}} of {n_fits}: split "
                f"{row.split + 1}, {row.encoding_dim} {codes}, {row.estimator}: error "
                f"{row.relative_error:.3f} of PCA's, fitted in {row.fit_seconds:.2g} s",
                file=sys.stderr,
            )

    return show
