"""
Before a classifier: does it help with few labels?
==================================================

A common hope is to learn codes from many rows without labels, and then a classifier
from the few rows with labels. Here is logistic regression on codes of an autoencoder,
on codes of PCA, and on the features as they are, for growing numbers of labels, on two
data sets.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer

N_LABELS = [20, 50, 100, 300]


def accuracies(X_train, X_test, y_train, y_test):
    """Return the mean accuracy over ten draws of the labelled rows, by their number."""
    random = np.random.RandomState(0)
    found = []
    for n_labels in N_LABELS:
        scores = []
        for _ in range(10):
            few, _, y_few, _ = train_test_split(
                X_train,
                y_train,
                train_size=n_labels,
                stratify=y_train,
                random_state=random,
            )
            classifier = make_pipeline(
                StandardScaler(), LogisticRegression(max_iter=1000)
            )
            scores.append(classifier.fit(few, y_few).score(X_test, y_test))
        found.append(np.mean(scores))
    return found


fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, (title, load) in zip(
    axes,
    {"digits": load_digits, "breast cancer": load_breast_cancer}.items(),
    strict=True,
):
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X) if title == "breast cancer" else X
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    for name, reducer in {
        "features as they are": "passthrough",
        "PCA, 8 codes": PCA(8),
        "autoencoder, 8 codes": AutoencoderTransformer(8, random_state=0),
    }.items():
        if reducer == "passthrough":
            reduced = X_train, X_test
        else:
            reduced = reducer.fit_transform(X_train), reducer.transform(X_test)
        ax.plot(N_LABELS, accuracies(*reduced, y_train, y_test), "o-", label=name)
    ax.set_xscale("log")
    ax.set_xticks(N_LABELS, map(str, N_LABELS))
    ax.minorticks_off()
    ax.set(title=title, xlabel="rows with labels", ylabel="accuracy on the test set")
axes[0].legend()
plt.show()

# %%
# On the digits eight codes of the autoencoder are as good as all 64 pixels, and better
# than eight principal components. But they are not *better* than the pixels, not even
# with two labels per digit: there is no gain from the rows without labels. On the
# breast cancer data the features as they are win with any number of labels; PCA and the
# autoencoder both lose a little.
#
# So put an autoencoder before a classifier to make the data smaller, not to make the
# classifier better, and compare with no reduction at all.
