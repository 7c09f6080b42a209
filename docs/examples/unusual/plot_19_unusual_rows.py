"""
Unusual rows of a table
=======================

:class:`~skae.AutoencoderOutlierDetector` learns what is usual from benign cells (the
breast cancer data of scikit-learn). A threshold is taken from benign cells that were
held out, so that one in twenty of them raises an alarm. How many of the malignant
cells, of which the detector has seen none, are found? The same for PCA and for
:class:`~sklearn.ensemble.IsolationForest`.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderOutlierDetector, AutoencoderTransformer

data = load_breast_cancer(as_frame=True)
benign, malignant = data.data[data.target == 1], data.data[data.target == 0]
learnt, rest = train_test_split(benign, train_size=200, random_state=0)
held_out, test = train_test_split(rest, test_size=80, random_state=0)
scaler = StandardScaler().set_output(transform="pandas").fit(learnt)
learnt, held_out, test, malignant = map(
    scaler.transform, (learnt, held_out, test, malignant)
)

detector = AutoencoderOutlierDetector(
    AutoencoderTransformer(4), novelty=True, random_state=0
).fit(learnt)
pca = PCA(4).fit(learnt)
forest = IsolationForest(random_state=0).fit(learnt)


def pca_score(rows):
    """Return the negative squared error of each row."""
    back = pca.inverse_transform(pca.transform(rows))
    return -((rows.to_numpy() - back) ** 2).mean(axis=1)


scores = {
    "detector": detector.score_samples,
    "PCA's error": pca_score,
    "IsolationForest": forest.score_samples,
}
fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for ax, (name, score) in zip(axes, scores.items(), strict=True):
    threshold = np.quantile(score(held_out), 0.05)
    usual, unusual = score(test), score(malignant)
    # Scores of some methods spread over decades, so the axis is that of their ranks.
    steps = np.quantile(np.concatenate([usual, unusual]), np.linspace(0, 1, 21))
    for values, label in ((usual, "benign"), (unusual, "malignant")):
        counts = np.histogram(values, steps)[0]
        ax.stairs(counts / len(values), range(21), fill=True, alpha=0.6, label=label)
    ax.axvline(np.searchsorted(steps, threshold), color="black", linestyle="--")
    found, false = (unusual < threshold).mean(), (usual < threshold).mean()
    ax.set_title(f"{name}\nfound {found:.0%}, false alarms {false:.0%}")
    ax.set(xlabel="unusual  ←  score  →  usual", xticks=[], yticks=[])
axes[0].legend()
plt.show()

# %%
# The three are close. The forest finds the most here, and has the most false alarms;
# the detector is a little better than PCA's error. On other data the order is another,
# so if you have a few rows of the unusual kind, measure on your own.
#
# Which columns make a row unusual? ``explain`` gives the squared error of each, as a
# multiple of what is usual for the column:

row = malignant.iloc[[int(np.argmin(detector.score_samples(malignant)))]]
blame = detector.explain(row).iloc[0].nlargest(8).iloc[::-1]
fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
blame.plot.barh(ax=ax, color="C3", log=True)
ax.set(xlabel="squared error / usual", title="The most unusual row", xlim=(1, None))
plt.show()
