"""Files: whole or not at all, read by plain Python, refused if damaged or forged."""

import doctest
import io
import json
import os
import pickle
import stat
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from helpers import assert_same_bits
from sklearn import config_context
from sklearn.base import clone
from test_common import SMALL, dimmed

import skae
from benchmarks import damaged_files, faults
from skae import AutoencoderTransformer, DenoisingAutoencoder, _archive
from skae.exceptions import SavedFileError
from skae.networks import CustomNetwork, DenseNetwork, Network

pytestmark = pytest.mark.usefixtures("all_stays_compiled")

X = np.random.RandomState(0).uniform(size=(50, 4))
GUIDE = Path(__file__).parents[1] / "docs" / "guide" / "saving.rst"
DATA = Path(__file__).parent / "data"
every_estimator = pytest.mark.parametrize("name", SMALL)


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
    parameters = {"hidden_layer_sizes": (4,), "random_state": 0, **parameters}
    return AutoencoderTransformer(2, epochs=1, **parameters)


def of_network(network):
    return AutoencoderTransformer(2, network=network, epochs=1, random_state=0)


def saved_and_loaded(estimator, folder):
    estimator.save(folder / "estimator.skae")
    return skae.load(folder / "estimator.skae")


@pytest.fixture(scope="module")
def fitted():
    """Return each estimator fitted, without functions but for networks."""
    return {name: _without_functions(name).fit(X) for name in SMALL}


def _without_functions(name):
    estimator = clone(SMALL[name]).set_params(epochs=1)
    if callable(estimator.get_params().get("corruption")):
        estimator.set_params(corruption="swap")
    return estimator


@pytest.mark.skipif(not GUIDE.exists(), reason="the documentation is not here")
def test_the_examples_of_the_documentation_run(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failed, tried = doctest.testfile(str(GUIDE), module_relative=False, verbose=False)
    assert (failed, tried > 10) == (0, True)


# What comes back.


@every_estimator
def test_a_loaded_fit_gives_the_same_codes_and_reconstructions(name, fitted, tmp_path):
    again = saved_and_loaded(fitted[name], tmp_path)
    np.testing.assert_array_equal(again.transform(X), fitted[name].transform(X))
    np.testing.assert_array_equal(again.reconstruct(X), fitted[name].reconstruct(X))
    assert_same_bits(again, fitted[name])


@every_estimator
def test_a_loaded_estimator_is_saved_to_the_same_bytes(name, fitted, tmp_path):
    fitted[name].save(tmp_path / "first.skae")
    skae.load(tmp_path / "first.skae").save(tmp_path / "second.skae")
    first, second = tmp_path / "first.skae", tmp_path / "second.skae"
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", [name for name in SMALL if "custom" not in name])
def test_parameters_and_attributes_come_back(name, fitted, tmp_path):
    again = saved_and_loaded(fitted[name], tmp_path)
    assert repr(again) == repr(fitted[name])
    assert vars(again).keys() == vars(fitted[name]).keys()
    assert again.history_ == fitted[name].history_
    assert type(again.sample_shape_) is tuple
    np.testing.assert_array_equal(again.mean_, fitted[name].mean_)


@pytest.mark.parametrize("name", ["dense", "denoising-custom-crossentropy"])
def test_a_loaded_fit_is_cloned_fitted_anew_and_continued(name, fitted, tmp_path):
    again = saved_and_loaded(fitted[name], tmp_path)
    continued = saved_and_loaded(again, tmp_path).set_params(warm_start=True).fit(X)
    assert continued.transform(X).shape == (50, 2)
    anew = clone(again).fit(X)
    if name == "dense":
        assert_same_bits(anew, fitted[name])


@pytest.mark.parametrize("name", [name for name in SMALL if "custom" not in name])
def test_an_estimator_that_is_not_fitted_comes_back(name, tmp_path):
    again = saved_and_loaded(_without_functions(name), tmp_path)
    assert repr(again) == repr(_without_functions(name))
    assert not hasattr(again, "_fitted")


def test_numbers_of_numpy_come_back_as_equal_numbers(tmp_path):
    given = {"epochs": np.int64(3), "l1_activity": np.float32(0.5), "verbose": False}
    parameters = saved_and_loaded(dense().set_params(**given), tmp_path).get_params()
    assert {name: parameters[name] for name in given} == given


def test_optimizers_with_a_schedule_come_back(tmp_path):
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 100)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.02)
    again = saved_and_loaded(dense(optimizer=optimizer), tmp_path)
    assert type(again.optimizer) is keras.optimizers.AdamW
    assert again.optimizer.get_config() == optimizer.get_config()


def test_a_generator_as_random_state_goes_on_from_where_it_was(tmp_path):
    generator = np.random.RandomState(0)
    generator.normal(size=3)
    again = saved_and_loaded(dense(random_state=generator), tmp_path)
    np.testing.assert_array_equal(
        again.random_state.normal(size=700), generator.normal(size=700)
    )


def test_wishes_about_output_metadata_and_names_come_back(tmp_path):
    frame = pd.DataFrame(X, columns=["a", "b", "c", "é"])
    with config_context(enable_metadata_routing=True):
        estimator = dense().set_output(transform="pandas")
        estimator.set_fit_request(sample_weight="weight", X_val=False).fit(frame)
    again = saved_and_loaded(estimator, tmp_path)
    pd.testing.assert_frame_equal(again.transform(frame), estimator.transform(frame))
    assert list(again.feature_names_in_) == ["a", "b", "c", "é"]
    requests = again.get_metadata_routing().fit.requests
    assert (requests["sample_weight"], requests["X_val"]) == ("weight", False)


# Networks of the user's own.


@pytest.mark.parametrize(
    "network",
    [
        lambda: CustomNetwork(users_model(4, 2), users_model(2, 4)),
        lambda: CustomNetwork(users_encoder, users_decoder),
        lambda: UsersNetwork((4,)),
    ],
    ids=["models", "functions", "a class"],
)
def test_networks_of_the_users_own_are_saved_as_the_models_they_built(
    network, tmp_path
):
    estimator = of_network(network()).fit(X)
    again = saved_and_loaded(estimator, tmp_path)
    np.testing.assert_allclose(again.transform(X), estimator.transform(X), atol=1e-6)
    assert type(again.network) is CustomNetwork
    assert isinstance(again.network.encoder, keras.Model)


def test_a_network_set_after_the_fit_is_saved_as_it_is(tmp_path):
    estimator = of_network(CustomNetwork(users_encoder, users_decoder)).fit(X)
    again = saved_and_loaded(estimator.set_params(network=DenseNetwork()), tmp_path)
    assert type(again.network) is DenseNetwork
    np.testing.assert_array_equal(again.transform(X), estimator.transform(X))


def test_saving_a_network_of_functions_draws_from_no_global_generator(tmp_path):
    estimator = of_network(CustomNetwork(users_encoder, users_decoder)).fit(X)
    before = np.random.get_state()[1].tolist()
    estimator.save(tmp_path / "a.skae")
    estimator.save(tmp_path / "b.skae")
    first, second = (
        damaged_files.members((tmp_path / name).read_bytes())["arrays.npz"]
        for name in ("a.skae", "b.skae")
    )
    assert first == second
    assert np.random.get_state()[1].tolist() == before


def test_models_that_do_not_stand_for_their_network_are_an_error(tmp_path):
    estimator = of_network(BoundedNetwork()).fit(X)
    with pytest.raises(TypeError, match=r"activation 'tanh'.* Use pickle"):
        estimator.save(tmp_path / "estimator.skae")


# What cannot be saved.


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (lambda: dense(callbacks=[keras.callbacks.TerminateOnNaN()]), "callbacks"),
        (lambda: DenoisingAutoencoder(corruption=dimmed), "corruption"),
        (lambda: of_network(CustomNetwork(users_encoder, users_decoder)), "network"),
        (lambda: of_network(UsersNetwork()), "network"),
        (lambda: UsersEstimator(), "UsersEstimator"),
    ],
    ids=["callbacks", "corruption", "functions", "network class", "estimator class"],
)
def test_code_of_the_users_own_is_an_error_that_names_it(estimator, name, tmp_path):
    with pytest.raises(TypeError, match=rf"\b{name}\b[^$]*[Uu]se pickle"):
        estimator().save(tmp_path / "estimator.skae")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "layer", [lambda: keras.layers.Lambda(abs), UsersLayer], ids=["Lambda", "own"]
)
def test_layers_that_hold_code_are_an_error_that_names_them(layer, tmp_path):
    network = CustomNetwork(users_model(4, 2, layer()), users_model(2, 4))
    with pytest.raises(
        TypeError, match=r"network cannot be saved.*(Lambda|UsersLayer)"
    ):
        of_network(network).save(tmp_path / "estimator.skae")


def test_activations_registered_by_the_user_are_neither_saved_nor_loaded(tmp_path):
    estimator = dense(network=DenseNetwork((4,), activation="halved"))
    estimator.save(tmp_path / "estimator.skae")
    with keras.saving.custom_object_scope({"halved": lambda x: x / 2}):
        with pytest.raises(TypeError, match="network cannot be saved: 'halved'"):
            estimator.save(tmp_path / "estimator.skae")
        with pytest.raises(SavedFileError, match="'halved' is the name of something"):
            skae.load(tmp_path / "estimator.skae")


# The file.


def test_plain_python_reads_a_file(fitted, tmp_path):
    fitted["dense"].save(tmp_path / "estimator.skae")
    with zipfile.ZipFile(tmp_path / "estimator.skae") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        content = json.loads(archive.read("estimator.json"))["value"]
        arrays = np.load(io.BytesIO(archive.read("arrays.npz")), allow_pickle=False)
    assert manifest["format"] == 1
    assert manifest["versions"]["skae"] == skae.__version__
    assert manifest["versions"]["keras"] == keras.__version__
    assert content["class"] == "AutoencoderTransformer"
    assert content["parameters"]["value"]["encoding_dim"] == 2
    number = content["attributes"]["value"]["mean_"]["value"]
    np.testing.assert_array_equal(arrays[f"arr_{number}"], fitted["dense"].mean_)


@pytest.mark.parametrize(
    "failing", ["os.replace", "skae._archive._write_members", "os.fsync"]
)
def test_a_failure_leaves_the_old_file_and_no_draft(failing, tmp_path, monkeypatch):
    path = tmp_path / "estimator.skae"
    path.write_bytes(b"old")

    def fail(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(failing, fail)
    with pytest.raises(KeyboardInterrupt):
        dense().save(path)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    dense().save(path)
    assert list(tmp_path.iterdir()) == [path]
    assert repr(skae.load(path)) == repr(dense())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_file_gets_the_permissions_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        dense().save(tmp_path / "estimator.skae")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "estimator.skae").stat().st_mode) == 0o640


def test_text_works_as_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dense().save("estimator.skae")
    assert repr(skae.load("estimator.skae")) == repr(dense())


def test_files_that_cannot_be_read_are_errors_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        skae.load(tmp_path / "none.skae")
    with pytest.raises(IsADirectoryError):
        skae.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        dense().save(tmp_path / "none" / "estimator.skae")


def test_arrays_of_every_shape_and_type_come_back(tmp_path):
    arrays = [
        np.array(1.5, np.float32),
        np.zeros((0, 3)),
        np.arange(24, dtype=">i2").reshape(2, 3, 4).transpose(),
        np.array([True, False]),
        np.arange(3, dtype=np.uint32),
    ]
    _archive.write(tmp_path / "file", "{}", arrays, {"skae": "1"})
    text, again, versions = _archive.read(tmp_path / "file")
    assert (text, versions) == ("{}", {"skae": "1"})
    for one, other in zip(again, arrays, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
        assert one.flags.writeable


# Other versions.


def test_files_of_a_newer_format_say_what_to_install(tmp_path):
    dense().save(tmp_path / "estimator.skae")
    content = damaged_files.with_manifest(
        (tmp_path / "estimator.skae").read_bytes(),
        lambda manifest: manifest.update(format=2, versions={"skae": "7.1"}),
    )
    (tmp_path / "newer.skae").write_bytes(content)
    with pytest.raises(SavedFileError, match=r"newer.skae.*format 2.*skae '7\.1'"):
        skae.load(tmp_path / "newer.skae")


def test_parameters_that_came_later_get_their_defaults(tmp_path):
    dense(l1_activity=0.5).save(tmp_path / "estimator.skae")
    content = damaged_files.with_text(
        (tmp_path / "estimator.skae").read_bytes(),
        lambda text: damaged_files.section(text, "parameters").__delitem__(
            "l1_activity"
        ),
    )
    (tmp_path / "older.skae").write_bytes(content)
    assert skae.load(tmp_path / "older.skae").l1_activity == 0.0


@pytest.mark.parametrize(
    "path",
    sorted(DATA.glob("*/*.skae")),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_files_of_every_version_give_what_they_gave(path):
    estimator = skae.load(path)
    if path.stem == "unfitted":
        assert (estimator.encoding_dim, estimator.beta) == (3, 0.5)
        return
    with np.load(path.parent / "expected.npz") as expected:
        X, codes = expected["X"], expected[f"{path.stem}.codes"]
        reconstructions = expected[f"{path.stem}.reconstructions"]
    np.testing.assert_allclose(estimator.transform(X), codes, rtol=0, atol=1e-5)
    np.testing.assert_allclose(
        estimator.inverse_transform(codes), reconstructions, rtol=0, atol=1e-5
    )


def test_there_are_files_of_this_version():
    assert (DATA / skae.__version__ / "expected.npz").exists()


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
    n_tries = 4 if name in damaged_files.FORGERIES_OF_MODELS else 8
    with faults.code_of_the_user():
        counts, noted = faults.outcomes(fault, saved[name], n_tries, tmp_path)
    harmless = {faults.REFUSED, faults.SAME}
    if fault is damaged_files.replaced_values:  # numbers may be forged
        harmless.add(faults.OTHER)
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


def test_damages_are_the_same_in_every_run(saved):
    file = next(iter(saved.values()))
    for fault in damaged_files.DAMAGES.values():
        one, other = (
            fault(file.content, file.other, np.random.RandomState(3)) for _ in range(2)
        )
        assert one == other
        assert one != file.content
