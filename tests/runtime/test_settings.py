"""Settings of Keras and TensorFlow change nothing that a fit or a file gives."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from helpers import run_python

from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
)
from skae.networks import ConvNetwork, DenseNetwork

PATH = Path(__file__)
BRIEFLY = {"epochs": 2, "random_state": 0, "validation_fraction": 0}
DENSE = DenseNetwork((8,))


def estimators():
    return {
        "dense": AutoencoderTransformer(
            2, hidden_layer_sizes=(8,), nested_dropout=True, **BRIEFLY
        ),
        "convolutional": ConvAutoencoder(
            2, filters=(4,), batch_normalization=True, **BRIEFLY
        ),
        "sequences": SequenceAutoencoder(2, units=4, **BRIEFLY),
        "denoising": DenoisingAutoencoder(2, network=DENSE, **BRIEFLY),
        "swap": DenoisingAutoencoder(2, network=DENSE, corruption="swap", **BRIEFLY),
        "variational": VAETransformer(
            2, network=ConvNetwork((4,), downsampling="max_pool"), **BRIEFLY
        ),
    }


def images():
    return np.random.RandomState(0).rand(40, 8, 8)


def results(fitted):
    """Return what an estimator gives for rows and codes, and its Keras models too."""
    rows = images()
    codes = fitted.transform(rows)
    single = fitted.encoder_(rows.astype(np.float32))
    return {
        "codes": codes,
        "reconstructions": fitted.inverse_transform(codes),
        "scores": fitted.score_samples(rows),
        "encoder": np.asarray(single),
        "decoder": np.asarray(fitted.decoder_(single)),
    }


def check_same(fitted, name, folder, where):
    with open(folder / f"{name}.pickle", "rb") as file:
        expected = pickle.load(file)["results"]
    for part, values in results(fitted).items():
        where_exactly = f"{name}, {where}: {part}"
        assert values.dtype == expected[part].dtype, where_exactly
        np.testing.assert_array_equal(values, expected[part], err_msg=where_exactly)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with files and results of fits under the usual settings."""
    path = tmp_path_factory.mktemp("settings")
    for name, estimator in estimators().items():
        fitted = estimator.fit(images())
        fitted.save(path / f"{name}.skae")
        with open(path / f"{name}.pickle", "wb") as file:
            pickle.dump({"results": results(fitted), "fitted": fitted}, file)
    return path


SETTINGS = {
    "order of axes, float64, epsilon, in a scope": """
keras.config.set_image_data_format('channels_first')
keras.config.set_floatx('float64')
keras.config.set_epsilon(0.01)
stack.enter_context(tf.distribute.MirroredStrategy(['CPU:0']).scope())
""",
    "float16, mixed precision": """
keras.config.set_floatx('float16')
keras.config.set_dtype_policy('mixed_float16')
""",
    "eagerly": "tf.config.run_functions_eagerly(True)",
    "policy, deterministic": """
keras.config.set_dtype_policy('float64')
tf.config.experimental.enable_op_determinism()
""",
}
"""In code, several at a time, since each compiles all networks anew.

The last cannot be taken back.
"""

BACK = """
keras.config.set_image_data_format('channels_last')
keras.config.set_floatx('float32')
keras.config.set_epsilon(1e-7)
keras.config.set_dtype_policy('float32')
tf.config.run_functions_eagerly(False)
stack.close()
"""

IN_ANOTHER_PROCESS = """
import contextlib, pathlib, pickle, sys
sys.path[:0] = {path!r}
import keras
import tensorflow as tf
import skae
import test_settings
from skae._model import codec
from skae._training import steps_pool

folder = pathlib.Path({folder!r})
stack = contextlib.ExitStack()
fitted_before = {{}}
for one in test_settings.estimators():
    with open(folder / f"{{one}}.pickle", "rb") as file:
        fitted_before[one] = pickle.load(file)["fitted"]
    fitted_before[one].transform(test_settings.images())  # builds its network
for name, setting in {settings!r}.items():
    codec._codecs.clear()
    steps_pool._idle.clear()
    exec(setting)
    for one, estimator in test_settings.estimators().items():
        ways = {{
            "set after the fit": fitted_before[one],
            "set before the fit": estimator.fit(test_settings.images()),
            "loaded": skae.load(folder / f"{{one}}.skae"),
        }}
        for way, fitted in ways.items():
            test_settings.check_same(fitted, one, folder, f"{{name}}, {{way}}")
    exec({back!r})
"""


def check_in_another_process(settings, folder, **environment):
    code = IN_ANOTHER_PROCESS.format(
        path=[str(PATH.parent), str(PATH.parents[1])],
        folder=str(folder),
        settings=settings,
        back=BACK,
    )
    ended = run_python(code, **environment)
    assert ended.returncode == 0, ended.stderr[-3000:]


@pytest.mark.slow
def test_settings_in_code_change_nothing(folder):
    check_in_another_process(SETTINGS, folder)


@pytest.mark.slow
def test_settings_in_a_file_change_nothing(tmp_path, folder):
    settings = {
        "backend": "tensorflow",
        "image_data_format": "channels_first",
        "floatx": "float16",
        "epsilon": 0.01,
    }
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    check_in_another_process({"file": ""}, folder, KERAS_HOME=str(tmp_path))
