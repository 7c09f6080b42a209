"""
Sparse codes
============

``l1_activity`` adds the sum of the absolute codes to the loss. Then many ``"relu"``
codes become exactly zero, and the few that are left describe the row.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

X = load_digits().data
X_train, X_test = train_test_split(X, random_state=0)

weights = [0, 0.01, 0.03, 0.1]
zeros, scores, estimators = [], [], []
for weight in weights:
    autoencoder = AutoencoderTransformer(
        32,
        hidden_layer_sizes=(),
        code_activation="relu",
        l1_activity=weight,
        init="random",
        random_state=0,
    ).fit(X_train)
    zeros.append(np.mean(autoencoder.transform(X_test) == 0))
    scores.append(autoencoder.score(X_test))
    estimators.append(autoencoder)

fig, ax = plt.subplots(figsize=(6, 4))
ax.plot(zeros, scores, "o-")
for weight, x, y in zip(weights, zeros, scores, strict=True):
    ax.annotate(f"{weight:g}", (x, y), xytext=(6, 4), textcoords="offset points")
ax.set(xlabel="share of codes that are zero", ylabel="variance explained, test rows")
ax.set_title("l1_activity, at the points")
ax.margins(0.15)
plt.show()

# %%
# What does one code stand for? Without hidden layers the decoder adds up one image for
# each code that is not zero. Here are those of the twelve codes that vary most, without
# and with the penalty.

fig, axes = plt.subplots(2, 12, figsize=(9, 2), subplot_kw={"xticks": [], "yticks": []})
for row, which in zip(axes, [0, -1], strict=True):
    order = np.argsort(-estimators[which].transform(X_train).std(axis=0))
    images = estimators[which].decoder_.predict(np.eye(32), verbose=0)
    images -= estimators[which].decoder_.predict(np.zeros((1, 32)), verbose=0)
    row[0].set_ylabel(f"{weights[which]:g}", rotation=0, ha="right", va="center")
    for ax, image in zip(row, images[order], strict=False):
        largest = np.abs(image).max()
        ax.imshow(image.reshape(8, 8), cmap="RdBu_r", vmin=-largest, vmax=largest)
fig.suptitle("Images of single codes; red adds ink, blue takes it away")
plt.show()

# %%
# With the penalty the images are somewhat smoother, and show parts of a loop or a
# stroke. Without it they are specks that make sense only in sum. 8 × 8 pixels are too
# few for clearer parts.
#
# Sparse codes are for looking at, and for methods that need them. They do not give a
# small error: if four of five codes are zero, the seven that are left explain 71%,
# while eight codes of the default explain 85%
# (:ref:`sphx_glr_auto_examples_reduce_plot_01_in_place_of_pca.py`).

# sphinx_gallery_thumbnail_number = 2
