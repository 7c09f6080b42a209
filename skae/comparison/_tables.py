"""Tables of mixed columns in a comparison: encoded, and scored by column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas

from skae._tables.encoder import TableEncoder
from skae._tables.reading import is_data_frame, kinds_of_columns

HOW: dict[str, Any] = {
    "handle_unknown": "infrequent_if_exist",
    # Of one category, such as a town. More would take memory, and the weight of the
    # other columns: a category of K values has a variance of K - 1.
    "max_categories": 50,
    "sparse_output": False,
}
"""The parameters of the encoder of a comparison."""


class ColumnScore(NamedTuple):
    """How well one column of a table comes back, on the rows held out of a split.

    Attributes
    ----------
    estimator : str
        Name of the estimator.

    encoding_dim : int
        Number of codes.

    split : int
        Number of the split, from 0.

    column : str or other label
        The column.

    kind : str
        "number", "date", "duration", "boolean" or "category".

    r2 : float
        Fraction of the variance explained, for numbers, dates and durations; else NaN.

    accuracy, log_loss : float
        Of categories and booleans; else NaN. See `skae.TableEncoder.column_scores`.
    """

    estimator: str
    encoding_dim: int
    split: int
    column: object
    kind: str
    r2: float
    accuracy: float
    log_loss: float


def is_mixed(X):
    """Tell whether X is a data frame with other columns than numbers and booleans."""
    return is_data_frame(X) and not set(kinds_of_columns(X)) <= {"number", "boolean"}


def encoded(X):
    """Return an encoder fitted to all rows, and these as an array."""
    encoder = TableEncoder(**HOW)
    return encoder, encoder.fit_transform(X)


@dataclass(frozen=True)
class EncodedSplit:
    """A table's rows of one split, encoded by what the training rows say.

    Attributes
    ----------
    encoder : TableEncoder
        Fitted to the training rows.

    train, test : data frame
        The rows.
    """

    encoder: TableEncoder
    train: object
    test: object

    @property
    def n_features(self):
        """Number of columns of the encoded rows."""
        return len(self.encoder.get_feature_names_out())

    def rows(self):
        """Return training and test rows as arrays."""
        return self.encoder.transform(self.train), self.encoder.transform(self.test)

    def scores(self, reconstructions, *of):
        """Return a `ColumnScore` for each column; `of` are its first fields."""
        table = self.encoder.column_scores(self.test, reconstructions)
        return [ColumnScore(*of, *line) for line in table.itertuples(index=False)]


def split_of(X, whole, train, test):
    """Return the `EncodedSplit` of some rows of a table.

    Parameters
    ----------
    X : data frame
        All rows.

    whole : TableEncoder
        Fitted to all rows. Its categories are those of every split: a part of the rows
        may have too few of them to tell categories from identifiers.

    train, test : int ndarray
        Numbers of the rows.
    """
    categories = np.flatnonzero(np.array(whole.kinds_) == "category")
    encoder = TableEncoder(**HOW, categorical_features=categories, unusable="drop")
    rows = _rows(X, train), _rows(X, test)
    return EncodedSplit(encoder.fit(rows[0]), *rows)


def _rows(X, numbers):
    return X.iloc[numbers] if hasattr(X, "iloc") else X[numbers]


def by_column(scores):
    """Return the means of column scores over splits; see `Comparison.columns`."""
    table = pandas.DataFrame(scores, columns=ColumnScore._fields)
    keys = ["encoding_dim", "estimator", "column", "kind"]
    measures = ["r2", "accuracy", "log_loss"]
    return table.groupby(keys, sort=False)[measures].mean().reset_index()


def as_text(scores):
    """Return the scores with the largest number of codes, an estimator in a column."""
    table = by_column(scores)
    table = table[table["encoding_dim"] == table["encoding_dim"].max()]
    score = table["r2"].fillna(table["accuracy"])
    wide = table.assign(score=score).pivot_table(
        "score", ["column", "kind"], "estimator", sort=False
    )
    return wide.map("{:.3f}".format).reset_index().to_string(index=False)
