"""The recipes of `benchmarks.seed_recipes`: their networks are the published ones."""

import pytest
from helpers import more_codes_than_features

from benchmarks.seed_recipes import RECIPES, count

PUBLISHED = {
    "simple": (50_992, 25_120, 0),
    "simple, Adadelta": (50_992, 25_120, 0),
    "sparse": (50_992, 25_120, 0),
    "deep": (222_384, 110_816, 0),
    "convolutional": (4_385, 1_904, 0),
    "convolutional, pooled": (4_385, 1_904, 0),
    "denoising": (28_353, 9_568, 0),
    "denoising, batch-normalised": (440_865, 215_072, 224),
    # LSTM(32) of one channel, and LSTM(1) of 32; 784-256-(2 + 2) and 2-256-784.
    "sequence": (4 * 32 * (32 + 1 + 1) + 4 * 1 * (1 + 32 + 1), 4 * 32 * 34, 0),
    "variational": (785 * 256 + 257 * 4 + 3 * 256 + 257 * 784, 785 * 256 + 257 * 4, 0),
}


@pytest.mark.slow
@pytest.mark.usefixtures("codes_as_trained")  # to order 1,568 codes takes half a minute
@more_codes_than_features  # as it is fitted to few rows
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_the_published_number_of_parameters(name):
    assert count(RECIPES[name]) == PUBLISHED[name]
