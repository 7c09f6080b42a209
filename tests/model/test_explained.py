"""What reconstructions explain of the variance."""

import numpy as np
import pytest
from helpers import correlated
from sklearn.datasets import load_digits, make_low_rank_matrix
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae._data.rows import Rows
from skae._model import explained
from skae._model.explained import FirstCodes

X = correlated(60, 5)
WEIGHTS = np.linspace(1, 2, len(X))


@pytest.mark.parametrize(
    ("rows", "n_codes"),
    [
        (np.random.RandomState(0).randn(1000, 200), 200),
        pytest.param(
            make_low_rank_matrix(2000, 300, effective_rank=30, random_state=0),
            100,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["full rank", "low rank"],
)
def test_ratios_of_a_fit_that_is_pca_are_those_of_pca(rows, n_codes):
    """Of all rows and codes, though with as many a part of the rows would do."""
    fitted = AutoencoderTransformer(n_codes, epochs=1, random_state=0).fit(rows)
    assert fitted.best_epoch_ == 0
    ratios = PCA(n_codes, svd_solver="full").fit(rows).explained_variance_ratio_
    np.testing.assert_allclose(fitted.explained_variance_ratio_, ratios, rtol=1e-5)
    assert (np.diff(fitted.explained_variance_ratio_) < 0).all()


def first_codes_of(fitted, X, weights):
    """Return `FirstCodes` of an estimator, and its codes' means."""
    network = fitted._fitted.on_standardized()
    scaling = fitted._fitted.scaling
    values = ((X - scaling.mean) / scaling.scale).astype(np.float32)
    variance = np.cov(values.T, aweights=weights, ddof=0).trace()
    codes = network.encode(values)
    means = np.average(codes, axis=0, weights=weights)
    rows = Rows(values, weights)
    return FirstCodes(network, rows, variance, codes, lambda c: c, means), means


@pytest.mark.parametrize("code_activation", ["linear", "relu", "sigmoid"])
@pytest.mark.parametrize("hidden_layer_sizes", [(), (4,)])
def test_the_two_ways_to_what_first_codes_explain_agree(
    code_activation, hidden_layer_sizes, monkeypatch
):
    """Trained linear decoders, and those whose branch is at zero still."""
    fitted = AutoencoderTransformer(
        3,
        hidden_layer_sizes=hidden_layer_sizes,
        code_activation=code_activation,
        init="pca",
        epochs=2,
        validation_fraction=0 if not hidden_layer_sizes else 0.5,
        learning_rate=1e-3 if not hidden_layer_sizes else 1e-12,
        random_state=0,
    ).fit(X, sample_weight=WEIGHTS)
    counts = [1, 2, 3]
    first, means = first_codes_of(fitted, X, WEIGHTS)
    by_moments = first.explain(counts)
    monkeypatch.setattr(explained, "linear_kernel", lambda _: None)
    decoded = first_codes_of(fitted, X, WEIGHTS)[0].explain(counts)
    assert not np.array_equal(by_moments, decoded)  # another way was taken
    np.testing.assert_allclose(by_moments, decoded, atol=1e-5)
    # By definition.
    codes = np.where(np.arange(3) < 2, first.codes, means)
    errors = first.rows.values - first.fitted.decode(codes.astype(np.float32))
    error = np.average((errors**2).sum(axis=1), weights=WEIGHTS)
    assert decoded[1] == pytest.approx(1 - error / first.variance, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.7, 0.99])
def test_all_rows_decide_on_the_fewest_codes_for_a_fraction(fraction, monkeypatch):
    rows = load_digits().data
    fitted = AutoencoderTransformer(8, epochs=5, init="random", random_state=0)
    fitted.fit(rows)
    by_all, _ = first_codes_of(fitted, rows, np.ones(len(rows)))
    expected = by_all.fewest(fraction)
    monkeypatch.setattr(explained, "_MOST_DECODINGS", 1)
    monkeypatch.setattr(explained, "_FEWEST_ROWS", 3)
    assert by_all.fewest(fraction) == expected
