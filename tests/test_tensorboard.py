"""TensorBoard: what Keras' callback and `write_codes` leave, as it reads them."""

import json
import warnings

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib import image
from sklearn.datasets import load_digits

from skae import AutoencoderTransformer, VAETransformer
from skae.tensorboard import write_codes

event_accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator",
    reason="TensorBoard is not installed",
)

DIGITS = load_digits()
X, Y, IMAGES = DIGITS.data[:150], DIGITS.target[:150], DIGITS.images[:150]
EPOCHS = 3


def fit(callback, estimator=AutoencoderTransformer):
    return estimator(
        3, epochs=EPOCHS, batch_size=50, callbacks=[callback], random_state=0
    ).fit(X)


def scalars(folder, tag):
    events = event_accumulator.EventAccumulator(str(folder)).Reload()
    return {event.step: float(_value(event)) for event in events.Tensors(tag)}


def _value(event):
    from tensorboard.util import tensor_util

    return tensor_util.make_ndarray(event.tensor_proto)


@pytest.mark.parametrize("estimator", [AutoencoderTransformer, VAETransformer])
def test_the_losses_of_each_epoch_are_those_of_history(tmp_path, estimator):
    fitted = fit(keras.callbacks.TensorBoard(tmp_path), estimator)
    losses = {k: v for k, v in fitted.history_.items() if k != "learning_rate"}
    assert {"loss", "val_loss"} <= losses.keys()
    for name, values in losses.items():
        is_validation = name.startswith("val_")
        folder = tmp_path / ("validation" if is_validation else "train")
        logged = scalars(folder, "epoch_" + name.removeprefix("val_"))
        assert list(logged) == list(range(EPOCHS))
        np.testing.assert_allclose(list(logged.values()), values, rtol=1e-6)


@pytest.mark.parametrize("write_graph", [True, False])
def test_the_graph_is_there_if_asked_for(tmp_path, write_graph):
    fit(keras.callbacks.TensorBoard(tmp_path, write_graph=write_graph))
    events = event_accumulator.EventAccumulator(str(tmp_path / "train")).Reload()
    tags = events.Tags()
    assert ("keras" in tags["tensors"]) == write_graph


def test_histograms_of_weights_are_written(tmp_path):
    fit(keras.callbacks.TensorBoard(tmp_path, histogram_freq=1))
    events = event_accumulator.EventAccumulator(str(tmp_path / "train")).Reload()
    assert any("histogram" in tag for tag in events.Tags()["tensors"])


@pytest.fixture
def ask(tmp_path):
    """Ask TensorBoard's projector about a folder, as its page does."""
    from tensorboard.plugins import base_plugin

    with warnings.catch_warnings():  # of older versions, about a module of Python's
        warnings.filterwarnings("ignore", "'imghdr' is deprecated", DeprecationWarning)
        from tensorboard.plugins.projector import projector_plugin
    from werkzeug.test import Client

    def ask(route, **query):
        plugin = projector_plugin.ProjectorPlugin(
            base_plugin.TBContext(logdir=str(tmp_path))
        )
        client = Client(plugin.get_plugin_apps()[route])
        response = client.get(route, query_string={"run": ".", **query})
        assert response.status_code == 200, response.data
        return response.data

    return ask


def test_the_projector_reads_codes_labels_and_images(tmp_path, ask):
    codes = fit(keras.callbacks.TensorBoard(tmp_path)).transform(X)
    write_codes(tmp_path, codes, Y, IMAGES)
    (embedding,) = json.loads(ask("/info"))["embeddings"]
    assert embedding["tensorName"] == "codes"
    assert embedding["tensorShape"] == [150, 3]
    assert embedding["sprite"]["singleImageDim"] == [8, 8]
    read = np.frombuffer(ask("/tensor", name="codes"), np.float32).reshape(150, 3)
    np.testing.assert_allclose(read, codes, rtol=1e-6)
    assert ask("/metadata", name="codes").decode().split() == [str(y) for y in Y]
    sprite = tmp_path / "sprite.png"
    sprite.write_bytes(ask("/sprite_image", name="codes"))
    shown = image.imread(sprite)
    assert shown.shape[:2] == (13 * 8, 13 * 8)
    # The fifteenth image is the second of the second row.
    np.testing.assert_allclose(shown[8:16, 8:16, 0], IMAGES[14] / 16, atol=1 / 255)


@pytest.mark.parametrize("make", [list, pd.Series, pl.Series, pd.Categorical])
def test_labels_may_come_as_a_column(tmp_path, ask, make):
    write_codes(tmp_path, X[:, :4], make(Y.tolist()))
    assert ask("/metadata", name="codes").decode().split() == [str(y) for y in Y]


def test_columns_may_share_a_name_or_come_from_polars(tmp_path, ask):
    twice = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])
    write_codes(tmp_path, np.eye(2), twice)
    assert ask("/metadata", name="codes").decode() == "a\ta\n1\t2\n3\t4\n"
    write_codes(tmp_path, np.eye(2), pl.DataFrame({"a": [1, 3], "b": ["x", "y"]}))
    assert ask("/metadata", name="codes").decode() == "a\tb\n1\tx\n3\ty\n"


def test_several_labels_have_their_names_above_them(tmp_path, ask):
    frame = pd.DataFrame({"digit": Y, "is\teven": Y % 2 == 0})
    write_codes(tmp_path, X[:, :4], frame, name="digits of ten")
    lines = ask("/metadata", name="digits of ten").decode().splitlines()
    assert lines[:2] == ["digit\tis even", "0\tTrue"]
    assert len(lines) == 151


def test_one_named_label_is_a_column_without_a_name(tmp_path, ask):
    write_codes(tmp_path, X[:2, :4], {"digit": ["a", ""]})
    assert ask("/metadata", name="codes").decode() == "a\n-\n"


def test_colours_stay_colours(tmp_path, ask):
    colours = np.random.RandomState(0).randint(0, 256, (5, 4, 6, 3))
    colours.flat[:2] = 0, 255
    write_codes(tmp_path / "new" / "run", np.eye(5), images=colours)
    shown = image.imread(tmp_path / "new" / "run" / "images.png")[..., :3] * 255
    np.testing.assert_allclose(shown[4:8, 0:6], colours[3], atol=0.5)


def test_codes_before_are_replaced(tmp_path, ask):
    write_codes(tmp_path, np.eye(5), list("abcde"))
    write_codes(tmp_path, np.ones((3, 2)))
    (embedding,) = json.loads(ask("/info"))["embeddings"]
    assert embedding["tensorShape"] == [3, 2]
    assert "metadataPath" not in embedding


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"codes": np.ones(4)}, "codes must have the shape"),
        ({"codes": np.ones((0, 2))}, "codes must have the shape"),
        ({"labels": [1, 2]}, "labels must have one label for each of the 4"),
        ({"labels": {"digit": [1, 2]}}, "digit must have one label"),
        ({"labels": np.ones((4, 2))}, "labels must have one label"),
        ({"images": np.ones((3, 2, 2))}, "images must be 4 arrays"),
        ({"images": np.ones((4, 2, 2, 2))}, "images must be 4 arrays"),
        ({"images": np.full((4, 2, 2), np.nan)}, "images must be 4 arrays"),
        ({"images": np.ones((4, 1, 5000))}, "at most 1 rows"),
        ({"name": 'co"des'}, "name='co\"des' is of no use"),
        ({"name": ""}, "name='' is of no use"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    tmp_path, bad, message
):
    with pytest.raises(ValueError, match=message):
        write_codes(tmp_path / "logs", **{"codes": np.ones((4, 2)), **bad})
    assert not (tmp_path / "logs").exists()
