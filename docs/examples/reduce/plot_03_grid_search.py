"""
How many codes? A grid search
=============================

A search can set the parameters of an autoencoder like those of any other step of a
pipeline. Here the classifier after it decides how many codes are enough.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from skae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
pipeline = Pipeline(
    [
        ("codes", AutoencoderTransformer(epochs=20, random_state=0)),
        ("classifier", KNeighborsClassifier()),
    ]
)
sizes = [2, 4, 8, 16, 32]
search = GridSearchCV(pipeline, {"codes__encoding_dim": sizes}, cv=3).fit(X, y)
print("best:", search.best_params_)

# %%
# The fits of one architecture share what TensorFlow has compiled, so a search of many
# costs little more than the training itself. ``n_jobs=2`` would share the work between
# processes, with the same results.

means = search.cv_results_["mean_test_score"]
spreads = search.cv_results_["std_test_score"]
on_pixels = GridSearchCV(KNeighborsClassifier(), {}, cv=3).fit(X, y).best_score_

fig, ax = plt.subplots(figsize=(6, 4))
ax.errorbar(sizes, means, yerr=spreads, marker="o", capsize=4, label="on codes")
ax.axhline(on_pixels, color="0.4", linestyle="--", label="on all 64 pixels")
ax.set_xscale("log", base=2)
ax.set_xticks(sizes, map(str, sizes))
ax.set(xlabel="codes", ylabel="accuracy, 5 nearest neighbours")
ax.legend()
plt.show()

# %%
# The search chooses the largest number, but the gain is small: 16 codes are half a
# point behind 32, and all 64 pixels are no better than 32 codes. So the codes do not
# make this classifier better. They make its data smaller: 16 codes by a factor of four,
# at almost no cost, and eight codes by a factor of eight, at a cost of three points. A
# search by accuracy alone always prefers more codes; the curve tells more than its best
# point.
