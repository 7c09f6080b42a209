"""
Watching a fit in TensorBoard
=============================

Keras callbacks go into ``callbacks=``, TensorBoard's too. It writes files of events,
which ``tensorboard --logdir logs`` shows in a browser, while the fit is running. (A
callback with hooks around batches, as this one has, makes every batch a call of its
own, which is slower.)
"""

import pathlib
import tempfile

import keras
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from skae import AutoencoderTransformer
from skae.tensorboard import write_codes

X, y = load_digits(return_X_y=True)
logs = pathlib.Path(tempfile.mkdtemp())
autoencoder = AutoencoderTransformer(
    8,
    epochs=15,
    random_state=0,
    callbacks=[keras.callbacks.TensorBoard(logs)],
).fit(X)

# %%
# The curves can be read back without a browser:


def curve(part, tag):
    """Return the steps and values that were written of one tag."""
    events = EventAccumulator(str(logs / part), size_guidance={"tensors": 0}).Reload()
    values = events.Tensors(tag)
    return [e.step for e in values], [make_ndarray(e.tensor_proto) for e in values]


fig, ax = plt.subplots(figsize=(6, 4))
ax.plot(*curve("train", "epoch_loss"), "o-", label="training rows")
ax.plot(*curve("validation", "epoch_loss"), "o-", label="rows held out")
ax.set(xlabel="epoch", ylabel="mean squared error")
ax.legend()
plt.show()

# %%
# TensorBoard's projector turns codes in three dimensions, and lays them out by t-SNE or
# UMAP, with labels and small images at their points:

write_codes(logs, autoencoder.transform(X), labels=y, images=X.reshape(-1, 8, 8))
print(sorted(path.name for path in logs.iterdir()))
