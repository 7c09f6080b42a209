"""
Your own Keras network
======================

:class:`~skae.networks.CustomNetwork` takes two functions that build Keras models. All
the rest, training, pipelines, searches and saving, stays the same.
"""

import keras
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer
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
pca = PCA(8).fit(X_train)
pca_error = ((X_test - pca.inverse_transform(pca.transform(X_test))) ** 2).mean()

fig, ax = plt.subplots(figsize=(6.5, 4))
for name, autoencoder in {"residual layers": residual, "the default": default}.items():
    (line,) = ax.plot(autoencoder.history_["val_loss"], label=f"{name}, held-out rows")
    error = -autoencoder.score_samples(X_test).mean()
    ax.plot(autoencoder.best_epoch_, error, "o", color=line.get_color())
ax.axhline(pca_error, color="0.4", linestyle="--", label="PCA, test rows")
ax.plot([], [], "o", color="0.4", label="test rows, best epoch")
ax.set_yscale("log")
ax.set(xlabel="epoch", ylabel="mean squared error")
ax.legend()
plt.show()

# %%
# TODO
