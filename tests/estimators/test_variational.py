"""VAETransformer: bounds, densities and samples equal those of NumPy and SciPy."""

import pickle
import warnings

import keras
import numpy as np
import pytest
from helpers import (
    NO_STEP,
    assert_same_bits,
    each_of,
    standardized,
    warns,
    weights,
)
from scipy import stats
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.decomposition import PCA

from skae import VAETransformer
from skae._estimators import variational
from skae._objective import objective
from skae.networks import ConvNetwork, CustomNetwork, DenseNetwork


def factors(n_rows, seed=0):
    """Return rows of five features, of two factors and equal noise."""
    rng = np.random.RandomState(seed)
    loadings = np.array([[2.0, 1, 0, -1, 0.5], [0, 1, -1.5, 0.5, 1]])
    return rng.randn(n_rows, 2) @ loadings + 0.5 * rng.randn(n_rows, 5) + 3


X = factors(300)
_, MEAN, SCALE = standardized(X)
BINARY = (factors(300) > 3).astype(float)
ROWS = {"mse": X, "binary_crossentropy": BINARY}
LOSSES = each_of(list(ROWS), ["mse"])
each_loss = pytest.mark.parametrize("loss", LOSSES)


def vae(encoding_dim=2, **changes):
    parameters = {"network": DenseNetwork((4,)), "epochs": 3, "random_state": 0}
    return VAETransformer(encoding_dim, **{**parameters, **changes})


def start(encoding_dim=2, **changes):
    """Return an estimator that stays at its linear start."""
    parameters = {
        "network": DenseNetwork(()),
        "epochs": 1,
        "learning_rate": NO_STEP,
        "validation_fraction": 0,
    }
    return vae(encoding_dim, **{**parameters, **changes})


@pytest.fixture(scope="module", params=LOSSES)
def fitted(request):
    """An estimator that has learnt something, with hidden layers."""
    return vae(loss=request.param, epochs=8).fit(ROWS[request.param])


@pytest.fixture(scope="module")
def linear():
    return start().fit(X)


# The truth in NumPy, from the Keras models inside the public ones


def posterior(estimator, rows):
    """Return means and deviations of the codes."""
    if estimator.loss == "mse":
        rows = (rows - MEAN) / SCALE
    encoder = estimator.encoder_.get_layer("encoder")
    encoded = encoder(rows.astype(np.float32)).numpy().astype(np.float64)
    return encoded[:, ::2], np.exp(encoded[:, 1::2] / 2)


def noise_deviation(estimator):
    """Return the deviation of the Gaussian likelihood in the unit of X."""
    return np.exp(estimator._fitted.weights[-1] / 2) * SCALE


def log_likelihood_given(estimator, codes, rows):
    decoded = estimator.decoder_(codes.astype(np.float32)).numpy()
    if estimator.loss == "mse":
        densities = stats.norm.logpdf(rows, decoded, noise_deviation(estimator))
    else:
        densities = stats.bernoulli.logpmf(rows, decoded)
    return densities.sum(axis=1)


def kl(means, deviations):
    """Return the divergence of normal distributions from the standard one."""
    return 0.5 * (means**2 + deviations**2 - 1) - np.log(deviations)


def normal_draws(row_numbers, n_codes, i):
    """Stand in for the table of draws: others for each row and each i."""
    shape = (len(row_numbers), n_codes)
    return np.random.RandomState(1000 + i).randn(*shape).astype(np.float32)


@pytest.fixture
def known_draws(monkeypatch):
    monkeypatch.setattr(variational, "_normal_draws", normal_draws)
    return lambda n, n_rows: [normal_draws(range(n_rows), 2, i) for i in range(n)]


def test_score_samples_is_the_evidence_lower_bound(fitted, known_draws):
    rows = ROWS[fitted.loss][:50]
    means, deviations = posterior(fitted, rows)
    reconstruction = np.mean(
        [
            log_likelihood_given(fitted, means + deviations * draws, rows)
            for draws in known_draws(variational._ELBO_DRAWS, 50)
        ],
        axis=0,
    )
    expected = reconstruction - kl(means, deviations).sum(axis=1)
    np.testing.assert_allclose(fitted.score_samples(rows), expected, rtol=1e-4)


def test_log_likelihood_weighs_codes_by_their_importance(fitted, known_draws):
    rows = ROWS[fitted.loss][:50]
    means, deviations = posterior(fitted, rows)
    log_weights = []
    for draws in known_draws(7, 50):
        codes = means + deviations * draws
        prior = stats.norm.logpdf(codes).sum(axis=1)
        proposal = stats.norm.logpdf(codes, means, deviations).sum(axis=1)
        likelihood = log_likelihood_given(fitted, codes, rows)
        log_weights.append(likelihood + prior - proposal)
    expected = logsumexp(log_weights, axis=0) - np.log(7)
    np.testing.assert_allclose(fitted.log_likelihood(rows, 7), expected, rtol=1e-4)


def test_transform_gives_the_means(fitted):
    rows = ROWS[fitted.loss]
    means, _ = posterior(fitted, rows)
    np.testing.assert_allclose(fitted.transform(rows), means, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(fitted.transform(rows), fitted.transform(rows))


def test_scores_are_float64_nats_one_a_row(fitted):
    for scores in (fitted.score_samples(X[:7]), fitted.log_likelihood(X[:7], 2)):
        assert scores.shape == (7,)
        assert scores.dtype == np.float64


@each_loss
def test_more_draws_make_the_bound_tighter(loss):
    """A random network's posterior is far off (Burda et al., 2015, theorem 1)."""
    network, rows = DenseNetwork((4,), linear_shortcut=False), ROWS[loss]
    wrong = start(network=network, loss=loss, beta=0).fit(rows)
    bound = wrong.score_samples(rows).mean()
    assert wrong.log_likelihood(rows, 100).mean() > bound + 0.05


def test_the_log_likelihood_is_no_less_than_its_bound_on_average(fitted):
    rows = ROWS[fitted.loss]
    gap = fitted.log_likelihood(rows, 200) - fitted.score_samples(rows)
    assert gap.mean() > -3 * gap.std() / np.sqrt(len(rows))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["score_samples", "log_likelihood"])
def test_estimates_by_chance_depend_on_the_row_alone(fitted, method):
    estimate, rows = getattr(fitted, method), ROWS[fitted.loss][:60]
    together = estimate(rows)
    np.testing.assert_array_equal(estimate(rows), together)
    order = np.random.RandomState(0).permutation(60)
    np.testing.assert_allclose(estimate(rows[order]), together[order], rtol=1e-5)
    alone = [estimate(rows[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(alone, together[:5], rtol=1e-5)


def test_rows_that_differ_have_draws_that_differ():
    numbers = variational._row_numbers(X.astype(np.float32))
    assert len(np.unique(numbers)) == len(X)
    one, other = (variational._normal_draws(numbers, 3, i) for i in range(2))
    assert np.abs(one - other).min(axis=1).max() > 0
    for draws in (one, other):
        assert stats.kstest(draws.ravel(), "norm").pvalue > 1e-3


def test_a_negative_zero_is_a_zero():
    rows = np.array([[0.0, 1.0], [-0.0, 1.0]], np.float32)
    assert len(set(variational._row_numbers(rows))) == 1


def test_scores_leave_the_global_generator_alone(linear):
    before = np.random.get_state()[1].copy()
    linear.score_samples(X)
    linear.log_likelihood(X, 2)
    linear.sample(3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


# The linear start is probabilistic PCA


@pytest.fixture(scope="module")
def model():
    """Mean, loadings and noise variance of probabilistic PCA, most likely of X.

    Tipping and Bishop (1999), equations 7 and 8; the variances divide by n.
    """
    pca = PCA(2).fit(X)
    to_population = (len(X) - 1) / len(X)
    noise = pca.noise_variance_ * to_population
    signal = pca.explained_variance_ * to_population - noise
    return pca.mean_, pca.components_.T * np.sqrt(signal), noise


@pytest.fixture(scope="module")
def density(model):
    mean, loadings, noise = model
    covariance = loadings @ loadings.T + noise * np.eye(5)
    return stats.multivariate_normal(mean, covariance).logpdf(X)


def test_the_start_decodes_as_probabilistic_pca(linear, model):
    mean, loadings, _ = model
    codes = np.random.RandomState(0).randn(20, 2)
    np.testing.assert_allclose(
        linear.inverse_transform(codes), codes @ loadings.T + mean, atol=1e-5
    )


def test_the_start_encodes_to_the_posterior_means(linear, model):
    mean, loadings, noise = model
    precision = loadings.T @ loadings + noise * np.eye(2)
    expected = (X - mean) @ loadings @ np.linalg.inv(precision)
    np.testing.assert_allclose(linear.transform(X), expected, atol=1e-5)


def test_the_start_has_the_posterior_deviations_and_the_noise(linear, model):
    _, loadings, noise = model
    covariance = noise * np.linalg.inv(loadings.T @ loadings + noise * np.eye(2))
    _, deviations = posterior(linear, X)
    expected = np.sqrt(np.diag(covariance)) * np.ones((len(X), 1))
    np.testing.assert_allclose(deviations, expected, rtol=1e-3)
    assert noise_deviation(linear) == pytest.approx(np.sqrt(noise), rel=1e-4)


@pytest.mark.parametrize("n_samples", [1, 10])
def test_the_log_likelihood_of_the_start_is_exact(linear, density, n_samples):
    """The posterior is, so every draw has the same weight."""
    actual = linear.log_likelihood(X, n_samples)
    np.testing.assert_allclose(actual, density, atol=2e-3)


def test_the_bound_of_the_start_is_tight(linear, density):
    excess = linear.score_samples(X) - density
    assert abs(excess.mean()) < 4 * excess.std() / np.sqrt(len(X))
    assert excess.std() < 0.5


def test_the_start_scores_as_scikit_learn_s_pca(linear):
    score = PCA(2).fit(X).score(X)
    assert linear.log_likelihood(X, 1).mean() == pytest.approx(score, abs=1e-2)
    assert linear.score_samples(X).mean() == pytest.approx(score, abs=0.1)


@pytest.mark.slow
def test_the_start_with_hidden_layers_is_the_same(linear):
    deep = start(network=DenseNetwork((4, 3))).fit(X)
    np.testing.assert_allclose(
        deep.log_likelihood(X, 2), linear.log_likelihood(X, 2), atol=1e-3
    )


def test_the_initial_loss_is_the_bound_of_the_judging_rows(model):
    train, judges = X, factors(2000, seed=1)
    fitted = start().fit(train, X_val=judges)
    mean, loadings, noise = model
    covariance = loadings @ loadings.T + noise * np.eye(5)
    densities = stats.multivariate_normal(mean, covariance).logpdf(judges)
    assert fitted.initial_loss_ == pytest.approx(-densities.mean(), abs=0.1)


def test_weighted_rows_start_as_repeated_rows():
    counts = np.arange(len(X)) % 3
    weighted = start().fit(X, sample_weight=counts)
    repeated = np.repeat(X, counts, axis=0)
    score = PCA(2).fit(repeated).score(repeated)
    assert weighted.log_likelihood(repeated, 1).mean() == pytest.approx(score, abs=1e-2)


@pytest.mark.filterwarnings("ignore:.*codes have collapsed:UserWarning")
@pytest.mark.parametrize(
    "encoding_dim", each_of({"one": 1, "two": 2, "as features": 5}, ["two"])
)
def test_binary_rows_start_above_the_likelihood_of_independent_features(encoding_dim):
    shares = BINARY.mean(axis=0)
    independent = stats.bernoulli.logpmf(BINARY, shares).sum(axis=1).mean()
    fitted = start(encoding_dim, loss="binary_crossentropy").fit(BINARY)
    assert fitted.score_samples(BINARY).mean() > independent


# Units


@pytest.mark.slow
def test_a_density_changes_with_the_unit_of_the_rows():
    """Powers of two change no digit, so the fit is the same to the last bit."""
    factor = 2.0**-20
    usual, other = vae().fit(X), vae().fit(factor * X)
    for method in ("score_samples", "log_likelihood"):
        np.testing.assert_allclose(
            getattr(other, method)(factor * X),
            getattr(usual, method)(X) - 5 * np.log(factor),
            rtol=1e-6,
        )


def test_losses_change_with_the_unit_as_the_density_does():
    usual, other = vae().fit(X), vae().fit(1024 * X)
    for name, shift in (("loss", 5 * np.log(1024)), ("kl", 0.0)):
        for prefix in ("", "val_"):
            np.testing.assert_allclose(
                other.history_[prefix + name],
                np.array(usual.history_[prefix + name]) + shift,
                rtol=1e-6,
            )
    assert other.best_loss_ == pytest.approx(usual.best_loss_ + 5 * np.log(1024))


def test_codes_have_no_unit():
    np.testing.assert_array_equal(
        vae().fit(1024 * X).transform(1024 * X), vae().fit(X).transform(X)
    )


def test_the_origin_does_not_matter():
    far = start().fit(X + 1000)
    np.testing.assert_allclose(
        far.log_likelihood(X + 1000, 1), start().fit(X).log_likelihood(X, 1), atol=1e-2
    )


def test_the_models_work_in_the_unit_of_the_data(fitted):
    rows = ROWS[fitted.loss]
    codes = fitted.encoder_(rows.astype(np.float32)).numpy()
    assert codes.shape == (300, 2)
    np.testing.assert_allclose(codes, fitted.transform(rows), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        fitted.decoder_(codes).numpy(), fitted.reconstruct(rows), rtol=1e-4, atol=1e-5
    )


# Keras 3.10 loads models that expect their one input in a list.
@pytest.mark.filterwarnings("ignore:(?s).*structure of `inputs`:UserWarning")
def test_models_are_saved_and_loaded_without_skae(fitted, tmp_path):
    rows = ROWS[fitted.loss].astype(np.float32)
    for name in ("encoder", "decoder"):
        getattr(fitted, f"{name}_").save(tmp_path / f"{name}.keras")
    encoder, decoder = (
        keras.models.load_model(tmp_path / f"{name}.keras")
        for name in ("encoder", "decoder")
    )
    codes = encoder(rows)
    np.testing.assert_array_equal(codes, fitted.encoder_(rows))
    np.testing.assert_array_equal(decoder(codes), fitted.decoder_(codes))


def test_pickles_give_the_same_scores_and_samples(fitted):
    rows = ROWS[fitted.loss][:50]
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.score_samples(rows), fitted.score_samples(rows))
    np.testing.assert_array_equal(
        again.log_likelihood(rows, 3), fitted.log_likelihood(rows, 3)
    )
    np.testing.assert_array_equal(
        again.sample(3, random_state=0), fitted.sample(3, random_state=0)
    )


# Samples


def test_samples_of_the_start_are_those_of_its_loadings(linear, model):
    mean, loadings, _ = model
    samples = linear.sample(20_000, random_state=0)
    covariance = loadings @ loadings.T
    deviations = np.sqrt(np.diag(covariance))
    allowed = 5 / np.sqrt(20_000)
    np.testing.assert_allclose(
        (samples.mean(axis=0) - mean) / deviations, 0, atol=allowed
    )
    relative = (np.cov(samples.T) - covariance) / np.outer(deviations, deviations)
    np.testing.assert_allclose(relative, 0, atol=np.sqrt(2) * allowed)


def test_samples_are_decoded_codes_of_the_prior(fitted):
    samples = fitted.sample(50, random_state=np.random.RandomState(3))
    assert samples.shape == (50, 5)
    assert samples.dtype == np.float64
    if fitted.loss == "binary_crossentropy":
        assert ((samples >= 0) & (samples <= 1)).all()


def test_the_random_state_decides_about_samples(linear):
    samples = linear.sample(5, random_state=1)
    np.testing.assert_array_equal(linear.sample(5, random_state=1), samples)
    assert not np.array_equal(linear.sample(5, random_state=2), samples)
    assert not np.array_equal(linear.sample(5), linear.sample(5))


def test_one_sample_comes_without_asking(linear):
    assert linear.sample().shape == (1, 5)


@pytest.mark.parametrize("n_samples", [0, -1, 2.5, "many"])
@pytest.mark.parametrize("method", ["sample", "log_likelihood"])
def test_a_number_of_samples_that_cannot_be_is_refused(linear, method, n_samples):
    arguments = (n_samples,) if method == "sample" else (X, n_samples)
    with pytest.raises((TypeError, ValueError), match="n_samples"):
        getattr(linear, method)(*arguments)


# History and the weight of the divergence


@each_loss
def test_the_loss_is_the_sum_of_its_terms(loss):
    history = vae(beta=0.5, loss=loss).fit(ROWS[loss]).history_
    for prefix in ("", "val_"):
        total, reconstruction, divergence = (
            np.array(history[prefix + name])
            for name in ("loss", "reconstruction", "kl")
        )
        np.testing.assert_allclose(total, reconstruction + 0.5 * divergence, rtol=1e-5)


def test_the_history_has_the_divergence_of_the_rows(linear):
    expected = kl(*posterior(linear, X)).sum(axis=1).mean()
    assert linear.history_["kl"] == [pytest.approx(expected, rel=1e-4)]


def test_the_history_has_plain_numbers_one_per_epoch():
    history = vae().fit(X).history_
    terms = ("loss", "reconstruction", "kl")
    assert set(history) == {*terms, *(f"val_{name}" for name in terms), "learning_rate"}
    for values in history.values():
        assert [type(value) for value in values] == [float] * 3


@pytest.mark.slow
def test_callbacks_see_the_terms_of_batches_and_epochs():
    seen = {"batch": [], "epoch": []}
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen["batch"].append(set(logs)),
        on_epoch_end=lambda epoch, logs: seen["epoch"].append(set(logs)),
    )
    vae(callbacks=[watch], epochs=1).fit(X)
    terms = {"loss", "reconstruction", "kl"}
    assert all(terms <= names for names in seen["batch"])
    assert terms | {"val_kl", "val_reconstruction"} <= seen["epoch"][0]


@pytest.mark.slow
def test_batches_one_by_one_draw_the_same_codes():
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    np.testing.assert_allclose(
        vae(callbacks=[watch]).fit(X).history_["loss"],
        vae().fit(X).history_["loss"],
        rtol=1e-5,
    )


def test_rows_that_judge_are_judged_with_the_same_draws_in_each_epoch():
    fitted = start(epochs=3, validation_fraction=0.2).fit(X)
    assert len(set(fitted.history_["val_reconstruction"])) == 1
    assert len(set(fitted.history_["reconstruction"])) == 3


def full_batches(**changes):
    """Return an estimator that takes one step an epoch."""
    return vae(batch_size=1000, validation_fraction=0, **changes)


def test_the_divergence_rises_to_its_weight_over_the_warm_up():
    """In the first of four epochs of warm-up it counts a fourth of beta."""
    first = full_batches(kl_warmup=4, beta=2, epochs=1).fit(X)
    assert_same_bits(first, full_batches(kl_warmup=0, beta=0.5, epochs=1).fit(X))


def test_a_warm_up_of_one_step_is_none():
    assert_same_bits(full_batches(kl_warmup=1).fit(X), full_batches(kl_warmup=0).fit(X))


@pytest.mark.slow
def test_in_an_endless_warm_up_the_divergence_does_not_count():
    endless = full_batches(kl_warmup=10**9).fit(X)
    without = full_batches(kl_warmup=0, beta=0).fit(X)
    for ours, wanted in zip(weights(endless), weights(without), strict=True):
        np.testing.assert_allclose(ours, wanted, atol=1e-5)


def test_the_automatic_warm_up_is_none_beside_a_linear_map():
    assert_same_bits(vae(kl_warmup="auto").fit(X), vae(kl_warmup=0).fit(X))


@pytest.mark.slow
def test_the_automatic_warm_up_of_plain_networks_is_a_fifth_of_the_epochs():
    plain = {"network": DenseNetwork((4,), linear_shortcut=False), "epochs": 10}
    automatic = full_batches(**plain).fit(X)
    assert_same_bits(automatic, full_batches(**plain, kl_warmup=2).fit(X))


def test_a_larger_beta_makes_for_simpler_codes():
    usual, simple = (
        vae(beta=beta, epochs=20).fit(X).history_["kl"][-1] for beta in (0.5, 3)
    )
    assert simple < 0.8 * usual


def test_scores_are_those_of_the_loss_that_was_fitted():
    model = vae().fit(BINARY)
    expected = model.score_samples(BINARY), model.log_likelihood(BINARY, 2)
    model.set_params(loss="binary_crossentropy")
    np.testing.assert_array_equal(model.score_samples(BINARY), expected[0])
    np.testing.assert_array_equal(model.log_likelihood(BINARY, 2), expected[1])


def test_the_score_counts_the_divergence_once_whatever_beta_is():
    np.testing.assert_allclose(
        start(beta=0.5).fit(X).score_samples(X),
        start().fit(X).score_samples(X),
        rtol=1e-5,
    )


@pytest.mark.slow
def test_training_raises_the_bound_where_there_is_a_curve_to_find():
    angle = np.random.RandomState(0).uniform(0, 3, 600)
    curve = np.column_stack([np.cos(angle), np.sin(angle), angle / 3])
    curve += 0.05 * np.random.RandomState(1).randn(*curve.shape)
    train, others = np.split(curve, 2)
    fitted = vae(1, network=DenseNetwork((16,)), epochs=100).fit(train)
    linear = PCA(1).fit(train).score(others)
    assert fitted.score_samples(others).mean() > linear + 0.3


@pytest.mark.slow
def test_xla_trains_to_the_same_bound(monkeypatch):
    """The draws are others, the rest is the same."""
    expected = vae(epochs=20).fit(X).score_samples(X).mean()
    monkeypatch.setattr("skae._training.steps_pool.xla_pays", lambda *_: True)
    score = vae(epochs=20).fit(X).score_samples(X).mean()
    assert score == pytest.approx(expected, abs=0.1)


def test_an_integer_seed_gives_the_same_draws():
    estimator = vae(network=DenseNetwork((4,), linear_shortcut=False))
    first, again = clone(estimator).fit(X), clone(estimator).fit(X)
    assert_same_bits(first, again)
    assert first.history_ == again.history_
    other = clone(estimator).set_params(random_state=1).fit(X)
    assert other.history_ != first.history_


def test_warm_start_goes_on_with_the_learnt_variance():
    estimator = vae(warm_start=True, epochs=20).fit(X)
    expected = -estimator.score_samples(X).mean()
    estimator.set_params(epochs=1, learning_rate=NO_STEP).fit(X)
    assert estimator.history_["loss"][0] == pytest.approx(expected, abs=0.2)


@pytest.mark.slow
def test_warm_start_goes_on_with_another_beta():
    """The network is the same, whatever its loss weighs."""
    estimator = vae(warm_start=True).fit(X)
    codes = estimator.transform(X)
    estimator.set_params(beta=3, epochs=1, learning_rate=NO_STEP).fit(X)
    np.testing.assert_allclose(estimator.transform(X), codes, rtol=1e-5)


# Collapsed codes


def test_codes_that_tell_nothing_are_named():
    flat = np.outer(np.random.RandomState(0).randn(60), [1.0, 2, 3, 4])
    message = r"2 of 3 codes .*: 1, 2\. .*fewer codes would do as well"
    with warns(UserWarning, message):
        start(3).fit(flat)


def test_codes_that_tell_something_are_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        start(2).fit(X)


def test_where_all_codes_collapse_all_are_named():
    with warns(UserWarning, r"2 of 2 codes .*: 0, 1\."):
        start(2).fit(np.ones((20, 3)))


def test_of_many_collapsed_codes_the_first_are_named():
    assert variational._listed(np.arange(20)).endswith("18, 19")
    assert variational._listed(np.arange(21)).endswith("18, 19, ...")


# Networks


def custom_network():
    def encoder(sample_shape, encoding_dim):
        return keras.Sequential(
            [keras.Input(sample_shape), keras.layers.Dense(encoding_dim)]
        )

    def decoder(sample_shape, encoding_dim):
        return keras.Sequential(
            [keras.Input((encoding_dim,)), keras.layers.Dense(*sample_shape)]
        )

    return CustomNetwork(encoder, decoder)


def images():
    """Return images of 4 by 4 pixels, each a mixture of the same two."""
    rng = np.random.RandomState(0)
    return np.tensordot(rng.randn(60, 2), rng.randn(2, 4, 4), axes=1) + 1


NETWORKS = {
    "convolutional": (ConvNetwork((2,)), images()),
    "custom": (custom_network(), X),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_gives_codes_scores_and_samples(name):
    network, rows = NETWORKS[name]
    fitted = vae(network=network, beta=0.1).fit(rows)
    assert fitted.transform(rows).shape == (len(rows), 2)
    assert fitted.sample(3).shape == (3, *rows.shape[1:])
    assert np.isfinite(fitted.score_samples(rows)).all()


@pytest.fixture(scope="module")
def spatial():
    network = ConvNetwork((2,), bottleneck="spatial")
    return vae(None, network=network, beta=0.1, epochs=5).fit(images())


@pytest.mark.slow
def test_a_spatial_code_is_as_large_as_the_last_stage(spatial):
    assert spatial.encoding_dim_ == 2 * 2 * 2
    assert spatial.transform(images()).shape == (60, 8)
    assert spatial.sample(3).shape == (3, 4, 4)


@pytest.mark.slow
def test_the_encoder_of_a_spatial_code_gives_the_means(spatial):
    rows = images().astype(np.float32)
    inside = spatial.encoder_.get_layer("encoder")
    assert inside.output_shape == (None, 16)
    np.testing.assert_allclose(
        spatial.encoder_(rows).numpy(), spatial.transform(images()), atol=1e-5
    )


def test_a_spatial_code_has_a_size_of_its_own():
    network = ConvNetwork((2,), bottleneck="spatial")
    with pytest.raises(ValueError, match=r"2 x 2 x 2 = 8, not encoding_dim=3"):
        vae(3, network=network).fit(images())


@pytest.mark.slow
def test_no_number_of_codes_means_as_many_as_features():
    assert vae(None).fit(X).encoding_dim_ == X.shape[1]


@pytest.mark.slow
def test_the_number_of_codes_may_follow_from_a_keras_model():
    network = custom_network()
    network = CustomNetwork(network.encoder((5,), 4), network.decoder((5,), 2))
    assert vae(None, network=network, beta=0.1).fit(X).encoding_dim_ == 2


@pytest.mark.parametrize(
    "network",
    [
        DenseNetwork(code_activation="relu"),
        ConvNetwork((2,), bottleneck="spatial", code_activation="tanh"),
    ],
)
def test_codes_with_an_activation_are_refused(network):
    activation = network.code_activation
    message = f"code_activation='linear'.*either sign; got '{activation}'"
    with pytest.raises(ValueError, match=message):
        vae(network=network).fit(X)


@pytest.mark.slow
def test_a_random_start_is_the_plain_network():
    """As `init` says of every estimator."""
    fitted = vae(network=None, init="random", epochs=1, beta=0).fit(X)
    plain = DenseNetwork(linear_shortcut=False).build_encoder((5,), 4)
    shapes = [value.shape for value in fitted.encoder_.get_weights()]
    assert shapes == [value.shape for value in plain.get_weights()]


# Extremes


def test_a_divergence_stays_finite_for_rows_far_away(fitted):
    rows = 1e6 * ROWS[fitted.loss]
    assert np.isfinite(fitted.score_samples(rows)).all()
    assert np.isfinite(fitted.log_likelihood(rows, 3)).all()
    assert np.isfinite(fitted.transform(rows)).all()


@pytest.mark.slow
def test_heavy_tails_leave_losses_finite():
    rows = np.random.RandomState(0).standard_cauchy((300, 5))
    history = vae(4, learning_rate=0.1, epochs=10).fit(rows).history_
    assert all(np.isfinite(values).all() for values in history.values())


@pytest.mark.slow
def test_rows_without_noise_have_a_likelihood_that_is_finite():
    """The learnt variance has a floor at the start, and a bound ever after."""
    flat = np.random.RandomState(0).randn(100, 2) @ np.random.RandomState(1).randn(2, 5)
    fitted = vae(epochs=30, learning_rate=0.1).fit(flat)
    assert np.isfinite(fitted.score_samples(flat)).all()
    highest = -objective._LOWEST_LOG_VARIANCE
    most = 5 * (highest - np.log(2 * np.pi)) / 2 - 5 * np.log(flat.std())
    assert fitted.score_samples(flat).max() < most + 5


@pytest.mark.slow
def test_probabilities_of_certain_values_stay_finite():
    rows = np.column_stack([BINARY, np.ones(300), np.zeros(300)])
    fitted = vae(loss="binary_crossentropy", learning_rate=0.1, epochs=20).fit(rows)
    assert np.isfinite(fitted.score_samples(1 - rows)).all()
    assert all(np.isfinite(fitted.history_["loss"]))


# Refusals


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("encoding_dim", 0),
        ("network", "dense"),
        ("beta", -1),
        ("beta", np.nan),
        ("beta", "auto"),
        ("kl_warmup", -1),
        ("kl_warmup", 1.5),
        ("kl_warmup", "slow"),
    ],
    ids=str,
)
def test_fit_refuses_parameters_by_their_name(name, value):
    with pytest.raises(ValueError, match=name) as raised:
        vae(**{name: value}).fit(X)
    assert repr(value) in str(raised.value)
    assert "must be" in str(raised.value)


@pytest.mark.parametrize("method", ["sample", "log_likelihood"])
def test_nothing_is_done_before_fit(method):
    with pytest.raises(AttributeError, match="not fitted yet"):
        getattr(vae(), method)(X if method == "log_likelihood" else 1)


def test_a_random_start_of_any_network_warms_up_by_itself():
    plain = {"network": DenseNetwork((4,)), "init": "random", "epochs": 10}
    automatic = full_batches(**plain).fit(X)
    assert_same_bits(automatic, full_batches(**plain, kl_warmup=2).fit(X))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["score_samples", "log_likelihood"])
@pytest.mark.parametrize("factor", [1e30, 1e200])
def test_likelihoods_of_rows_beyond_float32_are_an_error(method, factor):
    X = np.random.RandomState(0).normal(size=(40, 4))
    fitted = VAETransformer(2, network=DenseNetwork((4,)), epochs=1, random_state=0)
    fitted.fit(X)
    with pytest.raises(ValueError, match="so far beyond those of the fit"):
        getattr(fitted, method)(factor * X)
