"""Learning from data that come in parts."""

import pickle

import keras
import numpy as np
import pytest
from configurations import any_estimator
from helpers import NO_STEP, assert_same_bits, correlated, weights
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import skae
from skae import AutoencoderTransformer, DenoisingAutoencoder
from skae.networks import DenseNetwork

SMALL_NETWORK = {"hidden_layer_sizes": (4,), "random_state": 0}
LIKE_A_PASS = {
    "learning_rate_schedule": "constant",
    "validation_fraction": 0,
    "learning_rate": 0.01,
}


def adam():
    """An instance, since fit gives the default optimizer a weight decay."""
    return keras.optimizers.Adam()


@pytest.mark.parametrize("init", ["pca", "random"])
def test_the_first_call_is_an_epoch_of_fit_without_held_out_rows(init):
    X = correlated()
    parameters = {**SMALL_NETWORK, **LIKE_A_PASS, "init": init, "optimizer": adam()}
    one = AutoencoderTransformer(2, **parameters).partial_fit(X)
    other = AutoencoderTransformer(2, epochs=1, **parameters).fit(X)
    np.testing.assert_allclose(one.reconstruct(X), other.reconstruct(X), rtol=1e-4)
    assert one.history_ == other.history_


@pytest.mark.parametrize("init", ["pca", "random"])
def test_calls_go_on_as_epochs_do(init):
    """With all rows in one batch the order of the rows does not matter."""
    X = correlated()
    parameters = {
        **SMALL_NETWORK,
        **LIKE_A_PASS,
        "init": init,
        "optimizer": adam(),
        "batch_size": len(X),
    }
    passes = AutoencoderTransformer(2, **parameters)
    for _ in range(5):
        passes.partial_fit(X)
    epochs = AutoencoderTransformer(2, epochs=5, **parameters).fit(X)
    assert passes.n_iter_ == 5
    np.testing.assert_allclose(passes.history_["loss"], epochs.history_["loss"], 1e-5)
    np.testing.assert_allclose(
        passes.reconstruct(X), epochs.reconstruct(X), rtol=1e-3, atol=1e-4
    )


@pytest.mark.slow
def test_passes_over_chunks_reconstruct_new_rows_better_than_pca():
    X = load_digits().data
    train, test = X[:1500], X[1500:]
    autoencoder = AutoencoderTransformer(8, hidden_layer_sizes=(64,), random_state=0)
    for _ in range(10):
        for chunk in np.array_split(train, 5):
            autoencoder.partial_fit(chunk)
    pca = PCA(8).fit(train)
    lost = ((pca.inverse_transform(pca.transform(test)) - test) ** 2).sum(axis=1).mean()
    ours = ((autoencoder.reconstruct(test) - test) ** 2).sum(axis=1).mean()
    assert ours < 0.9 * lost


@pytest.mark.slow
def test_passes_are_not_shuffled_alike():
    """Otherwise data that come again and again would come in one order."""
    X = correlated()
    parameters = {**SMALL_NETWORK, "learning_rate": NO_STEP, "batch_size": 16}
    seen = []

    class Losses(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs["loss"])

    autoencoder = AutoencoderTransformer(2, callbacks=[Losses()], **parameters)
    autoencoder.partial_fit(X).partial_fit(X)
    first, second = np.array_split(np.array(seen), 2)
    assert first[-1] == pytest.approx(second[-1], rel=1e-5)
    assert not np.allclose(first[:-1], second[:-1], rtol=1e-3)


@pytest.mark.parametrize("how", ["pickle", "save"])
def test_a_copy_goes_on_to_the_same_bits(how, tmp_path):
    X = correlated()
    one = AutoencoderTransformer(2, **SMALL_NETWORK).partial_fit(X[:40])
    if how == "pickle":
        other = pickle.loads(pickle.dumps(one))
    else:
        one.save(tmp_path / "autoencoder.skae")
        other = skae.load(tmp_path / "autoencoder.skae")
    assert_same_bits(one.partial_fit(X[20:]), other.partial_fit(X[20:]))


@pytest.mark.slow
def test_only_passes_keep_the_state_of_the_optimizer():
    X = correlated()
    autoencoder = AutoencoderTransformer(2, epochs=1, **SMALL_NETWORK)
    fitted = len(pickle.dumps(autoencoder.fit(X)))
    passed = len(pickle.dumps(autoencoder.partial_fit(X)))
    n_bytes = sum(values.nbytes for values in weights(autoencoder))
    assert passed > fitted + 2 * n_bytes  # Adam has two moments of each weight
    assert len(pickle.dumps(autoencoder.fit(X))) == pytest.approx(fitted, abs=100)


def test_a_pass_after_fit_starts_from_its_weights():
    X = correlated()
    autoencoder = AutoencoderTransformer(2, epochs=2, **SMALL_NETWORK).fit(X)
    expected = weights(autoencoder)
    autoencoder.set_params(learning_rate=NO_STEP).partial_fit(X)
    for one, other in zip(weights(autoencoder), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-20)


def test_the_first_call_settles_the_units():
    X = correlated()
    autoencoder = AutoencoderTransformer(2, **SMALL_NETWORK).partial_fit(X)
    mean = autoencoder.mean_
    autoencoder.partial_fit(X + 100)
    np.testing.assert_array_equal(autoencoder.mean_, mean)
    np.testing.assert_allclose(mean, X.mean(axis=0))


def test_a_new_learning_rate_holds_from_the_next_call():
    X = correlated()
    autoencoder = AutoencoderTransformer(2, **SMALL_NETWORK).partial_fit(X)
    before = weights(autoencoder)
    autoencoder.set_params(learning_rate=NO_STEP).partial_fit(X)
    assert autoencoder.history_["learning_rate"] == pytest.approx([0.003, NO_STEP])
    for one, other in zip(weights(autoencoder), before, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-20)


def test_a_new_optimizer_starts_afresh():
    X = correlated()
    autoencoder = AutoencoderTransformer(2, **SMALL_NETWORK).partial_fit(X)
    autoencoder.set_params(optimizer="sgd", learning_rate=0.01).partial_fit(X)
    assert autoencoder.optimizer_ == "sgd"
    assert autoencoder.n_iter_ == 2


def test_single_rows_are_enough_after_the_first_call():
    X = correlated()
    autoencoder = AutoencoderTransformer(2, **SMALL_NETWORK)
    with pytest.raises(ValueError, match="minimum of 2"):
        autoencoder.partial_fit(X[:1])
    autoencoder.partial_fit(X)
    autoencoder.partial_fit(X[:1])
    assert autoencoder.n_iter_ == 2


@pytest.mark.slow
def test_rows_of_no_weight_do_nothing():
    X = correlated()
    one = AutoencoderTransformer(2, **SMALL_NETWORK).partial_fit(X)
    other = clone(one).partial_fit(X)
    counted = np.r_[np.ones(20), np.zeros(40)]
    one.partial_fit(X, sample_weight=counted)
    other.partial_fit(X[:20])
    assert_same_bits(one, other)


def test_other_features_are_an_error_that_changes_nothing():
    X = correlated()
    autoencoder = AutoencoderTransformer(2, **SMALL_NETWORK).partial_fit(X)
    before = dict(vars(autoencoder))
    with pytest.raises(ValueError, match="3 features"):
        autoencoder.partial_fit(X[:, :3])
    assert vars(autoencoder) == before


def test_another_network_is_an_error():
    X = correlated()
    autoencoder = AutoencoderTransformer(2, **SMALL_NETWORK).partial_fit(X)
    with pytest.raises(ValueError, match="describe another"):
        autoencoder.set_params(encoding_dim=3).partial_fit(X)


@pytest.mark.slow
def test_pairs_are_learnt_from_in_parts():
    clean = correlated()
    noisy = clean + np.random.RandomState(0).normal(size=clean.shape)
    parameters = {"network": DenseNetwork((4,)), "random_state": 0}
    denoiser = DenoisingAutoencoder(2, **parameters).partial_fit(noisy, X_clean=clean)
    for _ in range(20):
        denoiser.partial_fit(noisy, X_clean=clean)
    losses = denoiser.history_["loss"]
    assert losses[-1] < losses[0]
    # The loss is that of the epoch before its steps, against the clean rows.
    errors = ((denoiser.denoise(noisy) - clean) ** 2).mean()
    assert errors == pytest.approx(losses[-1], rel=0.1)


@any_estimator
def test_every_estimator_learns_in_parts(estimator):
    X = np.random.RandomState(0).rand(60, 4)
    estimator = clone(estimator)
    for chunk in np.array_split(X, 3):
        estimator.partial_fit(chunk)
    assert estimator.n_iter_ == 3
    assert len(estimator.history_["loss"]) == 3
    assert estimator.transform(X).shape == (60, 2)


def test_weights_can_be_requested():
    with config_context(enable_metadata_routing=True):
        estimator = AutoencoderTransformer().set_partial_fit_request(sample_weight=True)
        requests = estimator.get_metadata_routing().partial_fit.requests
    assert requests == {"sample_weight": True}
