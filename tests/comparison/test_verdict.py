"""The verdict of a comparison, on rows whose verdict is known."""

import pytest

from skae.comparison import Comparison, Conditions, Measurement

CONDITIONS = Conditions(100, 64, None, 2, 80, 20, 5, 20, None, 0, 1.0)
DIMS = 2, 8, 16, 32


def measured(name, dim, ratios, accuracies=(None, None), explained=0.5, seconds=1.0):
    """Return a row for each split; PCA's errors are 1."""
    return [
        Measurement(
            estimator=name,
            encoding_dim=dim,
            split=split,
            error=ratio,
            relative_error=ratio,
            variance_explained=explained,
            trustworthiness=0.9,
            accuracy=accuracy,
            tsne_trustworthiness=None,
            tsne_accuracy=None,
            fit_seconds=seconds,
        )
        for split, (ratio, accuracy) in enumerate(zip(ratios, accuracies, strict=True))
    ]


def verdict(ratios, name="Ours", exact=(), accuracies=None):
    """Return the lines on one estimator, given its relative errors by size."""
    rows = []
    for dim, pair in ratios.items():
        ours, pca = (accuracies or {}).get(dim, ((None, None), (None, None)))
        explained = 1.0 if dim in exact else 0.5
        rows += measured("PCA", dim, [1, 1], pca, explained, seconds=0.01)
        rows += measured(name, dim, pair, ours, explained)
    return Comparison(rows, CONDITIONS).verdict.splitlines()


def of_errors(*means):
    """Relative errors of two splits, 0.01 apart, by size."""
    return {
        dim: [mean - 0.005, mean + 0.005]
        for dim, mean in zip(DIMS, means, strict=False)
    }


HALVES = "Take Ours with 2 to 32 codes: it about halves PCA's error (by 45 to 55%)."
SECONDS = "A fit of Ours takes 1 s, one of PCA 0.01 s."


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        (
            (0.5, 0.45, 0.55, 0.5),
            [HALVES],
        ),
        (
            (0.8, 0.7, 0.9, 0.75),
            ["Take Ours with 2 to 32 codes: it cuts PCA's error by 10 to 30%."],
        ),
        (
            (1.0, 0.99, 1.01, 1.0),
            ["Keep PCA with 2 to 32 codes: Ours gains nothing that counts there."],
        ),
        (
            (1.5, 1.2, 2.0, 1.25),
            [
                "Keep PCA with 2 to 32 codes: the error of Ours is 1.20 to 2.00 times "
                "PCA's there."
            ],
        ),
        (
            (0.5, 0.5, 1.0, 1.0),
            [
                "Take Ours up to 8 codes: it about halves PCA's error (by 50%).",
                "Keep PCA from 16 codes up: Ours gains nothing that counts there.",
            ],
        ),
        (
            (1.0, 0.6, 0.6, 0.6),
            [
                "Take Ours from 8 codes up: it cuts PCA's error by 40%.",
                "Keep PCA with 2 codes: Ours gains nothing that counts there.",
            ],
        ),
        (
            (0.6, 1.0, 0.6, 1.3),
            [
                "Take Ours with 2 and 16 codes: it cuts PCA's error by 40%.",
                "Keep PCA with 8 codes: Ours gains nothing that counts there.",
                "Keep PCA with 32 codes: the error of Ours is 1.30 times PCA's there.",
            ],
        ),
        (
            (0.6, 1.0),
            [
                "Take Ours with 2 codes: it cuts PCA's error by 40%.",
                "Keep PCA with 8 codes: Ours gains nothing that counts there.",
            ],
        ),
        (
            (0.6, 0.6),
            ["Take Ours with 2 and 8 codes: it cuts PCA's error by 40%."],
        ),
    ],
    ids=[
        "halves everywhere",
        "better everywhere",
        "equal everywhere",
        "worse everywhere",
        "better below some size",
        "better above some size",
        "mixed",
        "two sizes that differ",
        "two sizes alike",
    ],
)
def test_errors_are_judged_by_number_of_codes(means, expected):
    assert verdict(of_errors(*means)) == [*expected, SECONDS]


def test_where_pca_is_exact_it_is_kept():
    """Ratios of roundings say nothing, however small."""
    lines = verdict({2: [0.6, 0.6], 8: [0.1, 0.1]}, exact={8})
    assert lines[1] == "Keep PCA with 8 codes: it is exact there."


def test_a_gain_within_the_spread_of_the_splits_is_none():
    assert "Take Ours" in verdict({2: [0.6, 0.8]})[0]
    assert "gains nothing" in verdict({2: [0.6, 1.1]})[0]
    assert "gains nothing" in verdict({2: [1.0, 1.6]})[0]


def test_of_a_single_split_the_mean_is_judged():
    rows = measured("PCA", 1, [1], [None]) + measured("Ours", 1, [0.9], [None])
    verdict = Comparison(rows, CONDITIONS).verdict
    assert verdict.startswith("Take Ours with 1 code: it cuts PCA's error by 10%.")


def test_order_of_the_sizes_does_not_matter():
    ratios = of_errors(0.5, 0.5, 1.0, 1.0)
    assert verdict(dict(reversed(ratios.items()))) == verdict(ratios)


def test_accuracies_are_judged_by_their_difference_on_each_split():
    accuracies = {
        2: ([0.75, 0.79], [0.40, 0.44]),
        8: ([0.94, 0.96], [0.90, 0.92]),
        16: ([0.90, 0.99], [0.95, 0.90]),
        32: ([0.90, 0.91], [0.95, 0.96]),
    }
    line = verdict(of_errors(1, 1, 1, 1), accuracies=accuracies)[1]
    assert line == (
        "Nearest-neighbour accuracy of Ours, beside PCA's: better up to 8 codes "
        "(0.770 against 0.420 with 2), worse with 32 codes (0.905 against 0.955), the "
        "same with 16 codes."
    )


def test_several_estimators_begin_with_who_has_the_least_error():
    rows = []
    for dim, (one, other) in {2: (0.5, 0.9), 8: (0.9, 0.7), 16: (1, 1)}.items():
        rows += measured("PCA", dim, [1, 1])
        rows += measured("One", dim, [one, one]) + measured("Other", dim, [other] * 2)
    lines = Comparison(rows, CONDITIONS).verdict.splitlines()
    assert lines[0] == (
        "Least error: One with 2 codes, Other with 8 codes, PCA with 16 codes."
    )
    assert lines[1].startswith("Take One up to 8 codes")
    assert any(line.startswith("Take Other up to 8 codes") for line in lines)


def test_pca_alone_leaves_nothing_to_choose():
    rows = measured("PCA", 2, [1, 1])
    assert "PCA alone" in Comparison(rows, CONDITIONS).verdict
