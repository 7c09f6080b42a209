"""
Images: convolutions, and when they pay
=======================================

:class:`~skae.ConvAutoencoder` knows that neighbouring pixels belong together, and that
a shape is the same shape elsewhere in the image. That helps if shapes move. Here each
image has a ring of any size at any place: three numbers describe it completely.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer, ConvAutoencoder

random = np.random.RandomState(0)
size, n_images = 16, 1200
x, y = random.uniform(4, 12, (2, n_images, 1, 1))
radius = random.uniform(2, 4, (n_images, 1, 1))
rows, columns = np.mgrid[:size, :size]
distance = np.hypot(rows - y, columns - x)
images = np.exp(-((distance - radius) ** 2))
images_train, images_test = train_test_split(images, random_state=0)


def flat(images):
    """Return one row for each image."""
    return images.reshape(len(images), -1)


pca = PCA(4).fit(flat(images_train))
dense = AutoencoderTransformer(4, epochs=40, random_state=0).fit(images_train)
convolutional = ConvAutoencoder(4, epochs=40, random_state=0).fit(images_train)

by_pca = pca.inverse_transform(pca.transform(flat(images_test)))
lines = {
    "original": images_test,
    "PCA": by_pca.reshape(images_test.shape),
    "dense": dense.reconstruct(images_test),
    "convolutional": convolutional.reconstruct(images_test),
}

fig, axes = plt.subplots(
    4, 8, figsize=(8, 4.3), subplot_kw={"xticks": [], "yticks": []}
)
for row, (name, some) in zip(axes, lines.items(), strict=True):
    error = ((some - images_test) ** 2).mean() / images_test.var(axis=0).mean()
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    row[-1].set_title(
        f"{error:.0%} unexplained" if error else "", loc="right", fontsize=9
    )
    for ax, image in zip(row, some, strict=False):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
plt.show()

# %%
# PCA cannot follow a shape that moves: its four components blur the rings. The dense
# network can follow, and the convolutional one has half of its error. If shapes stay in
# their place, like the digits in images of 8 × 8 pixels, convolutions gain nothing over
# :class:`~skae.AutoencoderTransformer`, and their fit takes several times as long.
