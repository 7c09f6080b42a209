import numpy as np
import pytest
from displayed import (
    DATA,
    EVERY,
    IMAGES,
    KINDS,
    MISSING,
    fit,
    fit_with_missing_values,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from skae.displays import ReconstructionDisplay

DRAWN = {"rtol": 1e-4, "atol": 1e-4}


def rows_of(name):
    return np.asarray(DATA[name], float)


def drawn(**how):
    """Draw a made-up image and its code."""
    image = np.zeros((1, 4, 4))
    how = {"originals": image, "reconstructions": image, **how}
    how = {"codes": np.zeros((1, 2)), "indices": [3], "errors": [0.0], **how}
    return ReconstructionDisplay(kind="image", **how).plot()


@pytest.mark.parametrize("name", EVERY)
def test_numbers_are_those_of_the_estimator(name):
    estimator, rows = fit(name), rows_of(name)
    how = {"samples": [4, -1]}
    display = ReconstructionDisplay.from_estimator(estimator, DATA[name], **how)
    kind, shape = KINDS[name]
    last = len(rows) - 1
    assert display.kind == kind
    assert_array_equal(display.indices, [4, last])
    found = np.asarray(estimator.reconstruct(DATA[name]))
    errors = np.square(found - rows).reshape(len(rows), -1).mean(axis=1)
    assert_allclose(display.originals, rows[[4, last]].reshape(2, *shape))
    assert_allclose(
        display.reconstructions, found[[4, last]].reshape(2, *shape), **DRAWN
    )
    assert_allclose(display.codes, estimator.transform(DATA[name])[[4, last]], **DRAWN)
    assert_allclose(display.errors, errors[[4, last]], rtol=1e-3)


def test_images_are_drawn_in_rows():
    display = ReconstructionDisplay.from_estimator(fit("images"), IMAGES, n_samples=2)
    assert display.axes_.shape == (3, 2)
    names = [axis.get_ylabel() for axis in display.axes_[:, 0]]
    assert names == ["original", "code", "reconstruction"]
    for i in range(2):
        original, code, reconstruction = (a.images[0] for a in display.axes_[:, i])
        assert_allclose(original.get_array(), display.originals[i])
        assert_allclose(reconstruction.get_array(), display.reconstructions[i])
        assert_allclose(code.get_array().ravel()[:3], display.codes[i])
        assert original.get_clim() == reconstruction.get_clim()


def test_colours_are_drawn_as_they_are():
    colours = np.random.RandomState(0).rand(1, 4, 5, 3)
    display = drawn(originals=colours, reconstructions=colours)
    assert_allclose(display.axes_[0, 0].images[0].get_array(), colours[0])


def test_extremes_are_the_best_median_and_worst():
    display = ReconstructionDisplay.from_estimator(fit("images"), IMAGES, n_samples=6)
    errors = -fit("images").score_samples(IMAGES)
    ranks = np.argsort(np.argsort(errors))[display.indices]
    assert_array_equal(ranks, [0, 1, 49, 50, 98, 99])
    assert display.groups == ["best", "best", "median", "median", "worst", "worst"]
    titles = [axis.get_title().split("\n")[:2] for axis in display.axes_[0]]
    assert titles[-1] == ["worst", f"row {display.indices[-1]}"]


@pytest.mark.parametrize(
    ("n_samples", "groups"),
    [
        (1, ["best"]),
        (2, ["best", "worst"]),
        (5, ["best", "best", "median", "worst", "worst"]),
    ],
)
def test_few_extremes_have_the_ends_first(n_samples, groups):
    how = {"n_samples": n_samples}
    display = ReconstructionDisplay.from_estimator(fit("images"), IMAGES, **how)
    assert display.groups == groups


def test_fewer_rows_than_samples_are_all_shown_once():
    display = ReconstructionDisplay.from_estimator(fit("images"), IMAGES[:4])
    assert sorted(display.indices) == [0, 1, 2, 3]


def test_first_rows_are_shown_in_order():
    how = {"samples": "first", "n_samples": 3}
    display = ReconstructionDisplay.from_estimator(fit("images"), IMAGES, **how)
    assert_array_equal(display.indices, [0, 1, 2])
    assert display.groups is None
    assert display.axes_[0, 2].get_title().startswith("row 2\nerror ")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["denoiser", "images"])
def test_clean_rows_are_shown_and_measured_against(name):
    noisy = np.clip(IMAGES + np.random.RandomState(0).randn(*IMAGES.shape), 0, 16)
    display = ReconstructionDisplay.from_estimator(
        fit(name), noisy, X_clean=IMAGES, samples="first", n_samples=2
    )
    names = [axis.get_ylabel() for axis in display.axes_[:, 0]]
    assert names == ["noisy", "code", "denoised", "clean"]
    found = fit(name).reconstruct(noisy)
    errors = np.square(found - IMAGES).mean(axis=(1, 2))
    assert_allclose(display.errors, errors[:2], rtol=1e-3)
    assert_allclose(display.axes_[3, 1].images[0].get_array(), IMAGES[1])


def test_a_denoiser_does_not_claim_that_rows_are_noisy():
    display = ReconstructionDisplay.from_estimator(fit("denoiser"), IMAGES, samples=[0])
    names = [axis.get_ylabel() for axis in display.axes_[:, 0]]
    assert names == ["given", "code", "denoised"]


def test_sequences_are_drawn_by_channel_over_what_they_should_be():
    sequences = DATA["sequences"].reshape(-1, 8, 2)
    display = ReconstructionDisplay.from_estimator(
        fit("sequences"), DATA["sequences"], samples=[3]
    )
    original, _, reconstruction = display.axes_[:, 0]
    drawn = np.stack([line.get_ydata() for line in original.lines], axis=-1)
    assert_allclose(drawn, sequences[3])
    drawn = np.stack([line.get_ydata() for line in reconstruction.lines], axis=-1)
    assert_allclose(drawn[:, :2], sequences[3])
    assert_allclose(drawn[:, 2:], display.reconstructions[0])
    assert original.get_ylim() == reconstruction.get_ylim()


def test_bars_are_errors_in_deviations_of_the_features():
    table = DATA["table"]
    display = ReconstructionDisplay.from_estimator(fit("table"), table, samples=[0, 5])
    overall, first, second = display.axes_[0]
    errors = fit("table").reconstruct(table) - table.to_numpy()
    scales = table.std(ddof=0).to_numpy()
    roots = np.sqrt(np.square(errors).mean(axis=0)) / scales
    assert_allclose([bar.get_width() for bar in overall.patches], roots, rtol=1e-3)
    for axis, row in ((first, 0), (second, 5)):
        widths = [bar.get_width() for bar in axis.patches]
        assert_allclose(widths, errors[row] / scales, rtol=1e-3, atol=1e-4)
    names = [text.get_text() for text in overall.get_yticklabels()]
    assert names == list(table.columns)


def test_features_may_share_a_name():
    estimator, rows = fit("table"), DATA["table"]
    names = ["a"] * 5
    display = ReconstructionDisplay.from_estimator(estimator, rows, feature_names=names)
    for axis in display.axes_[0]:
        assert len({bar.get_y() for bar in axis.patches}) == 5


def test_a_row_alone_is_measured_in_deviations_of_the_fit():
    estimator, rows = fit("table"), DATA["table"]
    display = ReconstructionDisplay.from_estimator(estimator, rows.iloc[:1])
    spread = np.sqrt(rows.var(axis=0, ddof=0).mean())
    assert_allclose(display.feature_scales, spread, rtol=1e-5)


def test_rows_without_a_value_are_not_the_best():
    display = ReconstructionDisplay.from_estimator(
        fit_with_missing_values(), MISSING[:12], n_samples=11
    )
    assert sorted(display.indices) == [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11]
    assert np.isfinite(display.errors).all()


def test_twenty_features_with_the_largest_errors_are_shown():
    how = {"kind": "table", "samples": [0]}
    display = ReconstructionDisplay.from_estimator(fit("images"), IMAGES, **how)
    overall, first = display.axes_[0]
    assert overall.get_ylabel() == "20 of 64 features"
    names = [text.get_text() for text in overall.get_yticklabels()]
    shown = [int(name.removeprefix("feature ")) for name in names]
    deviations = display.reconstructions[0] - display.originals[0]
    deviations = np.abs(deviations / display.feature_scales)
    largest = np.maximum(display.feature_errors, deviations)
    assert sorted(shown) == shown
    assert min(largest[shown]) >= max(np.delete(largest, shown))
    assert len(first.patches) == 20


def test_sparse_rows_are_taken():
    beats = DATA["sequences"]
    rows = csr_array(np.where(np.arange(beats.size).reshape(beats.shape) % 5, 0, beats))
    for kind in ("sequence", "table"):
        sparse, dense = (
            ReconstructionDisplay.from_estimator(
                fit("sequences"), X, kind=kind, n_samples=2
            )
            for X in (rows, rows.toarray())
        )
        assert_array_equal(sparse.indices, dense.indices)
        assert_allclose(sparse.reconstructions, dense.reconstructions, **DRAWN)


def test_sparse_rows_that_stay_sparse_are_taken(monkeypatch):
    monkeypatch.setattr("skae._data.rows.MOST_VALUES_TO_MERGE", 10)
    test_sparse_rows_are_taken()


@pytest.mark.parametrize("kind", ["image", "table"])
def test_missing_values_count_for_nothing(kind):
    allowing, rows = fit_with_missing_values(), MISSING
    how = {"image_shape": (1, 5), "kind": kind, "samples": [0, 7]}
    display = ReconstructionDisplay.from_estimator(allowing, rows, **how)
    errors = np.square(allowing.reconstruct(rows) - rows)
    assert_allclose(display.errors, [np.nanmean(errors[0]), np.nan], rtol=1e-3)
    assert_array_equal(np.isnan(display.originals[0].ravel()), np.isnan(rows[0]))
    if kind == "table":
        roots = np.sqrt(np.nanmean(errors, axis=0))
        expected = roots / np.nanstd(rows, axis=0)
        assert_allclose(display.feature_errors, expected, rtol=1e-3, atol=1e-5)


def test_all_of_a_spatial_code_is_drawn():
    display = drawn(codes=np.arange(50.0)[None])
    code = display.axes_[1, 0].images[0].get_array()
    assert code.shape == (5, 10)
    assert_array_equal(code.ravel(), np.arange(50))


@pytest.mark.parametrize(
    "samples", ["best", [], [0.5], [100], [-101], [[1]], [True, False]]
)
def test_samples_that_are_no_rows_are_refused(samples):
    with pytest.raises(ValueError, match="samples must be 'extremes', 'first' or"):
        ReconstructionDisplay.from_estimator(fit("images"), IMAGES, samples=samples)


def test_a_number_of_samples_that_is_none_is_refused():
    with pytest.raises(ValueError, match="n_samples must be a positive integer"):
        ReconstructionDisplay.from_estimator(fit("images"), IMAGES, n_samples=0)


def test_clean_rows_must_be_those_of_the_rows():
    with pytest.raises(ValueError, match="X_clean has 9 rows"):
        ReconstructionDisplay.from_estimator(fit("images"), IMAGES, X_clean=IMAGES[:9])
    with pytest.raises(ValueError, match="X_clean contains NaN"):
        ReconstructionDisplay.from_estimator(
            fit("images"), IMAGES, X_clean=IMAGES + np.nan
        )


@pytest.mark.parametrize(
    ("error", "text"),
    [(0, "0"), (0.00123456, "0.00123"), (2578.4, "2580"), (1e-9, "1e-09")],
)
def test_errors_in_titles_are_short(error, text):
    display = drawn(errors=[error])
    assert display.axes_[0, 0].get_title() == f"row 3\nerror {text}"
