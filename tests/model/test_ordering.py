"""Codes in order: uncorrelated, sorted, of fixed signs, cut, whitened and nested."""

import functools

import numpy as np
import pytest
from helpers import (
    NO_STEP,
    correlated,
    each_of,
    leave_codes_as_trained,
    more_codes_than_features,
)
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

import skae
from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
    _defaults,
)
from skae._objective.objective import Objective
from skae.networks import ConvNetwork, DenseNetwork, RecurrentNetwork

pytestmark = more_codes_than_features

DIGITS = load_digits().data
X = correlated(80, 6)
IMAGES = DIGITS[:60].reshape(-1, 8, 8)


def autoencoder(encoding_dim=3, **changes):
    parameters = {
        "hidden_layer_sizes": (8,),
        "epochs": 5,
        "validation_fraction": 0,
        "random_state": 0,
    }
    return AutoencoderTransformer(encoding_dim, **{**parameters, **changes})


def share_explained(X, reconstructions):
    """Return the share of variance explained, by its definition."""
    return 1 - ((X - reconstructions) ** 2).sum() / ((X - X.mean(axis=0)) ** 2).sum()


# Linear networks, whose truth is PCA


@pytest.fixture(scope="module")
def linear():
    """A linear network that knows nothing of PCA, and PCA."""
    fitted = AutoencoderTransformer(
        6,
        hidden_layer_sizes=(),
        init="random",
        epochs=200,
        validation_fraction=0,
        random_state=0,
    ).fit(DIGITS)
    return fitted, PCA(6).fit(DIGITS)


@pytest.mark.slow
def test_a_linear_network_explains_what_pca_does(linear):
    fitted, pca = linear
    np.testing.assert_allclose(
        fitted.explained_variance_ratio_, pca.explained_variance_ratio_, atol=1e-3
    )


@pytest.mark.slow
def test_a_linear_network_has_the_subspace_of_pca(linear):
    fitted, pca = linear
    axes = fitted.inverse_transform(np.eye(6)) - fitted.inverse_transform([[0] * 6])
    assert np.rad2deg(subspace_angles(axes.T, pca.components_.T)).max() < 5


@pytest.mark.slow
def test_the_codes_of_a_linear_network_are_principal_components_with_their_signs(
    linear,
):
    fitted, pca = linear
    codes, components = fitted.transform(DIGITS), pca.transform(DIGITS)
    for code, component in zip(codes.T, components.T, strict=True):
        assert np.corrcoef(code, component)[0, 1] > 0.99
    np.testing.assert_allclose(codes.std(axis=0), components.std(axis=0), rtol=0.02)


def test_a_fit_that_stays_at_its_start_explains_what_pca_does():
    fitted = autoencoder(3, hidden_layer_sizes=(), validation_fraction=0.2).fit(X)
    assert fitted.best_epoch_ == 0
    pca = PCA(3).fit(X)
    np.testing.assert_allclose(
        fitted.explained_variance_ratio_, pca.explained_variance_ratio_, atol=1e-6
    )
    np.testing.assert_allclose(fitted.transform(X), pca.transform(X), atol=1e-5)


# All networks

KINDS = {
    "dense": lambda: autoencoder(),
    "dense from random": lambda: autoencoder(init="random"),
    "no hidden layers": lambda: autoencoder(hidden_layer_sizes=(), init="random"),
    "more codes than features": lambda: autoencoder(9),
    "relu": lambda: autoencoder(code_activation="relu"),
    "tanh": lambda: autoencoder(code_activation="tanh"),
    "sigmoid": lambda: autoencoder(code_activation="sigmoid"),
    "sparse": lambda: autoencoder(l1_activity=0.1),
    "whitened": lambda: autoencoder(whiten=True),
    "whitened relu": lambda: autoencoder(code_activation="relu", whiten=True),
    "nested": lambda: autoencoder(nested_dropout=True),
    "convolutional": lambda: ConvAutoencoder(3, filters=(4,), epochs=2, random_state=0),
    "spatial": lambda: ConvAutoencoder(
        None, filters=(2,), bottleneck="spatial", epochs=2, random_state=0
    ),
    "gru": lambda: SequenceAutoencoder(3, units=4, epochs=2, random_state=0),
    "gru alone": lambda: SequenceAutoencoder(
        3, units=4, init="random", epochs=2, random_state=0
    ),
    "lstm alone, both ways": lambda: SequenceAutoencoder(
        3,
        units=4,
        cell="lstm",
        bidirectional=True,
        init="random",
        epochs=2,
        random_state=0,
    ),
    "denoising": lambda: DenoisingAutoencoder(
        3, network=DenseNetwork((8,)), epochs=5, random_state=0
    ),
    "variational": lambda: VAETransformer(
        3, network=DenseNetwork((8,)), beta=0.1, epochs=5, random_state=0
    ),
    "variational convolutions": lambda: VAETransformer(
        2, network=ConvNetwork((4,)), beta=0.1, epochs=2, random_state=0
    ),
    "cross-entropy": lambda: autoencoder(loss="binary_crossentropy"),
}
UNCORRELATED = (
    "dense",
    "dense from random",
    "no hidden layers",
    "whitened",
    "convolutional",
    "gru",
    "gru alone",
    "lstm alone, both ways",
    "denoising",
    "cross-entropy",
)
BY_DEFAULT = {
    "dense",
    "dense from random",
    "relu",
    "sparse",
    "whitened",
    "nested",
    "convolutional",
    "variational",
}
SORTED = (*UNCORRELATED, "relu", "tanh", "sigmoid", "sparse", "variational")


def data(name):
    if "gru" in name or "lstm" in name or "conv" in name or name == "spatial":
        return IMAGES
    return (X - X.min()) / (X.max() - X.min()) if name == "cross-entropy" else X


@functools.cache
def fit(name):
    """Return rows and a fit to them."""
    rows = data(name)
    return rows, KINDS[name]().fit(rows)


@functools.cache
def fit_as_trained(name):
    """Return the same fit without its codes in order."""
    with pytest.MonkeyPatch.context() as patch:
        leave_codes_as_trained(patch)
        return KINDS[name]().fit(data(name))


@pytest.mark.parametrize("name", each_of(list(KINDS), BY_DEFAULT))
def test_reconstructions_stay_as_they_were_trained(name):
    (rows, ordered), as_trained = fit(name), fit_as_trained(name)
    scale = rows.std()
    np.testing.assert_allclose(
        ordered.reconstruct(rows), as_trained.reconstruct(rows), atol=1e-4 * scale
    )
    codes = ordered.transform(rows)
    np.testing.assert_allclose(
        ordered.inverse_transform(codes), ordered.reconstruct(rows), atol=1e-4 * scale
    )


@pytest.mark.parametrize("name", each_of(list(KINDS), BY_DEFAULT))
def test_ratios_add_up_to_the_score(name):
    rows, ordered = fit(name)
    assert ordered.explained_variance_ratio_.shape == (ordered.encoding_dim_,)
    np.testing.assert_allclose(
        ordered.explained_variance_ratio_.sum(), ordered.score(rows), atol=1e-5
    )


@pytest.mark.parametrize("name", each_of(list(KINDS), BY_DEFAULT))
def test_ratios_are_in_proportion_to_what_each_code_explains_linearly(name):
    if name == "nested":
        pytest.skip("nested codes have the gains as they are added")
    rows, ordered = fit(name)
    rows = rows.reshape(len(rows), -1)
    explained = np.array(
        [
            share_explained(rows, LinearRegression().fit(code, rows).predict(code))
            for code in ordered.transform(rows).astype(float).T[:, :, None]
            if code.std() > 1e-6 * rows.std()
        ]
    )
    score, ratios = ordered.score(rows), ordered.explained_variance_ratio_
    if score < 0:  # barely trained: no code has more part in it than another
        np.testing.assert_allclose(ratios, score / len(ratios), atol=1e-5)
        return
    explained *= score / explained.sum()
    np.testing.assert_allclose(ratios[: len(explained)], explained, atol=1e-4)
    np.testing.assert_allclose(ratios[len(explained) :], 0, atol=1e-6)


@pytest.mark.parametrize("name", each_of(SORTED, BY_DEFAULT & {*SORTED}))
def test_ratios_fall(name):
    assert (np.diff(fit(name)[1].explained_variance_ratio_) <= 0).all()


def test_ratios_of_nested_codes_are_the_gains_as_they_are_added():
    rows, nested = fit("nested")
    codes, explained = nested.transform(rows), [0.0]
    for n_codes in range(1, codes.shape[1] + 1):
        back = nested.inverse_transform(codes[:, :n_codes])
        explained.append(share_explained(rows, back))
    np.testing.assert_allclose(
        nested.explained_variance_ratio_, np.diff(explained), atol=1e-4
    )


@pytest.mark.parametrize("name", each_of(UNCORRELATED, BY_DEFAULT & {*UNCORRELATED}))
def test_linear_codes_are_centred_and_uncorrelated(name):
    rows, ordered = fit(name)
    codes = ordered.transform(rows)
    scale = codes.std()
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-4 * scale)
    covariance = np.cov(codes.T)
    np.testing.assert_allclose(
        covariance, np.diag(np.diag(covariance)), atol=1e-4 * scale**2
    )


@pytest.mark.parametrize("name", each_of(SORTED, BY_DEFAULT & {*SORTED}))
def test_codes_are_sorted_by_what_they_explain_linearly(name):
    rows, ordered = fit(name)
    rows = rows.reshape(len(rows), -1)
    centred, codes = rows - rows.mean(axis=0), ordered.transform(rows)
    explained = [
        ((code - code.mean()) @ centred / np.linalg.norm(code - code.mean())) ** 2
        for code in codes.T
        if code.std() > 1e-6 * codes.std()
    ]
    sums = np.sum(explained, axis=1)
    assert (np.diff(sums) <= 1e-4 * sums[0]).all()


@pytest.mark.parametrize(
    "name",
    each_of(
        [*UNCORRELATED, "nested", "sparse", "variational"],
        BY_DEFAULT - {"relu"},
    ),
)
def test_linear_codes_rise_with_the_feature_that_varies_most_with_them(name):
    rows, ordered = fit(name)
    rows = rows.reshape(len(rows), -1)
    shared = ordered.transform(rows).T @ (rows - rows.mean(axis=0))
    largest = np.abs(shared).argmax(axis=1)
    assert (shared[np.arange(len(shared)), largest] >= 0).all()


@pytest.mark.parametrize(
    "name",
    each_of(
        ["relu", "tanh", "sigmoid", "sparse", "variational"],
        ["relu", "sparse", "variational"],
    ),
)
def test_codes_that_have_axes_are_only_sorted_and_flipped(name):
    as_trained = fit_as_trained(name).transform(X)
    ordered = fit(name)[1].transform(X)
    shared = np.corrcoef(ordered.T, as_trained.T)[:3, 3:]
    assert (np.sort(np.abs(shared), axis=1)[:, -1] > 0.99999).all()
    assert set(np.abs(shared).argmax(axis=1)) == {0, 1, 2}
    if name in ("relu", "sigmoid"):
        assert shared.max(axis=1).min() > 0.99999


@pytest.mark.slow
@pytest.mark.parametrize("name", ["variational", "variational convolutions"])
def test_the_order_leaves_the_likelihood_of_a_variational_fit_as_it_was(name):
    (rows, ordered), as_trained = fit(name), fit_as_trained(name)
    np.testing.assert_allclose(
        ordered.log_likelihood(rows, 500).mean(),
        as_trained.log_likelihood(rows, 500).mean(),
        rtol=0.01,
    )


def test_codes_of_the_users_own_models_stay_as_they_are():
    keras = pytest.importorskip("keras")

    def encoder(sample_shape, encoding_dim):
        layers = [keras.Input(sample_shape), keras.layers.Dense(encoding_dim)]
        return keras.Sequential(layers)

    def decoder(sample_shape, encoding_dim):
        layers = [keras.Input((encoding_dim,)), keras.layers.Dense(*sample_shape)]
        return keras.Sequential(layers)

    network = skae.networks.CustomNetwork(encoder, decoder)
    fitted = AutoencoderTransformer(3, network=network, epochs=3, random_state=0).fit(X)
    assert abs(np.corrcoef(fitted.transform(X).T)[0, 1]) > 1e-3
    np.testing.assert_allclose(
        fitted.explained_variance_ratio_.sum(), fitted.score(X), atol=1e-5
    )


# Ratios


def test_a_row_of_weight_two_counts_as_two():
    weights = np.where(np.arange(len(X)) < 20, 2.0, 1.0)
    one = autoencoder().fit(X, sample_weight=weights)
    other = autoencoder().fit(np.concatenate([X, X[:20]]))
    np.testing.assert_array_equal(
        one.explained_variance_ratio_, other.explained_variance_ratio_
    )
    np.testing.assert_array_equal(one.transform(X), other.transform(X))


@pytest.mark.slow
def test_some_rows_stand_for_many_for_the_gains_of_nested_codes(monkeypatch):
    make = functools.partial(autoencoder, nested_dropout=True)
    everything = make().fit(DIGITS)
    monkeypatch.setattr("skae._model.explained._MOST_DECODINGS", 1)
    some = make().fit(DIGITS)
    one, other = (f.explained_variance_ratio_ for f in (some, everything))
    np.testing.assert_allclose(one, other, atol=0.02)
    assert (one != other).all()
    np.testing.assert_allclose(one.sum(), some.score(DIGITS), atol=1e-6)


def test_rows_without_variance_are_explained_by_the_first_code():
    fitted = autoencoder(2).fit(np.full((20, 3), 7.0))
    np.testing.assert_array_equal(fitted.explained_variance_ratio_, [1, 0])


def test_a_pass_over_a_part_takes_the_ratios_away():
    fitted = autoencoder().fit(X)
    assert not hasattr(fitted.partial_fit(X), "explained_variance_ratio_")


# A share of the variance


@pytest.mark.slow
@pytest.mark.parametrize("code_activation", each_of(["linear", "relu"], ["linear"]))
def test_a_share_takes_the_fewest_codes_that_explain_it(code_activation):
    fitted = autoencoder(0.8, code_activation=code_activation, epochs=30).fit(DIGITS)
    explained = np.cumsum(fitted.explained_variance_ratio_)
    assert explained[-1] >= 0.8 > explained[-2]
    assert fitted.score(DIGITS) == pytest.approx(explained[-1], abs=1e-5)
    assert fitted.encoding_dim_ == fitted.transform(DIGITS).shape[1]
    assert fitted.encoding_dim_ <= PCA(0.8).fit(DIGITS).n_components_
    assert fitted.get_feature_names_out()[-1].endswith(str(fitted.encoding_dim_ - 1))


def test_a_linear_network_takes_as_many_codes_for_a_share_as_pca():
    fitted = autoencoder(0.9, hidden_layer_sizes=(), validation_fraction=0.2)
    n_components = PCA(0.9).fit(DIGITS).n_components_
    assert fitted.fit(DIGITS).encoding_dim_ == n_components


@pytest.mark.slow
def test_a_share_can_be_saved_and_gone_on_with(tmp_path):
    fitted = autoencoder(0.8, epochs=20, warm_start=True).fit(DIGITS)
    fitted.save(tmp_path / "fit")
    loaded = skae.load(tmp_path / "fit")
    np.testing.assert_array_equal(loaded.transform(X=DIGITS), fitted.transform(DIGITS))
    n_codes = fitted.encoding_dim_
    assert fitted.fit(DIGITS).encoding_dim_ == n_codes


@pytest.mark.slow
def test_a_first_pass_with_a_share_takes_as_many_codes_as_pca():
    n_components = PCA(0.7).fit(DIGITS).n_components_
    assert autoencoder(0.7).partial_fit(DIGITS).encoding_dim_ == n_components


def test_a_share_of_rows_without_variance_is_one_code():
    assert autoencoder(0.9).fit(np.full((20, 3), 7.0)).encoding_dim_ == 1


@pytest.mark.slow
def test_a_share_that_is_not_reached_is_told(monkeypatch):
    monkeypatch.setattr(_defaults, "MOST_CODES", 2)
    with pytest.warns(UserWarning, match=r"less than encoding_dim=0\.99"):
        fitted = autoencoder(0.99, hidden_layer_sizes=()).fit(DIGITS)
    assert fitted.encoding_dim_ == 2


@pytest.mark.slow
def test_no_number_takes_as_many_codes_as_rows_or_features(monkeypatch):
    assert autoencoder(None).fit(X).encoding_dim_ == 6
    assert autoencoder(None).fit(X[:4]).encoding_dim_ == 4
    monkeypatch.setattr(_defaults, "MOST_CODES", 5)
    assert autoencoder(None).fit(X).encoding_dim_ == 5


# Whitened codes


@pytest.mark.slow
@pytest.mark.parametrize("code_activation", ["linear", "relu"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whitened_codes_have_a_variance_of_one(code_activation, dtype):
    fitted = autoencoder(whiten=True, code_activation=code_activation)
    codes = fitted.fit_transform(1e3 * X.astype(dtype))
    np.testing.assert_allclose(codes.std(axis=0, ddof=1), 1, rtol=1e-4)


def test_whitening_is_undone():
    plain, whitened = (autoencoder(whiten=w).fit(X) for w in (False, True))
    np.testing.assert_allclose(
        whitened.inverse_transform(whitened.transform(X)),
        plain.inverse_transform(plain.transform(X)),
        atol=1e-4,
    )
    np.testing.assert_allclose(
        whitened.transform(X) * plain.transform(X).std(axis=0, ddof=1),
        plain.transform(X),
        atol=1e-4,
    )


def test_models_of_whitened_fits_do_as_the_estimator_does():
    fitted = autoencoder(whiten=True).fit(X)
    codes = fitted.transform(X)
    rows = X.astype(np.float32)
    np.testing.assert_allclose(fitted.encoder_(rows), codes, atol=1e-4)
    np.testing.assert_allclose(
        fitted.decoder_(codes.astype(np.float32)), fitted.reconstruct(X), atol=1e-4
    )


def test_codes_without_variance_stay_without_when_whitened():
    codes = autoencoder(5, whiten=True, hidden_layer_sizes=()).fit_transform(X[:, :2])
    np.testing.assert_allclose(codes[:, :2].std(axis=0, ddof=1), 1, rtol=1e-4)
    assert np.isfinite(codes).all()


def test_a_pass_over_a_part_cannot_whiten():
    with pytest.raises(ValueError, match="partial_fit cannot give codes a variance"):
        autoencoder(whiten=True).partial_fit(X)


@pytest.mark.slow
def test_a_penalty_cannot_go_on_from_whitened_codes():
    sparse = autoencoder(whiten=True, l1_activity=0.1, warm_start=True).fit(X)
    with pytest.raises(ValueError, match="l1_activity cannot go on"):
        sparse.fit(X)


@pytest.mark.slow
def test_a_pass_may_go_on_without_whitening():
    fitted = autoencoder(whiten=True).fit(X).set_params(whiten=False)
    before = fitted.score(X)
    assert abs(fitted.partial_fit(X).score(X) - before) < 0.1


# Nested codes


@pytest.fixture(scope="module")
def nested():
    return AutoencoderTransformer(8, nested_dropout=True, random_state=0).fit(DIGITS)


@pytest.mark.slow
@pytest.mark.parametrize("n_codes", [1, 2, 5, 8])
def test_the_first_nested_codes_are_better_than_pca(nested, n_codes):
    reconstructions = nested.inverse_transform(nested.transform(DIGITS)[:, :n_codes])
    pca = PCA(n_codes).fit(DIGITS)
    assert (
        share_explained(DIGITS, reconstructions) > pca.explained_variance_ratio_.sum()
    )


def of_first_codes(fitted, rows):
    """Return reconstructions from the first codes, for each number of these."""
    codes = fitted.transform(rows)
    return [
        fitted.inverse_transform(codes[:, :n_codes])
        for n_codes in range(1, codes.shape[1] + 1)
    ]


def test_the_decoder_reads_what_was_learnt_for_the_number_of_codes():
    rows, nested = fit("nested")
    codes, state = nested.transform(rows), nested._fitted
    stand_ins = state.scaling.scale * state.stand_ins
    assert (stand_ins[np.triu_indices(3, 1)] != 0).all()
    for row, back in enumerate(of_first_codes(nested, rows)):
        filled = np.where(np.arange(3) <= row, codes, stand_ins[row])
        np.testing.assert_allclose(back, nested.inverse_transform(filled), atol=1e-6)


def test_codes_left_by_a_share_have_zeros_for_missing_ones():
    fitted = autoencoder(0.97, nested_dropout=True).fit(X)
    codes = fitted.transform(X)
    first = np.where(np.arange(codes.shape[1]) < 1, codes, 0)
    assert codes.shape[1] > 1
    np.testing.assert_array_equal(
        fitted.inverse_transform(codes[:, :1]), fitted.inverse_transform(first)
    )


@pytest.mark.parametrize("whiten", [False, True])
def test_what_stands_for_missing_codes_follows_their_order(whiten, monkeypatch):
    make = functools.partial(autoencoder, nested_dropout=True, init="random")
    ordered = make(whiten=whiten).fit(X)
    leave_codes_as_trained(monkeypatch)
    trained = make().fit(X)
    ratios = ordered.transform(X).std(axis=0) / trained.transform(X).std(axis=0)
    signs = np.diag(np.corrcoef(ordered.transform(X).T, trained.transform(X).T)[:3, 3:])
    assert (signs < 0).any()
    assert whiten == (abs(ratios - 1) > 0.01).all()
    for one, other in zip(
        of_first_codes(ordered, X), of_first_codes(trained, X), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_pass_goes_on_with_what_stands_for_missing_codes():
    fitted = autoencoder(nested_dropout=True).fit(X)
    before = of_first_codes(fitted, X)
    fitted.set_params(learning_rate=NO_STEP).partial_fit(X)
    for one, other in zip(before, of_first_codes(fitted, X), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_other_codes_are_needed_all():
    fitted = autoencoder().fit(X)
    with pytest.raises(ValueError, match="X has 2 columns"):
        fitted.inverse_transform(fitted.transform(X)[:, :2])


def test_nested_dropout_leaves_first_codes_as_often_as_it_says():
    draws = np.random.RandomState(0).standard_normal((40_000, 1)).astype(np.float32)
    objective = Objective(nested_dropout=True)
    left = np.asarray(objective.sampled(np.ones((40_000, 4), np.float32), draws))
    assert (np.diff(left, axis=1) <= 0).all()
    shares = np.bincount(left.sum(axis=1).astype(int), minlength=5) / len(left)
    expected = objective.shares_of_prefixes(4)
    np.testing.assert_allclose(shares, [0, *expected], atol=0.01)
    assert expected.sum() == pytest.approx(1)
    assert (expected > 0.05).all()


# What cannot be


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"whiten": True, "code_activation": "tanh"},
            r"whiten=True.*'linear' or 'relu'",
        ),
        ({"nested_dropout": True, "code_activation": "relu"}, r"nested.*'linear' in"),
        ({"encoding_dim": 0.9, "code_activation": "sigmoid"}, r"encoding_dim=0\.9"),
    ],
)
def test_codes_of_other_activations_cannot_be_changed(parameters, message):
    with pytest.raises(ValueError, match=message):
        autoencoder().set_params(**parameters).fit(X)


@pytest.mark.parametrize(
    "parameters", [{"encoding_dim": 0.9}, {"whiten": True}, {"nested_dropout": True}]
)
def test_spatial_codes_cannot_be_changed(parameters):
    spatial = ConvAutoencoder(None, filters=(2,), bottleneck="spatial")
    with pytest.raises(ValueError, match="needs a dense code"):
        spatial.set_params(**parameters).fit(IMAGES)


@pytest.mark.slow
def test_sequences_have_codes_for_a_share():
    fitted = DenoisingAutoencoder(
        0.5, network=RecurrentNetwork(4), epochs=1, random_state=0
    ).fit(IMAGES)
    explained = np.cumsum(fitted.explained_variance_ratio_)
    assert explained[-1] >= 0.5
    assert len(explained) == 1 or explained[-2] < 0.5
