"""The verdict in words; `Comparison.verdict` has its rules."""

import numpy as np

from skae.comparison._candidates import BASELINE
from skae.comparison._summary import by_size

# A smaller gain is not worth the seconds of a fit. Larger bounds keep PCA more often;
# smaller ones take small or chance gains for real.
_LEAST_GAIN = 0.02
_LEAST_GAIN_OF_ACCURACY = 0.01
# PCA leaves only rounding; a larger bound would call small errors exact.
_EXACT = 1e-9
# Ratios of errors that the verdict calls "about halves"; a wider range would say less.
_ABOUT_HALF = 0.45, 0.55


def in_words(rows):
    """Return the verdict on all estimators, a line for each statement."""
    groups = {key: group.set_index("split") for key, group in by_size(rows)}
    dims = sorted({dim for dim, _ in groups})
    names = list(dict.fromkeys(name for _, name in groups if name != BASELINE))
    if not names:
        return "PCA alone was measured, so there is nothing to choose."
    lines = [line for name in names for line in _on_estimator(name, dims, groups)]
    if len(names) > 1:
        lines.insert(0, _on_least_error(names, dims, groups))
    return "\n".join(lines)


def _on_estimator(name, dims, groups):
    pairs = {dim: (groups[dim, name], groups[dim, BASELINE]) for dim in dims}
    return [
        *_on_error(name, dims, pairs),
        *_on_accuracy(dims, pairs, "accuracy", f"of {name}"),
        *_on_accuracy(dims, pairs, "tsne_accuracy", f"of {name} after t-SNE"),
        _on_seconds(name, pairs),
    ]


def _judge(gains, least):
    """Judge gains, one for each split, by their mean and their standard deviation.

    A mean gain within `least`, or within the standard deviation, is none.
    """
    mean = gains.mean()
    if abs(mean) <= max(least, np.nan_to_num(gains.std())):
        return "equal"
    return "better" if mean > 0 else "worse"


def _judge_error(ours, pca):
    if pca["variance_explained"].mean() > 1 - _EXACT:
        return "exact"
    return _judge(1 - ours["relative_error"], _LEAST_GAIN)


def _on_error(name, dims, pairs):
    """Return sentences about the reconstruction error."""
    judged = {dim: _judge_error(*pairs[dim]) for dim in dims}
    ratios = {dim: pairs[dim][0]["relative_error"].mean() for dim in dims}
    better, equal, worse, exact = (
        [dim for dim in dims if judged[dim] == outcome]
        for outcome in ("better", "equal", "worse", "exact")
    )
    lines = []
    if better:
        gain = _reduction([ratios[dim] for dim in better])
        lines.append(f"Take {name} {_for_codes(better, dims)}: it {gain}.")
    if equal:
        lines.append(
            f"Keep PCA {_for_codes(equal, dims)}: {name} gains nothing that counts "
            "there."
        )
    if worse:
        times = _range([ratios[dim] for dim in worse], "{:.2f}")
        lines.append(
            f"Keep PCA {_for_codes(worse, dims)}: the error of {name} is {times} times "
            "PCA's there."
        )
    if exact:
        lines.append(f"Keep PCA {_for_codes(exact, dims)}: it is exact there.")
    return lines


def _reduction(ratios):
    """Say in words what ratios of errors below 1 mean."""
    percents = _range([100 * (1 - ratio) for ratio in ratios], "{:.0f}") + "%"
    mean = np.exp(np.mean(np.log(ratios)))
    if _ABOUT_HALF[0] <= mean <= _ABOUT_HALF[1]:
        return f"about halves PCA's error (by {percents})"
    return f"cuts PCA's error by {percents}"


def _on_accuracy(dims, pairs, measure, where):
    """Return a sentence about an accuracy, or nothing if it was not measured."""
    if pairs[dims[0]][0][measure].isna().all():
        return []
    ours, pca = ({d: pairs[d][i][measure] for d in dims} for i in (0, 1))
    judged = {d: _judge(ours[d] - pca[d], _LEAST_GAIN_OF_ACCURACY) for d in dims}
    parts = []
    for outcome in "better", "worse":
        chosen = [dim for dim in dims if judged[dim] == outcome]
        if chosen:
            most = max(chosen, key=lambda d: abs((ours[d] - pca[d]).mean()))
            figures = f"{ours[most].mean():.3f} against {pca[most].mean():.3f}"
            at = f" with {most}" if len(chosen) > 1 else ""
            parts.append(f"{outcome} {_for_codes(chosen, dims)} ({figures}{at})")
    equal = [dim for dim in dims if judged[dim] == "equal"]
    parts += [f"the same {_for_codes(equal, dims)}"] if equal else []
    return [f"Nearest-neighbour accuracy {where}, beside PCA's: {', '.join(parts)}."]


def _on_seconds(name, pairs):
    ours, pca = (
        np.mean([pair[which]["fit_seconds"].mean() for pair in pairs.values()])
        for which in (0, 1)
    )
    return f"A fit of {name} takes {ours:.2g} s, one of PCA {pca:.2g} s."


def _on_least_error(names, dims, groups):
    winners: dict[str, list[int]] = {}
    for dim in dims:
        pca = groups[dim, BASELINE]
        able = [n for n in names if _judge_error(groups[dim, n], pca) == "better"]
        best = min(
            able,
            key=lambda n: groups[dim, n]["relative_error"].mean(),
            default=BASELINE,
        )
        winners.setdefault(best, []).append(dim)
    parts = [f"{name} {_for_codes(chosen, dims)}" for name, chosen in winners.items()]
    return f"Least error: {', '.join(parts)}."


def _range(numbers, form):
    lowest, highest = form.format(min(numbers)), form.format(max(numbers))
    return lowest if lowest == highest else f"{lowest} to {highest}"


def _for_codes(chosen, dims):
    """Say which of the numbers of codes are meant; both lists are in rising order."""
    if len(chosen) == 1:
        return f"with {chosen[0]} code{'s' if chosen[0] > 1 else ''}"
    if chosen == dims and len(dims) > 2:
        return f"with {dims[0]} to {dims[-1]} codes"
    if len(chosen) < len(dims) and chosen == dims[: len(chosen)]:
        return f"up to {chosen[-1]} codes"
    if len(chosen) < len(dims) and chosen == dims[-len(chosen) :]:
        return f"from {chosen[0]} codes up"
    return f"with {', '.join(map(str, chosen[:-1]))} and {chosen[-1]} codes"
