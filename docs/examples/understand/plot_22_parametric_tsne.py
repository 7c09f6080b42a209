"""
New digits fall into place: parametric t-SNE
============================================

t-SNE gives each row a point, and knows no other rows. :class:`~skae.ParametricTSNE`
lays out rows by the same loss, but a network says where, so that new rows get a point
too. Here are maps of three quarters of the digits, and the last quarter, which no fit
has seen, placed by ``transform``.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skae import ParametricTSNE

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

tsne = TSNE(random_state=0)
parametric = ParametricTSNE(random_state=0)
maps = {
    "TSNE": (tsne.fit_transform(X_train), y_train),
    "ParametricTSNE": (parametric.fit_transform(X_train), y_train),
    "ParametricTSNE, new rows": (parametric.transform(X_test), y_test),
}

fig, axes = plt.subplots(1, 3, figsize=(13, 4.4), layout="constrained")
for ax, (name, (positions, labels)) in zip(axes, maps.items(), strict=True):
    points = ax.scatter(*positions.T, c=labels, cmap="tab10", s=8)
    ax.set(title=name, xticks=[], yticks=[])
fig.colorbar(points, ax=axes, label="digit", ticks=range(10))
plt.show()

# %%
# Both maps have ten groups, with a few digits in the wrong one. New rows come to lie in
# the groups of their digit, though some lie between groups, where no training row does:
# a network is continuous, and a digit that is like none it has seen is placed between
# those that it is like. How often do the five nearest training rows give the right
# digit?

labels = KNeighborsClassifier().fit(parametric.transform(X_train), y_train)
print(f"new rows: {labels.score(parametric.transform(X_test), y_test):.1%}")
print(f"divergence: TSNE {tsne.kl_divergence_:.2f}, ", end="")
print(f"ParametricTSNE {parametric.kl_divergence_:.2f} nats")

# %%
# t-SNE's own loss, the Kullback-Leibler divergence, is a little larger than that of
# ``TSNE``, which may put each row where it likes. With more attraction than repulsion
# the groups become denser, and the gaps between them larger, as in maps by UMAP:

fig, axes = plt.subplots(1, 3, figsize=(13, 4.4), layout="constrained")
for ax, exaggeration in zip(axes, (1, 4, 30), strict=True):
    estimator = ParametricTSNE(exaggeration=exaggeration, epochs=60, random_state=0)
    points = ax.scatter(
        *estimator.fit_transform(X_train).T, c=y_train, cmap="tab10", s=8
    )
    ax.set(title=f"exaggeration={exaggeration}", xticks=[], yticks=[])
fig.colorbar(points, ax=axes, label="digit", ticks=range(10))
plt.show()
