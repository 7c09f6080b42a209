"""What is compared: the rows as numbers, in which units, and of which columns."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas
from sklearn import config_context
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skae._data import containers
from skae._data.dominance import Dominance, dominance_of
from skae._data.moments import moments_of
from skae._tables.encoder import TableEncoder
from skae._tables.reading import is_data_frame
from skae.comparison._columns import Columns, usable_columns
from skae.comparison._tables import encoded, is_mixed, split_of

# Of the variance, held by a few features: then the others cannot show in an error, nor
# in a fraction explained of two digits.
_DOMINANT = 0.99
# A few features are a quarter of them, and three at most: the columns of a table in
# another unit than the rest. Images and spectra have more features of large variance.
_MOST_DOMINANT = 3


@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows of a comparison, the same for all estimators.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features)
        Numbers, NaN where they are missing. Of a table of mixed columns, the encoded
        rows of the whole.

    labels : ndarray of shape (n_rows,) or None
        Classes.

    columns : Columns or None
        Of a data frame.

    encoder : TableEncoder or None
        Fitted to a whole table of mixed columns.

    dominance : Dominance or None
        The features that hold nearly all variance in the units of X.

    is_scaled : bool
        Whether each feature is divided by its standard deviation.
    """

    values: np.ndarray
    labels: np.ndarray | None
    columns: Columns | None = None
    encoder: TableEncoder | None = None
    dominance: Dominance | None = None
    is_scaled: bool = False

    @property
    def has_missing(self):
        """Whether values are missing."""
        return bool(np.isnan(self.values).any())

    @property
    def missing_fraction(self):
        """Fraction of the values, or of the cells of a table, that are missing."""
        if isinstance(self.frame, pandas.DataFrame):
            return float(self.frame.isna().to_numpy().mean())
        return float(np.isnan(self.values).mean())

    @property
    def frame(self):
        """The table of mixed columns, or None."""
        if self.columns is None or self.encoder is None:
            return None
        return self.columns.frame

    @property
    def names(self):
        """Names of the features, or their numbers."""
        if self.columns is None or self.encoder is not None:
            return range(self.values.shape[1])
        return list(self.columns.frame.columns)

    def table_of(self, split):
        """Return the `EncodedSplit` of a table of mixed columns, or None."""
        if self.frame is None:
            return None
        return split_of(self.frame, self.encoder, *split)


@dataclasses.dataclass(frozen=True)
class Parts:
    """The rows of one split, in the units of the comparison.

    Parameters
    ----------
    train, test : ndarray of shape (n_rows, n_features)
        Rows to fit, and rows to measure on.

    filled_train, filled_test : ndarray of shape (n_rows, n_features)
        The same, with the means of the training rows where values are missing.

    scaler : StandardScaler or None
        What has scaled the rows.
    """

    train: np.ndarray
    test: np.ndarray
    filled_train: np.ndarray
    filled_test: np.ndarray
    scaler: StandardScaler | None = None


def rows_of(X, y, scale, columns):
    """Check data, and decide on columns and units; return `Rows`."""
    if scale not in ("auto", True, False):
        raise ValueError(f"scale must be 'auto', True, False or 'both', got {scale!r}.")
    chosen, encoder = None, None
    if is_data_frame(X) or columns is not None:
        chosen = usable_columns(X, columns)
        X = chosen.frame
        if is_mixed(X):
            encoder, X = encoded(X)
    if X is None:
        return _digits(y, scale)
    X = _numbers(X)
    labels = None if y is None else _labels(X, y)
    rows = Rows(X, labels, chosen, encoder)
    return rows if encoder is not None else _in_units(rows, scale)


def _digits(y, scale):
    from sklearn.datasets import load_digits

    if y is not None:
        raise ValueError(
            "y was given without X. Pass both, or neither for scikit-learn's digits."
        )
    return _in_units(Rows(*load_digits(return_X_y=True)), scale)


def _numbers(X):
    """Return rows as an array of numbers, with NaN where values are missing."""
    with config_context(assume_finite=False):
        X = check_array(
            containers.checked(X, "X", is_allowed=True),
            input_name="X",
            ensure_all_finite="allow-nan",
        )
    if X.dtype.kind == "f":
        empty = np.flatnonzero(np.isnan(X).all(axis=0))
        if len(empty):
            raise ValueError(
                f"X has columns without a value: {empty.tolist()!s:.200}. Leave them "
                "out."
            )
    return X


def _labels(X, y):
    y = column_or_1d(containers.unmasked(y, "y"))
    check_classification_targets(y)
    check_consistent_length(X, y)
    return y


def _in_units(rows, scale):
    """Return rows with the features that dominate, and whether they are scaled."""
    moments = moments_of(rows.values, np.ones(len(rows.values)))
    most = min(_MOST_DOMINANT, -(-rows.values.shape[1] // 4))
    found = dominance_of(moments.mean, moments.variance, _DOMINANT, most)
    is_scaled = found is not None if scale == "auto" else bool(scale)
    return dataclasses.replace(rows, dominance=found, is_scaled=is_scaled)


def parts_of(rows, split, table):
    """Return the `Parts` of one split; `table` is its `EncodedSplit`, or None."""
    train, test = table.rows() if table else (rows.values[part] for part in split)
    scaler = StandardScaler().fit(train) if rows.is_scaled else None
    if scaler is not None:
        train, test = scaler.transform(train), scaler.transform(test)
    filled = train, test
    if rows.has_missing:
        imputer = SimpleImputer(keep_empty_features=True).fit(train)
        filled = imputer.transform(train), imputer.transform(test)
    return Parts(train, test, *filled, scaler)
