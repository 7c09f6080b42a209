"""Loadings as bars, maps and lines, and as arrows among the codes."""

import numpy as np
import pytest
from displayed import DATA, IMAGES, LABELS, TABLE, fit
from numpy.testing import assert_allclose

from skae.displays import BiplotDisplay, LoadingsDisplay
from skae.displays._biplot import _apart


def loadings(name, *arguments, **how):
    """Return loadings of a fit, a row for each code."""
    found = fit(name).loadings(*arguments, **how)
    return found if isinstance(found, np.ndarray) else found.to_numpy().T


# LoadingsDisplay


@pytest.mark.parametrize("by", ["decoder", "encoder", "permutation"])
def test_bars_are_the_largest_loadings_with_the_names_of_the_fit(by):
    display = LoadingsDisplay.from_estimator(
        fit("table"), DATA["table"], by=by, n_features=3, random_state=0
    )
    expected = loadings("table", DATA["table"], by, random_state=0)
    assert_allclose(display.loadings, expected)
    for bars, axis, values in zip(
        display.artists_, display.axes_.ravel(), expected, strict=True
    ):
        largest = np.argsort(-np.abs(values))[:3]
        assert_allclose([bar.get_width() for bar in bars], values[largest])
        names = [label.get_text() for label in axis.get_yticklabels()]
        assert names == ["abcde"[i] for i in largest]
        assert axis.get_xlabel() == f"loading ({by})"
        rises = [bar.get_facecolor()[0] > 0.5 for bar in bars]
        assert rises == list(values[largest] > 0)


def test_maps_are_the_loadings_of_images_around_zero():
    display = LoadingsDisplay.from_estimator(fit("images"))
    assert_allclose(display.loadings, loadings("images"))
    limit = np.abs(display.loadings).max()
    for image, values in zip(display.artists_, display.loadings, strict=True):
        assert_allclose(image.get_array(), values)
        assert image.get_clim() == pytest.approx((-limit, limit))
    assert display.colorbar_ is not None


def test_coloured_images_are_averaged_over_their_channels():
    coloured = np.random.RandomState(0).randn(2, 4, 4, 3)
    display = LoadingsDisplay(loadings=coloured, kind="image").plot()
    assert_allclose(display.artists_[1].get_array(), coloured[1].mean(axis=-1))


def test_lines_are_the_loadings_of_each_channel():
    display = LoadingsDisplay.from_estimator(fit("sequences"), DATA["sequences"])
    expected = loadings("sequences", DATA["sequences"]).reshape(2, 8, 2)
    for lines, values in zip(display.artists_, expected, strict=True):
        assert_allclose([line.get_ydata() for line in lines], values.T)
    assert display.colorbar_ is None


def test_panels_left_over_are_hidden():
    display = LoadingsDisplay(loadings=np.ones((5, 4)), kind="table").plot()
    assert display.axes_.shape == (3, 2)
    assert [axis.axison for axis in display.axes_.ravel()] == [True] * 5 + [False]
    assert display.axes_[0, 0].get_title() == "code 0"
    assert display.artists_[0].patches[0].get_width() == 1


def test_loadings_of_zero_can_be_drawn():
    display = LoadingsDisplay(loadings=np.zeros((1, 2, 2)), kind="image").plot()
    assert display.artists_[0].get_clim() == (-1, 1)


def test_fewer_codes_can_be_asked_for():
    display = LoadingsDisplay.from_estimator(fit("images"), n_codes=1)
    assert len(display.loadings) == 1


# BiplotDisplay


def test_points_are_standardised_codes_and_arrows_the_longest_loadings():
    display = BiplotDisplay.from_estimator(
        fit("images"), IMAGES, LABELS, dimensions=(2, 0), n_features=4
    )
    codes = fit("images").transform(IMAGES)[:, [2, 0]]
    expected = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    assert_allclose(display.positions, expected, atol=1e-4)
    found = loadings("images", IMAGES).reshape(3, -1)[[2, 0]].T
    lengths = np.linalg.norm(found, axis=1)
    longest = np.argsort(-lengths, kind="stable")[:4]
    assert_allclose(display.arrows, found[longest])
    assert display.feature_names == [f"feature {i}" for i in longest]
    assert display.xlabel.startswith("code 2")
    assert display.legend_ is not None


def test_arrows_share_one_factor_and_stay_among_the_points():
    display = BiplotDisplay.from_estimator(fit("table"), DATA["table"])
    tips = np.column_stack([display.arrows_.U, display.arrows_.V])
    factors = tips / display.arrows
    assert_allclose(factors, factors[0, 0])
    distances = np.linalg.norm(display.positions, axis=1)
    assert np.linalg.norm(tips, axis=1).max() < distances.max()
    assert [text.get_text() for text in display.texts_] == display.feature_names
    (left, right), (low, high) = display.ax_.get_xlim(), display.ax_.get_ylim()
    for x, y in tips:
        assert left < x < right
        assert low < y < high


def test_numbers_get_a_colour_bar():
    display = BiplotDisplay.from_estimator(fit("table"), DATA["table"], TABLE[:, 0])
    assert display.colorbar_ is not None
    assert display.legend_ is None


def test_names_are_moved_apart_on_either_side():
    places = np.array([[1.0, 0.0], [1.0, 0.01], [-1.0, 0.0], [1.0, 5.0]])
    moved = _apart(places, 0.1)
    assert_allclose(moved[:, 0], places[:, 0])
    assert moved[1, 1] - moved[0, 1] == pytest.approx(0.1)
    assert_allclose(moved[2:], places[2:])
    many = _apart(np.column_stack([np.ones(8), np.zeros(8)]), 0.1)
    assert np.diff(np.sort(many[:, 1])).min() > 0.08


def test_permutations_have_no_direction():
    with pytest.raises(ValueError, match="by must be"):
        BiplotDisplay.from_estimator(fit("table"), DATA["table"], by="permutation")
