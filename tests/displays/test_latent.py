from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from displayed import (
    DATA,
    DENSE,
    EVERY,
    IMAGES,
    LABELS,
    MISSING,
    TABLE,
    fit,
    fit_with_missing_values,
)
from helpers import each_of
from matplotlib import colormaps
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.displays import LatentDisplay
from skae.displays._estimators import check_dimensions, code_label


def points(display):
    return np.concatenate([each.get_offsets() for each in display.scatter_])


@pytest.mark.parametrize("name", each_of(EVERY, ["table", "images"]))
def test_points_are_codes(name):
    display = LatentDisplay.from_estimator(fit(name), DATA[name])
    codes = fit(name).transform(DATA[name])[:, :2]
    assert_allclose(display.positions, codes, rtol=1e-5, atol=1e-5)
    assert_allclose(points(display), codes, rtol=1e-5, atol=1e-5)
    assert display.legend_ is display.colorbar_ is None


def test_dimensions_choose_the_codes():
    display = LatentDisplay.from_estimator(fit("images"), IMAGES, dimensions=(2, 0))
    assert_allclose(points(display), fit("images").transform(IMAGES)[:, [2, 0]])
    assert display.ax_.get_xlabel().startswith("code 2 ")
    assert display.ax_.get_ylabel().startswith("code 0 ")


def test_axes_say_what_codes_explain():
    autoencoder = fit("images")
    display = LatentDisplay.from_estimator(autoencoder, IMAGES)
    share = 100 * autoencoder.explained_variance_ratio_[1]
    assert display.ylabel == f"code 1 ({share:.0f}% of variance)"


@pytest.mark.slow
def test_axes_name_codes_alone_after_partial_fit():
    autoencoder = AutoencoderTransformer(2, **DENSE).partial_fit(TABLE)
    assert LatentDisplay.from_estimator(autoencoder, TABLE).xlabel == "code 0"


@pytest.mark.parametrize("y", [LABELS, LABELS.astype(float), LABELS.astype(str)])
def test_labels_have_a_collection_and_a_name_each(y):
    display = LatentDisplay.from_estimator(fit("images"), IMAGES, y)
    for label, drawn in zip(np.unique(y), display.scatter_, strict=True):
        assert_allclose(drawn.get_offsets(), display.positions[y == label])
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert names == [str(label) for label in range(10)]
    assert len({tuple(c.get_facecolor()[0]) for c in display.scatter_}) == 10


@pytest.mark.parametrize(
    "make", [list, pd.Series, lambda y: pd.Series(y, dtype=object)]
)
def test_labels_may_be_lists_or_series(make):
    display = LatentDisplay.from_estimator(fit("images"), IMAGES, make(LABELS > 4))
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert names == ["False", "True"]


def test_numbers_have_a_colour_bar():
    y = IMAGES.mean(axis=(1, 2))
    display = LatentDisplay.from_estimator(fit("images"), IMAGES, y)
    (drawn,) = display.scatter_
    assert_allclose(drawn.get_array(), y)
    assert display.colorbar_.mappable is drawn
    assert display.legend_ is None


def test_whole_numbers_beyond_twenty_values_are_no_labels():
    display = LatentDisplay.from_estimator(fit("images"), IMAGES, np.arange(100))
    assert_array_equal(display.scatter_[0].get_array(), np.arange(100))


def test_missing_numbers_are_drawn_in_grey():
    y = np.arange(100.0)
    y[3] = np.nan
    (drawn,) = LatentDisplay.from_estimator(fit("images"), IMAGES, y).scatter_
    assert len(drawn.get_offsets()) == 100
    assert_allclose(drawn.to_rgba(drawn.get_array())[3], to_rgba("0.8"))


def test_rare_ones_of_many_texts_share_a_colour():
    y = np.repeat([f"{i:02}" for i in range(25)], 4)
    y[0] = "01"  # the others of 00 are the rarest
    display = LatentDisplay.from_estimator(fit("images"), IMAGES, y)
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert len(names) == 20
    assert names[-1] == "other"
    assert "00" not in names
    assert sum(len(c.get_offsets()) for c in display.scatter_) == 100
    assert set(map(str, range(3))).isdisjoint(names)


def test_pca_draws_the_principal_components_of_all_codes():
    display = LatentDisplay.from_estimator(fit("images"), IMAGES, method="pca")
    pca = PCA(2)
    expected = pca.fit_transform(fit("images").transform(IMAGES))
    assert_allclose(display.positions, expected, rtol=1e-4, atol=1e-3)
    share = pca.explained_variance_ratio_[0]
    assert display.xlabel == f"principal component 0 of 3 codes ({share:.0%})"


def test_tsne_repeats_itself_with_a_seed_and_has_no_ticks():
    how = {"method": "tsne", "random_state": 0}
    first, second = (
        LatentDisplay.from_estimator(fit("images"), IMAGES[:30], **how)
        for _ in range(2)
    )
    assert first.positions.shape == (30, 2)
    assert_array_equal(first.positions, second.positions)
    assert first.ax_.get_xlabel() == "t-SNE of 3 codes"
    assert not len(first.ax_.get_xticks())


@pytest.mark.slow
def test_sparse_rows_and_missing_values_are_taken():
    sequences, rows = fit("sequences"), DATA["sequences"]
    display = LatentDisplay.from_estimator(sequences, csr_array(rows))
    codes = sequences.transform(rows)
    assert_allclose(display.positions, codes, rtol=1e-4, atol=1e-4)
    allowing = fit_with_missing_values()
    display = LatentDisplay.from_estimator(allowing, MISSING)
    assert_allclose(display.positions, allowing.transform(MISSING))


def test_look_of_the_points_can_be_set():
    how = {"scatter_kwargs": {"s": 77.0, "color": "red"}}
    (drawn,) = LatentDisplay.from_estimator(fit("images"), IMAGES, **how).scatter_
    assert_allclose(drawn.get_sizes(), 77)
    assert_allclose(drawn.get_facecolor()[0], to_rgba("red"))


def test_the_legend_is_inside_where_the_figure_makes_no_room():
    figure = Figure()
    display = LatentDisplay.from_estimator(
        fit("images"), IMAGES, LABELS, ax=figure.subplots()
    )
    figure.draw_without_rendering()
    box = display.legend_.get_window_extent()
    assert box.x1 <= display.ax_.get_window_extent().x1
    beside = LatentDisplay.from_estimator(fit("images"), IMAGES, LABELS)
    beside.figure_.draw_without_rendering()
    box = beside.legend_.get_window_extent()
    assert beside.ax_.get_window_extent().x1 <= box.x0
    assert box.x1 <= beside.figure_.bbox.x1


@pytest.mark.parametrize("dimensions", [(0, 0), (0, 3), (-1, 0), (0,), 1, (0, 0.5)])
def test_dimensions_that_are_no_two_codes_are_refused(dimensions):
    with pytest.raises(ValueError, match="two different integers from 0 to 2"):
        LatentDisplay.from_estimator(fit("images"), IMAGES, dimensions=dimensions)


def test_a_single_code_is_no_plane():
    with pytest.raises(ValueError, match="a plane needs two"):
        check_dimensions((0, 1), 1)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method must be None or 'pca' or 'tsne'"):
        LatentDisplay.from_estimator(fit("images"), IMAGES, method="umap")


def test_shares_that_rise_are_left_out():
    """The first code pays for what the decoder gives for the mean code."""
    rising = SimpleNamespace(explained_variance_ratio_=np.array([0.0, 0.6]))
    assert [code_label(rising, number) for number in (0, 1)] == ["code 0", "code 1"]


def test_a_given_legend_entry_is_left_as_it_is():
    axis = Figure().add_subplot()
    axis.plot([0, 1], [0, 1], label="line")
    display = LatentDisplay.from_estimator(fit("images"), IMAGES, LABELS, ax=axis)
    assert display.legend_.get_texts()[0].get_text() == "line"


def test_scatter_kwargs_may_say_what_defaults_say_by_another_name():
    look = {"c": "red", "linewidth": 2}
    display = LatentDisplay.from_estimator(fit("images"), IMAGES, scatter_kwargs=look)
    (drawn,) = display.scatter_
    assert_array_equal(drawn.get_facecolor()[0], to_rgba("red"))
    assert drawn.get_linewidth() == [2]


def test_scatter_kwargs_of_each_point_are_taken_apart_by_label():
    sizes = np.arange(len(LABELS)) + 1.0
    look = {"s": sizes, "cmap": "viridis"}
    display = LatentDisplay.from_estimator(
        fit("images"), IMAGES, LABELS, scatter_kwargs=look
    )
    for label, drawn in enumerate(display.scatter_):
        assert_array_equal(drawn.get_sizes(), sizes[label == LABELS])
    ends = [display.scatter_[i].get_facecolor()[0] for i in (0, -1)]
    assert_allclose(ends, colormaps["viridis"]([0.0, 1.0]))


@pytest.mark.parametrize("name", ["c", "color", "facecolor", "label"])
@pytest.mark.parametrize("y", [LABELS, LABELS + 0.5])
def test_colours_that_y_gives_are_not_taken_twice(name, y):
    display = LatentDisplay.from_estimator(fit("images"), IMAGES, y)
    with pytest.raises(ValueError, match=f"scatter_kwargs has '{name}'"):
        display.plot(Figure().add_subplot(), scatter_kwargs={name: "red"})


def test_codes_in_one_place_are_drawn_there():
    rows = np.repeat(IMAGES[:1], 5, axis=0)
    display = LatentDisplay.from_estimator(fit("images"), rows, method="pca")
    assert_array_equal(display.positions, np.zeros((5, 2)))
    assert "%" not in display.xlabel
