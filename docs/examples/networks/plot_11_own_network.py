"""
Your own Keras network
======================

:class:`~skae.networks.CustomNetwork` takes two functions that build Keras models.
Everything else stays the same: training, pipelines, searches and saving.
"""

import keras
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer
from skae.displays import TrainingDisplay
from skae.networks import CustomNetwork

X = load_digits().data
X_train, X_test = train_test_split(X, random_state=0)


def encoder(sample_shape, encoding_dim):
    """Build layers that add to what they get."""
    inputs = keras.Input(sample_shape)
    hidden = keras.layers.Dense(128, activation="gelu")(inputs)
    for _ in range(2):
        more = keras.layers.Dense(128, activation="gelu")(hidden)
        hidden = keras.layers.LayerNormalization()(hidden + more)
    return keras.Model(inputs, keras.layers.Dense(encoding_dim)(hidden))


def decoder(sample_shape, encoding_dim):
    """Build the way back; the last layer has no activation."""
    return keras.Sequential(
        [
            keras.Input((encoding_dim,)),
            keras.layers.Dense(128, activation="gelu"),
            keras.layers.Dense(128, activation="gelu"),
            keras.layers.Dense(*sample_shape),
        ]
    )


residual = AutoencoderTransformer(
    8, network=CustomNetwork(encoder, decoder), learning_rate=0.002, random_state=0
).fit(X_train)
default = AutoencoderTransformer(8, random_state=0).fit(X_train)

fig, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, (name, autoencoder) in zip(
    axes, {"residual layers": residual, "the default": default}.items(), strict=True
):
    TrainingDisplay.from_estimator(autoencoder, ax=ax)
    error = -autoencoder.score_samples(X_test).mean()
    ax.set_title(f"{name}: {error:.1f} on the test rows")
plt.show()

pca = PCA(8).fit(X_train)
by_pca = pca.inverse_transform(pca.transform(X_test))
print(f"PCA: {((X_test - by_pca) ** 2).mean():.1f} on the test rows")

# %%
# Both are far better than PCA here, and the default is the better one: it starts at
# PCA, while your own network starts at Keras' random weights. So your own network may
# also end worse than PCA. Write one if you know something about your data that the
# networks of :mod:`skae.networks` do not use.
