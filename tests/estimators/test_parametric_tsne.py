"""Parametric t-SNE: the map, new rows, and what can go wrong."""

import copy
import importlib.util
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from helpers import correlated, run_python
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_iris, make_blobs
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.manifold import trustworthiness
from sklearn.pipeline import make_pipeline

import skae
import skae.onnx
from skae import AutoencoderTransformer, ParametricTSNE
from skae._neighbors import trustworthiness as of_some
from skae.displays import LatentDisplay
from skae.networks import ConvNetwork, DenseNetwork

NETWORK = DenseNetwork((8,))
BRIEFLY = ParametricTSNE(perplexity=5, network=NETWORK, epochs=2, random_state=0)
WITH_DECODER = clone(BRIEFLY).set_params(reconstruction_weight=0.1)


@pytest.fixture(scope="module")
def X():
    return load_iris().data


@pytest.fixture(scope="module")
def fitted(X):
    return clone(BRIEFLY).fit(X)


@pytest.fixture(scope="module")
def with_decoder(X):
    return clone(WITH_DECODER).fit(X)


# The map


def test_training_brings_the_map_nearer_to_the_affinities(X):
    start = clone(BRIEFLY).set_params(epochs=0).fit(X)
    trained = clone(BRIEFLY).set_params(epochs=60).fit(X)
    assert trained.kl_divergence_ < 0.7 * start.kl_divergence_


def test_groups_stay_together():
    X, y = make_blobs(120, 10, centers=3, random_state=0)
    positions = clone(BRIEFLY).set_params(epochs=60).fit_transform(X)
    squares = ((positions[:, None] - positions[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(squares, np.inf)
    assert (y[squares.argmin(axis=1)] == y).all()


def test_the_start_is_pca_of_deviation_one(X):
    start = clone(BRIEFLY).set_params(epochs=0).fit(X)
    components = PCA(2).fit_transform(X)
    expected = components / components[:, 0].std()
    np.testing.assert_allclose(start.transform(X), expected, atol=1e-4)
    assert start.n_iter_ == 0
    assert start.init_ == "pca"


def test_a_random_start_has_no_linear_map(X):
    start = clone(BRIEFLY).set_params(epochs=0, init="random").fit(X)
    names = [layer.name for layer in start.encoder_.layers]
    assert start.init_ == "random"
    assert "nonlinear" not in names


def test_more_exaggeration_makes_a_denser_map(X):
    def spread(exaggeration):
        estimator = clone(BRIEFLY).set_params(epochs=60, exaggeration=exaggeration)
        return estimator.fit_transform(X).std()

    assert spread(10) < 0.8 * spread(1)


def test_history_has_the_terms_of_each_epoch(X, with_decoder):
    history = with_decoder.history_
    assert {len(values) for values in history.values()} == {2}
    terms = [history[n] for n in ("attraction", "repulsion", "reconstruction")]
    total = np.array([1, 1, 0.1]) @ np.array(terms)
    np.testing.assert_allclose(history["loss"], total, rtol=1e-6)


def test_the_score_is_scikit_learns_trustworthiness(X, fitted):
    assert fitted.score(X) == pytest.approx(trustworthiness(X, fitted.transform(X)))
    few = X[::30]
    expected = trustworthiness(few, fitted.transform(few), n_neighbors=2)
    assert fitted.score(few) == pytest.approx(expected)


def test_the_score_of_many_rows_is_that_of_some(X, fitted, monkeypatch):
    monkeypatch.setattr(of_some, "_MOST_ROWS", 30)
    some = X[np.linspace(0, len(X) - 1, 30).astype(int)]
    assert fitted.score(X) == pytest.approx(
        trustworthiness(some, fitted.transform(some))
    )


def test_two_rows_have_no_score(X, fitted):
    with pytest.raises(ValueError, match=r"X has 2 row\(s\). Pass three"):
        fitted.score(X[:2])


# What scikit-learn's users expect


def test_an_integer_seed_gives_the_same_bits(X, fitted):
    assert_array_equal(clone(BRIEFLY).fit(X).transform(X), fitted.transform(X))
    other = clone(BRIEFLY).set_params(random_state=1).fit(X)
    assert not np.array_equal(other.transform(X), fitted.transform(X))


@pytest.mark.slow
def test_two_processes_give_the_same_bits():
    code = (
        "import hashlib\nfrom sklearn.datasets import load_iris\nimport skae\n"
        "X = load_iris().data\n"
        "Z = skae.ParametricTSNE(epochs=20, random_state=0).fit_transform(X)\n"
        "print(hashlib.sha256(Z.tobytes()).hexdigest())"
    )
    found = {run_python(code).stdout for _ in range(2)}
    assert len(found) == 1
    assert len(found.pop().strip()) == 64


def test_fit_transform_is_fit_and_transform(X, fitted):
    assert_array_equal(clone(BRIEFLY).fit_transform(X), fitted.transform(X))


def test_a_row_gets_the_same_place_alone(X, fitted):
    assert_array_equal(fitted.transform(X[7:8]), fitted.transform(X)[7:8])


def test_transform_is_the_keras_model(X, fitted):
    expected = fitted.encoder_(X.astype(np.float32)).numpy()
    np.testing.assert_allclose(fitted.transform(X), expected, rtol=1e-4, atol=1e-5)
    assert fitted.inference_ == "numpy"


def test_float32_rows_get_float32_places(X, fitted):
    assert fitted.transform(X).dtype == np.float64
    assert fitted.transform(X.astype(np.float32)).dtype == np.float32


def test_frames_in_and_out(X, fitted):
    frame = pd.DataFrame(X, columns=list("abcd"))
    positions = clone(BRIEFLY).set_output(transform="pandas").fit_transform(frame)
    assert list(positions) == ["parametrictsne0", "parametrictsne1"]
    assert_array_equal(positions.to_numpy(), fitted.transform(X))


def test_sparse_rows_are_like_dense_ones(X, fitted):
    sparse = clone(BRIEFLY).fit(csr_array(X))
    np.testing.assert_allclose(sparse.transform(X), fitted.transform(X), atol=1e-5)
    assert sparse.score(csr_array(X)) == pytest.approx(fitted.score(X), abs=1e-6)


def test_the_unit_of_the_rows_does_not_matter(X, fitted):
    scaled = clone(BRIEFLY).fit(1024 * X)
    np.testing.assert_allclose(
        scaled.transform(1024 * X), fitted.transform(X), atol=1e-4
    )


def test_it_goes_behind_an_autoencoder(X):
    autoencoder = AutoencoderTransformer(2, epochs=2, random_state=0)
    pipeline = make_pipeline(autoencoder, clone(BRIEFLY)).fit(X)
    assert pipeline.transform(X[:3]).shape == (3, 2)


def test_nothing_works_before_fit(X):
    unfitted = clone(BRIEFLY)
    for method in (unfitted.transform, unfitted.score):
        with pytest.raises(NotFittedError):
            method(X)
    for attribute in ("encoder_", "history_", "kl_divergence_", "mean_"):
        assert not hasattr(unfitted, attribute)


def test_a_failed_fit_leaves_the_estimator_as_it_was(X, fitted):
    again = copy.deepcopy(fitted)
    before = dict(vars(again))
    with pytest.raises(ValueError, match="NaN"):
        again.fit(np.where(X > 5, np.nan, X)[:, :2])
    with pytest.raises(ValueError, match="perplexity"):
        again.fit(X[:4])
    assert vars(again) == before


def test_a_notebook_shows_the_fit(fitted):
    shown = fitted._repr_html_()
    assert f"{fitted.kl_divergence_:.3f} nats" in shown
    assert "2 run" in shown


# Copies, files and other runtimes


@pytest.mark.parametrize("name", ["fitted", "with_decoder"])
def test_copies_and_files_give_the_same_places(name, X, tmp_path, request):
    estimator = request.getfixturevalue(name)
    estimator.save(tmp_path / "map.skae")
    for again in (
        pickle.loads(pickle.dumps(estimator)),
        copy.deepcopy(estimator),
        skae.load(tmp_path / "map.skae"),
    ):
        assert_array_equal(again.transform(X), estimator.transform(X))
        assert again.kl_divergence_ == estimator.kl_divergence_
        assert hasattr(again, "inverse_transform") == (name == "with_decoder")
        again.encoder_(X.astype(np.float32))  # Keras builds the same network


@pytest.mark.slow
def test_a_loaded_map_needs_no_tensorflow(X, fitted, tmp_path):
    fitted.save(tmp_path / "map.skae")
    code = (
        "import sys\nfrom sklearn.datasets import load_iris\nimport skae\n"
        f"again = skae.load({str(tmp_path / 'map.skae')!r})\n"
        "print(again.transform(load_iris().data).shape, 'tensorflow' in sys.modules)"
    )
    assert run_python(code).stdout.strip() == "(150, 2) False"


def test_onnx_gives_the_same_places(X, fitted):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = skae.onnx.to_onnx(fitted)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (positions,) = session.run(None, {"X": X.astype(np.float32)})
    np.testing.assert_allclose(positions, fitted.transform(X), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["inverse_transform", "reconstruct"])
def test_onnx_refuses_methods_that_there_are_not(method, fitted):
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="is none of ParametricTSNE's here"):
        skae.onnx.to_onnx(fitted, method)


def test_a_pipeline_becomes_onnx(X, fitted):
    skl2onnx = pytest.importorskip("skl2onnx")
    skae.onnx.register()
    pipeline = make_pipeline(PCA(3), clone(BRIEFLY)).fit(X)
    model = skl2onnx.to_onnx(pipeline, X[:1].astype(np.float32))
    assert len(model.graph.output) == 1


# The decoder


def test_with_a_decoder_points_become_rows(X, with_decoder):
    points = with_decoder.transform(X)
    rows = with_decoder.inverse_transform(points)
    assert rows.shape == X.shape
    expected = with_decoder.decoder_(points.astype(np.float32)).numpy()
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-4)


def test_the_start_of_the_decoder_reconstructs_as_pca(X):
    start = clone(WITH_DECODER).set_params(epochs=0).fit(X)
    pca = PCA(2).fit(X)
    expected = pca.inverse_transform(pca.transform(X))
    found = start.inverse_transform(start.transform(X))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_decoder_learns_to_reconstruct(X):
    estimator = clone(WITH_DECODER).set_params(reconstruction_weight=1.0, epochs=60)
    errors = estimator.fit(X).history_["reconstruction"]
    assert errors[-1] < 0.5 * max(errors)


def test_points_of_another_dimension_are_refused(with_decoder):
    with pytest.raises(ValueError, match=r"3 columns, but .* n_components=2"):
        with_decoder.inverse_transform(np.zeros((4, 3)))


@pytest.mark.parametrize("name", ["inverse_transform", "decoder_"])
def test_without_a_decoder_nothing_is_decoded(name, fitted):
    assert not hasattr(fitted, name)
    assert not hasattr(clone(BRIEFLY), name)
    with pytest.raises(AttributeError) as raised:
        getattr(fitted, name)
    error = raised.value.__cause__ or raised.value
    assert "set reconstruction_weight=0.1" in str(error)


def test_the_decoder_is_that_of_the_fit_not_of_the_parameters(fitted):
    changed = copy.deepcopy(fitted).set_params(reconstruction_weight=0.1)
    assert not hasattr(changed, "inverse_transform")


# Kinds of data


@pytest.mark.parametrize("n_components", [1, 3, 6])
def test_maps_have_any_number_of_dimensions(n_components, X):
    """Also more than the rows have features."""
    estimator = clone(BRIEFLY).set_params(n_components=n_components, epochs=5)
    positions = estimator.fit_transform(X)
    assert positions.shape == (150, n_components)
    assert (positions.std(axis=0) > 0).all()


def test_one_feature_fills_a_line_or_more():
    positions = clone(BRIEFLY).set_params(epochs=5).fit_transform(correlated(60, 1))
    assert np.isfinite(positions).all()
    assert (positions.std(axis=0) > 0).all()


def test_images_go_through_convolutions():
    images = np.random.RandomState(0).rand(30, 8, 8)
    estimator = clone(BRIEFLY).set_params(network=ConvNetwork((4,)))
    positions = estimator.fit(images).transform(images)
    assert positions.shape == (30, 2)
    assert estimator.inference_ == "keras"
    assert_array_equal(estimator.transform(images.reshape(30, 64)), positions)


def test_constant_columns_and_repeated_rows_have_places(X):
    with_constants = np.hstack([X, np.ones((150, 2))])
    repeated = np.repeat(with_constants[::10], 10, axis=0)
    for rows in (with_constants, repeated):
        positions = clone(BRIEFLY).fit_transform(rows)
        assert np.isfinite(positions).all()


def test_equal_rows_have_one_place():
    estimator = clone(BRIEFLY).fit(np.ones((20, 3)))
    positions = estimator.transform(np.ones((20, 3)))
    assert (positions == positions[0]).all()
    assert np.isfinite(estimator.kl_divergence_)


@pytest.mark.parametrize("n_rows", [2, 3, 5])
def test_few_rows_have_places(n_rows):
    estimator = clone(BRIEFLY).set_params(perplexity=1.5)
    positions = estimator.fit_transform(correlated(n_rows))
    assert np.isfinite(positions).all()
    assert np.isfinite(estimator.kl_divergence_)


# Errors


def test_a_perplexity_beyond_the_rows_is_refused(X):
    message = re.escape("perplexity (30.0) must be less than n_samples (30)")
    with pytest.raises(ValueError, match=message):
        ParametricTSNE().fit(X[:30])


def test_missing_values_are_refused(X):
    with pytest.raises(ValueError, match="Input X contains NaN"):
        clone(BRIEFLY).fit(np.where(X > 5, np.nan, X))


def test_codes_with_an_activation_are_refused(X):
    network = DenseNetwork((8,), code_activation="relu")
    with pytest.raises(ValueError, match=r"needs linear codes.*'relu'"):
        clone(BRIEFLY).set_params(network=network).fit(X)


def test_a_start_at_pca_needs_a_linear_map(X):
    network = DenseNetwork((8,), linear_shortcut=False)
    with pytest.raises(ValueError, match="init='pca' needs a network"):
        clone(BRIEFLY).set_params(network=network, init="pca").fit(X)


def test_a_loss_that_is_not_finite_ends_training_with_a_warning(X):
    estimator = clone(BRIEFLY).set_params(learning_rate=1e30)
    with pytest.warns(ConvergenceWarning, match="kept the weights after epoch 0"):
        estimator.fit(X)
    start = clone(BRIEFLY).set_params(epochs=0).fit(X)
    assert_array_equal(estimator.transform(X), start.transform(X))


# The picture


def test_a_latent_display_draws_the_map(X, fitted):
    display = LatentDisplay.from_estimator(fitted, X, load_iris().target)
    np.testing.assert_allclose(display.positions, fitted.transform(X))
    assert display.xlabel == "map by parametric t-SNE"
    assert display.ylabel is None


def test_progress_is_shown(X, capsys):
    clone(BRIEFLY).set_params(verbose=2).fit(X)
    assert re.search(r"epoch 2/2  loss .* attraction", capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("pynndescent") is None, reason="needs pynndescent"
)
def test_approximate_neighbors_give_as_good_a_map_and_the_same_bits(X):
    estimator = clone(BRIEFLY).set_params(epochs=20, neighbors="approximate")
    one, other = (clone(estimator).fit(X) for _ in range(2))
    assert_array_equal(one.transform(X), other.transform(X))
    exact = clone(estimator).set_params(neighbors="exact").fit(X)
    assert one.kl_divergence_ == pytest.approx(exact.kl_divergence_, rel=0.1)
