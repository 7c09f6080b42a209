"""Small data and fits that the tests of the displays share."""

import functools

import numpy as np
import pandas as pd
from helpers import correlated
from sklearn.datasets import load_digits

from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    VAETransformer,
)
from skae.networks import DenseNetwork

QUICK = {"epochs": 2, "random_state": 0}
DENSE = {"hidden_layer_sizes": (8,), **QUICK}
SMALL = {"network": DenseNetwork((8,)), **QUICK}

TABLE = correlated()
LABELS = load_digits().target[:100]


def beats():
    """Return flat rows of sequences of 8 steps and 2 channels."""
    rng = np.random.RandomState(0)
    phases = rng.uniform(0, 2 * np.pi, (60, 1, 1))
    steps = np.linspace(0, 2 * np.pi, 8)[None, :, None]
    return (np.sin(phases + steps * [1, 2]) + 0.1 * rng.randn(60, 8, 2)).reshape(60, -1)


def with_missing_values():
    rows = np.where(np.random.RandomState(0).rand(*TABLE.shape) < 0.1, np.nan, TABLE)
    rows[7] = np.nan
    return rows


IMAGES = load_digits().images[:100]

DATA = {
    "images": IMAGES,
    "denoiser": IMAGES,
    "vae": IMAGES,
    "sequences": beats(),
    "table": pd.DataFrame(TABLE, columns=list("abcde")),
}
"""Rows for each of the fits, by name."""

MISSING = with_missing_values()
"""A table with missing values everywhere, and nothing else in row 7."""

_SEQUENCE = {"kernel_size": (3,), "image_shape": (8, 2)}

_ESTIMATORS = {
    "images": AutoencoderTransformer(3, **DENSE),
    "denoiser": DenoisingAutoencoder(3, noise_scale=2, **SMALL),
    "vae": VAETransformer(3, **SMALL),
    "sequences": ConvAutoencoder(2, filters=(4,), **_SEQUENCE, **QUICK),
    "table": AutoencoderTransformer(2, **DENSE),
}

EVERY = sorted(_ESTIMATORS)

KINDS = {
    "images": ("image", (8, 8)),
    "denoiser": ("image", (8, 8)),
    "vae": ("image", (8, 8)),
    "sequences": ("sequence", (8, 2)),
    "table": ("table", (5,)),
}
"""How the samples of each fit are drawn, and in which shape."""


@functools.cache
def fit(name):
    """Return a fitted estimator, which tests leave as it is."""
    return _ESTIMATORS[name].fit(DATA[name])


@functools.cache
def fit_with_missing_values():
    """Return an estimator fitted on `MISSING`, which tests leave as it is."""
    return AutoencoderTransformer(2, missing_values="allow", **DENSE).fit(MISSING)
