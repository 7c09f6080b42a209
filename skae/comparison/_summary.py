"""Means and spreads over splits, as a table for programs and as one for people."""

import numpy as np

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
"""What a `Measurement` measures, with short names for headings."""

_WITHOUT_SPREAD = "error", "fit_seconds"


def by_size(rows):
    """Group measurements.

    Returns
    -------
    dict of (int, str) to list of Measurement
        By number of codes and estimator, in the order of `rows`; one for each split.
    """
    groups: dict[tuple[int, str], list] = {}
    for row in rows:
        groups.setdefault((row.encoding_dim, row.estimator), []).append(row)
    return groups


def values(group, measure):
    """Return a measure of each split as an array."""
    return np.array([getattr(row, measure) for row in group], dtype=np.float64)


def spread(numbers):
    """Return the standard deviation of a sample; NaN of a single number."""
    return float(np.std(numbers, ddof=1)) if len(numbers) > 1 else float("nan")


def taken(rows):
    """Return the names of the measures that were taken."""
    return [name for name in MEASURES if getattr(rows[0], name) is not None]


def as_dicts(rows):
    """Return mean and spread of each measure, a dict for each size and estimator."""
    measures = taken(rows)
    return [_as_dict(key, group, measures) for key, group in by_size(rows).items()]


def _as_dict(key, group, measures):
    result = dict(zip(("encoding_dim", "estimator"), key, strict=True))
    for measure in measures:
        numbers = values(group, measure)
        result[measure] = float(numbers.mean())
        result[f"{measure}_std"] = spread(numbers)
    return result


def as_frame(rows):
    """Return `as_dicts` as a data frame where pandas is installed."""
    dicts = as_dicts(rows)
    try:
        import pandas
    except ImportError:
        return dicts
    return pandas.DataFrame(dicts)


def headings(rows):
    """Return the headings of `cells`."""
    return ["codes", "estimator", *(MEASURES[measure] for measure in taken(rows))]


def cells(rows):
    """Return the table as lists of short texts, mean ± standard deviation."""
    measures = taken(rows)
    return [
        [
            str(line["encoding_dim"]),
            line["estimator"],
            *(
                _cell(measure, line[measure], line[f"{measure}_std"])
                for measure in measures
            ),
        ]
        for line in as_dicts(rows)
    ]


def _cell(measure, mean, deviation):
    if measure in _WITHOUT_SPREAD:
        return f"{mean:#.3g}".rstrip(".")
    return f"{mean:.3f}" if np.isnan(deviation) else f"{mean:.3f}±{deviation:.3f}"


def as_text(comparison):
    """Return the table in aligned columns, with a note on how to read it."""
    lines = [headings(comparison.rows), *cells(comparison.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(_aligned(line, widths)) for line in lines]
    return "\n".join([*text, "", *notes(comparison)])


def _aligned(line, widths):
    codes, name, *others = map(str.rjust, line, widths)
    return [codes, name.strip().ljust(widths[1]), *others]


def notes(comparison):
    """Return sentences about what the columns hold and how they were measured."""
    conditions = comparison.conditions
    k = conditions.n_neighbors
    texts = [
        f"{conditions.n_samples} rows of {conditions.n_features} features; "
        f"{conditions.n_train} fitted, {conditions.n_test} measured on, "
        f"{_splits(conditions.n_splits)}.",
        "error: mean squared error on the rows held out; to PCA's: over PCA's error "
        "with as many codes; explained: share of the variance.",
        f"trust: trustworthiness, whether the {k} nearest neighbours are neighbours in "
        f"X too, on {conditions.trustworthiness_rows} rows.",
    ]
    if conditions.n_classes is not None:
        texts.append(
            f"accuracy: of a {k}-nearest-neighbour classifier on the codes, fitted on "
            f"the training rows; {conditions.n_classes} classes."
        )
    if conditions.tsne_rows is not None:
        texts.append(
            f"t-SNE: the same for the codes of {conditions.tsne_rows} rows laid out in "
            "the plane; each row is classified by the others there."
        )
    texts.append(
        "Not counted: TensorFlow's start, once in a process, "
        f"{conditions.startup_seconds:.1f} s."
    )
    return texts


def _splits(n_splits):
    if n_splits == 1:
        return "one split"
    return f"mean ± standard deviation of {n_splits} splits"
