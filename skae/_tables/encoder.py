"""Tables of mixed columns as numbers, and back."""

from __future__ import annotations

import os
from typing import Any, Literal, Self, TypeAlias

import pandas
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skae._runtime.annotations import Rows
from skae._runtime.scikit_learn import fit_context
from skae._saving.writing import save
from skae._tables.constraints import CONSTRAINTS
from skae._tables.matrix import check_encoded, decode, encode
from skae._tables.names import feature_names
from skae._tables.plain import plain_table, table_of
from skae._tables.reading import chosen_columns, frame_of
from skae._tables.scores import column_scores
from skae._tables.table import fit_table, read_rows

Table: TypeAlias = Any
"""A data frame of pandas or polars, an array or lists."""


class TableEncoder(TransformerMixin, BaseEstimator):
    """Make a table of mixed columns into numbers of one scale, and numbers into rows.

    Numbers, booleans, categories, text of few values, dates and durations become
    columns for PCA, an autoencoder or another estimator. `inverse_transform` gives a
    table back with the same columns, types and categories. So a pipeline reduces a
    table to codes, and makes codes into rows.

    The scaling is that of the factor analysis of mixed data (Pagès, 2004), so PCA of
    the encoded rows is that analysis. Numbers, dates and durations are standardised; a
    date counts as the time since a fixed date. A category becomes a column for each of
    its values, which is one or zero, divided by the root of the value's frequency, and
    centred. A boolean becomes one standardised column, which gives the same distances.

    Parameters
    ----------
    categorical_features : "from_dtype", array-like of bool, int or str, or callable, \
default="from_dtype"
        Columns that are categories although their type says otherwise, such as integers
        that are codes: by a mask, their numbers or their names. A callable gets X and
        returns one of these. Columns of categories, text and other objects are
        categories in any case, and "from_dtype" adds none.

    numeric_scaling : {"standard", "robust", "quantile"}, default="standard"
        How numbers, dates and durations are scaled. "standard" gives a mean of zero and
        a variance of one. "robust" takes the median and the range between the quartiles
        (of a normal distribution with variance one). "quantile" maps the column to a
        normal distribution by its quantiles; values outside those of `fit` become its
        extremes. The last two are for heavy tails.

    categorical_scaling : {"famd", "unit_variance"}, default="famd"
        How the columns of a category are scaled. With "famd" a category of K values has
        the variance K - 1 in all, so the more values, the more it counts in a mean
        squared error. With "unit_variance" they are divided by the root of K - 1, and a
        category counts as much as a number. PCA is then no factor analysis any more.

    min_frequency : int or float in (0, 1), default=None
        Values of a category in fewer rows, or in a smaller fraction of the rows, are
        pooled in one column. The most frequent of them stands for all of them in
        `inverse_transform`.

    max_categories : int, default=None
        Largest number of columns of a category; the rarest values are pooled.

    handle_unknown : {"error", "ignore", "infrequent_if_exist", "warn"}, default="error"
        What `transform` does with values of a category that `fit` has not seen, as in
        `sklearn.preprocessing.OneHotEncoder`. "ignore" gives a row in which none of the
        category's columns is one; "infrequent_if_exist" takes the column of pooled
        values, and is "ignore" if there is none; "warn" does the same with a warning.

    missing_values : {"allow", "category"}, default="allow"
        What becomes of missing values (NaN, None, NaT and NA). With "allow" they stay
        NaN, in all columns of a category; an estimator after this one must take them,
        as ``AutoencoderTransformer(missing_values="allow")`` does. With "category" they
        are a value of their own: a category gets one more column, and another column
        gets one that says where values are missing, while they count as the mean.

    unusable : {"error", "drop"}, default="error"
        What `fit` does with columns that cannot be encoded: free text and identifiers
        (more than 30 different values, and those more than half of the rows), lists and
        other objects, and columns without a value. "drop" leaves them out with a
        warning, and `inverse_transform` does not give them back.

    sparse_output : bool or "auto", default="auto"
        Whether `transform` returns a sparse matrix. "auto" does if less than 0.3 of the
        entries differ from zero and no value is missing as NaN. In a sparse matrix the
        columns of categories are not centred; PCA and the estimators of skae centre
        them. A data frame, as `set_output` asks for, needs False.

    Attributes
    ----------
    kinds_ : list of str
        For each column of the table "number", "date", "duration", "boolean", "category"
        or "dropped".

    sparse_output_ : bool
        Whether `transform` returns a sparse matrix.

    n_features_in_ : int
        Number of columns seen in `fit`.

    feature_names_in_ : ndarray of shape (n_columns,)
        Names of the columns; only if all are strings.

    Notes
    -----
    A category is decoded to the value with the largest share. The share of a value is
    its column, unscaled; in a reconstruction by least squares, as by PCA or an
    autoencoder, it estimates the value's probability given the code.

    Integers come back rounded and within the range of their type, dates and durations
    in the largest of day, hour, minute, second, millisecond and microsecond that
    divides those of `fit`. A float64 number holds 15 digits, so integers beyond 2**50
    and times of nanoseconds over years come back with rounding errors.

    References
    ----------
    Pagès (2004), Analyse factorielle de données mixtes, Revue de statistique appliquée
    52(4).

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from skae import TableEncoder
    >>> frame = pd.DataFrame(
    ...     {
    ...         "kilograms": [3.1, 4.0, 7.5, 8.2],
    ...         "animal": pd.Categorical(["cat", "cat", "dog", "dog"]),
    ...         "born": pd.date_range("2019-05-01", periods=4),
    ...     }
    ... )
    >>> encoder = TableEncoder().fit(frame)
    >>> encoder.get_feature_names_out().tolist()
    ['kilograms', 'animal_cat', 'animal_dog', 'born']
    >>> encoder.inverse_transform(encoder.transform(frame)).equals(frame)
    True
    >>> pipeline = make_pipeline(TableEncoder(), PCA(1)).fit(frame)
    >>> pipeline.inverse_transform(pipeline.transform(frame))["animal"].tolist()
    ['cat', 'cat', 'dog', 'dog']
    """

    _parameter_constraints = CONSTRAINTS

    def __init__(
        self,
        *,
        categorical_features: Any = "from_dtype",
        numeric_scaling: Literal["standard", "robust", "quantile"] = "standard",
        categorical_scaling: Literal["famd", "unit_variance"] = "famd",
        min_frequency: float | None = None,
        max_categories: int | None = None,
        handle_unknown: Literal[
            "error", "ignore", "infrequent_if_exist", "warn"
        ] = "error",
        missing_values: Literal["allow", "category"] = "allow",
        unusable: Literal["error", "drop"] = "error",
        sparse_output: bool | Literal["auto"] = "auto",
    ) -> None:
        self.categorical_features = categorical_features
        self.numeric_scaling = numeric_scaling
        self.categorical_scaling = categorical_scaling
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.handle_unknown = handle_unknown
        self.missing_values = missing_values
        self.unusable = unusable
        self.sparse_output = sparse_output

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Table, y: object = None) -> Self:
        """Learn the columns of a table: their types, scales and values.

        If anything fails, the encoder stays as it was.

        Parameters
        ----------
        X : data frame of pandas or polars, or array-like of shape (n_rows, n_columns)
            The table. Of an array of objects, or of lists, each column has the type of
            its values.

        y : None
            Ignored; present so that pipelines can pass labels.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        ValueError
            When a parameter or a column cannot be used; the message says which and what
            would do.

        TypeError
            When the rows of X are not in memory.
        """
        self._fit(X)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Table, y: object = None) -> Any:
        """Learn the columns of a table, and encode its rows.

        Parameters
        ----------
        X : data frame of pandas or polars, or array-like of shape (n_rows, n_columns)
            The table, which is read once.

        y : None
            Ignored; present so that pipelines can pass labels.

        Returns
        -------
        encoded : float64 ndarray or sparse matrix of shape (n_rows, n_features_out)
            What ``fit(X).transform(X)`` gives.
        """
        return encode(self._fit(X), self._table)

    def _fit(self, X):
        """Fit to a table, and return its rows as `Read`."""
        fitted = object.__new__(type(self))
        fitted.__dict__.update(self.__dict__)
        frame = frame_of(fitted, X, reset=True)
        chosen = chosen_columns(self.categorical_features, X, frame.container.names)
        fitted._table, read = fit_table(frame, self.get_params(deep=False), chosen)
        fitted.kinds_ = [getattr(c, "kind", "dropped") for c in fitted._table.columns]
        fitted.sparse_output_ = fitted._table.is_sparse
        self.__dict__ = fitted.__dict__
        return read

    def transform(self, X: Table) -> Any:
        """Encode the rows of a table.

        Parameters
        ----------
        X : data frame of pandas or polars, or array-like of shape (n_rows, n_columns)
            Rows with the columns of `fit`, in their order.

        Returns
        -------
        encoded : float64 ndarray or sparse matrix of shape (n_rows, n_features_out)
            Columns as `get_feature_names_out` names them.

        Raises
        ------
        ValueError
            When a column has values of another kind than in `fit`, or with
            ``handle_unknown="error"`` values that `fit` has not seen.
        """
        check_is_fitted(self)
        return encode(self._read(X), self._table)

    def _read(self, X):
        frame = frame_of(self, X, reset=False)
        return read_rows(frame, self._table, self.handle_unknown)

    def inverse_transform(self, X: Rows) -> Any:
        """Make encoded rows into a table.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features_out)
            Rows as `transform` returns them, or reconstructions of such.

        Returns
        -------
        table : data frame of pandas or polars, or ndarray of shape (n_rows, n_columns)
            Of the kind that `fit` got: the same columns (without dropped ones), types
            and categories. An array for arrays and lists, of objects unless all were
            numbers. It has the index of X if both are data frames of pandas.

        Raises
        ------
        ValueError
            When X has other columns than `transform` returns, or NaN where the type of
            a column cannot hold missing values.
        """
        check_is_fitted(self)
        index = getattr(X, "index", None) if hasattr(X, "iloc") else None
        again = decode(check_encoded(X, self._table), self._table)
        if self._table.container.library == "pandas" and index is not None:
            again.index = index
        return again

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Any:
        """Return the names of the encoded columns.

        Parameters
        ----------
        input_features : array-like of str of shape (n_columns,), default=None
            Names of the table's columns; must be those of `fit`. None takes these.

        Returns
        -------
        names : object ndarray of shape (n_features_out,)
            The column's name; for a category with "_" and the value behind it, or
            "_infrequent_sklearn" for pooled values; with "_missing" behind it for
            missing values. A number behind a name tells equal ones apart.
        """
        check_is_fitted(self)
        return feature_names(self, input_features)

    def column_scores(self, X: Table, encoded: Rows) -> pandas.DataFrame:
        """Say how well each column of a table is reconstructed.

        Parameters
        ----------
        X : data frame of pandas or polars, or array-like of shape (n_rows, n_columns)
            The true rows.

        encoded : {array-like, sparse matrix} of shape (n_rows, n_features_out)
            Reconstructions of ``transform(X)``, as by PCA or an autoencoder.

        Returns
        -------
        scores : pandas.DataFrame
            A row for each column that is not dropped: its name as ``column``, its
            ``kind``, and what applies, NaN for the rest.

            - ``r2``: fraction of the variance explained, in the column's unit and
              before rounding, for numbers, dates and durations.
            - ``accuracy``: fraction of the rows with the right value, for categories
              and booleans.
            - ``log_loss``: mean of minus the logarithm of the right value's
              probability, in nats. Probabilities are the shares of the values, at least
              0.001, divided by their sum.

            Missing values do not count, unless they are a category's value.
        """
        check_is_fitted(self)
        return column_scores(
            self._read(X), check_encoded(encoded, self._table), self._table
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the encoder, fitted or not, to a file for `skae.load`.

        The file is one of `skops.io`, a zip archive of JSON text and arrays, without
        code. It appears whole or not at all, in place of what was there.

        Parameters
        ----------
        path : str or path-like
            The file, by convention ending in ".skae".

        Returns
        -------
        None

        Raises
        ------
        TypeError
            When a parameter is a function, or a column has values or a type that no
            file of data can hold.

        ValueError
            When there is something else than a file at the path.

        OSError
            When the file cannot be written.
        """
        save(self, path)

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "_table" in state:
            state["_table"] = plain_table(state["_table"])
        return state

    def __setstate__(self, state):
        state = dict(state)
        if "_table" in state:
            state["_table"] = table_of(state["_table"], state["n_features_in_"])
        super().__setstate__(state)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_table")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags
