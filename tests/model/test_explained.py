"""What reconstructions explain of the variance."""

import numpy as np
import pytest
from helpers import correlated
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae._model import ordering

X = correlated(60, 5)


def test_ratios_of_a_fit_that_is_pca_are_those_of_pca():
    """Of all rows and codes, though with as many a sample would be decoded."""
    rows = np.random.RandomState(0).randn(1000, 200)
    fitted = AutoencoderTransformer(200, epochs=1, random_state=0).fit(rows)
    assert fitted.best_epoch_ == 0
    ratios = PCA().fit(rows).explained_variance_ratio_
    np.testing.assert_allclose(fitted.explained_variance_ratio_, ratios, rtol=1e-5)


@pytest.mark.parametrize("code_activation", ["linear", "relu", "sigmoid"])
@pytest.mark.parametrize("hidden_layer_sizes", [(), (4,)])
def test_ratios_of_linear_decoders_are_those_of_decoding(
    code_activation, hidden_layer_sizes, monkeypatch
):
    """Trained ones, and those whose branch is at zero still."""
    fit = AutoencoderTransformer(
        3,
        hidden_layer_sizes=hidden_layer_sizes,
        code_activation=code_activation,
        init="pca",
        epochs=2,
        validation_fraction=0 if not hidden_layer_sizes else 0.5,
        learning_rate=1e-3 if not hidden_layer_sizes else 1e-12,
        random_state=0,
    ).fit
    weights = np.linspace(1, 2, len(X))
    ratios = fit(X, sample_weight=weights).explained_variance_ratio_
    monkeypatch.setattr(ordering.Ordering, "_linear_kernel", lambda *_: None)
    decoded = fit(X, sample_weight=weights).explained_variance_ratio_
    assert not np.array_equal(ratios, decoded)  # another way was taken
    np.testing.assert_allclose(ratios, decoded, atol=1e-5)
