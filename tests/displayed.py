"""Small data and fits that the tests of the displays share."""

import functools

import numpy as np
from sklearn.datasets import load_digits, load_wine

from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
)

QUICK = {"epochs": 2, "random_state": 0}


def beats():
    rng = np.random.RandomState(0)
    phases = rng.uniform(0, 2 * np.pi, (60, 1, 1))
    steps = np.linspace(0, 2 * np.pi, 12)[None, :, None]
    return np.sin(phases + steps * [1, 2]) + 0.1 * rng.randn(60, 12, 2)


def colours():
    rng = np.random.RandomState(0)
    return np.clip(rng.rand(60, 1, 1, 3) + 0.2 * rng.rand(60, 6, 5, 3), 0, 1)


DATA = {
    "images": load_digits().images[:100],
    "flat": load_digits().data[:100],
    "conv": load_digits().data[:100],
    "denoiser": load_digits().images[:100],
    "vae": load_digits().images[:100],
    "sequences": beats(),
    "colours": colours(),
    "table": load_wine(as_frame=True).data.iloc[::2],
}
"""Rows for each of the fits, by name."""

LABELS = load_digits().target[:100]

_ESTIMATORS = {
    "images": AutoencoderTransformer(3, hidden_layer_sizes=8, **QUICK),
    "flat": AutoencoderTransformer(3, hidden_layer_sizes=8, **QUICK),
    "conv": ConvAutoencoder(2, filters=(4,), image_shape=(8, 8), **QUICK),
    "denoiser": DenoisingAutoencoder(3, noise_scale=2, **QUICK),
    "vae": VAETransformer(3, **QUICK),
    "sequences": SequenceAutoencoder(2, units=4, **QUICK),
    "colours": AutoencoderTransformer(2, hidden_layer_sizes=8, **QUICK),
    "table": AutoencoderTransformer(2, hidden_layer_sizes=8, **QUICK),
}

EVERY = sorted(_ESTIMATORS)

KINDS = {
    "images": ("image", (8, 8)),
    "flat": ("table", (64,)),
    "conv": ("image", (8, 8)),
    "denoiser": ("image", (8, 8)),
    "vae": ("image", (8, 8)),
    "sequences": ("sequence", (12, 2)),
    "colours": ("image", (6, 5, 3)),
    "table": ("table", (13,)),
}
"""How the samples of each fit are drawn, and in which shape."""


@functools.cache
def fit(name):
    """Return a fitted estimator, which tests leave as it is."""
    return _ESTIMATORS[name].fit(DATA[name])
