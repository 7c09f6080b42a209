"""Comparison of autoencoders with PCA, on rows that neither has seen."""

import dataclasses
import functools
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.model_selection import BaseCrossValidator

from skae._estimators.dense import AutoencoderTransformer
from skae.comparison._candidates import BASELINE, candidates
from skae.comparison._checks import check_dims, check_numbers, seed_of, splits_of
from skae.comparison._measures import Trial
from skae.comparison._notes import on_data
from skae.comparison._progress import Progress
from skae.comparison._records import Conditions
from skae.comparison._result import Comparison
from skae.comparison._rows import parts_of, rows_of

# Rows whose nearest neighbours are sought, and rows among which, for the accuracy: as
# many as MNIST has. All of a million rows would take longer than the fits.
_MOST_JUDGED = 10_000
_MOST_FITTED = 60_000


def compare(
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    estimators: BaseEstimator
    | Sequence[BaseEstimator]
    | Mapping[str, BaseEstimator]
    | None = None,
    encoding_dims: int | Sequence[int] | Literal["auto"] = "auto",
    scale: bool | Literal["auto", "both"] = "auto",
    columns: Sequence[Any] | None = None,
    n_splits: int | Literal["auto"] = "auto",
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
        Rows in any unit. None stands for scikit-learn's digits with their labels.

        Of a data frame, identifiers, constant columns, free text and columns without a
        value are left out; `Conditions.left_out` names them. Text that is dates becomes
        dates. If other columns than numbers and booleans are left, the table is encoded
        by `TableEncoder`, fitted to each split's training rows, of each category its 50
        most frequent values. Then all is measured on the encoded rows, where PCA is the
        factor analysis of mixed data, and `Comparison.columns` has the scores by
        column.

        Values may be missing. Estimators whose tags allow NaN get the rows as they are;
        PCA and the others get them with the means of the training rows filled in. The
        errors of all are those of the values that are there.

    y : array-like of shape (n_samples,), default=None
        Class labels. Without them no accuracy is measured.

    estimators : estimator, list of estimators or dict of str to estimator, default=None
        What to compare with PCA: unfitted transformers with `inverse_transform` and a
        parameter `encoding_dim` or `n_components`, which gets the number of codes. In a
        `Pipeline` it is set in the last step that has one. Copies are fitted, so the
        instances stay as they are. The keys of a dict are the names in the results.
        None stands for ``AutoencoderTransformer()``, with ``missing_values="allow"``
        where values are missing; an empty dict measures only PCA.

    encoding_dims : int, list of int or "auto", default="auto"
        Numbers of codes, from 1 to the number of training rows or of features,
        whichever is smaller, since PCA has no more components. "auto" takes those of 2,
        8, 16 and 32 that are below the number of features; up to 16 features, those of
        1, 2, 4 and 8.

    scale : {"auto", True, False, "both"}, default="auto"
        Whether each feature is divided by its standard deviation in the training rows.
        "auto" does where up to three features, and no more than a quarter of them, hold
        over 99% of the variance: in these units hardly anything else could be seen.
        With "both" the result is that of scaled features, and its attribute `unscaled`
        that of the others. A table of mixed columns is scaled by its encoder in any
        case.

    columns : list of labels, default=None
        Columns of a data frame to compare, among them identifiers. None takes all that
        are no identifiers.

    n_splits : int or "auto", default="auto"
        Number of random splits into rows to fit and rows to measure on. "auto" is 3, or
        1 for more than 20,000 rows.

    test_size : float or int, default=0.2
        Fraction or number of the rows held out from the fits; at least 4 rows.

    cv : splitter or iterable of (train, test), default=None
        Splits of your own, instead of `n_splits` and `test_size`: one of scikit-learn's
        splitters, or pairs of arrays with the numbers of rows.

    n_neighbors : int, default=5
        Number of neighbours for the accuracy and for trustworthiness (there, fewer than
        half of the rows). The accuracy is that of at most 10,000 test rows among 60,000
        training rows.

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
        Above 0, prints a line to the standard error stream for each fit, with the time
        left if that is long.

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
    is_both = isinstance(scale, str) and scale == "both"
    rows = rows_of(X, y, True if is_both else scale, columns)
    seed = seed_of(random_state)
    splits = splits_of(rows.values, rows.labels, cv, n_splits, test_size, seed)
    check_numbers(
        rows.labels,
        n_neighbors,
        min(len(train) for train, _ in splits),
        trustworthiness_rows,
        tsne_rows,
    )
    task = _Task(
        named=candidates(estimators, rows.has_missing),
        encoding_dims=encoding_dims,
        splits=splits,
        n_neighbors=n_neighbors,
        trustworthiness_rows=trustworthiness_rows,
        tsne_rows=tsne_rows if tsne else None,
        seed=seed,
        verbose=verbose,
    )
    comparison = _compare(rows, task)
    if is_both and rows.encoder is None:
        as_they_are = dataclasses.replace(rows, is_scaled=False)
        comparison.unscaled = _compare(as_they_are, task)
    return comparison


@dataclasses.dataclass(frozen=True)
class _Task:
    """What is compared on which splits; the parameters are those of `compare`."""

    named: list
    encoding_dims: Any
    splits: list
    n_neighbors: int
    trustworthiness_rows: int
    tsne_rows: int | None
    seed: int
    verbose: int


def _compare(rows, task):
    """Measure all candidates on all splits of rows in some units."""
    splits = task.splits
    tables = [rows.table_of(split) for split in splits]
    n_train = min(len(train) for train, _ in splits)
    n_features = min(t.n_features if t else rows.values.shape[1] for t in tables)
    dims = check_dims(task.encoding_dims, n_train, n_features)
    conditions = _conditions(rows, task, n_features)
    encoder = tables[0] and tables[0].encoder
    comparison = Comparison([], conditions, encoder=encoder)
    comparison.table_columns = rows.columns
    progress = Progress(len(splits), dims, [c.name for c in task.named], task.verbose)
    progress.tell(on_data(conditions))
    for number, split in enumerate(splits):
        table = tables[number]
        parts = parts_of(rows, split, table)
        if number == 0:
            comparison.scaler = parts.scaler
        trial = _trial(rows.labels, split, number, conditions, parts, table)
        _run(trial, dims, task.named, task.seed + number, comparison, progress)
    return comparison


def _conditions(rows, task, n_features):
    train, test = task.splits[0]
    names, dominance = rows.names, rows.dominance
    has_ours = any(candidate.is_ours for candidate in task.named)
    left_out = [] if rows.columns is None else rows.columns.left_out
    return Conditions(
        n_samples=len(rows.values),
        n_features=n_features,
        n_classes=None if rows.labels is None else len(np.unique(rows.labels)),
        n_splits=len(task.splits),
        n_train=len(train),
        n_test=len(test),
        n_neighbors=task.n_neighbors,
        trustworthiness_rows=min(task.trustworthiness_rows, len(test)),
        tsne_rows=task.tsne_rows and min(task.tsne_rows, len(test)),
        seed=task.seed,
        startup_seconds=_start_tensorflow() if has_ours else 0.0,
        n_columns=rows.encoder and len(rows.encoder.kinds_),
        accuracy_rows=min(_MOST_JUDGED, len(test)),
        is_scaled=rows.is_scaled,
        dominant=tuple(names[n] for n in dominance.features) if dominance else (),
        dominant_share=dominance.share if dominance else math.nan,
        left_out=tuple(left_out),
        missing_fraction=rows.missing_fraction,
    )


def _trial(y, split, number, conditions, parts, table):
    train, test = split
    generator = np.random.RandomState(conditions.seed)
    order = generator.permutation(len(test))
    fitted = np.arange(len(train))
    if len(train) > _MOST_FITTED:
        fitted = np.sort(generator.permutation(len(train))[:_MOST_FITTED])
    y_train, y_test = (None, None) if y is None else (y[train], y[test])
    return Trial(number, conditions, parts, y_train, y_test, order, fitted, table)


@functools.cache
def _start_tensorflow():
    """Fit tiny data, so that the start counts for no later fit; return its seconds."""
    started = time.perf_counter()
    for estimator in (PCA(1), AutoencoderTransformer(1, epochs=1, random_state=0)):
        estimator.fit(np.eye(4))
    return time.perf_counter() - started


def _run(trial, dims, named, seed, comparison, progress):
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
            progress.show(row)
