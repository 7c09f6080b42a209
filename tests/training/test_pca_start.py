"""The PCA start: before training, every network with a linear map is PCA."""

import numpy as np
import pytest
from helpers import (
    NO_STEP,
    correlated,
    each_of,
    more_codes_than_features,
    untrained,
)
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.datasets import load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer, ConvAutoencoder, SequenceAutoencoder
from skae._data.rows import Rows
from skae._objective.objective import Objective
from skae._pca.axes import principal_axes
from skae._training import link_regression, pca_start
from skae._training.pca_start import start_at_pca
from skae.networks import BRANCH, LINEAR, ConvNetwork, DenseNetwork, RecurrentNetwork
from skae.networks._build import Architecture
from skae.networks._build import variables as variables_of

X = correlated(60, 5)


def reconstruct(pca, X):
    return pca.inverse_transform(pca.transform(X))


# Dense networks before training

ACTIVATIONS = {
    # Largest |f(x) - linear(x)| over |linear(x)| for |x| up to r, from the term after
    # the linear one: tanh(x) = x - x^3/3 + ..., sigmoid(x) - 1/2 = x/4 - x^3/48 + ...
    "linear": 0.0,
    "relu": 0.0,
    "tanh": pca_start._LINEAR_RANGE["tanh"] ** 2 / 3,
    "sigmoid": pca_start._LINEAR_RANGE["sigmoid"] ** 2 / 12,
}


@pytest.mark.parametrize(
    ("code_activation", "hidden_layer_sizes"),
    each_of(
        {"plain": ("linear", ()), **{name: (name, (8, 4)) for name in ACTIVATIONS}},
        ["plain", "linear", "sigmoid"],
    ),
)
def test_training_starts_at_the_reconstructions_of_pca(
    code_activation, hidden_layer_sizes
):
    start = untrained(
        3, code_activation=code_activation, hidden_layer_sizes=hidden_layer_sizes
    ).fit(X)
    pca = PCA(3).fit(X)
    distance = np.linalg.norm(start.reconstruct(X) - reconstruct(pca, X), axis=1)
    allowed = ACTIVATIONS[code_activation] * np.linalg.norm(pca.transform(X), axis=1)
    assert (distance <= allowed + 1e-5 * X.std()).all()


def test_linear_codes_start_as_those_of_pca():
    np.testing.assert_allclose(
        untrained(3).fit_transform(X), PCA(3).fit_transform(X), atol=1e-5 * X.std()
    )


def test_the_start_scores_what_the_explained_variance_ratios_add_up_to():
    expected = PCA(2).fit(X).explained_variance_ratio_.sum()
    assert untrained(2).fit(X).score(X) == pytest.approx(expected, rel=1e-5)


def test_the_start_is_pca_on_all_rows_held_out_ones_included():
    start = untrained(2, validation_fraction=0.5).fit(X)
    np.testing.assert_allclose(
        start.reconstruct(X), reconstruct(PCA(2).fit(X), X), atol=1e-5 * X.std()
    )


def test_the_initial_loss_is_the_error_of_pca_on_the_judging_rows():
    train, judges = X[:40], X[40:]
    start = untrained(2).fit(train, X_val=judges)
    error = ((judges - reconstruct(PCA(2).fit(train), judges)) ** 2).mean()
    assert start.initial_loss_ == pytest.approx(error, rel=1e-5)


def test_weighted_rows_start_at_the_pca_of_repeated_rows():
    counts = np.random.RandomState(0).randint(0, 4, size=len(X))
    start = untrained(2).fit(X, sample_weight=counts)
    pca = PCA(2).fit(np.repeat(X, counts, axis=0))
    np.testing.assert_allclose(
        start.reconstruct(X), reconstruct(pca, X), atol=1e-5 * X.std()
    )


@more_codes_than_features
@pytest.mark.parametrize(
    "rows", [X, X[:3], X[:, :1], X[:2]], ids=["features", "rows", "one", "two rows"]
)
def test_more_codes_than_the_rank_reconstruct_exactly(rows):
    fitted = AutoencoderTransformer(8, random_state=0).fit(rows)
    np.testing.assert_allclose(fitted.reconstruct(rows), rows, atol=1e-5 * X.std())
    codes = fitted.transform(rows)
    assert codes.shape == (len(rows), 8)
    n_axes = min(len(rows), rows.shape[1])
    np.testing.assert_allclose(
        codes[:, :n_axes], PCA(n_axes).fit_transform(rows), atol=1e-5 * X.std()
    )
    np.testing.assert_allclose(codes[:, n_axes:], 0, atol=1e-5 * X.std())


def test_more_codes_than_the_rank_leave_nothing_to_train():
    fitted = AutoencoderTransformer(5, random_state=0).fit(X)
    assert not any(fitted.history_.values())
    assert fitted.n_iter_ == fitted.best_epoch_ == 0


@pytest.mark.slow
@pytest.mark.parametrize("code_activation", ["tanh", "sigmoid"])
def test_a_start_that_only_approximates_pca_is_trained(code_activation):
    fitted = AutoencoderTransformer(
        5,
        code_activation=code_activation,
        hidden_layer_sizes=(),
        epochs=2,
        random_state=0,
    ).fit(X)
    assert fitted.n_iter_ == 2


@more_codes_than_features
@pytest.mark.slow
@pytest.mark.parametrize("encoding_dim", [4, 7])
def test_l1_activity_shrinks_the_codes_with_any_number_of_them(encoding_dim):
    def sum_of_codes(l1_activity):
        fitted = AutoencoderTransformer(
            encoding_dim,
            l1_activity=l1_activity,
            hidden_layer_sizes=(8,),
            epochs=50,
            batch_size=8,
            validation_fraction=0,
            random_state=0,
        ).fit(X)
        return np.abs(fitted.transform(X)).sum()

    assert sum_of_codes(1.0) < 0.9 * sum_of_codes(0.0)


# Convolutional and recurrent networks before training

SAMPLES = correlated(60, 24, seed=1).reshape(60, 4, 3, 2)
SEQUENCES = SAMPLES.reshape(60, 12, 2)
FLAT = SAMPLES.reshape(60, 24)


def unmoved(kind, encoding_dim=3, **parameters):
    """Return an estimator that stays at its start; see `helpers.untrained`."""
    parameters = {
        "epochs": 1,
        "validation_fraction": 0,
        "random_state": 0,
        **parameters,
    }
    return kind(encoding_dim, learning_rate=NO_STEP, **parameters)


OTHERS = {
    "images": (ConvAutoencoder, SAMPLES, {"filters": (4, 3)}),
    "strides": (
        ConvAutoencoder,
        SAMPLES,
        {"filters": (4,), "downsampling": "strides", "batch_normalization": True},
    ),
    "flat images": (ConvAutoencoder, FLAT, {"filters": 4, "image_shape": (6, 4)}),
    "gru": (SequenceAutoencoder, SEQUENCES, {"units": 4}),
    "lstm": (
        SequenceAutoencoder,
        SEQUENCES,
        {"units": 4, "cell": "lstm", "bidirectional": True},
    ),
}
others = pytest.mark.parametrize(
    ("kind", "samples", "how"), each_of(OTHERS, ["images", "gru"])
)


@pytest.mark.slow
@others
def test_other_networks_start_at_the_reconstructions_of_pca(kind, samples, how):
    start = unmoved(kind, **how).fit(samples)
    assert start.init_ == "pca"
    np.testing.assert_allclose(
        start.reconstruct(samples).reshape(60, 24),
        reconstruct(PCA(3).fit(FLAT), FLAT),
        rtol=1e-4,
        atol=1e-5 * FLAT.std(),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["images", "gru"])
def test_the_codes_of_other_networks_start_as_those_of_pca(name):
    kind, samples, how = OTHERS[name]
    codes = unmoved(kind, **how).fit_transform(samples)
    np.testing.assert_allclose(
        codes, PCA(3).fit_transform(FLAT), atol=1e-5 * FLAT.std()
    )


@pytest.mark.slow
@pytest.mark.parametrize("code_activation", ["relu", "tanh", "sigmoid"])
def test_convolutions_start_at_pca_behind_every_code_activation(code_activation):
    start = unmoved(ConvAutoencoder, filters=(4,), code_activation=code_activation)
    pca = PCA(3).fit(FLAT)
    codes = pca.transform(FLAT)
    reconstructions = start.fit(SAMPLES).reconstruct(SAMPLES).reshape(60, 24)
    distance = np.linalg.norm(reconstructions - reconstruct(pca, FLAT), axis=1)
    allowed = ACTIVATIONS[code_activation] * np.linalg.norm(codes, axis=1)
    assert (distance <= allowed + 1e-5 * FLAT.std()).all()


@pytest.mark.slow
def test_with_cross_entropy_convolutions_start_where_dense_networks_do():
    rows = (FLAT - FLAT.min()) / (FLAT.max() - FLAT.min())
    how = {"loss": "binary_crossentropy", "validation_fraction": 0}
    dense = untrained(3, **how).fit(rows)
    start = unmoved(ConvAutoencoder, filters=(4,), image_shape=(4, 3, 2), **how)
    np.testing.assert_allclose(
        start.fit(rows).reconstruct(rows), dense.reconstruct(rows), atol=1e-5
    )


# The units of steps, and weight decay

NETWORKS = {
    "dense": DenseNetwork((4, 3)),
    "images": ConvNetwork((4, 3), batch_normalization=True),
    "strides": ConvNetwork((4,), downsampling="strides", code_activation="sigmoid"),
    "gru": RecurrentNetwork(4, n_layers=2, sequence_shape=(12, 2)),
    "lstm": RecurrentNetwork(
        4, cell="lstm", bidirectional=True, sequence_shape=(12, 2)
    ),
}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def start_of(network):
    """Return a network's trainable variables at the start, its axes and `StepSizes`."""
    flat = (FLAT - FLAT.mean(axis=0)).astype(np.float32)
    rows, objective = Rows(flat, np.ones(60)), Objective()
    axes = principal_axes(flat, rows.weights, 3, np.random.RandomState(0))
    both = Architecture(network, SAMPLES.shape[1:], 3, objective).build()
    code_activation = getattr(network, "code_activation", "linear")
    weights = [v.numpy() for v in variables_of(*both)]
    _, steps = start_at_pca(
        *both, weights, axes, code_activation, rows, objective, 0.25
    )
    variables = [v for model in both for v in model.trainable_variables]
    return variables, axes, steps


def place(variable):
    """Return the name of a variable's layer, or cell, and its own."""
    return tuple(variable.path.split("/")[-2:])


@every_network
def test_every_trainable_variable_has_a_unit_of_its_steps(network):
    variables, _, steps = start_of(network)
    for variable, size in zip(variables, steps.sizes, strict=True):
        assert np.broadcast_shapes(size.shape, variable.shape) == variable.shape
        assert (size > 0).all()


@every_network
def test_weight_decay_pulls_the_kernels_beside_the_linear_map(network):
    variables, _, steps = start_of(network)
    decaying = [
        place(variable)
        for variable, decay in zip(variables, steps.decays, strict=True)
        if decay == 0.25
    ]
    kernels = [
        (layer, name)
        for layer, name in map(place, variables)
        if "kernel" in name and layer != LINEAR
    ]
    assert decaying == kernels
    assert set(steps.decays) == {0.25, 0.0}


@pytest.mark.parametrize("name", ["images", "gru"])
def test_steps_are_in_proportion_to_what_pca_leaves_in_each_channel(name):
    variables, axes, steps = start_of(NETWORKS[name])
    # Later variables are the decoder's.
    size = dict(zip(map(place, variables), steps.sizes, strict=True))
    left = axes.residual_variances
    np.testing.assert_allclose(size[LINEAR, "bias"], np.sqrt(left), rtol=1e-5)
    by_channel = left.reshape(-1, 2).mean(axis=0)
    np.testing.assert_allclose(size[BRANCH, "kernel"], np.sqrt(by_channel), rtol=1e-5)


# The start with cross-entropy


def binary_rows(n_rows=200, seed=0):
    rng = np.random.RandomState(seed)
    logits = rng.randn(n_rows, 2) @ rng.randn(2, 6) + rng.randn(6)
    return (rng.rand(n_rows, 6) < expit(logits)).astype(float)


def cross_entropy(parameters, design, values):
    logits = design @ parameters
    return (np.logaddexp(0, logits) - values * logits).mean()


def best_logistic_regression(codes, values):
    """Return the parameters with the least mean cross-entropy, by BFGS."""
    design = np.column_stack([codes, np.ones(len(codes))])

    def gradient(parameters):
        return design.T @ (expit(design @ parameters) - values) / len(values)

    start = np.zeros(design.shape[1])
    return minimize(
        cross_entropy, start, (design, values), jac=lambda p, *_: gradient(p)
    ).x


def test_with_cross_entropy_the_codes_start_as_those_of_pca():
    rows = binary_rows()
    start = untrained(2, loss="binary_crossentropy").fit(rows)
    np.testing.assert_allclose(
        start.transform(rows), PCA(2).fit_transform(rows), atol=1e-5
    )


@pytest.mark.slow
def test_with_cross_entropy_the_start_is_the_logistic_regression_on_the_codes():
    """The loss is as near the least one as accelerated descent guarantees.

    After k steps that majorise by M, the loss is at most 2 d'Md / (k + 1)^2 above the
    least, d from start to optimum (Beck and Teboulle, 2009, theorem 4.4).
    """
    rows = binary_rows()
    start = untrained(2, loss="binary_crossentropy").fit(rows, X_val=rows)
    codes = PCA(2).fit_transform(rows)
    design = np.column_stack([codes, np.ones(len(codes))])
    majorant = design.T @ design / len(design) / 4
    least, allowed = [], []
    for values in rows.T:
        best = best_logistic_regression(codes, values)
        least.append(cross_entropy(best, design, values))
        way = best - [0, 0, np.log(values.mean() / (1 - values.mean()))]
        allowed.append(
            2 * way @ majorant @ way / (link_regression._LOGIT_STEPS + 1) ** 2
        )
    excess = start.initial_loss_ - np.mean(least)
    assert -1e-6 < excess < np.mean(allowed) + 1e-5 * np.mean(least)


def test_with_cross_entropy_the_start_counts_weights_as_repeated_rows():
    rows = binary_rows()
    counts = np.random.RandomState(0).randint(0, 4, size=len(rows))
    weighted = untrained(2, loss="binary_crossentropy").fit(rows, sample_weight=counts)
    repeated = untrained(2, loss="binary_crossentropy").fit(
        np.repeat(rows, counts, axis=0)
    )
    np.testing.assert_allclose(
        weighted.reconstruct(rows), repeated.reconstruct(rows), atol=1e-4
    )


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_with_cross_entropy_features_at_a_bound_start_near_it(value):
    rows = binary_rows()
    rows[:, 2] = value
    start = untrained(2, loss="binary_crossentropy").fit(rows)
    np.testing.assert_allclose(start.reconstruct(rows)[:, 2], value, atol=1e-2)


@pytest.mark.slow
def test_with_cross_entropy_the_start_of_many_rows_suits_all_of_them():
    """Here they are two groups of 10,000 rows, one after the other."""
    rng = np.random.RandomState(0)
    groups = np.repeat([0.2, 0.8], 10_000)[:, None]
    rows = np.clip(groups + 0.1 * rng.randn(20_000, 3), 0, 1)
    start = untrained(1, loss="binary_crossentropy", batch_size=20_000)
    start.fit(rows, X_val=rows)
    codes = PCA(1).fit_transform(rows)
    design = np.column_stack([codes, np.ones(len(codes))])
    least = [
        cross_entropy(best_logistic_regression(codes, values), design, values)
        for values in rows.T
    ]
    assert start.initial_loss_ == pytest.approx(np.mean(least), rel=2e-3)


# Training from the start

REAL_DATA = {"wine": load_wine, "diabetes": load_diabetes}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "loss"),
    [("wine", "mse"), ("diabetes", "mse"), ("wine", "binary_crossentropy")],
)
def test_training_never_is_worse_than_the_start_on_the_judging_rows(name, loss):
    rows = REAL_DATA[name]().data
    if loss == "binary_crossentropy":
        rows = (rows - rows.min(axis=0)) / np.ptp(rows, axis=0)
    train, judges = train_test_split(rows, random_state=0)
    fitted = AutoencoderTransformer(2, loss=loss, epochs=15, random_state=0)
    fitted.fit(train, X_val=judges)
    assert fitted.best_loss_ <= fitted.initial_loss_
    if loss == "mse":
        error = ((judges - reconstruct(PCA(2).fit(train), judges)) ** 2).mean()
        assert -fitted.score_samples(judges).mean() <= error * (1 + 1e-5)


@pytest.mark.parametrize("seed", range(2))
def test_noise_keeps_pca(seed):
    """In pure noise PCA is best; other rows than the judging ones must agree."""
    noise = np.random.RandomState(seed).randn(120, 8)
    train, others = noise[:60], noise[60:]
    fitted = AutoencoderTransformer(2, epochs=20, random_state=seed).fit(train)
    error = ((others - reconstruct(PCA(2).fit(train), others)) ** 2).mean()
    assert -fitted.score_samples(others).mean() <= 1.005 * error


@pytest.mark.slow
def test_first_steps_do_not_leave_a_start_that_is_nearly_exact():
    """Steps are in proportion to what PCA leaves: here a millionth of the variance."""
    rng = np.random.RandomState(0)
    rows = rng.randn(200, 2) @ rng.randn(2, 6) + 1e-3 * rng.randn(200, 6)
    fitted = AutoencoderTransformer(2, epochs=3, random_state=0).fit(rows)
    assert max(fitted.history_["loss"]) < 10 * fitted.initial_loss_
