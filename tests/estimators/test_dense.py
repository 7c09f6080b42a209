"""AutoencoderTransformer: the simple, the deep and the sparse autoencoder."""

import itertools

import numpy as np
import pytest
from helpers import assert_same_bits, correlated, each_of, untrained
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import skae
from skae import AutoencoderTransformer

X = correlated(60, 6)


def autoencoder(**changes):
    parameters = {
        "epochs": 4,
        "hidden_layer_sizes": (8,),
        "validation_fraction": 0,
        "random_state": 0,
    }
    return AutoencoderTransformer(2, **{**parameters, **changes})


@pytest.mark.parametrize(
    ("code_activation", "lowest", "highest"),
    each_of({"relu": ("relu", 0, np.inf), "tanh": ("tanh", -1, 1)}, ["relu"]),
)
def test_codes_are_in_the_range_of_their_activation(code_activation, lowest, highest):
    estimator = autoencoder(code_activation=code_activation).fit(X)
    scale = np.sqrt(X.var(axis=0).mean())
    codes = estimator.transform(3 * X) / scale
    assert (codes >= lowest - 1e-6).all()
    assert (codes <= highest + 1e-6).all()


def test_sizes_of_layers_may_be_an_array(tmp_path):
    expected = autoencoder(hidden_layer_sizes=(4, 3)).fit(X)
    fitted = clone(autoencoder(hidden_layer_sizes=np.array([4, 3]))).fit(X)
    assert_same_bits(fitted, expected)
    assert fitted.hidden_layer_sizes_ == (4, 3)
    fitted.save(tmp_path / "fit.skae")
    assert_same_bits(skae.load(tmp_path / "fit.skae"), expected)


def test_reconstructions_with_cross_entropy_are_probabilities():
    rows = (X - X.min()) / (X.max() - X.min())
    estimator = autoencoder(loss="binary_crossentropy").fit(rows)
    reconstructions = estimator.reconstruct(10 * rows - 5)
    assert ((reconstructions >= 0) & (reconstructions <= 1)).all()


@pytest.mark.slow
def test_l1_activity_makes_rectified_codes_sparse():
    digits = load_digits().data[:300]

    def share_of_zeros(l1_activity):
        estimator = AutoencoderTransformer(
            16,
            hidden_layer_sizes=(),
            init="random",
            code_activation="relu",
            l1_activity=l1_activity,
            epochs=30,
            random_state=0,
        )
        return (estimator.fit_transform(digits) == 0).mean()

    assert share_of_zeros(0.1) > share_of_zeros(0.0) + 0.2


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(), [7, 3], (np.int64(4),)], ids=str)
def test_layer_sizes_are_those_of_the_network(sizes):
    estimator = autoencoder(hidden_layer_sizes=sizes, init="random").fit(X)
    units = [6, *sizes, 2]
    shapes = [v.shape for v in estimator.encoder_.get_weights() if v.ndim == 2]
    assert shapes == list(itertools.pairwise(units))
    assert estimator.hidden_layer_sizes_ == tuple(sizes)


def test_a_number_is_the_size_of_the_one_hidden_layer():
    assert_same_bits(
        autoencoder(hidden_layer_sizes=8).fit(X),
        autoencoder(hidden_layer_sizes=(8,)).fit(X),
    )


@pytest.mark.slow
def test_automatic_values_are_reported_and_give_the_same_training():
    """With a plain start; weight decay belongs to the automatic optimizer with PCA."""
    names = (
        "hidden_layer_sizes",
        "optimizer",
        "learning_rate",
        "batch_size",
        "epochs",
        "patience",
        "validation_fraction",
    )
    automatic = AutoencoderTransformer(2, init="random", random_state=0).fit(X)
    explicit = AutoencoderTransformer(2, init="random", random_state=0)
    explicit.set_params(**{name: getattr(automatic, f"{name}_") for name in names})
    assert "auto" not in [getattr(explicit, name) for name in names]
    np.testing.assert_allclose(
        explicit.fit(X).history_["loss"], automatic.history_["loss"], rtol=1e-5
    )


@pytest.mark.slow
def test_shapes_and_ratios_that_are_reported():
    estimator = autoencoder().fit(X)
    assert estimator.n_features_in_ == 6
    assert estimator.sample_shape_ == (6,)
    assert estimator.compression_factor_ == 3
    assert not hasattr(estimator, "feature_names_in_")
    np.testing.assert_allclose(estimator.mean_, X.mean(axis=0))
    assert list(estimator.get_feature_names_out()) == [
        "autoencodertransformer0",
        "autoencodertransformer1",
    ]


def test_the_default_beats_pca_where_there_is_a_curve_to_find():
    angle = np.random.RandomState(0).uniform(0, 2, 400)
    curve = np.column_stack([np.cos(angle), np.sin(angle), np.sin(3 * angle)])
    train, held_out = np.split(curve, 2)
    estimator = AutoencoderTransformer(1, epochs=150, random_state=0).fit(train)
    assert estimator.score(held_out) > PCA(1).fit(train).explained_variance_ratio_.sum()
    residual = 1 - estimator.score(held_out)
    assert residual < 0.5 * (1 - untrained(1).fit(train).score(held_out))


@pytest.mark.slow
def test_a_random_start_learns_the_subspace_of_pca():
    """A linear autoencoder's least error is PCA's (Baldi and Hornik, 1989)."""
    estimator = AutoencoderTransformer(
        2,
        init="random",
        hidden_layer_sizes=(),
        validation_fraction=0,
        learning_rate=0.03,
        epochs=150,
        batch_size=10,
        random_state=0,
    ).fit(X)
    explained = PCA(2).fit(X).explained_variance_ratio_.sum()
    assert estimator.score(X) == pytest.approx(explained, abs=2e-3)
    assert estimator.score(X) <= explained + 1e-6
