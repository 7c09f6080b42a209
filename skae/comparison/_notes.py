"""Sentences on what was compared and how."""

from skae.comparison._columns import shown


def on_data(conditions):
    """Return sentences on the columns, the missing values and the units."""
    texts = []
    if conditions.left_out:
        cure = " --columns (columns=...) takes those that it names."
        has_names = any("identifier" in reason for _, reason in conditions.left_out)
        texts.append(
            f"Left out: {shown(conditions.left_out)}.{cure if has_names else ''}"
        )
    if conditions.missing_fraction:
        texts.append(
            f"{_percent(conditions.missing_fraction)} of the values are missing. PCA "
            "has the training rows' means in their place; errors are those of the "
            "values that are there."
        )
    return texts + _on_units(conditions)


def _on_units(conditions):
    held = held_by(conditions)
    if conditions.is_scaled and held:
        return [
            f"Columns are divided by their standard deviations: as they are, {held}, "
            "so that nothing else could be seen. --scale no (scale=False) takes them "
            "as they are, --scale both shows both."
        ]
    if conditions.is_scaled:
        return ["Columns are divided by their standard deviations."]
    if held:
        return [
            f"Columns are compared in their own units, in which {held}. --scale yes "
            "(scale=True) divides them by their standard deviations."
        ]
    return []


def held_by(conditions):
    """Return which features hold how much of the variance; "" if none dominates."""
    if not conditions.dominant:
        return ""
    names = [str(name) for name in conditions.dominant]
    if not isinstance(conditions.dominant[0], str):
        names = [f"feature {name}" for name in names]
    said = " and ".join(", ".join(names).rsplit(", ", 1))
    verb = "hold" if len(names) > 1 else "holds"
    # Rounded down, so that 99.99% are not called all.
    percent = min(int(1000 * conditions.dominant_share) / 10, 99.9)
    return f"{said} {verb} over {percent:g}% of the variance"


def _percent(fraction):
    return f"{fraction:.1%}" if fraction >= 0.001 else "Below 0.1%"


def on_measures(conditions):
    """Return sentences on what the measures are, and on which rows."""
    k = conditions.n_neighbors
    texts = [
        f"{conditions.n_samples} rows of {_shape(conditions)}; "
        f"{conditions.n_train} fitted, {conditions.n_test} measured on, "
        f"{_splits(conditions.n_splits)}.",
        "error: mean squared error on the rows held out; to PCA's: over PCA's error "
        "with as many codes; explained: fraction of the variance.",
        f"trust: trustworthiness, whether the {k} nearest neighbours are neighbours in "
        f"X too, on {_rows(conditions.trustworthiness_rows, conditions)}.",
    ]
    if conditions.n_classes is not None:
        texts.append(
            f"accuracy: of a {k}-nearest-neighbour classifier on the codes, fitted on "
            f"the training rows; {conditions.n_classes} classes"
            f"{_of_judged(conditions)}."
        )
    if conditions.tsne_rows is not None:
        texts.append(
            f"t-SNE: the same for the codes of "
            f"{_rows(conditions.tsne_rows, conditions)} laid out in the plane; each "
            "row is classified by the others there."
        )
    if conditions.n_columns is not None:
        texts.append(
            "By column, with the most codes: fraction of the variance of numbers, "
            "dates and durations, accuracy of categories and booleans. PCA of the "
            "encoded rows is the factor analysis of mixed data."
        )
    texts.append(
        "Not counted: TensorFlow's start, once in a process, "
        f"{conditions.startup_seconds:.1f} s."
    )
    return texts


def _rows(n_rows, conditions):
    """Say how many of the test rows were measured on."""
    is_sample = n_rows < conditions.n_test
    return f"a random sample of {n_rows} rows" if is_sample else f"{n_rows} rows"


def _of_judged(conditions):
    n_rows = conditions.accuracy_rows
    if n_rows is None or n_rows >= conditions.n_test:
        return ""
    return f", on {_rows(n_rows, conditions)}"


def _shape(conditions):
    features = f"{conditions.n_features} features"
    if conditions.n_columns is None:
        return features
    return f"{conditions.n_columns} columns, encoded as {features}"


def _splits(n_splits):
    if n_splits == 1:
        return "one split"
    return f"mean ± standard deviation of {n_splits} splits"
