"""Estimators from files."""

from __future__ import annotations

import os

from skae._estimators.base import BaseAutoencoder
from skae._saving.reading import read
from skae._tables.encoder import TableEncoder


def load(path: str | os.PathLike[str]) -> BaseAutoencoder | TableEncoder:
    """Read an estimator that `save` has written.

    Nothing in the file is run: it names classes of skae's and of Keras' that only
    compute, and holds numbers and text. The networks are built on first use, after
    their weights have been compared with them; so that may raise a SavedFileError too.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    estimator : AutoencoderTransformer, TableEncoder, or another of skae's
        As it was when it was saved.

    Raises
    ------
    skae.exceptions.SavedFileError
        When the file is damaged, forged, of a newer format, or something else.

    OSError
        When it cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> import skae
    >>> X = np.random.RandomState(0).rand(100, 8)
    >>> autoencoder = skae.AutoencoderTransformer(2, epochs=1, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "autoencoder.skae"
    ...     autoencoder.save(path)
    ...     again = skae.load(path)
    >>> bool((again.transform(X) == autoencoder.transform(X)).all())
    True
    """
    return read(path)
