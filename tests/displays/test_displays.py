"""What all displays share: their imports, docstrings, checks, and how samples look."""

import copy
import inspect

import numpy as np
import pytest
from displayed import DATA, EVERY, IMAGES, KINDS, LABELS, TABLE, fit
from documented import entries, section
from helpers import each_of
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer, displays
from skae._drawing.axes import draw_image
from skae.displays import (
    BiplotDisplay,
    EncodingDimDisplay,
    LatentDisplay,
    LatentManifoldDisplay,
    LatentTraversalDisplay,
    LoadingsDisplay,
    ReconstructionDisplay,
    TrainingDisplay,
)
from skae.displays._samples import kind_and_shape, seen_by, value_limits
from skae.networks import ConvNetwork, DenseNetwork, RecurrentNetwork

CLASSES = [getattr(displays, name) for name in displays.__all__]
OF_SAMPLES = [
    LatentManifoldDisplay,
    LatentTraversalDisplay,
    LoadingsDisplay,
    ReconstructionDisplay,
]
OF_ROWS = [BiplotDisplay, LatentDisplay, *OF_SAMPLES]
each_class = pytest.mark.parametrize("display", CLASSES)
each_of_rows = pytest.mark.parametrize("display", OF_ROWS)


@each_class
def test_parameters_are_documented_in_order_and_kept_as_attributes(display):
    parameters = inspect.signature(display).parameters
    assert list(entries(display, "Parameters")) == list(parameters)
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values())
    given = display(**{name: object() for name in parameters})
    assert list(vars(given)) == list(parameters)


@each_class
def test_methods_are_documented(display):
    for name, method in inspect.getmembers(display, callable):
        if not name.startswith("_"):
            parameters = inspect.signature(method).parameters
            documented = [name for name in parameters if name != "self"]
            assert list(entries(method, "Parameters")) == documented
            assert section(method, "Returns")


def drawn(display, ax=None):
    """Draw any of the displays."""
    if display is TrainingDisplay:
        return display.from_estimator(fit("images"), ax=ax)
    if display is EncodingDimDisplay:
        how = {"encoding_dims": 2, "n_splits": 1, "ax": ax}
        return display.from_estimator(PCA(), TABLE, **how)
    few = {"n_samples": 2} if display is ReconstructionDisplay else {}
    return display.from_estimator(fit("images"), IMAGES, ax=ax, **few)


@each_class
def test_attributes_of_a_drawing_are_documented(display):
    shown = drawn(display)
    public = {name for name in vars(shown) if name.endswith("_")}
    assert public == set(entries(display, "Attributes"))


@each_class
def test_a_new_figure_is_drawn_without_ax_and_none_with_it(display):
    assert drawn(display).figure_.number == 1
    figure = Figure()
    left, right = figure.subplots(1, 2)
    shown = drawn(display, left)
    assert shown.figure_ is figure
    assert pyplot.get_fignums() == [1]
    assert not right.has_data()
    boxes = [a.get_position() for a in figure.axes if a is not right]
    assert max(box.x1 for box in boxes) <= right.get_position().x0


@each_class
def test_plot_draws_again_and_returns_the_display(display):
    shown = drawn(display)
    first = shown.figure_
    assert shown.plot() is shown
    assert shown.figure_ is not first


def test_axes_of_a_grid_without_a_figure_mark_a_place_as_well():
    figure = Figure()
    axis = figure.add_subplot(GridSpec(1, 2)[0, 1])
    display = drawn(ReconstructionDisplay, axis)
    places = [each.get_position() for each in display.axes_.ravel()]
    assert min(place.x0 for place in places) > 0.5
    assert figure.axes == [axis, *display.axes_.ravel()]


def test_axes_without_a_grid_mark_a_place_as_well():
    figure = Figure()
    ax = figure.add_axes((0.1, 0.2, 0.3, 0.4))
    shown = drawn(ReconstructionDisplay, ax)
    boxes = [a.get_position(original=True) for a in shown.axes_.ravel()]
    assert_allclose(min(b.x0 for b in boxes), 0.1)
    assert_allclose(max(b.y1 for b in boxes), 0.6)
    assert not ax.axison


@each_of_rows
def test_an_unfitted_estimator_is_refused(display):
    with pytest.raises(NotFittedError):
        display.from_estimator(AutoencoderTransformer(), TABLE)


def test_an_unfitted_estimator_has_no_training_to_show():
    with pytest.raises(NotFittedError):
        TrainingDisplay.from_estimator(AutoencoderTransformer())


@each_of_rows
def test_a_pipeline_is_told_what_to_pass(display):
    pipeline = make_pipeline(StandardScaler(), fit("table"))
    with pytest.raises(TypeError, match=r"pipeline\[:-1\]\.transform"):
        display.from_estimator(pipeline, TABLE)


@each_of_rows
def test_other_estimators_are_refused(display):
    pca = PCA(2).fit(TABLE)
    with pytest.raises(TypeError, match=r"estimator of skae, got PCA"):
        display.from_estimator(pca, TABLE)


@each_of_rows
def test_rows_of_another_shape_are_refused(display):
    with pytest.raises(ValueError, match=r"is expecting samples of shape \(8, 8\)"):
        display.from_estimator(fit("images"), IMAGES[:, :7])


@pytest.mark.parametrize("name", each_of(EVERY, ["images", "table"]))
def test_kind_and_shape_follow_the_fit(name):
    assert kind_and_shape(fit(name)) == KINDS[name]


@pytest.mark.parametrize(
    ("network", "shape", "expected"),
    [
        (ConvNetwork(4), (12,), ("sequence", (12, 1))),
        (ConvNetwork(4, kernel_size=(3,)), (12, 6), ("sequence", (12, 6))),
        (ConvNetwork(4), (12, 6), ("image", (12, 6))),
        (ConvNetwork(4), (6, 7, 1), ("image", (6, 7))),
        (RecurrentNetwork(3, sequence_shape=(6, 2)), (12,), ("sequence", (6, 2))),
        (ConvNetwork(4, image_shape=(4, 3)), (12,), ("image", (4, 3))),
        (DenseNetwork(), (12, 2), ("sequence", (12, 2))),
        (DenseNetwork(), (6, 7, 2), ("table", (84,))),
        (DenseNetwork(), (2, 3, 4, 5), ("table", (120,))),
    ],
)
def test_kind_follows_network_and_shape(network, shape, expected):
    assert seen_by(network, shape) == expected


def test_shape_follows_the_fit_and_not_parameters_set_later():
    estimator = copy.copy(fit("sequences")).set_params(image_shape=(4, 4))
    assert kind_and_shape(estimator) == KINDS["sequences"]


def test_kind_can_be_chosen():
    assert kind_and_shape(fit("images"), "table") == ("table", (64,))
    assert kind_and_shape(fit("images"), "sequence") == ("sequence", (8, 8))
    assert kind_and_shape(fit("table"), "sequence") == ("sequence", (5, 1))
    assert kind_and_shape(fit("sequences"), image_shape=(4, 4)) == ("image", (4, 4))


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("table", {"kind": "image"}, r"cannot show samples of shape \(5,\)"),
        ("table", {"kind": "picture"}, "kind must be 'auto' or 'image'"),
        ("images", {"image_shape": (8, 9)}, "holds 72 values"),
        ("images", {"image_shape": (8, 4, 2)}, "1, 3 or 4 channels"),
        ("images", {"kind": "sequence", "image_shape": (8, 4, 2)}, "cannot show"),
    ],
)
@pytest.mark.parametrize("display", OF_SAMPLES)
def test_a_kind_or_shape_that_does_not_fit_is_refused(display, name, how, message):
    with pytest.raises(ValueError, match=message):
        display.from_estimator(fit(name), DATA[name], **how)


@pytest.mark.parametrize(
    ("low", "high", "limits"),
    [
        (-0.1, 1.1, (0, 1)),
        (-20, 270, (0, 255)),
        (-3, 3, (-3, 3)),
        (0, 4000, (0, 4000)),
        (np.nan, np.nan, (0, 1)),
    ],
)
def test_colours_have_the_limits_of_their_format(low, high, limits):
    samples = np.full((2, 3, 3, 3), low)
    samples[1] = high
    assert value_limits("image", (3, 3, 3), samples) == limits


def test_grey_images_and_sequences_have_the_limits_of_the_values():
    samples = np.array([[[2.0, 0.5], [np.nan, 3.0]]])
    for kind in ("image", "sequence"):
        assert value_limits(kind, (2, 2), samples) == (0.5, 3.0)
    assert value_limits("image", (1, 1), np.ones((1, 1))) == (1.0, 2.0)


def test_missing_values_of_an_image_have_a_colour_of_their_own():
    axis = Figure().subplots()
    grey = draw_image(axis, np.array([[0.0, np.nan, 1.0]]), (0, 1), "gray")
    missing = grey.cmap(grey.get_array())[0, 1]
    assert len(set(missing[:3])) > 1  # no grey
    colours = draw_image(axis, np.full((1, 1, 3), np.nan), (0, 1), "gray")
    assert_allclose(colours.get_array(), 0.5)


def test_labels_outnumbering_the_estimator_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LatentDisplay.from_estimator(fit("images"), IMAGES, LABELS[:-1])


@pytest.mark.parametrize("display", [LatentManifoldDisplay, LatentTraversalDisplay])
def test_a_single_step_is_refused(display):
    with pytest.raises(ValueError, match="n_steps=1 shows no difference"):
        display.from_estimator(fit("vae"), n_steps=1)
