"""Comparisons that several test modules look at, each made once."""

import functools

import numpy as np
from helpers import correlated
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer, compare

X = correlated()
y = np.digitize(X[:, 0], np.quantile(X[:, 0], [1 / 3, 2 / 3]))
NAME = "<b>Ours/1"


class MeanOnly(BaseEstimator):
    """Codes that say nothing: every reconstruction is the training mean."""

    def __init__(self, encoding_dim=1):
        self.encoding_dim = encoding_dim

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return np.zeros((len(X), self.encoding_dim))

    def inverse_transform(self, X):
        return np.tile(self.mean_, (len(X), 1))


def tiny():
    """Return an autoencoder that is fitted in no time."""
    return AutoencoderTransformer(hidden_layer_sizes=(8,), epochs=2, random_state=0)


@functools.cache
def with_ours():
    """Two splits with text as labels, one number of codes, an autoencoder of skae's."""
    estimators = {NAME: tiny(), "foreign": PCA()}
    labels = np.array(["red", "green", "blue"])[y]
    return compare(X, labels, estimators=estimators, encoding_dims=2, n_splits=2)


@functools.cache
def of_pca():
    """Two splits, two numbers of codes, two estimators that are none of skae's."""
    estimators = {"means": MeanOnly(), "PCA again": PCA()}
    how = {"encoding_dims": [1, 3], "n_splits": 2, "n_neighbors": 3}
    return compare(X, y, estimators=estimators, **how)
