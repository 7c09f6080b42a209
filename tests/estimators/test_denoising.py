"""DenoisingAutoencoder: it cleans rows, of its own corruption or of the user's."""

import math
import pickle

import keras
import numpy as np
import pytest
from helpers import NO_STEP, assert_same_bits, correlated, each_of
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skae import DenoisingAutoencoder
from skae.networks import (
    ConvNetwork,
    CustomNetwork,
    DenseNetwork,
    RecurrentNetwork,
)

X = correlated(60, 4)
UNIT = (X - X.min()) / (X.max() - X.min())
NOISY = X + 0.3 * np.random.RandomState(1).randn(*X.shape)


def denoiser(**changes):
    parameters = {"network": DenseNetwork((4,)), "epochs": 3, "random_state": 0}
    return DenoisingAutoencoder(**{"encoding_dim": 2, **parameters, **changes})


def linear(**changes):
    """Return an estimator without hidden layers, trained on all rows at once."""
    parameters = {"validation_fraction": 0, "batch_size": 100, **changes}
    return denoiser(**{"network": DenseNetwork(()), **parameters})


def images(n_rows=40):
    """Return images of 4 by 4 pixels, each a mixture of the same two."""
    rng = np.random.RandomState(0)
    return np.tensordot(rng.randn(n_rows, 2), rng.randn(2, 4, 4), axes=1) + 1


# Clean rows, which it corrupts itself


@pytest.fixture(scope="module")
def digits():
    rows = np.random.RandomState(0).permutation(load_digits().data)
    train, clean = rows[:1200], rows[1200:]
    return train, clean, clean + np.random.RandomState(1).normal(0, 4, clean.shape)


def error(rows, clean):
    return ((rows - clean) ** 2).mean()


@pytest.mark.slow
def test_digits_become_cleaner_than_any_pca_makes_them(digits):
    train, clean, noisy = digits
    pca = PCA(40).fit(train)
    codes, errors = pca.transform(noisy), []
    for n in range(1, 41):
        cleaned = codes[:, :n] @ pca.components_[:n] + pca.mean_
        errors.append(error(cleaned, clean))
    assert errors[-1] > 1.1 * min(errors)  # so the best number of axes is among them
    estimator = DenoisingAutoencoder(noise_scale=4, epochs=10, random_state=0)
    assert error(estimator.fit(train).denoise(noisy), clean) < 0.9 * min(errors)


# Noise that goes beyond what a network was told to expect.
beyond_the_range = pytest.mark.filterwarnings("ignore:X has values from:UserWarning")


@pytest.mark.slow
@beyond_the_range
def test_corruption_makes_for_cleaner_rows(digits):
    train, clean, noisy = digits
    train = train[:500]
    with_noise, without = (
        denoiser(encoding_dim=32, epochs=10, noise_scale=scale).fit(train)
        for scale in (4, 0)
    )
    assert error(with_noise.denoise(noisy), clean) < 0.8 * error(
        without.denoise(noisy), clean
    )


def test_denoising_is_reconstructing():
    fitted = denoiser().fit(X)
    np.testing.assert_array_equal(fitted.denoise(NOISY), fitted.reconstruct(NOISY))


@pytest.mark.slow
def test_the_automatic_noise_is_half_the_root_mean_variance():
    expected = 0.5 * np.sqrt(X.var(axis=0).mean())
    automatic = denoiser().fit(X)
    assert automatic.noise_scale_ == pytest.approx(expected)
    assert_same_bits(automatic, denoiser(noise_scale=automatic.noise_scale_).fit(X))


def test_the_noise_asked_for_is_the_noise_used():
    assert denoiser(noise_scale=2).fit(X).noise_scale_ == 2


def test_the_automatic_noise_counts_weights_as_repeated_rows():
    counts = np.arange(len(X)) % 3
    weighted = denoiser().fit(X, sample_weight=counts)
    repeated = np.repeat(X, counts, axis=0)
    expected = 0.5 * np.sqrt(repeated.var(axis=0).mean())
    assert weighted.noise_scale_ == pytest.approx(expected)


@beyond_the_range
@pytest.mark.parametrize("kind", each_of(["gaussian", "salt_and_pepper"], ["gaussian"]))
def test_the_unit_does_not_matter(kind):
    usual = denoiser(corruption=kind).fit(X)
    large = denoiser(corruption=kind).fit(1024 * X)
    np.testing.assert_array_equal(
        large.denoise(1024 * NOISY), 1024 * usual.denoise(NOISY)
    )


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1e-30, 1e30, 1e100])
def test_tiny_and_huge_values_are_cleaned(factor):
    fitted = denoiser().fit(factor * X)
    expected = denoiser().fit(X).denoise(X)
    actual = fitted.denoise(factor * X) / factor
    np.testing.assert_allclose(actual, expected, atol=1e-3 * X.std())


def test_the_start_is_pca_of_the_clean_rows():
    start = denoiser(epochs=1, learning_rate=NO_STEP, validation_fraction=0).fit(X)
    pca = PCA(2).fit(X)
    np.testing.assert_allclose(
        start.denoise(NOISY), pca.inverse_transform(pca.transform(NOISY)), atol=1e-5
    )


def test_an_exact_start_still_has_noise_to_undo():
    assert denoiser(encoding_dim=4).fit(X).n_iter_ == 3


def test_a_random_start_is_the_plain_network():
    """As `init` says of every estimator."""
    fitted = denoiser(network=None, init="random", epochs=1).fit(X)
    plain = DenseNetwork(linear_shortcut=False).build_encoder((4,), 2)
    shapes = [value.shape for value in fitted.encoder_.get_weights()]
    assert shapes == [value.shape for value in plain.get_weights()]


@pytest.mark.slow
@beyond_the_range
def test_probabilities_are_cleaned():
    fitted = denoiser(corruption="masking", loss="binary_crossentropy").fit(UNIT)
    cleaned = fitted.denoise(NOISY)
    assert ((cleaned >= 0) & (cleaned <= 1)).all()


def test_the_noise_of_one_batch_after_another_is_that_of_an_epoch():
    """Callbacks that watch batches do not change the random numbers."""
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    watched = linear(batch_size=16, callbacks=[watch]).fit(X)
    np.testing.assert_allclose(
        watched.history_["loss"],
        linear(batch_size=16).fit(X).history_["loss"],
        rtol=1e-5,
    )


# Networks


def dense_encoder(sample_shape, encoding_dim):
    return keras.Sequential(
        [
            keras.Input(sample_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(encoding_dim),
        ]
    )


def dense_decoder(sample_shape, encoding_dim):
    return keras.Sequential(
        [
            keras.Input((encoding_dim,)),
            keras.layers.Dense(math.prod(sample_shape)),
            keras.layers.Reshape(sample_shape),
        ]
    )


NETWORKS = {
    "dense": (2, DenseNetwork((4,))),
    "convolutional": (2, ConvNetwork((2,))),
    "spatial": (None, ConvNetwork((8,), bottleneck="spatial")),
    "recurrent": (2, RecurrentNetwork(3)),
    "custom": (2, CustomNetwork(dense_encoder, dense_decoder)),
}


@pytest.fixture(
    scope="module", params=each_of(list(NETWORKS), ["dense", "convolutional"])
)
def fitted_to_images(request):
    encoding_dim, network = NETWORKS[request.param]
    estimator = denoiser(encoding_dim=encoding_dim, network=network, epochs=150)
    return estimator.fit(images())


def test_every_network_learns_to_clean(fitted_to_images):
    clean = images()
    noisy = clean + 0.5 * np.random.RandomState(1).randn(*clean.shape)
    cleaned = fitted_to_images.denoise(noisy)
    assert cleaned.shape == (40, 4, 4)
    assert error(cleaned, clean) < 0.7 * clean.var(axis=0).mean()
    if fitted_to_images.init_ == "pca":
        assert error(cleaned, clean) < 0.5 * error(noisy, clean)


@pytest.mark.slow
def test_the_models_of_every_network_work_in_the_unit_of_the_data(fitted_to_images):
    rows = images()
    codes = fitted_to_images.encoder_(rows.astype(np.float32)).numpy()
    np.testing.assert_allclose(
        codes, fitted_to_images.transform(rows), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        fitted_to_images.decoder_(codes).numpy(),
        fitted_to_images.denoise(rows),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.slow
def test_images_in_flat_rows_come_back_flat():
    rows = images().reshape(40, 16)
    network = ConvNetwork((2,), image_shape=(4, 4))
    assert denoiser(network=network).fit(rows).denoise(rows).shape == (40, 16)


@pytest.mark.slow
def test_a_function_gets_images_as_images():
    shapes = []

    def corruption(samples, seed):
        shapes.append(tuple(samples.shape[1:]))
        return samples

    denoiser(corruption=corruption).fit(images())
    assert set(shapes) == {(4, 4)}


# Pairs of noisy and clean rows


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_pairs_teach_a_linear_network_the_regression_on_the_noisy_rows(noise):
    """Without noise that is the inverse of the map from clean to noisy rows."""
    mixing = [[1, 0.5, 0, 0], [0, 1.5, 0, 0.5], [0, 0, 1, 0.3], [0.4, 0, 0, 0.8]]
    rng = np.random.RandomState(0)
    clean = rng.randn(100, 4)
    noisy = clean @ np.array(mixing) + noise * rng.randn(100, 4)
    fitted = linear(encoding_dim=4, epochs=200, learning_rate=0.05)
    cleaned = fitted.fit(noisy, X_clean=clean).denoise(noisy)
    regression = LinearRegression().fit(noisy, clean).predict(noisy)
    np.testing.assert_allclose(cleaned, regression, atol=1e-3)
    if not noise:
        np.testing.assert_allclose(cleaned, clean, atol=1e-3)


def test_pairs_are_not_corrupted():
    losses = linear(learning_rate=NO_STEP).fit(NOISY, X_clean=X).history_["loss"]
    expected = error(PCA(2).fit(X).inverse_transform(PCA(2).fit(X).transform(NOISY)), X)
    np.testing.assert_allclose(losses, [expected] * 3, rtol=1e-4)


@pytest.mark.slow
def test_equal_noisy_rows_of_different_clean_rows_teach_their_mean():
    noisy = np.repeat([[-1.0, 1], [1, -1]], 2, axis=0)
    clean = np.array([[1.0, 0], [3, 2], [6, 6], [8, 10]])
    fitted = linear(epochs=300, learning_rate=0.05).fit(noisy, X_clean=clean)
    np.testing.assert_allclose(fitted.denoise(noisy[::2]), [[2, 1], [7, 8]], atol=0.02)


def test_rows_that_are_their_own_clean_rows_are_those_of_an_autoencoder():
    pairs = linear().fit(X, X_clean=X)
    assert_same_bits(pairs, linear(noise_scale=0).fit(X))


@pytest.mark.slow
def test_weights_of_pairs_are_repeated_pairs():
    counts = np.random.RandomState(0).randint(0, 3, size=len(X))
    weighted = denoiser().fit(NOISY, X_clean=X, sample_weight=counts)
    repeated = denoiser().fit(
        np.repeat(NOISY, counts, axis=0), X_clean=np.repeat(X, counts, axis=0)
    )
    assert_same_bits(weighted, repeated)


@pytest.mark.slow
def test_the_order_of_pairs_does_not_matter():
    order = np.random.RandomState(0).permutation(len(X))
    shuffled = denoiser().fit(NOISY[order], X_clean=X[order])
    assert_same_bits(shuffled, denoiser().fit(NOISY, X_clean=X))


def test_pairs_that_are_held_out_stay_pairs():
    """The loss of the start on the held-out pairs is one of their errors' means."""
    start = denoiser(epochs=1, learning_rate=NO_STEP, validation_fraction=0.5)
    start.fit(NOISY, X_clean=X)
    errors = ((start.denoise(NOISY) - X) ** 2).mean(axis=1)
    halves = start.history_["loss"][0] + start.history_["val_loss"][0]
    assert halves / 2 == pytest.approx(errors.mean(), rel=1e-4)


def test_pairs_may_judge():
    fitted = denoiser(epochs=1, learning_rate=NO_STEP)
    fitted.fit(NOISY[:40], X_clean=X[:40], X_val=NOISY[40:], X_val_clean=X[40:])
    expected = error(fitted.denoise(NOISY[40:]), X[40:])
    assert fitted.initial_loss_ == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(fitted.mean_, X[:40].mean(axis=0))


def test_rows_that_judge_are_corrupted_where_the_training_rows_are():
    """They are compared with the clean rows: with no noise the loss is less."""
    start = linear(epochs=1, learning_rate=NO_STEP)
    noisy = start.fit(X[:40], X_val=X[40:]).initial_loss_
    start.set_params(noise_scale=0).fit(X[:40], X_val=X[40:])
    inside = np.clip(X[40:], X[:40].min(), X[:40].max())
    assert start.initial_loss_ == pytest.approx(
        error(start.denoise(inside), X[40:]), rel=1e-4
    )
    assert noisy > start.initial_loss_


def test_only_the_clean_rows_need_be_in_the_unit_interval_of_cross_entropy():
    pairs = linear(loss="binary_crossentropy").fit(NOISY, X_clean=UNIT)
    assert np.isfinite(pairs.history_["loss"]).all()


def test_pairs_have_no_noise_scale():
    fitted = denoiser().fit(X)
    fitted.fit(NOISY, X_clean=X)
    assert not hasattr(fitted, "noise_scale_")
    assert not hasattr(fitted, "clipped_fraction_")
    fitted.partial_fit(X)
    assert fitted.noise_scale_ > 0
    fitted.partial_fit(NOISY, X_clean=X)
    assert not hasattr(fitted, "noise_scale_")


@pytest.mark.slow
def test_images_are_pairs_too():
    clean = images()
    noisy = clean + np.random.RandomState(0).randn(*clean.shape)
    shaped = denoiser().fit(noisy, X_clean=clean)
    assert shaped.denoise(noisy).shape == (40, 4, 4)
    assert_same_bits(shaped, denoiser().fit(noisy, X_clean=clean.reshape(40, 16)))


# Clipped noise


def noise_of_pixels(limits=(-np.inf, np.inf)):
    """Return pixels of which many are 0, as noisy as asked for, and clean."""
    clean = UNIT.clip(0.4, 1)
    noise = np.random.RandomState(0).normal(0, 0.3, clean.shape)
    return (clean + noise).clip(*limits), clean


@pytest.mark.parametrize(
    ("limits", "expected"), [((0.4, 1), 1), ((-np.inf, np.inf), 0)], ids=["all", "none"]
)
def test_noisy_rows_that_judge_show_whether_noise_is_clipped(limits, expected):
    noisy, clean = noise_of_pixels(limits)
    fitted = denoiser(epochs=1).fit(clean, X_val=noisy, X_val_clean=clean)
    assert fitted.clipped_fraction_ == expected


def test_noisy_rows_that_judge_stay_as_they_are():
    start = denoiser(epochs=1, learning_rate=NO_STEP)
    start.fit(X[:40], X_val=NOISY[40:], X_val_clean=X[40:])
    expected = error(start.denoise(NOISY[40:]), X[40:])
    assert start.initial_loss_ == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("clip", "rows", "expected"),
    [
        (True, X, 1),
        (False, UNIT.clip(0.4, 1), 0),
        ("auto", UNIT.clip(0.4, 1), 0.5),
        ("auto", X, 0),
    ],
)
def test_which_fraction_is_clipped(clip, rows, expected):
    assert denoiser(epochs=1, clip=clip).fit(rows).clipped_fraction_ == expected


def test_later_parts_are_clipped_as_the_first():
    fitted = denoiser(noise_scale=1).partial_fit(X)
    fitted.partial_fit(UNIT.clip(0.4, 1))
    assert fitted.clipped_fraction_ == 0
    assert fitted.input_range_ == (min(X.min(), 0.4) - 6, max(X.max(), 1) + 6)


@pytest.mark.slow
@pytest.mark.parametrize("limits", [(0, 16), (-np.inf, np.inf)])
def test_the_default_cleans_clipped_and_other_noise_better_than_pca(digits, limits):
    train, clean, noisy = digits
    noisy = noisy.clip(*limits)
    fitted = DenoisingAutoencoder(noise_scale=4, epochs=10, random_state=0).fit(train)
    pca = PCA(32).fit(train)
    of_pca = error(pca.inverse_transform(pca.transform(noisy)), clean)
    assert error(fitted.denoise(noisy), clean) < 0.8 * of_pca


RANGES = {
    "clipped": ({"clip": True}, X, (X.min(), X.max())),
    "not clipped": ({"noise_scale": 0.5}, X, (X.min() - 3, X.max() + 3)),
    "swap": ({"corruption": "swap"}, X, (X.min(), X.max())),
    "masked": (
        {"corruption": "masking", "loss": "binary_crossentropy"},
        UNIT.clip(0.4, 1),
        (0, 1),
    ),
}


@pytest.mark.parametrize(
    ("parameters", "rows", "limits"), each_of(RANGES, ["clipped", "not clipped"])
)
def test_values_outside_of_what_was_learnt_are_warned_of(parameters, rows, limits):
    fitted = denoiser(epochs=1, **parameters).fit(rows)
    np.testing.assert_allclose(fitted.input_range_, limits, atol=1e-6)
    inside = np.full((2, 4), limits[0])
    inside[1] = limits[1]
    fitted.denoise(inside.astype(np.float32))
    for outside in (limits[0] - 0.1, limits[1] + 0.1):
        with pytest.warns(UserWarning, match=r"X has values from .* learnt to clean"):
            fitted.denoise(np.where(inside == limits[1], outside, inside))


def test_pairs_tell_the_range_that_was_learnt():
    fitted = denoiser(epochs=1).fit(NOISY, X_clean=X)
    assert fitted.input_range_ == (NOISY.min(), NOISY.max())


def test_a_function_leaves_the_range_open():
    fitted = denoiser(epochs=1, corruption=lambda samples, seed: 2 * samples).fit(X)
    assert not hasattr(fitted, "input_range_")
    fitted.denoise(2 * X)


# What goes on and what passes through


def test_warm_start_goes_on_with_pairs():
    estimator = linear(warm_start=True, learning_rate=0.05)
    estimator.set_params(learning_rate_schedule="constant", epochs=30)
    first = list(estimator.fit(NOISY, X_clean=X).history_["loss"])
    cleaned = error(estimator.denoise(NOISY), X)
    again = estimator.fit(NOISY, X_clean=X).history_["loss"]
    assert again[0] == pytest.approx(cleaned, rel=1e-4)
    assert again[-1] < first[0]


def test_warm_start_goes_on_from_own_corruption_to_pairs():
    """The network is the same, whatever it learns from."""
    estimator = linear(warm_start=True).fit(X)
    before = error(estimator.denoise(NOISY), X)
    estimator.set_params(learning_rate=NO_STEP).fit(NOISY, X_clean=X)
    assert estimator.history_["loss"][0] == pytest.approx(before, rel=1e-4)


def test_metadata_is_routed():
    judges = {"X_val": NOISY[40:], "X_val_clean": X[40:]}
    with config_context(enable_metadata_routing=True):
        requesting = denoiser().set_fit_request(
            X_clean=True, X_val=True, X_val_clean=True
        )
        pipeline = make_pipeline(FunctionTransformer(), requesting)
        pipeline.fit(NOISY[:40], X_clean=X[:40], **judges)
    assert_same_bits(pipeline[-1], denoiser().fit(NOISY[:40], X_clean=X[:40], **judges))


def test_fit_transform_takes_pairs():
    codes = denoiser().fit_transform(NOISY, X_clean=X)
    expected = denoiser().fit(NOISY, X_clean=X).transform(NOISY)
    np.testing.assert_array_equal(codes, expected)


# Refusals

WRONG_PARAMETERS = [
    ("network", "dense"),
    ("corruption", "speckle"),
    ("corruption", None),
    ("noise_scale", -1),
    ("noise_scale", "loud"),
    ("noise_scale", np.nan),
    ("clip", "never"),
    ("clip", 2),
    ("corruption_rate", -0.1),
    ("corruption_rate", 1.1),
    ("corruption_rate", "auto"),
    ("l1_activity", -1),
]


@pytest.mark.parametrize(
    ("name", "value"), WRONG_PARAMETERS, ids=lambda value: str(value)[:20]
)
def test_fit_refuses_parameters_by_their_name(name, value):
    with pytest.raises(ValueError, match=name) as raised:
        denoiser(**{name: value}).fit(X)
    assert repr(value) in str(raised.value)
    assert "must be" in str(raised.value)


def test_clone_keeps_functions():
    def corruption(samples, seed):
        return samples

    estimator = denoiser(corruption=corruption)
    assert clone(estimator).corruption is corruption


# Slips of the user


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("as_given", [np.asarray, list, np.ndarray.tolist])
def test_clean_rows_in_the_place_of_labels_are_refused(as_given, method):
    samples = NOISY.reshape(len(X), 1, -1)
    for rows in NOISY, NOISY.tolist(), samples:
        with pytest.raises(ValueError, match=r"y is ignored.*X_clean"):
            getattr(denoiser(), method)(rows, as_given(X))


@pytest.mark.parametrize(
    ("corruption", "message"),
    [
        (lambda samples, seed: np.asarray(samples), "It failed: .*NumPy|numpy"),
        (lambda samples: samples, "It failed: .*takes 1 positional argument"),
        (lambda samples, seed: samples[:, :2], r"\(None, 4\); it returned"),
        (lambda samples, seed: None, "it returned None"),
    ],
    ids=["NumPy", "one argument", "another shape", "nothing"],
)
def test_a_function_that_cannot_be_compiled_is_refused(corruption, message):
    with pytest.raises(ValueError, match=f"(?s)corruption=.*{message}"):
        denoiser(corruption=corruption).fit(X)


def test_a_class_in_the_place_of_a_network_is_refused():
    with pytest.raises(ValueError, match="'network' parameter"):
        denoiser(network=DenseNetwork).fit(X)


@pytest.mark.slow
def test_a_random_start_leaves_the_linear_map_out_of_any_network():
    given = ConvNetwork((2,))
    fitted = denoiser(network=given, init="random").fit(X)
    names = [layer.name for layer in fitted.encoder_.get_layer("encoder").layers]
    assert "nonlinear" not in names
    assert given.linear_shortcut


def test_a_fit_with_a_function_can_be_pickled_without_it():
    fitted = denoiser(corruption=lambda samples, seed: samples).fit(X)
    expected = fitted.transform(X)
    again = pickle.loads(pickle.dumps(fitted.set_params(corruption="masking")))
    np.testing.assert_array_equal(again.transform(X), expected)
