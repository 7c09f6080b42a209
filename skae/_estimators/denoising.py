"""Denoising autoencoders, of any network."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any, Literal, Self, TypeAlias

from skae._data.checks import extremes
from skae._data.containers import shape_of
from skae._data.corruption import KINDS, Corruption
from skae._data.prepare import UserData
from skae._estimators.base import BaseAutoencoder
from skae._estimators.constraints import (
    AUTO,
    N_CODES,
    NOT_NEGATIVE,
    POINT_CONSTRAINTS,
    SHARED_CONSTRAINTS,
    fit_context,
)
from skae._estimators.shared_docs import documented
from skae._objective.objective import Objective
from skae._runtime.annotations import (
    ArrayLike,
    Auto,
    Callbacks,
    Floats,
    Loss,
    Optimizer,
    Rows,
    Seed,
)
from skae._runtime.scikit_learn import Interval, StrOptions
from skae._runtime.warnings import warn
from skae.networks import DenseNetwork, Network

# Limits may have been float64 when the network learnt, and float32 when it cleans: six
# digits are left.
_ROUNDING = 1e-6

_Corruption: TypeAlias = (
    Literal["gaussian", "masking", "salt_and_pepper", "swap"]
    | Callable[[Any, Any], Any]
)


@documented
class DenoisingAutoencoder(BaseAutoencoder):
    """Learns to undo corruption, and so to clean rows and to find robust codes.

    In training the encoder reads corrupted rows, and the decoder learns to give the
    clean ones. Rows are corrupted anew in every epoch. Rows held out are corrupted
    once; an epoch is better if it cleans them better.

    Parameters
    ----------
    %(encoding_dim)s

    network : network or None, default=None
        One of `skae.networks`. None is ``DenseNetwork()``.

    corruption : {"gaussian", "masking", "salt_and_pepper", "swap"} or callable, \
default="gaussian"
        What happens to the rows in training.

        - "gaussian" adds normal noise of deviation `noise_scale` to every value; `clip`
          says which rows are then clipped to the range of the training data.
        - "masking" replaces values by the mean of their feature, or by zero with
          ``loss="binary_crossentropy"``.
        - "salt_and_pepper" replaces values by the smallest or the largest value of the
          training data. It is for features of one range, such as pixels.
        - "swap" replaces values by the same feature's value in another training row. It
          is for tables.
        - A callable ``corruption(samples, seed)`` gets a float32 tensor of shape
          ``(batch, *sample_shape)`` in the unit of the data and a
          `keras.random.SeedGenerator`, and returns the corrupted tensor. It is compiled
          into the training step, so write it with `keras.ops` and `keras.random`.

        "masking", "salt_and_pepper" and "swap" replace each value with the probability
        `corruption_rate`. A callable decides by itself.

    noise_scale : float or "auto", default="auto"
        Standard deviation of "gaussian" noise, in the unit of the data. "auto" is half
        the root mean variance of the features.

    clip : bool or "auto", default="auto"
        Whether rows with "gaussian" noise are clipped to the range of the training
        data, from the lowest to the highest value of all features. Set True if the
        rows that you want to clean are clipped, as those of noisy pictures in files
        are, and False if they are not. "auto" goes by what it sees. With noisy rows as
        `X_val`, and `X_val_clean`, it clips if none of these rows leaves the range.
        Otherwise it clips half of the rows, drawn anew in each epoch, where values pile
        up at the ends of the range, and none where they do not. A network that has
        learnt from half of each kind cleans either kind almost as well as one that has
        learnt from that kind alone.

    corruption_rate : float in [0, 1], default=0.25
        Probability that "masking", "salt_and_pepper" and "swap" replace a value.

    %(l1_activity)s

    %(code)s

    %(loss)s

    %(training_parameters)s

    Attributes
    ----------
    noise_scale_ : float
        Deviation of "gaussian" noise.

    clipped_fraction_ : float
        Fraction of the rows with "gaussian" noise that were clipped: 1 for
        ``clip=True``, 0 for False, and one of 0, 0.5 and 1 for "auto".

    input_range_ : tuple of two floats
        Lowest and highest value that the network has read in training, up to six
        deviations of noise that is not clipped. `denoise` warns about rows beyond it.
        Not set if `corruption` is a callable.

    %(fitted_attributes)s

    %(encoding_dim_search)s

    Notes
    -----
    `score` measures how well rows are reconstructed as they are, so a search by it
    prefers the least corruption. To search over `noise_scale` or `corruption_rate`,
    score how well your own noisy rows are cleaned.

    References
    ----------
    Vincent, Larochelle, Lajoie, Bengio and Manzagol (2010), Stacked denoising
    autoencoders, JMLR 11.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenoisingAutoencoder
    >>> X = load_digits().data
    >>> noisy = X + np.random.RandomState(0).normal(scale=4, size=X.shape)
    >>> denoiser = DenoisingAutoencoder(noise_scale=4, epochs=5, random_state=0).fit(X)
    >>> error = ((denoiser.denoise(noisy) - X) ** 2).mean()
    >>> bool(error < 0.6 * ((noisy - X) ** 2).mean())
    True
    """

    _parameter_constraints = {
        "encoding_dim": N_CODES,
        "network": [Network, None],
        "corruption": [StrOptions(set(KINDS)), callable],
        "noise_scale": [AUTO, NOT_NEGATIVE],
        "clip": [AUTO, "boolean"],
        "corruption_rate": [Interval(numbers.Real, 0, 1, closed="both")],
        "l1_activity": [NOT_NEGATIVE],
        **POINT_CONSTRAINTS,
        **SHARED_CONSTRAINTS,
    }

    def __init__(
        self,
        encoding_dim: int | float | Auto | None = 32,
        *,
        network: Network | None = None,
        corruption: _Corruption = "gaussian",
        noise_scale: float | Auto = "auto",
        clip: bool | Auto = "auto",
        corruption_rate: float = 0.25,
        l1_activity: float = 0.0,
        whiten: bool = False,
        nested_dropout: bool = False,
        missing_values: Literal["error", "allow"] = "error",
        loss: Loss = "mse",
        init: Literal["auto", "pca", "random"] = "auto",
        optimizer: Optimizer = "auto",
        learning_rate: float | Auto = "auto",
        learning_rate_schedule: Literal["cosine", "constant"] = "cosine",
        batch_size: int | Auto = "auto",
        epochs: int | Auto = "auto",
        validation_fraction: float | Auto = "auto",
        early_stopping: bool = True,
        patience: int | Auto = "auto",
        callbacks: Callbacks = None,
        warm_start: bool = False,
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        self.encoding_dim = encoding_dim
        self.network = network
        self.corruption = corruption
        self.noise_scale = noise_scale
        self.clip = clip
        self.corruption_rate = corruption_rate
        self.l1_activity = l1_activity
        self.whiten = whiten
        self.nested_dropout = nested_dropout
        self.missing_values = missing_values
        self.loss = loss
        self.init = init
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.batch_size = batch_size
        self.epochs = epochs
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @fit_context
    def fit(
        self,
        X: Rows,
        y: object = None,
        *,
        X_clean: Rows | None = None,
        sample_weight: ArrayLike | None = None,
        X_val: Rows | None = None,
        X_val_clean: Rows | None = None,
    ) -> Self:
        """Learn to clean rows; if anything fails, the estimator stays as it was.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Training rows, in any unit; at least two. Clean, unless `X_clean` is given.

        y : None
            Ignored; present so that pipelines can pass labels.

        X_clean : {array-like, sparse matrix} of the shape of X, default=None
            The clean samples of the rows of X. The rows of X are then the noisy ones,
            and `corruption` is not used.

        sample_weight : array-like of shape (n_samples,), default=None
            What each row counts: a row of weight 2 is two rows, one of weight 0 is
            none. Not negative.

        X_val : {array-like, sparse matrix} of shape (n_validation_samples, ...), \
default=None
            Rows that judge each epoch, instead of rows held out from X.

        X_val_clean : {array-like, sparse matrix} of the shape of X_val, default=None
            The clean samples of the rows of X_val, which are then noisy ones of your
            own, and judge the epochs as they are. Needed where both `X_clean` and
            `X_val` are given.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            When a parameter or the data cannot be used; the message says which and
            what would do.

        TypeError
            When `callbacks` holds something that is no Keras callback.
        """
        _check_labels(X, y)
        return self._fit(UserData(X, sample_weight, X_val, X_clean, X_val_clean, y))

    @fit_context
    def partial_fit(
        self,
        X: Rows,
        y: object = None,
        *,
        X_clean: Rows | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Go on learning with one pass over some rows, for data that come in parts.

        See `AutoencoderTransformer.partial_fit`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows; in the first call at least two. Clean, unless `X_clean` is given.

        y : None
            Ignored; present so that pipelines can pass labels.

        X_clean : {array-like, sparse matrix} of the shape of X, default=None
            The clean samples of the rows of X; see `fit`.

        sample_weight : array-like of shape (n_samples,), default=None
            What each row counts, relative to the others of this call. Not negative.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            When a parameter or the data cannot be used; the message says which and
            what would do.

        TypeError
            When `callbacks` holds something that is no Keras callback.
        """
        _check_labels(X, y)
        return self._partial_fit(UserData(X, sample_weight, X_clean=X_clean))

    def denoise(self, X: Rows) -> Floats:
        """Clean noisy rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Noisy rows.

        Returns
        -------
        cleaned : ndarray of shape (n_samples, *sample_shape)
            Their reconstructions; float32 for float32 input, else float64. Dense,
            however sparse X is.

        Warns
        -----
        UserWarning
            When values lie outside of `input_range_`, the range of what the network has
            read in training.
        """
        rows, _ = self._checked(X)
        _warn_of_values_outside(rows, getattr(self, "input_range_", None))
        return self._as_samples(self._fitted.reconstruct(rows))

    def _network(self) -> Network:
        return DenseNetwork() if self.network is None else self.network

    def _objective(self) -> Objective:
        corruption = Corruption(self.corruption, float(self.corruption_rate))
        return Objective.of(self, corruption=corruption)


def _warn_of_values_outside(rows, known):
    """Warn if values lie outside of the range that is known to the network."""
    if known is None:
        return
    lowest, highest = map(float, extremes(rows))
    rounding = _ROUNDING * max(map(abs, known))
    if lowest < known[0] - rounding or highest > known[1] + rounding:
        warn(
            f"X has values from {lowest:g} to {highest:g}, but the network has learnt "
            f"to clean values from {known[0]:g} to {known[1]:g}. Clip X, for instance "
            "with numpy.clip, or fit with noise like that of X: clip=False, another "
            "noise_scale, or pairs (X_clean)."
        )


def _check_labels(X: Rows, y: object) -> None:
    """Raise a ValueError if clean rows are passed as labels."""
    shape, wanted = shape_of(y), shape_of(X)
    is_table = len(shape) > 1 and shape[1] > 1
    if is_table and shape in (wanted, (*wanted[:1], math.prod(wanted[1:]))):
        raise ValueError(
            "y is ignored, but has the shape of X. Give the clean rows of noisy ones "
            "by name: fit(X_noisy, X_clean=X)."
        )
