"""An outlier detector around an autoencoder."""

from __future__ import annotations

import numbers
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.model_selection import KFold
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skae._data.checks import check_rows
from skae._data.missing import allows_missing
from skae._estimators.base import BaseAutoencoder
from skae._estimators.constraints import AUTO, fit_context
from skae._estimators.dense import AutoencoderTransformer
from skae._estimators.unusual import Fold, median_and_deviation, standardized
from skae._runtime.annotations import Auto, Floats, Rows, Seed
from skae._runtime.randomness import as_generator, draw_seed
from skae._runtime.scikit_learn import Interval

# Of the variance: few codes leave unusual rows their errors.
_DEFAULT_ENCODING_DIM = 0.9
# Tukey (1977), Exploratory data analysis: the fences of a box plot.
_INTERQUARTILE_RANGES = 1.5
# Scores of the training rows come again up to the rounding of float32.
_SAME_SCORES = 1e-3


def _is_for_new_rows(detector):
    if detector.novelty:
        return True
    raise AttributeError(
        "With novelty=False, only the training rows have scores: use fit_predict, or "
        "the attribute training_scores_. For other rows set novelty=True."
    )


def _is_for_training_rows(detector):
    if not detector.novelty:
        return True
    raise AttributeError(
        "fit_predict is of the training rows, and novelty=True is for others. Set "
        "novelty=False, or read the attribute training_scores_."
    )


class AutoencoderOutlierDetector(OutlierMixin, BaseEstimator):
    """Finds unusual rows: far from the principal plane, or from what a network learns.

    The training rows are split into folds. For each fold, a principal plane and an
    autoencoder learn from the rows outside of it, and tell how unusual the rows in it
    are to them. So no row is compared with a network that has learnt this row. New rows
    are compared with all of these networks.

    Two distances are taken of each row, squared:

    - to the plane: the Mahalanobis distance under probabilistic PCA (Tipping and
      Bishop, 1999), which is that in the plane and that from it, each in the unit that
      is usual there;
    - to the network: the same with the codes in place of the principal components, and
      with errors of reconstruction that are scaled by feature.

    The logarithm of each is compared with those of the training rows: by how many
    robust standard deviations (median and median absolute deviation) it is larger. The
    larger of both numbers says how unusual the row is. Either can be the one that finds
    an outlier: the plane does where a flexible network has learnt the outliers too, the
    network where usual rows lie on a curve.

    A network learns only rows whose distance to the plane is at most 2.5 robust
    deviations above the median, so that outliers among the training rows teach it
    little.

    Parameters
    ----------
    estimator : estimator or None, default=None
        An autoencoder of skae's, which is cloned. None is
        ``AutoencoderTransformer(encoding_dim=0.9)``: as many codes as explain 90% of
        the variance. Fewer codes than reconstruct everything are best.

    contamination : float in (0, 0.5] or "auto", default="auto"
        Which fraction of the training rows are outliers. "auto" calls those outliers
        whose squared distance is beyond the fence of a box plot of the training rows',
        1.5 interquartile ranges above the upper quartile (Tukey, 1977); the fence is
        that of the two distances that is farther out.

    novelty : bool, default=False
        Which rows to judge, as in `sklearn.neighbors.LocalOutlierFactor`. False:
        outliers among the training rows, by `fit_predict`. True: new rows, by
        `predict`, `decision_function` and `score_samples`; do not give them the
        training rows, which their own networks know.

    cv : int, default=3
        Number of folds, at least 2, and of fits.

    random_state : int, RandomState instance or None, default=None
        Seed of the folds, and of the fits in place of that of `estimator`. With an
        int, every fit gives the same bits.

    Attributes
    ----------
    estimators_ : list of autoencoders
        The fitted autoencoders, one of each fold.

    training_scores_ : float64 ndarray of shape (n_samples,)
        Score of each training row, from the networks that have not learnt it. The
        lower, the more unusual.

    offset_ : float
        Rows with scores below it are outliers.

    n_features_in_ : int
        Number of features seen in `fit`; for samples of several axes, the number of
        values in a sample.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features; only if all are strings.

    sample_shape_ : tuple of int
        Shape of one row.

    See Also
    --------
    sklearn.ensemble.IsolationForest : Finds outliers by random trees.
    sklearn.neighbors.LocalOutlierFactor : Finds outliers by nearest neighbours.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import AutoencoderOutlierDetector, AutoencoderTransformer
    >>> angles = np.random.RandomState(0).uniform(0, 3, 200)
    >>> X = np.column_stack([np.cos(angles), np.sin(angles), angles])
    >>> X[0] = 0  # inside the curve that the others follow
    >>> autoencoder = AutoencoderTransformer(1, epochs=20)
    >>> detector = AutoencoderOutlierDetector(autoencoder, random_state=0)
    >>> labels = detector.fit_predict(X)
    >>> int(labels[0]), int(detector.training_scores_.argmin())
    (-1, 0)
    """

    _parameter_constraints = {
        "estimator": [BaseAutoencoder, None],
        "contamination": [AUTO, Interval(numbers.Real, 0, 0.5, closed="right")],
        "novelty": ["boolean"],
        "cv": [Interval(numbers.Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: BaseAutoencoder | None = None,
        *,
        contamination: float | Auto = "auto",
        novelty: bool = False,
        cv: int = 3,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.contamination = contamination
        self.novelty = novelty
        self.cv = cv
        self.random_state = random_state

    @fit_context
    def fit(self, X: Rows, y: object = None) -> Self:
        """Learn what is usual, and score the training rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Training rows; at least two for each fold.

        y : None
            Ignored; present so that pipelines can pass labels.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            When a parameter or the data cannot be used; the message says which and
            what would do.
        """
        rows = check_rows(self, X, reset=True, fewest=2 * self.cv)
        generator = as_generator(self.random_state)
        numbers_of_rows = np.arange(len(rows))
        splitter = KFold(self.cv, shuffle=True, random_state=draw_seed(generator))
        folds, fold_of_rows = [], np.empty(len(rows), int)
        for number, (others, held_out) in enumerate(splitter.split(numbers_of_rows)):
            folds.append(self._learn(rows[others], rows[held_out], generator))
            fold_of_rows[held_out] = number
        distances = _out_of_fold(Fold.distances, folds, fold_of_rows, rows)
        usual = median_and_deviation(distances)
        scores = _scores(distances, usual)
        self._folds, self._fold_of_rows, self._usual = folds, fold_of_rows, usual
        self.estimators_ = [fold.network for fold in folds]
        self.training_scores_ = scores
        self.offset_ = _offset(scores, distances, usual, self.contamination)
        return self

    def _learn(self, rows, held_out, generator):
        estimator = clone(self._autoencoder())
        estimator.set_params(random_state=draw_seed(generator))
        return Fold.learnt(estimator, rows, held_out, self.sample_shape_, generator)

    def _autoencoder(self):
        if self.estimator is None:
            return AutoencoderTransformer(_DEFAULT_ENCODING_DIM)
        return self.estimator

    @available_if(_is_for_training_rows)
    def fit_predict(self, X: Rows, y: object = None, **kwargs: Any) -> np.ndarray:
        """Fit, and label the training rows. Only with ``novelty=False``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Training rows.

        y : None
            Ignored.

        **kwargs : dict
            Other arguments of `fit`; it has none.

        Returns
        -------
        labels : int ndarray of shape (n_samples,)
            1 for usual rows, -1 for outliers.
        """
        self.fit(X, **kwargs)
        return _labels(self.training_scores_ - self.offset_)

    @available_if(_is_for_new_rows)
    def predict(self, X: Rows) -> np.ndarray:
        """Label new rows. Only with ``novelty=True``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows like those of `fit`, or the same flattened.

        Returns
        -------
        labels : int ndarray of shape (n_samples,)
            1 for usual rows, -1 for outliers.
        """
        return _labels(self.decision_function(X))

    @available_if(_is_for_new_rows)
    def decision_function(self, X: Rows) -> Floats:
        """Return how far the scores of new rows are above `offset_`.

        Only with ``novelty=True``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows like those of `fit`, or the same flattened.

        Returns
        -------
        decisions : float64 ndarray of shape (n_samples,)
            Negative for outliers.
        """
        return self.score_samples(X) - self.offset_

    @available_if(_is_for_new_rows)
    def score_samples(self, X: Rows) -> Floats:
        """Return how usual new rows are. Only with ``novelty=True``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows like those of `fit`, or the same flattened.

        Returns
        -------
        scores : float64 ndarray of shape (n_samples,)
            The lower, the more unusual: minus the robust standard deviations by which
            the row exceeds the median of the training rows, in the logarithm of its
            distance to the planes or to the networks, whichever is more.
        """
        check_is_fitted(self)
        rows = check_rows(self, X, reset=False)
        return _scores(_mean(Fold.distances, self._folds, rows), self._usual)

    def explain(self, X: Rows) -> pd.DataFrame:
        """Return each row's error of reconstruction by feature.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            With ``novelty=True`` new rows; otherwise the training rows, all of them,
            in their order, whose errors then are of networks that have not learnt them.

        Returns
        -------
        errors : DataFrame of shape (n_samples, n_features)
            Squared errors as multiples of what is usual for the feature, so that about
            1 is usual and 50 is not. The unit of a feature is the geometric mean of its
            own and of all features' mean squared error on rows that the networks have
            not learnt. NaN where a value is missing. A column for each feature, in the
            order of flat rows; the index is that of X, if it is a data frame.

        Raises
        ------
        ValueError
            When X is no training data although ``novelty=False``.
        """
        check_is_fitted(self)
        rows = check_rows(self, X, reset=False)
        if self.novelty:
            errors = _mean(Fold.scaled_errors, self._folds, rows)
        else:
            self._check_training_rows(rows)
            errors = _out_of_fold(
                Fold.scaled_errors, self._folds, self._fold_of_rows, rows, axis=0
            )
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{i}" for i in range(self.n_features_in_)]
        return pd.DataFrame(errors, index=getattr(X, "index", None), columns=names)

    def _check_training_rows(self, rows):
        """Raise a ValueError unless the rows are those of `fit`."""
        scores = None
        if len(rows) == len(self._fold_of_rows):
            distances = _out_of_fold(
                Fold.distances, self._folds, self._fold_of_rows, rows
            )
            scores = _scores(distances, self._usual)
        if scores is None or not np.allclose(
            scores, self.training_scores_, rtol=_SAME_SCORES, atol=_SAME_SCORES
        ):
            raise ValueError(
                "With novelty=False, explain takes the training rows, all and in their "
                "order, since their errors are of networks that have not learnt them. "
                "X has others. For new rows fit with novelty=True."
            )

    @property
    def missing_values(self) -> Literal["error", "allow"]:
        """Whether X may have missing values; that of `estimator`."""
        return "allow" if allows_missing(self.estimator) else "error"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = allows_missing(self)
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_folds")


def _out_of_fold(method, folds, fold_of_rows, rows, axis=-1):
    """Return what each fold's method makes of the rows in it, in order."""
    where = [np.flatnonzero(fold_of_rows == number) for number in range(len(folds))]
    found = [method(fold, rows[part]) for fold, part in zip(folds, where, strict=True)]
    together = np.concatenate(found, axis=axis)
    return np.take(together, np.argsort(np.concatenate(where)), axis=axis)


def _mean(method, folds, rows):
    """Return the mean over the folds of what their method makes of rows."""
    return np.mean([method(fold, rows) for fold in folds], axis=0)


def _scores(distances, usual):
    """Return the scores of rows, by the larger of both distances; see the class."""
    return -standardized(distances, *usual).max(axis=0)


def _offset(scores, distances, usual, contamination):
    """Return the score below which rows are outliers."""
    if not isinstance(contamination, str):
        return float(np.percentile(scores, 100 * contamination))
    lower, upper = np.percentile(np.exp(distances), [25, 75], axis=1)
    fences = np.log(upper + _INTERQUARTILE_RANGES * (upper - lower))
    return -float(standardized(fences[:, None], *usual).max())


def _labels(decisions):
    return np.where(decisions < 0, -1, 1)
