"""
New digits: a variational autoencoder
=====================================

:class:`~skae.VAETransformer` learns a density of codes. So every code stands for a
plausible row, not only the codes of training rows. With two codes all of them fit into
one picture.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import VAETransformer
from skae.displays import LatentDisplay, LatentManifoldDisplay

images, y = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8) / 16
images_train, images_test, _, y_test = train_test_split(images, y, random_state=0)

vae = VAETransformer(2, loss="binary_crossentropy", random_state=0).fit(images_train)

fig, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
LatentDisplay.from_estimator(vae, images_test, y_test, ax=axes[0])
LatentManifoldDisplay.from_estimator(vae, n_steps=11, ax=axes[1])
axes[0].set_title("Codes of test images")
axes[1].set_title("Images of codes on a grid")
plt.show()

# %%
# Neighbouring codes are similar images: digits turn into each other, and between two
# digits are images of neither. Two codes are too few to keep ten digits apart. Six are
# better for drawing new digits, but do not fit into one picture:

vae = VAETransformer(6, loss="binary_crossentropy", random_state=0).fit(images_train)
drawn = vae.sample(24, random_state=0)

fig, axes = plt.subplots(
    3, 8, figsize=(8, 3.2), subplot_kw={"xticks": [], "yticks": []}
)
for ax, image in zip(axes.ravel(), drawn, strict=True):
    ax.imshow(image, cmap="gray")
fig.suptitle("Drawn from the model: no image of the data")
plt.show()

# %%
# Many can be read, some are not digits, and all are a little blurred: a variational
# autoencoder draws the mean of all that a code may stand for. More codes do not make
# them sharper. With eight, ``fit`` warns that two have collapsed: they tell nothing
# about the rows.

# sphinx_gallery_thumbnail_number = 2
