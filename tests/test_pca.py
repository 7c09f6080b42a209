"""The PCA start: the axes are PCA's, and so is the network before training."""

import numpy as np
import pytest
from helpers import correlated, untrained
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.datasets import load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer, _pca, _start

X = correlated(60, 5)


def reconstruct(pca, X):
    return pca.inverse_transform(pca.transform(X))


# Principal axes


def low_rank(n_rows, n_features, seed=0):
    """Return rows with quickly falling variances along their axes, and noise."""
    rng = np.random.RandomState(seed)
    codes = rng.randn(n_rows, 6) * [9, 7, 5, 3, 2, 1]
    rows = codes @ rng.randn(6, n_features) + 0.01 * rng.randn(n_rows, n_features) + 1
    return rows.astype(np.float32)


SOLVERS = {
    "covariance": {"shape": (80, 10)},
    "covariance in float32": {"shape": (80, 10), "_FLOAT64_PRODUCTS": 0},
    "Gram matrix": {"shape": (10, 80)},
    "randomised": {"shape": (80, 30), "_LARGEST_MATRIX": 20},
}


@pytest.fixture(params=SOLVERS)
def rows(request, monkeypatch):
    """Rows from which each of the solvers is chosen in turn."""
    for name, value in SOLVERS[request.param].items():
        if name != "shape":
            monkeypatch.setattr(_pca, name, value)
    return low_rank(*SOLVERS[request.param]["shape"])


def principal_axes(rows, weights=None, n_components=4):
    weights = np.ones(len(rows)) if weights is None else weights
    generator = np.random.RandomState(0)
    return _pca.principal_axes(rows, weights, n_components, generator)


def assert_axes_of(axes, pca, n_rows):
    scale = np.sqrt(pca.explained_variance_[0])
    np.testing.assert_allclose(axes.mean, pca.mean_, atol=1e-5 * scale)
    np.testing.assert_allclose(axes.components, pca.components_, atol=2e-4)
    to_population = (n_rows - 1) / n_rows
    np.testing.assert_allclose(
        axes.variances, pca.explained_variance_ * to_population, rtol=1e-3
    )


def test_every_solver_gives_the_axes_of_pca(rows):
    """Signs included: they are compared as they are."""
    pca = PCA(4, svd_solver="full").fit(rows.astype(np.float64))
    assert_axes_of(principal_axes(rows), pca, len(rows))


def test_every_solver_gives_orthonormal_axes_by_falling_variance(rows):
    axes = principal_axes(rows)
    np.testing.assert_allclose(
        axes.components @ axes.components.T, np.eye(4), atol=1e-5
    )
    assert (np.diff(axes.variances) < 0).all()


def test_every_solver_counts_a_weight_as_repeated_rows(rows):
    counts = np.random.RandomState(1).randint(1, 4, size=len(rows))
    repeated = np.repeat(rows, counts, axis=0).astype(np.float64)
    pca = PCA(4, svd_solver="full").fit(repeated)
    axes = principal_axes(rows, counts.astype(np.float64))
    assert_axes_of(axes, pca, len(repeated))


def test_every_solver_knows_what_is_left_unexplained(rows):
    axes = principal_axes(rows)
    exact = rows.astype(np.float64)
    pca = PCA(4, svd_solver="full").fit(exact)
    residual = ((exact - reconstruct(pca, exact)) ** 2).mean(axis=0)
    total = exact.var(axis=0).sum()
    np.testing.assert_allclose(
        axes.residual_variances, residual, rtol=1e-2, atol=1e-6 * total
    )
    assert not axes.are_exact


def test_the_largest_entry_of_every_axis_is_positive(rows):
    components = principal_axes(rows).components
    largest = np.abs(components).argmax(axis=1)
    assert (components[np.arange(len(components)), largest] > 0).all()


@pytest.mark.parametrize("shape", [(40, 6), (4, 30)], ids=["features", "rows"])
def test_there_are_no_more_axes_than_the_rank(shape):
    rank = min(shape[0] - 1, 3)
    rng = np.random.RandomState(0)
    rows = rng.randn(shape[0], rank) @ rng.randn(rank, shape[1])
    axes = principal_axes(rows.astype(np.float32), n_components=20)
    noise = 1e-10 * axes.variances.sum()
    assert (axes.variances > noise).sum() == rank
    assert axes.are_exact


def test_equal_rows_have_no_axes_at_all():
    axes = principal_axes(np.ones((10, 3), np.float32), n_components=2)
    assert axes.components.shape == (0, 3)
    assert axes.are_exact


# The network before training

ACTIVATIONS = {
    # Largest |f(x) - linear(x)| over |linear(x)| for |x| up to r, from the term after
    # the linear one: tanh(x) = x - x^3/3 + ..., sigmoid(x) - 1/2 = x/4 - x^3/48 + ...
    "linear": 0.0,
    "relu": 0.0,
    "tanh": _start._LINEAR_RANGE["tanh"] ** 2 / 3,
    "sigmoid": _start._LINEAR_RANGE["sigmoid"] ** 2 / 12,
}


@pytest.mark.parametrize(
    ("code_activation", "hidden_layer_sizes"),
    [("linear", ()), *((name, (8, 4)) for name in ACTIVATIONS)],
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
        allowed.append(2 * way @ majorant @ way / (_start._LOGIT_STEPS + 1) ** 2)
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


def test_first_steps_do_not_leave_a_start_that_is_nearly_exact():
    """Steps are in proportion to what PCA leaves: here a millionth of the variance."""
    rng = np.random.RandomState(0)
    rows = rng.randn(200, 2) @ rng.randn(2, 6) + 1e-3 * rng.randn(200, 6)
    fitted = AutoencoderTransformer(2, epochs=3, random_state=0).fit(rows)
    assert max(fitted.history_["loss"]) < 10 * fitted.initial_loss_
