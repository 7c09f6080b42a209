"""After training: the closed form where it gains, and bounds far outside."""

import pickle

import numpy as np
import pytest
from compared import tiny
from helpers import ESTIMATORS, call, correlated, each_of
from sklearn.decomposition import PCA

import skae
from skae import AutoencoderTransformer, SequenceAutoencoder
from skae._training.bounds import longest_deviation


def bent(n_rows=60, seed=0):
    """Return rows on a bent surface, which PCA's decoder cannot follow."""
    rng = np.random.RandomState(seed)
    codes = rng.uniform(-1, 1, (n_rows, 2)) * [3, 2]
    others = [codes[:, 0] ** 2 / 3, np.sin(2 * codes[:, 1]), np.prod(codes, axis=1) / 3]
    return np.column_stack([codes, *others]) + 0.02 * rng.randn(n_rows, 5) + 3


def errors_of(X, reconstructed):
    return ((X - reconstructed.reshape(len(X), -1)) ** 2).mean(axis=1)


def errors_of_pca(pca, X):
    return errors_of(X, pca.inverse_transform(pca.transform(X)))


@pytest.fixture(scope="module")
def instant():
    """A fit without an epoch."""
    return AutoencoderTransformer(2, epochs=0, random_state=0).fit(bent())


def test_without_an_epoch_the_closed_form_alone_beats_pca(instant):
    pca, new = PCA(2).fit(bent()), bent(seed=1)
    assert instant.best_epoch_ == 0
    assert 0 < instant.n_centers_ <= 60
    assert -instant.score_samples(new).mean() < 0.7 * errors_of_pca(pca, new).mean()
    np.testing.assert_allclose(instant.transform(new), pca.transform(new), atol=1e-5)


def test_its_losses_are_those_of_rows_that_judge(instant):
    assert instant.best_loss_ < instant.initial_loss_
    assert instant.history_ == {"loss": [], "learning_rate": [], "val_loss": []}


def test_three_ways_to_decode_agree(instant, tmp_path):
    codes = instant.transform(bent())
    decoded = instant.inverse_transform(codes)
    np.testing.assert_allclose(call(instant.decoder_, codes), decoded, atol=5e-4)
    instant.save(tmp_path / "fit.skae")
    for again in (
        pickle.loads(pickle.dumps(instant)),
        skae.load(tmp_path / "fit.skae"),
    ):
        np.testing.assert_array_equal(again.inverse_transform(codes), decoded)
        assert again.n_centers_ == instant.n_centers_


def test_keras_saves_the_decoder(instant, tmp_path):
    import keras

    codes = instant.transform(bent())
    instant.decoder_.save(tmp_path / "decoder.keras")
    again = keras.models.load_model(tmp_path / "decoder.keras")
    np.testing.assert_array_equal(call(again, codes), call(instant.decoder_, codes))


def test_whitened_and_fewer_codes_decode_alike(instant):
    whitened = AutoencoderTransformer(2, epochs=0, whiten=True, random_state=0)
    whitened.fit(bent())
    np.testing.assert_allclose(
        whitened.reconstruct(bent()), instant.reconstruct(bent()), atol=5e-4
    )
    deviations = whitened.transform(bent()).std(axis=0, ddof=1)
    np.testing.assert_allclose(deviations, 1, rtol=1e-4)


@pytest.mark.parametrize(
    "parameters",
    [
        {"hidden_layer_sizes": ()},
        {"init": "random"},
        {"loss": "poisson"},
        {"code_activation": "tanh"},
        {"nested_dropout": True},
        {"l1_activity": 0.1},
    ],
    ids=str,
)
def test_what_has_no_closed_form_has_none(parameters):
    autoencoder = tiny().set_params(encoding_dim=2, epochs=1, **parameters)
    assert autoencoder.fit(bent()).n_centers_ == 0


def test_equal_fits_have_equal_bits_whatever_ran_before():
    fits = []
    for _ in range(2):
        fits.append(tiny().set_params(encoding_dim=2, epochs=3).fit(bent()))
        tiny().set_params(encoding_dim=2, epochs=0, random_state=5).fit(bent())
    one, other = (fit.reconstruct(bent()) for fit in fits)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "estimator",
    each_of(
        {estimator.__name__: estimator for estimator in ESTIMATORS},
        by_default=["AutoencoderTransformer", "ConvAutoencoder"],
    ),
)
def test_a_row_far_outside_is_reconstructed_as_by_pca(estimator):
    from sklearn.datasets import load_digits

    images = load_digits().images[:600]
    X = images.reshape(600, -1)
    samples = images[..., None] if estimator.__name__ == "ConvAutoencoder" else X
    samples = images if estimator is SequenceAutoencoder else samples
    autoencoder = estimator(4, epochs=8, random_state=0).fit(samples)
    # So few epochs of a recurrent network may gain nothing.
    assert autoencoder.best_epoch_ > 0 or estimator is SequenceAutoencoder
    pca = PCA(4).fit(X)
    mean = samples.mean(axis=0)
    far = mean + 1000 * (samples[:50] - mean)
    flat = far.reshape(50, -1)
    of_pca = errors_of_pca(pca, flat)
    assert np.all(errors_of(flat, autoencoder.reconstruct(far)) <= 1.05 * of_pca)


def test_bounds_hold_the_first_nested_codes_with_their_stand_ins():
    fitted = AutoencoderTransformer(
        3,
        hidden_layer_sizes=(8,),
        epochs=5,
        nested_dropout=True,
        validation_fraction=0,
        random_state=0,
    ).fit(correlated(80, 6))
    network = fitted._fitted.on_standardized()
    rng = np.random.RandomState(0)
    codes, centre = rng.randn(9, 3), rng.randn(3)
    metric = rng.randn(3, 3)
    metric = metric + metric.T
    lengths = [
        np.linalg.norm((network.filled(codes[:, :n_codes]) - centre) @ metric, axis=1)
        for n_codes in (1, 2, 3)
    ]
    found = longest_deviation(network, codes, centre, metric)
    assert found == pytest.approx(np.max(lengths))


def test_bounds_leave_the_training_rows_as_they_are():
    autoencoder = tiny().set_params(encoding_dim=2).fit(bent(240))
    assert autoencoder.n_centers_ > 0
    fitted = autoencoder._fitted
    correction = fitted.correction
    free = fitted.with_correction(type(correction)(correction.kernel_decoder))
    np.testing.assert_allclose(
        free.reconstruct(bent(240)), autoencoder.reconstruct(bent(240)), atol=1e-5
    )


def test_a_warm_start_goes_on_from_the_network_and_refines_it_again():
    autoencoder = tiny().set_params(encoding_dim=2, epochs=5, warm_start=True)
    first = autoencoder.fit(bent(240)).score(bent(240))
    again = autoencoder.fit(bent(240)).score(bent(240))
    assert again > first - 0.05
    assert autoencoder.n_centers_ > 0


def test_a_part_of_the_data_leaves_the_network_alone():
    autoencoder = AutoencoderTransformer(2, epochs=0, random_state=0).fit(bent())
    with pytest.warns(UserWarning, match="goes on with the network alone"):
        autoencoder.partial_fit(correlated())
    assert autoencoder.n_centers_ == 0


def test_rows_that_are_like_others_do_not_hide_a_loss_on_those_that_judge():
    """Left-out errors of rows that come three times are those of known rows."""
    rng = np.random.RandomState(0)
    X, new = (rng.randn(100, 5) for _ in range(2))
    X = np.repeat(X, 3, axis=0) + 1e-3 * rng.randn(300, 5)
    autoencoder = AutoencoderTransformer(2, epochs=0, random_state=0)
    autoencoder.fit(X, X_val=rng.randn(60, 5))
    assert autoencoder.n_centers_ == 0
    pca = PCA(2).fit(X)
    errors = errors_of(new, autoencoder.reconstruct(new)).mean()
    assert errors == pytest.approx(errors_of_pca(pca, new).mean(), rel=1e-4)
