"""The verdict in words; `Comparison.verdict` has its rules."""

import numpy as np

from skae.comparison._candidates import BASELINE
from skae.comparison._judging import (
    Groups,
    gain_of_variance,
    judge_accuracy,
    judge_error,
    percents,
    variance_explained,
    winner,
)
from skae.comparison._notes import held_by


def in_words(rows, conditions):
    """Return the verdict on all estimators: a recommendation, then lines of figures."""
    groups = Groups.of(rows, conditions)
    if not groups.names:
        return "PCA alone was measured, so there is nothing to choose."
    first = _recommendation(groups)
    held = held_by(conditions) if conditions.is_scaled else ""
    if held:
        rest = first[0].lower() + first[1:]
        first = f"Scale the columns, since {held}, and {rest}"
    figures = (line for name in groups.names for line in _figures(name, groups))
    return "\n".join([first, *figures])


# The recommendation


def _recommendation(groups):
    """Say in one or two sentences what to take."""
    winners = {dim: winner(dim, groups) for dim in groups.dims}
    won = [dim for dim in groups.dims if winners[dim] != BASELINE]
    if not won:
        return _keep_pca(groups)
    takers = list(dict.fromkeys(winners[dim] for dim in won))
    parts = [
        f"{name} {_for_codes([d for d in won if winners[d] == name], groups.dims)}"
        for name in takers
    ]
    best = max(won, key=lambda dim: gain_of_variance(winners[dim], dim, groups))
    subject = "it" if len(takers) == 1 else winners[best]
    said = _explained(winners[best], best, groups, len(won) > 1, subject)
    kept = [dim for dim in groups.dims if dim not in won]
    rest = f"; keep PCA {_for_codes(kept, groups.dims)}" if kept else ""
    labels = _on_labels(winners[best], won, groups)
    return f"Take {' and '.join(parts)}: {said}{rest}.{labels}"


def _keep_pca(groups):
    """Say why PCA is to be kept."""
    dims = [dim for dim in groups.dims if not groups.is_exact(dim)]
    if not dims:
        return f"Keep PCA: it is exact {_for_codes(groups.dims, groups.dims)}."
    pairs = [(name, dim) for name in groups.names for dim in dims]
    judged = {judge_error(*groups.pair(name, dim)) for name, dim in pairs}
    reason = "there is no gain that counts" if "equal" in judged else "it is better"
    name, dim = max(pairs, key=lambda pair: gain_of_variance(pair[0], pair[1], groups))
    said = _explained(name, dim, groups, len(dims) > 1, name)
    return f"Keep PCA: {reason}; {said}.{_on_labels_alone(name, dims, groups)}"


def _explained(name, dim, groups, with_dim, subject):
    """Say how much of the variance an estimator explains, and PCA."""
    ours, pca = percents(*variance_explained(name, dim, groups))
    at = f"with {_codes(dim)} " if with_dim else ""
    if ours == pca:
        return f"{at}{subject} and PCA explain {ours} of the variance alike"
    return f"{at}{subject} explains {ours} of the variance, PCA {pca}"


def _on_labels(name, dims, groups):
    """Say whether neighbours find the labels as often as with PCA."""
    if not groups.has_labels:
        return ""
    worse = _accuracy_where("worse", name, dims, groups)
    if worse:
        return f" But where labels matter, keep PCA: {worse}."
    better = _accuracy_where("better", name, dims, groups)
    if better:
        return f" Labels are found more often, too: {better}."
    return " Labels are found as often as with PCA."


def _on_labels_alone(name, dims, groups):
    """Say where an estimator finds labels better although it explains no more."""
    if not groups.has_labels:
        return ""
    better = _accuracy_where("better", name, dims, groups)
    return f" But where labels matter, try {name}: {better}." if better else ""


def _accuracy_where(outcome, name, dims, groups):
    """Say how far accuracies differ where they are judged so; "" if nowhere."""
    judged = {dim: judge_accuracy("accuracy", name, dim, groups) for dim in dims}
    chosen = [dim for dim in dims if judged[dim] == outcome]
    if not chosen:
        return ""
    dim, (ours, pca) = _largest_difference("accuracy", name, chosen, groups)
    return (
        f"with {_codes(dim)}, nearest neighbours are right for {ours:.1%} of the rows, "
        f"with PCA for {pca:.1%}"
    )


def _largest_difference(measure, name, dims, groups):
    """Return the number of codes with the largest difference, and the means there."""
    means = {
        dim: [part[measure].mean() for part in groups.pair(name, dim)] for dim in dims
    }
    dim = max(dims, key=lambda dim: abs(means[dim][0] - means[dim][1]))
    return dim, means[dim]


# The figures


def _figures(name, groups):
    return [
        _on_variance(name, groups),
        _on_error(name, groups),
        *_on_accuracy("accuracy", f"of {name}", name, groups),
        *_on_accuracy("tsne_accuracy", f"of {name} after t-SNE", name, groups),
        _on_seconds(name, groups),
    ]


def _on_variance(name, groups):
    parts = []
    for dim in groups.dims:
        ours, pca = percents(*variance_explained(name, dim, groups))
        parts.append(f"{ours} ({pca}) with {_codes(dim)}")
    return f"Variance explained by {name} (by PCA): {', '.join(parts)}."


_WORDS = {
    "better": "better",
    "equal": "no gain that counts",
    "worse": "worse",
    "exact": "PCA is exact",
}


def _on_error(name, groups):
    """Return a sentence on the reconstruction error, where PCA leaves one."""
    dims = groups.dims
    judged = {dim: judge_error(*groups.pair(name, dim)) for dim in dims}
    parts = []
    for outcome, word in _WORDS.items():
        chosen = [dim for dim in dims if judged[dim] == outcome]
        if chosen:
            ours = [groups.pair(name, dim)[0] for dim in chosen]
            ratios = _range([part["relative_error"].mean() for part in ours], "{:.2f}")
            times = "" if outcome == "exact" else f"{ratios} times PCA's, "
            parts.append(f"{times}{word} {_for_codes(chosen, dims)}")
    return f"Error of {name}: {'; '.join(parts)}."


def _on_accuracy(measure, where, name, groups):
    """Return a sentence about an accuracy, or nothing if it was not measured."""
    dims = groups.dims
    if groups.pair(name, dims[0])[0][measure].isna().all():
        return []
    judged = {dim: judge_accuracy(measure, name, dim, groups) for dim in dims}
    parts = []
    for outcome in "better", "worse":
        chosen = [dim for dim in dims if judged[dim] == outcome]
        if chosen:
            most, (ours, pca) = _largest_difference(measure, name, chosen, groups)
            at = f" with {most}" if len(chosen) > 1 else ""
            figures = f"{ours:.3f} against {pca:.3f}{at}"
            parts.append(f"{outcome} {_for_codes(chosen, dims)} ({figures})")
    equal = [dim for dim in dims if judged[dim] == "equal"]
    parts += [f"the same {_for_codes(equal, dims)}"] if equal else []
    return [f"Nearest-neighbour accuracy {where}, beside PCA's: {', '.join(parts)}."]


def _on_seconds(name, groups):
    pairs = [groups.pair(name, dim) for dim in groups.dims]
    ours, pca = (
        np.mean([pair[which]["fit_seconds"].mean() for pair in pairs])
        for which in (0, 1)
    )
    return f"A fit of {name} takes {ours:.2g} s, one of PCA {pca:.2g} s."


# Words


def _range(numbers, form):
    lowest, highest = form.format(min(numbers)), form.format(max(numbers))
    return lowest if lowest == highest else f"{lowest} to {highest}"


def _codes(dim):
    return f"{dim} code{'s' if dim > 1 else ''}"


def _for_codes(chosen, dims):
    """Say which of the numbers of codes are meant; both lists are in rising order."""
    if len(chosen) == 1:
        return f"with {_codes(chosen[0])}"
    if chosen == dims and len(dims) > 2:
        return f"with {dims[0]} to {dims[-1]} codes"
    if len(chosen) < len(dims) and chosen == dims[: len(chosen)]:
        return f"up to {chosen[-1]} codes"
    if len(chosen) < len(dims) and chosen == dims[-len(chosen) :]:
        return f"from {chosen[0]} codes up"
    return f"with {', '.join(map(str, chosen[:-1]))} and {chosen[-1]} codes"
