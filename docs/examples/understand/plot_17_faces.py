"""
Faces: what the codes mean
==========================

Drawn faces of 32 × 32 pixels. Each differs in four things: the head turns, the mouth
smiles, the eyes open, and light falls from one side. So four numbers describe a face
completely. But the nose moves across the image as the head turns, and no weighted sum
of fixed images moves anything. The displays of skae show what PCA and
:class:`~skae.AutoencoderTransformer` make of this.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score

from skae import AutoencoderTransformer, VAETransformer
from skae.displays import (
    EncodingDimDisplay,
    LatentDisplay,
    LatentManifoldDisplay,
    LatentTraversalDisplay,
    ReconstructionDisplay,
    TrainingDisplay,
)


def draw_faces(n, random):
    """Return images of faces, and the turn of each head from -1, left, to 1, right."""
    turn, smile, lids, light = random.uniform(-1, 1, (4, n, 1, 1))
    y, x = np.mgrid[-1:1:32j, -1:1:32j]
    middle = 0.16 * turn

    def spot(across, down, width, height):
        return np.exp(-(((x - across) / width) ** 2) - ((y - down) / height) ** 2)

    head = 1 / (1 + np.exp(25 * (np.hypot(x / 0.72, y / 0.92) - 1)))
    hair = 1 / (1 + np.exp(30 * (y + 0.55 + 0.5 * (x - 0.5 * turn) ** 2)))
    ink = 0.2 * spot(1.25 * middle, 0.12, 0.05, 0.16)  # the nose
    for side in (-0.3, 0.3):
        across = 0.9 * middle + side
        ink += 0.6 * spot(across, -0.2, 0.1, 0.075 + 0.05 * lids)  # an eye
        ink += 0.35 * spot(across, -0.42 - 0.05 * lids, 0.17, 0.035)  # its brow
    bend = 0.48 + 0.16 * smile * (0.5 - ((x - middle) / 0.3) ** 2)
    ink += 0.5 * np.exp(-(((y - bend) / 0.06) ** 2) - ((x - middle) / 0.3) ** 6)
    skin = 0.75 + 0.2 * light * x - 0.35 * hair
    return head * np.clip(skin - ink, 0, 1), turn.ravel()


random = np.random.RandomState(0)
faces, _ = draw_faces(1000, random)
test_faces, test_turn = draw_faces(300, random)


def flat(images):
    """Return one row for each image."""
    return images.reshape(len(images), -1)


autoencoder = AutoencoderTransformer(4, epochs=60, random_state=0).fit(faces)
ReconstructionDisplay.from_estimator(autoencoder, test_faces, n_samples=8)
plt.show()

# %%
# How much better than PCA is that? The error on the faces that were not fitted, for
# one, four and sixteen codes, after ten epochs only. With four codes, hardly anything
# of PCA's error is left; PCA does not get there with sixteen.

EncodingDimDisplay.from_estimator(
    AutoencoderTransformer(epochs=10),
    flat(faces),
    X_test=flat(test_faces),
    encoding_dims=[1, 4, 16],
    measure="error",
    random_state=0,
)
plt.show()

# %%
# Where a face lies in the plane of the first two codes tells how far the head is
# turned:

LatentDisplay.from_estimator(autoencoder, test_faces, test_turn)
plt.show()

# %%
# Each row of the next picture changes one code, and leaves the others at their mean.
# Codes are sorted by what they explain: the first turns the head, and others move the
# light, open the eyes and bend the mouth. They need not be so pure: a code may mix two
# things. Three deviations from the mean are beyond the faces of the fit, and show it.

LatentTraversalDisplay.from_estimator(autoencoder, faces, n_steps=9)
plt.show()

# %%
# Two codes fill a plane of faces. :class:`~skae.VAETransformer` is made for such a
# plane: every code between those of the training faces is a face.

plane = VAETransformer(2, epochs=60, random_state=0).fit(faces)
LatentManifoldDisplay.from_estimator(plane, n_steps=9)
plt.show()

# %%
# The course of the fit: training starts at PCA's error, and the weights of the best
# epoch are kept.

TrainingDisplay.from_estimator(autoencoder)
plt.show()

# %%
# In figures, the fraction of the variance of the test faces that four numbers explain:

pca = PCA(4).fit(flat(faces))
back = pca.inverse_transform(pca.transform(flat(test_faces)))
explained = r2_score(flat(test_faces), back, multioutput="variance_weighted")
print(f"PCA         {explained:.3f}")
print(f"autoencoder {autoencoder.score(test_faces):.3f}")

# sphinx_gallery_thumbnail_number = 4
