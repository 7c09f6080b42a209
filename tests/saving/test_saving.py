"""Files: whole or not at all, read by skops and plain Python, refused if forged."""

import doctest
import io
import json
import os
import pickle
import signal
import stat
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import skops.io
from helpers import assert_same_bits, correlated, each_of
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA

import skae
from benchmarks import damaged_files, faults
from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
)
from skae._saving import atomic
from skae._saving.fitted import fit_of, plain_fit
from skae.exceptions import SavedFileError
from skae.networks import CustomNetwork, DenseNetwork, Network

X = correlated()
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "saving.rst"
BRIEFLY = {"epochs": 1, "random_state": 0}


class UsersNetwork(DenseNetwork):
    """A network of the user's own."""


class BoundedNetwork(Network):
    """A network whose decoder does what a CustomNetwork's may not."""

    def build_encoder(self, sample_shape, encoding_dim):
        return users_model(*sample_shape, encoding_dim)

    def build_decoder(self, sample_shape, encoding_dim):
        return users_model(encoding_dim, *sample_shape, activation="tanh")


class UsersEstimator(AutoencoderTransformer):
    """An estimator of the user's own."""


class UsersLayer(keras.layers.Layer):
    """A layer of the user's own."""

    def call(self, inputs):
        return inputs


class UsersLoss(keras.losses.Loss):
    """A loss of the user's own."""

    def call(self, y_true, y_pred):
        return keras.ops.mean((y_true - y_pred) ** 4, axis=-1)


def halved(samples, seed):
    return samples / 2


def users_model(n_inputs, n_outputs, *layers, activation=None):
    return keras.Sequential(
        [
            keras.Input((n_inputs,)),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
            *layers,
            keras.layers.Dense(n_outputs, activation=activation),
        ]
    )


def users_encoder(sample_shape, encoding_dim):
    return users_model(*sample_shape, encoding_dim)


def users_decoder(sample_shape, encoding_dim):
    return users_model(encoding_dim, *sample_shape)


def dense(**parameters):
    parameters = {"hidden_layer_sizes": (8,), **BRIEFLY, **parameters}
    return AutoencoderTransformer(2, **parameters)


def of_network(network):
    return AutoencoderTransformer(2, network=network, **BRIEFLY)


def saved_and_loaded(estimator, folder):
    estimator.save(folder / "estimator.skae")
    return skae.load(folder / "estimator.skae")


@pytest.fixture(scope="module")
def fitted():
    return dense().fit(X)


@pytest.mark.docs
@pytest.mark.skipif(not GUIDE.exists(), reason="the documentation is not here")
def test_the_examples_of_the_documentation_run(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failed, tried = doctest.testfile(str(GUIDE), module_relative=False, verbose=False)
    assert (failed, tried > 10) == (0, True)


# What comes back.


EACH = {
    "dense": dense(),
    "convolutional": ConvAutoencoder(2, filters=(4,), **BRIEFLY),
    "recurrent": SequenceAutoencoder(2, units=4, **BRIEFLY),
    "denoising": DenoisingAutoencoder(
        2, network=DenseNetwork((8,)), corruption="swap", **BRIEFLY
    ),
    "variational": VAETransformer(2, network=DenseNetwork((8,)), **BRIEFLY),
}


@pytest.mark.parametrize(
    "estimator", each_of(EACH, ["dense", "convolutional", "variational"])
)
def test_a_loaded_fit_is_the_same_in_all(estimator, tmp_path):
    fitted = clone(estimator).fit(X)
    again = saved_and_loaded(fitted, tmp_path)
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(again.reconstruct(X), fitted.reconstruct(X))
    assert_same_bits(again, fitted)
    assert repr(again) == repr(fitted)
    assert vars(again).keys() == vars(fitted).keys()
    assert again.history_ == fitted.history_
    assert type(again.sample_shape_) is tuple
    assert repr(saved_and_loaded(estimator, tmp_path)) == repr(estimator)


def test_a_loaded_fit_is_cloned_fitted_anew_continued_and_saved(fitted, tmp_path):
    again = saved_and_loaded(fitted, tmp_path)
    assert_same_bits(clone(again).fit(X), fitted)
    assert_same_bits(saved_and_loaded(again, tmp_path), fitted)
    again.set_params(warm_start=True)
    assert_same_bits(
        again.fit(X), clone(fitted).fit(X).set_params(warm_start=True).fit(X)
    )


def test_passes_go_on_from_a_file(tmp_path):
    whole = dense().partial_fit(X).partial_fit(X)
    parts = saved_and_loaded(dense().partial_fit(X), tmp_path).partial_fit(X)
    assert_same_bits(parts, whole)


def test_settings_of_keras_objects_come_back(tmp_path):
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 100)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.02)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    loss = keras.losses.Huber(delta=0.05)
    fitted = dense(optimizer=optimizer, loss=loss).fit(X)
    again = saved_and_loaded(fitted, tmp_path)
    assert again.optimizer.get_config() == {
        **optimizer.get_config(),
        "name": again.optimizer.name,  # which Keras numbers
    }
    y = np.array([[0.0]]), np.array([[3.0]])
    assert float(again.loss(*y)) == float(loss(*y))
    assert_same_bits(clone(again).fit(X), fitted)


def test_numbers_of_numpy_and_generators_come_back(tmp_path):
    generator = np.random.RandomState(0)
    generator.normal(size=3)
    given = {"epochs": np.int64(3), "l1_activity": np.float32(0.5), "verbose": False}
    again = saved_and_loaded(dense(**given, random_state=generator), tmp_path)
    assert {name: getattr(again, name) for name in given} == given
    np.testing.assert_array_equal(
        again.random_state.normal(size=700), generator.normal(size=700)
    )


def test_wishes_about_output_metadata_and_names_come_back(tmp_path):
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d", "é"])
    with config_context(enable_metadata_routing=True):
        estimator = dense().set_output(transform="pandas")
        estimator.set_fit_request(sample_weight="weight", X_val=False).fit(frame)
    again = saved_and_loaded(estimator, tmp_path)
    pd.testing.assert_frame_equal(again.transform(frame), estimator.transform(frame))
    assert list(again.feature_names_in_) == ["a", "b", "c", "d", "é"]
    requests = again.get_metadata_routing().fit.requests
    assert (requests["sample_weight"], requests["X_val"]) == ("weight", False)


# Code of the user's own.


@pytest.mark.parametrize(
    "network",
    each_of(
        {
            "models": lambda: CustomNetwork(users_model(5, 2), users_model(2, 5)),
            "functions": lambda: CustomNetwork(users_encoder, users_decoder),
            "a class": lambda: UsersNetwork((8,)),
        },
        ["functions"],
    ),
)
def test_networks_of_the_users_own_are_saved_as_the_models_they_built(
    network, tmp_path
):
    estimator = of_network(network()).fit(X)
    before = np.random.get_state()[1].tolist()
    again = saved_and_loaded(estimator, tmp_path)
    assert np.random.get_state()[1].tolist() == before
    np.testing.assert_allclose(again.transform(X), estimator.transform(X), atol=1e-6)
    assert type(again.network) is CustomNetwork
    assert isinstance(again.network.encoder, keras.Model)
    saved_and_loaded(estimator.set_params(network=DenseNetwork()), tmp_path)


@pytest.mark.slow
def test_a_loss_of_the_users_own_may_be_replaced_after_the_fit(tmp_path):
    fitted = dense(loss=UsersLoss()).fit(X)
    with pytest.raises(TypeError, match=r"loss cannot be saved: .*UsersLoss"):
        fitted.save(tmp_path / "estimator.skae")
    again = saved_and_loaded(fitted.set_params(loss="mse"), tmp_path)
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))


def normalized():
    layer = keras.layers.Normalization()
    layer.adapt(X)
    return CustomNetwork(users_model(5, 2, layer), users_model(2, 5))


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (lambda: dense(callbacks=[keras.callbacks.TerminateOnNaN()]), "^callbacks"),
        (lambda: DenoisingAutoencoder(corruption=halved), "^corruption .*halved"),
        (lambda: of_network(CustomNetwork(users_encoder, users_decoder)), "^network"),
        (lambda: of_network(UsersNetwork()), "^network .*UsersNetwork"),
        (lambda: UsersEstimator(), "UsersEstimator"),
        (lambda: of_network(BoundedNetwork()).fit(X), "^network .*activation 'tanh'"),
        (lambda: of_network(normalized()).fit(X), "^network .*Normalization"),
        (
            lambda: of_network(
                CustomNetwork(users_model(5, 2, UsersLayer()), users_model(2, 5))
            ),
            "^network .*UsersLayer",
        ),
        (
            lambda: of_network(
                CustomNetwork(
                    users_model(5, 2, keras.layers.Lambda(keras.ops.abs)),
                    users_model(2, 5),
                )
            ),
            "^network .*Lambda",
        ),
    ],
    ids=[
        "callbacks",
        "corruption",
        "functions",
        "network class",
        "estimator class",
        "models that do not stand for their network",
        "adapted layer",
        "layer class",
        "Lambda",
    ],
)
def test_what_no_file_holds_is_an_error_that_names_it(estimator, message, tmp_path):
    with pytest.raises(TypeError, match=rf"{message}.*[Uu]se pickle"):
        estimator().save(tmp_path / "estimator.skae")
    assert list(tmp_path.iterdir()) == []


def test_activations_registered_by_the_user_are_neither_saved_nor_loaded(tmp_path):
    estimator = dense(network=DenseNetwork((4,), activation="halved"))
    estimator.save(tmp_path / "estimator.skae")
    with keras.saving.custom_object_scope({"halved": lambda x: x / 2}):
        with pytest.raises(TypeError, match="network cannot be saved: 'halved'"):
            estimator.save(tmp_path / "estimator.skae")
        with pytest.raises(SavedFileError, match="'halved' is the name of something"):
            skae.load(tmp_path / "estimator.skae")


# The file.


def test_skops_and_plain_python_read_a_file(fitted, tmp_path):
    path = tmp_path / "estimator.skae"
    fitted.save(path)
    trusted = ["skae.AutoencoderTransformer", "skae.networks.DenseNetwork"]
    assert skops.io.get_untrusted_types(file=path) == trusted
    again = skops.io.load(path, trusted=trusted)
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("skae.json"))
        state = json.loads(archive.read("schema.json"))["content"]["content"]
        mean = np.load(io.BytesIO(archive.read(state["mean_"]["file"])))
    assert about["format"] == 1
    assert about["versions"]["skae"] == skae.__version__
    assert about["versions"]["keras"] == keras.__version__
    assert json.loads(state["encoding_dim"]["content"]) == 2
    np.testing.assert_array_equal(mean, fitted.mean_)


def test_what_skops_has_written_is_loaded_too(fitted, tmp_path):
    skops.io.dump(fitted, tmp_path / "fit.skops")
    again = skae.load(tmp_path / "fit.skops")
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))


def test_a_file_of_another_protocol_is_left_to_skops(fitted, tmp_path):
    path = tmp_path / "estimator.skae"
    fitted.save(path)
    content = damaged_files.with_schema(
        path.read_bytes(), lambda schema: schema.update(protocol=1)
    )
    path.write_bytes(content)
    np.testing.assert_array_equal(skae.load(path).transform(X), fitted.transform(X))


def test_other_classes_are_an_error_that_names_them(tmp_path):
    skops.io.dump(PCA(2), tmp_path / "pca.skops")
    with pytest.raises(SavedFileError, match=r"pca.skops.*PCA.* Use pickle"):
        skae.load(tmp_path / "pca.skops")


@pytest.mark.parametrize("failing", ["os.replace", "os.fsync", "os.chmod"])
def test_ctrl_c_leaves_the_old_file_and_no_draft(failing, tmp_path, monkeypatch):
    path = tmp_path / "estimator.skae"
    path.write_bytes(b"old")

    def fail(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(failing, fail)
        with pytest.raises(KeyboardInterrupt):
            dense().save(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    dense().save(path)
    assert repr(skae.load(path)) == repr(dense())


posix = pytest.mark.skipif(os.name == "nt", reason="Windows has none of these")


@posix
def test_a_file_keeps_its_mode_and_a_new_one_gets_that_of_any(tmp_path):
    path = tmp_path / "estimator.skae"
    before = os.umask(0o027)
    try:
        dense().save(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    dense().save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
def test_save_writes_through_links(tmp_path):
    path, link, hard = (tmp_path / name for name in ("file", "link", "hard"))
    dense().save(path)
    link.symlink_to(path)
    dense(epochs=3).save(link)
    assert link.is_symlink()
    assert skae.load(path).epochs == 3
    hard.hardlink_to(path)
    dense(epochs=4).save(hard)
    assert skae.load(path).epochs == 4
    assert path.stat().st_nlink == 2


@posix
def test_links_to_what_is_no_file_are_named_as_given(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    with pytest.raises(ValueError, match="link' is a device, a pipe or the like"):
        dense().save(link)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_signal_is_heard_between_pieces(tmp_path, monkeypatch, is_new):
    path, handler = tmp_path / "file", signal.getsignal(signal.SIGINT)
    if not is_new:
        path.write_bytes(b"old")

    def interrupted(file):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "fsync", interrupted)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            dense().save(path)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert list(tmp_path.iterdir()) == ([] if is_new else [path])
    assert is_new or path.read_bytes() == b"old"


def test_long_files_are_written_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "_PIECE", 3)
    for length in 0, 3, 10:
        content = bytes(range(length))
        atomic.write(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content


def test_words_and_booleans_of_numpy_are_saved_as_pythons(tmp_path):
    words = {"init": np.str_("pca"), "activation": np.str_("tanh")}
    fitted = dense(whiten=np.True_, **words).fit(X)
    fitted.save(tmp_path / "file")
    again = skae.load(tmp_path / "file")
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    assert type(again.init) is str


@posix
def test_what_is_no_file_that_may_be_written_stays(tmp_path):
    pipe, locked = tmp_path / "pipe", tmp_path / "locked"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match="pipe' is a device, a pipe or the like"):
        dense().save(pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    locked.write_bytes(b"old")
    locked.chmod(0o400)
    with pytest.raises(PermissionError, match="locked"):
        dense().save(locked)
    assert locked.read_bytes() == b"old"


def test_errors_of_the_system_name_the_path_that_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"'none\.skae'"):
        skae.load("none.skae")
    with pytest.raises(IsADirectoryError):
        skae.load(tmp_path)
    with pytest.raises(IsADirectoryError, match=r"'\.'"):
        dense().save(".")
    with pytest.raises(FileNotFoundError, match=r"'none/estimator\.skae'"):
        dense().save("none/estimator.skae")
    dense().save("estimator.skae")
    assert repr(skae.load("estimator.skae")) == repr(dense())


# Other versions.


def test_files_of_a_newer_format_say_what_to_install(tmp_path):
    dense().save(tmp_path / "estimator.skae")
    content = damaged_files.with_about(
        (tmp_path / "estimator.skae").read_bytes(),
        lambda about: about.update(format=2, versions={"skae": "7.1"}),
    )
    (tmp_path / "newer.skae").write_bytes(content)
    with pytest.raises(SavedFileError, match=r"newer.skae.*format 2.*skae '7\.1'"):
        skae.load(tmp_path / "newer.skae")


def test_parameters_that_came_later_get_their_defaults(tmp_path):
    estimator = dense(l1_activity=0.5)
    del estimator.l1_activity
    skops.io.dump(estimator, tmp_path / "older.skae")
    assert skae.load(tmp_path / "older.skae").l1_activity == 0.0


@pytest.fixture
def nested():
    return dense(nested_dropout=True, validation_fraction=0).fit(X)


@pytest.mark.parametrize(
    "copied", [saved_and_loaded, lambda fitted, _: pickle.loads(pickle.dumps(fitted))]
)
def test_copies_take_the_first_codes_to_the_same_bits(copied, nested, tmp_path):
    first = nested.transform(X)[:, :1]
    expected = nested.inverse_transform(first)
    assert (expected != nested.inverse_transform(np.pad(first, ((0, 0), (0, 1))))).any()
    back = copied(nested, tmp_path).inverse_transform(first)
    np.testing.assert_array_equal(back, expected)


@pytest.mark.parametrize(
    "forged",
    [np.zeros((2, 3), np.float32), np.zeros((2, 2)), np.full((2, 2), np.nan, "f")],
    ids=["shape", "type", "NaN"],
)
def test_forged_stand_ins_for_missing_codes_are_refused(forged, nested):
    state = plain_fit(nested._fitted, None)
    state["weights"][-1] = forged
    with pytest.raises(ValueError, match=r"no part of a fit|weights that were saved"):
        fit_of(state, None).filled(np.ones((1, 1)))


# Damage and forgery: see `benchmarks.faults`, which tries more of each.


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    dense, custom = faults.saved_files(tmp_path_factory.mktemp("saved"))
    return {name: file for name, _, file in faults.faults_of(dense, custom)}


@pytest.mark.parametrize(
    ("name", "fault"),
    [(name, fault) for name, fault, _ in faults.faults_of(None, None)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damaged_files_are_refused_or_give_the_same_codes(name, fault, saved, tmp_path):
    with faults.code_of_the_user():
        counts, noted = faults.outcomes(fault, saved[name], 4, tmp_path)
    harmless = {faults.REFUSED, faults.SAME}
    if fault in (
        damaged_files.replaced_values,
        damaged_files.huge_numbers,
        damaged_files.other_graphs,
    ):
        harmless.add(faults.OTHER)  # numbers may be forged, and what is done with them
    assert set(counts) <= harmless
    assert noted == []


@pytest.mark.parametrize(
    ("doing", "event"),
    [
        (lambda path: os.system("true"), "os.system"),
        (lambda path: pickle.loads(pickle.dumps(os.getpid)), "pickle.find_class"),
        (lambda path: exec("1"), "exec"),
        (lambda path: path.write_bytes(b""), "open"),
    ],
    ids=["process", "pickle", "code", "file"],
)
def test_the_tripwire_notes_what_is_more_than_computing(doing, event, tmp_path):
    with faults.tripwire() as noted:
        doing(tmp_path / "file")
    assert any(note.startswith(event) for note in noted)
