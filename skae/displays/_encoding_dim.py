"""How many codes are enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from skae._drawing.axes import check_matplotlib, one_axes
from skae._runtime.annotations import ArrayLike, Estimators, Measure, Seed, Splits
from skae.comparison._candidates import BASELINE, candidates
from skae.comparison._checks import check_table, seed_of, splits_of
from skae.comparison._compare import compare
from skae.comparison._curves import Curve, curves_of, draw_curves, start_at_zero
from skae.comparison._measures import of_reconstructions
from skae.comparison._result import Comparison
from skae.networks._checks import check_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELS = {
    "relative_error": "squared error / PCA's",
    "error": "mean squared error",
    "variance_explained": "variance explained",
}
_FEWEST_ROWS = 4  # the fewest that `compare` takes


class EncodingDimDisplay:
    """Error, or variance explained, on held-out rows over the number of codes.

    Make one with `from_estimator` or `from_comparison`. All parameters are stored as
    attributes.

    Parameters
    ----------
    curves : list of tuple
        For PCA and each estimator ``(name, encoding_dims, means, spreads)``: the
        numbers of codes, the means of the measure over the splits, and its standard
        deviations (None for a single split).

    measure : {"relative_error", "error", "variance_explained"}, \
default="relative_error"
        What was measured; see `skae.comparison.Measurement`.

    Attributes
    ----------
    errorbars_ : list of matplotlib.container.ErrorbarContainer
        The curves.

    ax_ : matplotlib.axes.Axes
        What was drawn into.

    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.

    See Also
    --------
    skae.compare : Measures more, and says what to choose.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import scale
    >>> from skae import AutoencoderTransformer
    >>> from skae.displays import EncodingDimDisplay
    >>> X = scale(load_wine().data)
    >>> estimator = AutoencoderTransformer(epochs=5)
    >>> display = EncodingDimDisplay.from_estimator(
    ...     estimator, X, encoding_dims=[2, 4], n_splits=1
    ... )
    >>> [curve.name for curve in display.curves]
    ['PCA', 'AutoencoderTransformer']
    """

    def __init__(
        self,
        *,
        curves: Sequence[Curve],
        measure: Measure = "relative_error",
    ) -> None:
        self.curves = curves
        self.measure = measure

    @classmethod
    def from_estimator(
        cls,
        estimators: Estimators,
        X: ArrayLike,
        *,
        encoding_dims: int | Sequence[int] = (2, 4, 8, 16),
        X_test: ArrayLike | None = None,
        measure: Measure = "relative_error",
        n_splits: int = 3,
        test_size: float = 0.2,
        cv: Splits | None = None,
        random_state: Seed = 0,
        ax: Axes | None = None,
    ) -> Self:
        """Fit PCA and estimators with each number of codes, and draw the results.

        `skae.compare` fits copies of the estimators. One with ``nested_dropout=True``
        is fitted once in each split, with the largest number of codes; for the smaller
        numbers its first codes are measured.

        Parameters
        ----------
        estimators : estimator, list of estimators or dict of str to estimator
            What is compared with PCA; see `skae.compare`. They need not be fitted.

        X : array-like of shape (n_samples, n_features)
            Rows in any unit. Images must be flat rows; set the estimator's
            `image_shape`.

        encoding_dims : int or list of int, default=(2, 4, 8, 16)
            Numbers of codes, from 1 to the number of training rows or of features,
            whichever is smaller.

        X_test : array-like of shape (n_test_samples, n_features), default=None
            Rows to measure on, at least 4; then all rows of X are fitted. None holds
            out rows of X.

        measure : {"relative_error", "error", "variance_explained"}, \
default="relative_error"
            What is drawn: the mean squared error relative to PCA's with as many codes,
            the error itself, or the fraction of variance explained.

        n_splits : int, default=3
            Number of random splits into rows to fit and rows to measure on. Not used
            with `X_test`.

        test_size : float or int, default=0.2
            Fraction or number of the rows held out from the fits; at least 4 rows.

        cv : splitter or iterable of (train, test), default=None
            Splits of your own, instead of `n_splits` and `test_size`.

        random_state : int, RandomState instance or None, default=0
            Seed of the splits, and of the estimators whose `random_state` is None.

        ax : matplotlib.axes.Axes, default=None
            What to draw into. None is a new figure.

        Returns
        -------
        EncodingDimDisplay
            With the numbers as `curves`.

        Raises
        ------
        ValueError
            When the data or a parameter cannot be used.

        TypeError
            When an estimator is not a transformer with `inverse_transform`.

        ImportError
            When Matplotlib is missing.
        """
        check_matplotlib("An EncodingDimDisplay")
        check_choice("measure", measure, _LABELS)
        named = candidates(estimators)
        seed = seed_of(random_state)
        X = check_table(X, "X")
        if X_test is not None:
            X, cv = _joined(X, check_table(X_test, "X_test"))
        splits = splits_of(X, None, cv, n_splits, test_size, seed)
        comparison = compare(
            X,
            estimators={c.name: c.estimator for c in named[1:] if not _is_nested(c)},
            encoding_dims=encoding_dims,
            scale=False,
            cv=splits,
            trustworthiness_rows=_FEWEST_ROWS,  # not drawn, so as few as possible
            tsne=False,
            random_state=seed,
        )
        for candidate in filter(_is_nested, named):
            for number, split in enumerate(splits):
                comparison.rows += _nested_rows(
                    candidate, X, split, number, seed + number, comparison.rows
                )
        order = [candidate.name for candidate in named]
        comparison.rows.sort(key=lambda row: order.index(row.estimator))
        return cls.from_comparison(comparison, measure=measure, ax=ax)

    @classmethod
    def from_comparison(
        cls,
        comparison: Comparison,
        *,
        measure: Measure = "relative_error",
        ax: Axes | None = None,
    ) -> Self:
        """Draw a measure of a comparison.

        Parameters
        ----------
        comparison : skae.comparison.Comparison
            The result of `skae.compare`.

        measure : {"relative_error", "error", "variance_explained"}, \
default="relative_error"
            What is drawn.

        ax : matplotlib.axes.Axes, default=None
            What to draw into. None is a new figure.

        Returns
        -------
        EncodingDimDisplay
            With the numbers as `curves`.

        Raises
        ------
        ValueError
            When `measure` is none of these.
        """
        check_choice("measure", measure, _LABELS)
        curves = curves_of(comparison.table(), measure)
        return cls(curves=curves, measure=measure).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            What to draw into. None is a new figure.

        Returns
        -------
        self : EncodingDimDisplay
            With what was drawn as attributes.
        """
        ax = one_axes(ax, 5.2, 3.8)
        self.errorbars_ = draw_curves(ax, self.curves)
        ax.set_ylabel(_LABELS[self.measure])
        if self.measure == "relative_error":
            start_at_zero(ax)
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _joined(X, X_test):
    """Return all rows, and the one split that fits X and measures on X_test."""
    if X.shape[1] != X_test.shape[1]:
        raise ValueError(
            f"X_test has {X_test.shape[1]} features, but X has {X.shape[1]}. Pass rows "
            "like those of X."
        )
    n_rows = len(X)
    rows = np.concatenate([X, X_test])
    return rows, [(np.arange(n_rows), np.arange(n_rows, len(rows)))]


def _is_nested(candidate):
    return bool(getattr(candidate.estimator, "nested_dropout", False))


def _nested_rows(candidate, X, split, number, seed, rows):
    """Fit once; measure its first codes with each number of codes of PCA."""
    train, test = split
    of_pca = [r for r in rows if r.estimator == BASELINE and r.split == number]
    most = max(row.encoding_dim for row in of_pca)
    fitted = candidate.make(most, seed % 2**32).fit(X[train])
    codes = fitted.transform(X[test])
    measured = []
    for row in of_pca:
        found = fitted.inverse_transform(codes[:, : row.encoding_dim])
        others = {"trustworthiness": np.nan, "fit_seconds": np.nan}
        reached = of_reconstructions(X[test], found, row.error)
        measured.append(row._replace(estimator=candidate.name, **reached, **others))
    return measured
