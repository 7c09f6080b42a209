"""Means and spreads over splits, as a table for programs and a table for people."""

import pandas

from skae.comparison import _tables
from skae.comparison._notes import on_data, on_measures

MEASURES = {
    "error": "error",
    "relative_error": "to PCA's",
    "variance_explained": "explained",
    "trustworthiness": "trust",
    "accuracy": "accuracy",
    "tsne_trustworthiness": "t-SNE: trust",
    "tsne_accuracy": "t-SNE: acc.",
    "fit_seconds": "fit, s",
}
"""The measures of a `Measurement`, with short names for headings."""

_WITHOUT_SPREAD = "error", "fit_seconds"


def by_size(rows):
    """Group measurements by number of codes and estimator, in the order of `rows`."""
    return pandas.DataFrame(rows).groupby(["encoding_dim", "estimator"], sort=False)


def taken(rows):
    """Return the names of the measures that were taken."""
    return [name for name in MEASURES if getattr(rows[0], name) is not None]


def means_and_spreads(rows):
    """Return a data frame; see `Comparison.table`."""
    table = by_size(rows)[taken(rows)].agg(["mean", "std"])
    table.columns = [
        measure if statistic == "mean" else f"{measure}_std"
        for measure, statistic in table.columns
    ]
    return table.reset_index()


def cells(rows):
    """Return a data frame of short texts, mean ± standard deviation."""
    table = means_and_spreads(rows)
    texts = {"codes": table["encoding_dim"], "estimator": table["estimator"]}
    for measure in taken(rows):
        pairs = zip(table[measure], table[f"{measure}_std"], strict=True)
        texts[MEASURES[measure]] = [_cell(measure, *pair) for pair in pairs]
    return pandas.DataFrame(texts)


def _cell(measure, mean, deviation):
    if measure in _WITHOUT_SPREAD:
        return f"{mean:#.3g}".rstrip(".")
    return f"{mean:.3f}" if pandas.isna(deviation) else f"{mean:.3f}±{deviation:.3f}"


def as_text(comparison):
    """Return the table in aligned columns, with notes on how to read it."""
    table = cells(comparison.rows)
    width = table["estimator"].str.len().max()
    table["estimator"] = table["estimator"].str.ljust(width)
    table = table.rename(columns={"estimator": "estimator".ljust(width)})
    # Two spaces between headings, since headings have single spaces in them.
    text = table.add_prefix(" ").to_string(index=False)
    lines = [text, ""]
    if comparison.column_scores:
        lines += [_tables.as_text(comparison.column_scores), ""]
    return "\n".join([*lines, *notes(comparison)])


def notes(comparison):
    """Return sentences on the data, on the measures and on how they were taken."""
    conditions = comparison.conditions
    return [*comparison.notes, *on_data(conditions), *on_measures(conditions)]
