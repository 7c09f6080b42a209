import numpy as np
import pytest
from displayed import DENSE, TABLE, fit, fit_with_missing_values
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from skae import AutoencoderTransformer
from skae.displays import TrainingDisplay


def texts(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def drawn(**how):
    """Draw a made-up history."""
    return TrainingDisplay(**how).plot()


def test_curves_are_the_history():
    autoencoder = fit("table")
    display = TrainingDisplay.from_estimator(autoencoder)
    for name in ("loss", "val_loss"):
        line = display.lines_[name]
        assert_allclose(line.get_xdata(), [1, 2])
        assert_allclose(line.get_ydata(), autoencoder.history_[name])
    level = display.lines_["initial_loss"]
    assert_allclose(level.get_ydata(), autoencoder.initial_loss_)
    point = display.lines_["best_epoch"]
    assert_allclose(point.get_xdata(), [autoencoder.best_epoch_])
    assert_allclose(point.get_ydata(), [autoencoder.best_loss_])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "name"),
    [
        ({}, "PCA"),
        ({"init": "random"}, "start"),
        ({"loss": "poisson"}, "start"),
    ],
    ids=["plain", "random", "poisson"],
)
def test_the_level_is_called_pca_only_where_the_fit_started_there(how, name):
    autoencoder = AutoencoderTransformer(2, **DENSE, **how).fit(np.abs(TABLE))
    display = TrainingDisplay.from_estimator(autoencoder)
    assert {"PCA", "start"} & set(texts(display)) == {name}


@pytest.mark.slow
def test_with_missing_values_a_fit_starts_at_pca_as_well():
    display = TrainingDisplay.from_estimator(fit_with_missing_values())
    assert "PCA" in texts(display)


def test_a_fit_that_goes_on_does_not_start_at_pca():
    autoencoder = AutoencoderTransformer(2, warm_start=True, **DENSE)
    display = TrainingDisplay.from_estimator(autoencoder.fit(TABLE).fit(TABLE))
    assert "start" in texts(display)


def test_ticks_of_axes_given_are_left_as_they_are():
    axis = Figure().add_subplot()
    axis.set_xticks([1, 2])
    TrainingDisplay.from_estimator(fit("table"), ax=axis)
    assert list(axis.get_xticks()) == [1, 2]


def test_a_start_that_was_kept_is_marked_at_zero():
    history = {"loss": [3.0, 1.0], "val_loss": [3.0, 4.0]}
    display = drawn(history=history, best_epoch=0, initial_loss=2.0, best_loss=2.0)
    assert_allclose(display.lines_["best_epoch"].get_xydata(), [[0, 2]])
    assert texts(display)[-1] == "kept: start"


def test_a_kept_epoch_is_named():
    history = {"loss": [3.0, 1.0], "val_loss": [3.0, 1.5]}
    display = drawn(history=history, best_epoch=2, initial_loss=4.0, best_loss=1.5)
    assert texts(display) == ["training", "validation", "start", "kept: epoch 2"]


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_without_validation_there_is_the_training_loss_alone(how):
    autoencoder = AutoencoderTransformer(2, validation_fraction=0, **DENSE)
    getattr(autoencoder, how)(TABLE)
    display = TrainingDisplay.from_estimator(autoencoder)
    assert list(display.lines_) == ["loss"]
    assert len(display.lines_["loss"].get_xdata()) == autoencoder.n_iter_


def test_partial_fit_after_fit_goes_on_with_the_training_loss():
    autoencoder = AutoencoderTransformer(2, **DENSE).fit(TABLE).partial_fit(TABLE)
    display = TrainingDisplay.from_estimator(autoencoder)
    assert_allclose(display.lines_["loss"].get_xdata(), [1, 2, 3])
    assert_allclose(display.lines_["val_loss"].get_xdata(), [1, 2])
    assert "best_epoch" not in display.lines_


@pytest.mark.parametrize("validation_fraction", [0, 0.2])
def test_an_exact_start_has_its_level_and_says_so(validation_fraction):
    plane = TABLE[:, :2] @ [[1, 2, 3, 4, 5], [0, 1, 0, 1, 0]]
    autoencoder = AutoencoderTransformer(
        2, validation_fraction=validation_fraction, **DENSE
    ).fit(plane)
    display = TrainingDisplay.from_estimator(autoencoder)
    names = ["initial_loss", "best_epoch"] if validation_fraction else []
    assert list(display.lines_) == names
    assert display.ax_.get_title() == "no epoch was run: the start is exact"


def test_terms_of_a_variational_autoencoder_have_panels():
    vae = fit("vae")
    display = TrainingDisplay.from_estimator(vae)
    labels = [axis.get_ylabel() for axis in display.axes_]
    assert labels == ["loss", "reconstruction", "KL divergence"]
    for axis, name in zip(display.axes_[1:], ("reconstruction", "kl"), strict=True):
        training, validation = axis.lines
        assert_allclose(training.get_ydata(), vae.history_[name])
        assert_allclose(validation.get_ydata(), vae.history_[f"val_{name}"])


@pytest.mark.slow
def test_panels_are_in_the_place_of_the_axes_given():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = TrainingDisplay.from_estimator(fit("vae"), ax=left)
    assert len(display.axes_) == 3
    assert not left.axison
    assert left not in display.axes_
    end = right.get_position().x0
    assert max(axis.get_position().x1 for axis in display.axes_) < end


def test_a_loss_alone_is_drawn_into_the_axes_given():
    ax = Figure().subplots()
    display = TrainingDisplay.from_estimator(fit("table"), ax=ax)
    assert display.ax_ is ax
    assert list(display.axes_) == [ax]


@pytest.mark.parametrize(
    ("losses", "start", "scale"),
    [
        ([20.0, 2.0], None, "log"),
        ([2.0, 1.0], 10.0, "log"),
        ([2.0, 1.0], None, "linear"),
        ([20.0, -1.0], None, "linear"),
        ([20.0, 0.0], None, "linear"),
        ([np.nan, 2.0, 1.0], None, "linear"),
        ([np.inf, 2.0, 1.0], None, "linear"),
    ],
)
def test_the_axis_is_logarithmic_over_a_decade_above_zero(losses, start, scale):
    display = drawn(history={"loss": losses}, initial_loss=start)
    assert display.ax_.get_yscale() == scale


def test_a_single_epoch_is_a_point_that_can_be_seen():
    display = drawn(history={"loss": [1.0]})
    assert display.lines_["loss"].get_marker() == "o"
