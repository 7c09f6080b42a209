"""Features that hold nearly all of the variance, and the warning of `fit`."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers import correlated

from skae import AutoencoderTransformer
from skae._data.dominance import dominance_of
from skae.exceptions import DominantFeatureWarning

X = correlated()
TINY = {"hidden_layer_sizes": (8,), "epochs": 1, "random_state": 0}


def test_the_fewest_features_that_hold_enough_are_found():
    found = dominance_of(np.zeros(4), np.array([1.0, 60, 1, 38]), 0.97, most=2)
    assert (found.features, found.share) == ([1, 3], pytest.approx(0.98))
    assert dominance_of(np.zeros(4), np.array([1.0, 60, 1, 38]), 0.97, most=1) is None


def test_others_must_vary():
    assert dominance_of(np.ones(2), np.array([1.0, 0.0]), 0.5, most=1) is None
    rounding = np.array([1.0, 1e-28])
    assert dominance_of(np.ones(2), rounding, 0.5, most=1) is None
    assert dominance_of(np.ones(1), np.ones(1), 0.5, most=1) is None


def test_fit_warns_of_a_feature_in_another_unit():
    frame = pd.DataFrame(X * [1, 1, 1e4, 1, 1], columns=["a", "b", "income", "d", "e"])
    with pytest.warns(
        DominantFeatureWarning, match="Feature 'income' holds over 99.9%"
    ):
        AutoencoderTransformer(2, **TINY).fit(frame)
    with pytest.warns(DominantFeatureWarning, match="Feature 2 holds"):
        AutoencoderTransformer(2, **TINY).fit(frame.to_numpy())


@pytest.mark.parametrize(
    ("rows", "how"),
    [
        (X, {}),
        (np.rint(np.exp(X * [1, 1, 3, 1, 1] / 2)), {"loss": "poisson"}),
    ],
)
def test_other_fits_do_not(rows, how):
    with warnings.catch_warnings():
        warnings.simplefilter("error", DominantFeatureWarning)
        AutoencoderTransformer(2, **TINY, **how).fit(rows)
