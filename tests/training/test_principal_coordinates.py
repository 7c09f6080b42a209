import numpy as np
import pytest
from helpers import NO_STEP
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae._data.scaling import Scaling
from skae._model.fitted import FittedNetwork
from skae._training import fit as fit_module


def waves(n_rows=120, n_features=260, seed=0):
    """Return noisy rows that two numbers tell, by curves far from any plane."""
    rng = np.random.RandomState(seed)
    places, speeds = rng.uniform(0, 6, (2, n_features))
    phases = rng.uniform(-1, 1, (n_rows, 2))
    signal = np.sin(phases[:, :1] * speeds + places) + phases[:, 1:] * np.cos(places)
    return signal + rng.normal(scale=0.3, size=signal.shape) + 5.0


@pytest.fixture
def starts(monkeypatch):
    """Return a list of the starts of fits to come."""
    seen, found = [], fit_module.in_coordinates

    def recorded(*arguments):
        seen.append(found(*arguments))
        return seen[-1]

    monkeypatch.setattr(fit_module, "in_coordinates", recorded)
    return seen


def fitted(X, **parameters):
    parameters = {"epochs": 1, "random_state": 0, **parameters}
    return AutoencoderTransformer(2, **parameters).fit(X, X_val=X[:30])


def test_network_over_coordinates_becomes_the_same_over_features(starts):
    X = waves()
    fitted(X)
    (start,) = starts
    found = start.coordinates
    rng = np.random.RandomState(1)
    weights = [
        rng.normal(scale=0.3, size=part.shape).astype(np.float32)
        for part in found.folded(start.weights)
    ]
    rows = rng.normal(size=(7, len(found.components))).astype(np.float32)
    narrow = FittedNetwork(found.codec, weights, Scaling.identity(rows.shape[1]))
    codes = narrow.encode(rows)
    unfolded = found.unfolded(weights)
    (first, first_bias), (linear, linear_bias) = found._readers
    features = found.scale * rows @ found.components + found.mean
    hidden = np.maximum(features @ unfolded[first] + unfolded[first_bias], 0)
    expected = np.maximum(rows @ weights[first] + weights[first_bias], 0)
    np.testing.assert_allclose(hidden, expected, atol=1e-4)
    np.testing.assert_allclose(
        features @ unfolded[linear] + unfolded[linear_bias],
        rows @ weights[linear] + weights[linear_bias],
        atol=1e-4,
    )
    kernels, bias = found._givers
    outputs = found.scale * narrow.decode(codes) @ found.components + found.mean
    wide = codes @ unfolded[kernels[1]] + unfolded[bias]
    plain = codes @ weights[kernels[1]] + weights[bias]
    branch = found.scale * (narrow.decode(codes) - plain) @ found.components
    np.testing.assert_allclose(wide + branch, outputs, atol=1e-3)
    for back, weight in zip(found.folded(unfolded), weights, strict=True):
        np.testing.assert_allclose(back, weight, atol=1e-4)


def test_what_stands_for_missing_codes_is_learnt_in_coordinates(starts):
    X = waves()
    autoencoder = AutoencoderTransformer(
        2, nested_dropout=True, epochs=1, validation_fraction=0, random_state=0
    ).fit(X)
    assert starts[0].coordinates is not None
    assert autoencoder._fitted.stand_ins[0, 1] != 0
    first = autoencoder.inverse_transform(autoencoder.transform(X)[:, :1])
    explained = 1 - ((X - first) ** 2).sum() / ((X - X.mean(axis=0)) ** 2).sum()
    assert explained == pytest.approx(
        autoencoder.explained_variance_ratio_[0], abs=1e-4
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_start_and_losses_are_those_of_pca(starts, weighted):
    X = waves()
    counts = np.arange(len(X)) % 3 + 1 if weighted else np.ones(len(X), int)
    autoencoder = AutoencoderTransformer(2, epochs=1, learning_rate=NO_STEP)
    autoencoder.fit(X, sample_weight=counts if weighted else None, X_val=X[:30])
    assert starts[0].coordinates is not None
    repeated = np.repeat(X, counts, axis=0)
    pca = PCA(2).fit(repeated)

    def error(rows):
        return np.mean((rows - pca.inverse_transform(pca.transform(rows))) ** 2)

    assert autoencoder.history_["loss"][0] == pytest.approx(error(repeated), rel=1e-4)
    assert autoencoder.initial_loss_ == pytest.approx(error(X[:30]), rel=1e-4)


def test_gains_as_much_as_in_features(starts):
    X, new = np.split(waves(360), 2)
    pca = PCA(2).fit(X)
    of_pca = np.mean((new - pca.inverse_transform(pca.transform(new))) ** 2)
    autoencoder = AutoencoderTransformer(2, epochs=40, random_state=0).fit(X)
    assert starts[0].coordinates is not None
    assert autoencoder.best_epoch_ > 0
    # Half of PCA's error is the noise, which nothing predicts.
    assert np.mean((new - autoencoder.reconstruct(new)) ** 2) < 0.75 * of_pca
    again = AutoencoderTransformer(2, epochs=40, random_state=0).fit(X)
    np.testing.assert_array_equal(again.transform(new), autoencoder.transform(new))


@pytest.mark.parametrize(
    "parameters",
    [
        {"init": "random"},
        {"epochs": 0},
        {"loss": "poisson"},
        {"l1_activity": 0.1},
        {"hidden_layer_sizes": ()},
        {"missing_values": "allow"},
    ],
    ids=str,
)
def test_other_fits_are_trained_in_features(starts, parameters):
    X = waves()
    if "missing_values" in parameters:
        X[::7, 3] = np.nan
    fitted(X, **parameters)
    assert starts[0].coordinates is None


def test_narrow_rows_are_trained_in_features(starts):
    fitted(waves(n_features=250))
    assert starts[0].coordinates is None
