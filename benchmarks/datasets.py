"""Data sets of the benchmarks, as (n_rows, n_features) arrays.

Files are looked for in the folder that the environment variable SKAE_DATA_DIR names;
MNIST is downloaded with Keras where it is not there.
"""

import os
import pathlib

import numpy as np
from sklearn import datasets as bundled

BUNDLED = {
    "digits": bundled.load_digits,
    "breast_cancer": bundled.load_breast_cancer,
    "wine": bundled.load_wine,
    "diabetes": bundled.load_diabetes,
}
FILES = ("cardio", "satellite", "mouse_bladder", "ecg5000", "mnist")
NAMES = (*BUNDLED, *FILES)
_SOURCES = {
    "cardio": "ADBench has it among its classical data sets, as arrays X and y",
    "satellite": "ADBench has it among its classical data sets, as arrays X and y",
    "mouse_bladder": "scDCC has its counts and cell types; save them as arrays x and y",
    "ecg5000": "the UCR archive has it; save the first 500 series as arrays x and y",
}
LABELLED = tuple(name for name in NAMES if name != "diabetes")


def load(name):
    """Load a data set.

    Parameters
    ----------
    name : str
        One of `NAMES`.

    Returns
    -------
    ndarray of shape (n_rows, n_features)
        Float32 for images and counts, in [0, 1] for MNIST; otherwise as stored.
    """
    if name in BUNDLED:
        return BUNDLED[name]().data
    if name == "mnist":
        return mnist()[0]
    arrays = _arrays(name)
    if name == "mouse_bladder":
        counts = arrays["x"].astype(np.float32)
        return np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
    return arrays["x" if "x" in arrays else "X"]


def labelled(name):
    """Load a data set with its labels.

    Parameters
    ----------
    name : str
        One of `LABELLED`.

    Returns
    -------
    X : ndarray of shape (n_rows, n_features)
        As `load` gives it; of MNIST the 60,000 training rows and 10,000 test rows.

    y : ndarray of shape (n_rows,)
    """
    if name == "mnist":
        return np.concatenate(mnist()), np.concatenate(mnist_labels())
    if name in BUNDLED:
        return load(name), BUNDLED[name]().target
    return load(name), _arrays(name)["y"]


def mnist():
    """Return MNIST's training and test images as rows in [0, 1], float32."""
    images = (images for images, _ in _mnist())
    return tuple(x.reshape(len(x), -1).astype(np.float32) / 255 for x in images)


def mnist_labels():
    """Return MNIST's training and test labels."""
    return tuple(labels for _, labels in _mnist())


def _mnist():
    path = _folder() / "mnist.npz"
    if path.exists():
        arrays = np.load(path)
        return [
            (arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test")
        ]
    import keras

    return keras.datasets.mnist.load_data()


def ecg5000():
    """Return heartbeats as rows of 140 values, and their classes (1 is normal)."""
    arrays = _arrays("ecg5000")
    return arrays["x"], arrays["y"]


def available():
    """Return the names of the data sets that can be loaded without a download."""
    return [
        name
        for name in NAMES
        if name in BUNDLED or (_folder() / f"{name}.npz").exists()
    ]


def _arrays(name):
    """Return the arrays of a file, or end with a sentence on where it comes from."""
    path = _folder() / f"{name}.npz"
    if not path.exists():
        raise SystemExit(
            f"This needs the file {path}: {_SOURCES[name]}. Put it there, or name its "
            "folder in the environment variable SKAE_DATA_DIR."
        )
    return np.load(path)


def _folder():
    return pathlib.Path(os.environ.get("SKAE_DATA_DIR", "."))
