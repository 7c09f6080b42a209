"""
Unusual heartbeats
==================

If an autoencoder of normal rows cannot reconstruct a row, the row is unusual:
``-score_samples`` is an anomaly score. The heartbeats here are drawn from a simple
model, a sum of five waves of varying height, width and place. Some beats have one of
three faults.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import RocCurveDisplay, roc_auc_score

from skae import AutoencoderTransformer

time = np.linspace(0, 1, 120)
# Time, height and width of the waves P, Q, R, S and T.
WAVES = np.array(
    [
        [0.20, 0.40, 0.46, 0.52, 0.75],
        [0.15, -0.15, 1.0, -0.25, 0.3],
        [0.03, 0.01, 0.014, 0.012, 0.05],
    ]
)


def heartbeats(n_beats, random, **faults):
    """Draw beats; a fault multiplies the height or the width of one wave."""
    places, heights, widths = WAVES[:, None, :] * random.normal(
        1, 0.08, (3, n_beats, 5)
    )
    places = WAVES[0] + 0.3 * (places - WAVES[0])
    heights = heights * faults.get("height", np.ones(5))
    widths = widths * faults.get("width", np.ones(5))
    waves = np.exp(-(((time - places[..., None]) / widths[..., None]) ** 2) / 2)
    beats = (heights[..., None] * waves).sum(axis=1)
    return beats + random.normal(scale=0.02, size=beats.shape)


random = np.random.RandomState(0)
X_train = heartbeats(1500, random)
normal = heartbeats(300, random)
faulty = {
    "no P wave": heartbeats(100, random, height=[0, 1, 1, 1, 1]),
    "flat T wave": heartbeats(100, random, height=[1, 1, 1, 1, 0.5]),
    "broad QRS complex": heartbeats(100, random, width=[1, 1.4, 1.4, 1.4, 1]),
}

autoencoder = AutoencoderTransformer(8, random_state=0).fit(X_train)

fig, axes = plt.subplots(2, 2, figsize=(8, 5), sharex=True, sharey=True)
examples = {"normal": normal, **faulty}
for ax, (name, beats) in zip(axes.ravel(), examples.items(), strict=True):
    ax.plot(time, beats[0], color="0.4", label="beat")
    ax.plot(
        time, autoencoder.reconstruct(beats[:1])[0], color="C1", label="reconstruction"
    )
    ax.set_title(f"{name}: {-autoencoder.score_samples(beats[:1])[0]:.4f}")
axes[0, 0].legend()
fig.suptitle("Beats, and their mean squared errors")
fig.tight_layout()
plt.show()

# %%
# The network draws what it has learnt: if the beat has no P wave, it still draws one,
# at least in part, and there the error is large. How well does the error tell faulty
# beats from normal ones? And PCA's error, with as many components?

pca = PCA(8).fit(X_train)


def pca_errors(beats):
    """Return the mean squared error of each beat."""
    return ((beats - pca.inverse_transform(pca.transform(beats))) ** 2).mean(axis=1)


def autoencoder_errors(beats):
    """Return the same for the autoencoder."""
    return -autoencoder.score_samples(beats)


X_test = np.concatenate([normal, *faulty.values()])
is_faulty = np.arange(len(X_test)) >= len(normal)
fig, ax = plt.subplots(figsize=(5, 4.5))
for name, errors in {"PCA": pca_errors, "autoencoder": autoencoder_errors}.items():
    RocCurveDisplay.from_predictions(is_faulty, errors(X_test), name=name, ax=ax)
ax.set_title("Faulty beats found, and normal ones suspected")
plt.show()

# %%
# For each fault, the area under the curve, which is 0.5 for guessing:

for name, beats in faulty.items():
    truth = np.repeat([False, True], [len(normal), len(beats)])
    some = np.concatenate([normal, beats])
    for method, errors in {
        "PCA": pca_errors,
        "autoencoder": autoencoder_errors,
    }.items():
        print(f"{name}, {method}: {roc_auc_score(truth, errors(some)):.2f}")

# %%
# Both find beats without a P wave. A flat T wave or a broad QRS complex is a sum of the
# same components as a normal beat, so PCA reconstructs it as well as a normal one, and
# can only guess. The autoencoder finds many of these beats, but not all: the broad beat
# above has the error of a normal one.
#
# These beats are simulated. On recorded beats the two are closer (``python -m
# benchmarks.ecg_anomalies``): with 200 normal beats nothing reconstructs them better
# than PCA.
