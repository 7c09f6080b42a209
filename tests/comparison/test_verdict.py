"""The verdict of a comparison, on rows whose verdict is known."""

import pytest

from skae.comparison import Comparison, Conditions, Measurement
from skae.comparison._judging import best_of, percents

CONDITIONS = Conditions(100, 64, None, 2, 80, 20, 5, 20, None, 0, 1.0)
DIMS = 2, 8, 16, 32


def measured(name, dim, ratios, accuracies=(None, None), left=0.5, seconds=1.0):
    """Return a row for each split; PCA leaves the fraction `left` of the variance."""
    return [
        Measurement(
            estimator=name,
            encoding_dim=dim,
            split=split,
            error=left * ratio,
            relative_error=ratio,
            variance_explained=1 - left * ratio,
            trustworthiness=0.9,
            accuracy=accuracy,
            tsne_trustworthiness=None,
            tsne_accuracy=None,
            fit_seconds=seconds,
        )
        for split, (ratio, accuracy) in enumerate(zip(ratios, accuracies, strict=True))
    ]


def verdict(ratios, name="Ours", left=None, accuracies=None, conditions=CONDITIONS):
    """Return the lines on one estimator, given its relative errors by size.

    `left` has the fraction of the variance that PCA leaves, if it is not a half.
    """
    rows = []
    for dim, pair in ratios.items():
        ours, pca = (accuracies or {}).get(dim, ((None, None), (None, None)))
        rest = (left or {}).get(dim, 0.5)
        rows += measured("PCA", dim, [1, 1], pca, rest, seconds=0.01)
        rows += measured(name, dim, pair, ours, rest)
    return Comparison(rows, conditions).verdict.splitlines()


def of_errors(*means):
    """Relative errors of two splits, 0.01 apart, by size."""
    return {
        dim: [mean - 0.005, mean + 0.005]
        for dim, mean in zip(DIMS, means, strict=False)
    }


SECONDS = "A fit of Ours takes 1 s, one of PCA 0.01 s."
NO_GAIN = "Keep PCA: there is no gain that counts; with"


@pytest.mark.parametrize(
    ("means", "recommended", "errors"),
    [
        (
            (0.5, 0.45, 0.55, 0.5),
            "Take Ours with 2 to 32 codes: with 8 codes it explains 77.5% of the "
            "variance, PCA 50.0%.",
            "0.45 to 0.55 times PCA's, better with 2 to 32 codes",
        ),
        (
            (1.0, 0.99, 1.01, 1.0),
            f"{NO_GAIN} 8 codes Ours explains 50.5% of the variance, PCA 50.0%.",
            "0.99 to 1.01 times PCA's, no gain that counts with 2 to 32 codes",
        ),
        (
            (1.0, 1.0, 1.0, 1.0),
            f"{NO_GAIN} 2 codes Ours and PCA explain 50.0% of the variance alike.",
            "1.00 times PCA's, no gain that counts with 2 to 32 codes",
        ),
        (
            (1.5, 1.2, 2.0, 1.25),
            "Keep PCA: it is better; with 8 codes Ours explains 40.0% of the variance, "
            "PCA 50.0%.",
            "1.20 to 2.00 times PCA's, worse with 2 to 32 codes",
        ),
        (
            (0.5, 0.5, 1.0, 1.0),
            "Take Ours up to 8 codes: with 2 codes it explains 75.0% of the variance, "
            "PCA 50.0%; keep PCA from 16 codes up.",
            "0.50 times PCA's, better up to 8 codes; 1.00 times PCA's, no gain that "
            "counts from 16 codes up",
        ),
        (
            (0.6, 1.0, 0.6, 1.3),
            "Take Ours with 2 and 16 codes: with 2 codes it explains 70.0% of the "
            "variance, PCA 50.0%; keep PCA with 8 and 32 codes.",
            "0.60 times PCA's, better with 2 and 16 codes; 1.00 times PCA's, no gain "
            "that counts with 8 codes; 1.30 times PCA's, worse with 32 codes",
        ),
        (
            (0.6,),
            "Take Ours with 2 codes: it explains 70.0% of the variance, PCA 50.0%.",
            "0.60 times PCA's, better with 2 codes",
        ),
    ],
    ids=[
        "better everywhere",
        "equal everywhere",
        "the same",
        "worse everywhere",
        "better below some size",
        "mixed",
        "a single size",
    ],
)
def test_errors_are_judged_by_number_of_codes(means, recommended, errors):
    first, variance, error, seconds = verdict(of_errors(*means))
    assert first == recommended
    assert variance.startswith("Variance explained by Ours (by PCA): ")
    assert variance.count("(50.0%)") == len(means)
    assert error == f"Error of Ours: {errors}."
    assert seconds == SECONDS


def test_where_pca_is_exact_it_is_kept():
    """Ratios of roundings say nothing, however small."""
    lines = verdict({2: [0.6, 0.6], 8: [0.1, 0.1]}, left={8: 0.0})
    assert lines[0].endswith("; keep PCA with 8 codes.")
    assert lines[2].endswith("; PCA is exact with 8 codes.")
    assert verdict({2: [1, 1]}, left={2: 0.0})[0] == (
        "Keep PCA: it is exact with 2 codes."
    )


def test_half_an_error_that_nobody_can_see_is_no_gain():
    """Both explain 99.998%: a column in another unit holds nearly all variance."""
    lines = verdict({2: [0.62, 0.62]}, left={2: 2e-5})
    assert lines[0] == (
        "Keep PCA: there is no gain that counts; Ours explains 99.999% of the "
        "variance, PCA 99.998%."
    )
    assert "0.62 times PCA's, no gain that counts" in lines[2]


def test_what_is_not_all_is_not_rounded_to_all():
    assert percents(1 - 1e-12, 0.5) == ["99.9999%", "50.0000%"]
    assert percents(1.0, 0.99) == ["100.0000%", "99.0000%"]
    assert percents(0.995, 0.9) == ["99.5%", "90.0%"]
    assert percents(0.9996, 0.998) == ["99.96%", "99.80%"]
    assert percents(-2.0) == ["-200.0%"]


def test_a_gain_within_the_spread_of_the_splits_is_none():
    assert "Take Ours" in verdict({2: [0.6, 0.8]})[0]
    assert "Keep PCA" in verdict({2: [0.6, 1.1]})[0]
    assert "Keep PCA" in verdict({2: [1.0, 1.6]})[0]


def test_of_a_single_split_the_mean_is_judged():
    rows = measured("PCA", 1, [1], [None]) + measured("Ours", 1, [0.9], [None])
    verdict = Comparison(rows, CONDITIONS).verdict
    assert verdict.startswith("Take Ours with 1 code: it explains 55.0%")


def test_order_of_the_sizes_does_not_matter():
    ratios = of_errors(0.5, 0.5, 1.0, 1.0)
    assert verdict(dict(reversed(ratios.items()))) == verdict(ratios)


def test_accuracies_are_judged_by_their_difference_on_each_split():
    accuracies = {
        2: ([0.75, 0.79], [0.40, 0.44]),
        8: ([0.94, 0.96], [0.90, 0.92]),
        16: ([0.90, 0.99], [0.95, 0.90]),
        32: ([0.90, 0.91], [0.97, 0.98]),
    }
    conditions = CONDITIONS._replace(n_test=200)
    found = verdict(of_errors(1, 1, 1, 1), accuracies=accuracies, conditions=conditions)
    assert found[3] == (
        "Nearest-neighbour accuracy of Ours, beside PCA's: better up to 8 codes "
        "(0.770 against 0.420 with 2), worse with 32 codes (0.905 against 0.975), the "
        "same with 16 codes."
    )
    assert found[0].endswith(
        "But where labels matter, try Ours: with 2 codes, nearest neighbours are right "
        "for 77.0% of the rows, with PCA for 42.0%."
    )


def test_few_rows_tell_nothing_of_the_labels():
    """One row more or less of 2 × 20 is chance."""
    accuracies = {2: ([0.90, 0.90], [0.875, 0.875])}
    lines = verdict({2: [0.5, 0.5]}, accuracies=accuracies)
    assert lines[0].endswith("Labels are found as often as with PCA.")
    assert lines[3].endswith("the same with 2 codes.")


@pytest.mark.parametrize(
    ("accuracy", "said"),
    [
        (0.8, "But where labels matter, keep PCA: with 2 codes, nearest "),
        (0.99, "Labels are found more often, too: with 2 codes, nearest "),
    ],
)
def test_what_is_to_be_taken_is_told_of_the_labels(accuracy, said):
    accuracies = {2: ([accuracy] * 2, [0.9, 0.9])}
    first, *_ = verdict({2: [0.5, 0.5]}, accuracies=accuracies)
    assert first.startswith("Take Ours with 2 codes")
    assert said in first
    assert first.count(". ") == 1  # two sentences


def test_scaled_columns_are_said_first():
    conditions = CONDITIONS._replace(
        is_scaled=True, dominant=("income", "wealth"), dominant_share=0.99996
    )
    (first, *_) = verdict({2: [0.5, 0.5]}, conditions=conditions)
    assert first.startswith(
        "Scale the columns, since income and wealth hold over 99.9% of the variance, "
        "and take Ours with 2 codes: "
    )


def test_several_estimators_begin_with_whom_to_take():
    rows = []
    for dim, (one, other) in {2: (0.5, 0.9), 8: (0.9, 0.7), 16: (1, 1)}.items():
        rows += measured("PCA", dim, [1, 1])
        rows += measured("One", dim, [one, one]) + measured("Other", dim, [other] * 2)
    lines = Comparison(rows, CONDITIONS).verdict.splitlines()
    assert lines[0] == (
        "Take One with 2 codes and Other with 8 codes: with 2 codes One explains 75.0% "
        "of the variance, PCA 50.0%; keep PCA with 16 codes."
    )
    assert lines[2].startswith("Error of One: 0.50 to 0.90 times PCA's, better up to 8")
    assert best_of(rows, CONDITIONS) == ("One", 2)


def test_pca_alone_leaves_nothing_to_choose():
    rows = measured("PCA", 2, [1, 1])
    assert "PCA alone" in Comparison(rows, CONDITIONS).verdict
    assert best_of(rows, CONDITIONS) == ("PCA", 2)
