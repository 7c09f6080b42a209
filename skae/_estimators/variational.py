"""Variational autoencoders, of any network."""

from __future__ import annotations

import numbers
import zlib
from typing import Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae import _defaults
from skae._data.checks import check_finite, check_rows
from skae._data.rows import row_chunks
from skae._estimators.base import BaseAutoencoder
from skae._estimators.constraints import AUTO, NOT_NEGATIVE, SHARED_CONSTRAINTS, SIZE
from skae._estimators.shared_docs import documented
from skae._objective.objective import NegativeELBO
from skae._runtime.annotations import Auto, Callbacks, Floats, Optimizer, Rows, Seed
from skae._runtime.randomness import as_generator
from skae._runtime.scikit_learn import Interval, StrOptions
from skae._runtime.warnings import warn
from skae.networks import DenseNetwork, Network
from skae.networks._checks import check_positive

# In nats. A code with so small a divergence tells a row from another hardly at all;
# with a larger bound, weak but useful codes would be reported too.
_COLLAPSED = 0.01
# More draws make `score_samples` less noisy, and proportionally slower.
_ELBO_DRAWS = 16
# A larger table gives fewer rows the same draws, but takes longer to fill.
_TABLE_SIZE = 4096


@documented
class VAETransformer(BaseAutoencoder):
    """Codes as probability distributions, and a generator of new rows.

    The encoder gives a normal distribution for each row's code, the decoder a
    distribution of rows for each code. Training maximises the evidence lower bound
    (ELBO) of the rows' log-likelihood, under a standard normal prior of the codes. A
    network with a linear map starts at probabilistic PCA, the best linear model of this
    kind.

    Parameters
    ----------
    encoding_dim : int or None, default=32
        Number of codes. None takes the number of rows or of features, whichever is
        smaller, but at most 512. If the network fixes the number of codes, as
        ``bottleneck="spatial"`` and Keras models of your own do, None takes that
        number.

    network : network or None, default=None
        One of `skae.networks`, with a linear code. None is ``DenseNetwork()``.

    beta : float, default=1.0
        Weight of the KL divergence in the loss. More than 1 asks for simpler codes,
        less for better reconstructions.

    kl_warmup : int or "auto", default="auto"
        Epochs in which the weight of the KL divergence rises linearly from 0 to `beta`.
        "auto" is 0 for a network that starts at PCA, otherwise a fifth of the epochs.

    loss : {"mse", "binary_crossentropy"}, default="mse"
        Likelihood of the rows. "mse" is a normal one, with a single variance for all
        features, which is learnt. "binary_crossentropy" is a Bernoulli one, for data
        in [0, 1]. The loss is in nats per row, summed over features.

    %(training_parameters)s

    Attributes
    ----------
    %(fitted_attributes)s

    Notes
    -----
    `transform` gives the means of the codes' distributions, in units of the prior.
    `score` is the fraction of variance that reconstructions from them explain, as for
    all estimators. To search by the ELBO, score with
    ``lambda vae, X, y=None: vae.score_samples(X).mean()``.

    `components_` are those of the decoder, which shrinks towards the mean: at the start
    they are PCA's times the fraction of their variance that is no noise.

    `history_` also has "reconstruction" and "kl", the two terms of the loss, and the
    same of the rows held out ("val_reconstruction", "val_kl").

    `score_samples` and `log_likelihood` draw random numbers. These depend only on the
    row, so a row gets the same value in every call, whatever the other rows are.

    References
    ----------
    Kingma and Welling (2014), Auto-encoding variational Bayes, ICLR.

    Lucas, Tucker, Grosse and Norouzi (2019), Don't blame the ELBO! A linear VAE
    perspective on posterior collapse, NeurIPS.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import VAETransformer
    >>> X = load_digits().data / 16
    >>> vae = VAETransformer(2, loss="binary_crossentropy", epochs=5, random_state=0)
    >>> vae.fit_transform(X).shape
    (1797, 2)
    >>> vae.sample(3, random_state=0).shape
    (3, 64)
    """

    _parameter_constraints = {
        "encoding_dim": [SIZE, None],
        "network": [Network, None],
        "beta": [NOT_NEGATIVE],
        "kl_warmup": [
            AUTO,
            Interval(numbers.Integral, 0, None, closed="left"),
        ],
        **SHARED_CONSTRAINTS,
        "loss": [StrOptions({"mse", "binary_crossentropy"})],
    }

    def __init__(
        self,
        encoding_dim: int | None = 32,
        *,
        network: Network | None = None,
        beta: float = 1.0,
        kl_warmup: int | Auto = "auto",
        loss: Literal["mse", "binary_crossentropy"] = "mse",
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
        self.beta = beta
        self.kl_warmup = kl_warmup
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

    def sample(self, n_samples: int = 1, *, random_state: Seed = None) -> Floats:
        """Generate rows: decode codes drawn from the prior.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        random_state : int, RandomState instance or None, default=None
            Seed of the codes. None takes fresh entropy.

        Returns
        -------
        rows : ndarray of shape (n_samples, *sample_shape)
            Means of the decoder's distributions (probabilities, with
            "binary_crossentropy"), in the unit of the training rows.
        """
        check_is_fitted(self)
        n_samples = check_positive("n_samples", n_samples)
        generator = as_generator(random_state)
        codes = generator.standard_normal((n_samples, self.encoding_dim_))
        return self.inverse_transform(codes)

    def score_samples(self, X: Rows) -> Floats:
        """Return the evidence lower bound of each row's log-likelihood.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows like those of `fit`, or the same flattened.

        Returns
        -------
        scores : float64 ndarray of shape (n_samples,)
            In nats, of the density in the unit of X or, with "binary_crossentropy", of
            the probability. Always with the weight 1 of the KL divergence, whatever
            `beta` is.
        """
        X, rows, codec = self._standardized(X)
        numbers = _row_numbers(rows.values)
        total = np.zeros(len(numbers))
        for i in range(_ELBO_DRAWS):
            rows = rows.drawn(_normal_draws(numbers, self.encoding_dim_, i))
            total += codec.row_terms(rows).sum(axis=1, dtype=np.float64)
        bounds = -total / _ELBO_DRAWS - self._loss_offset()
        return check_finite(bounds, X)

    def log_likelihood(self, X: Rows, n_samples: int = 100) -> Floats:
        """Estimate each row's log-likelihood by importance sampling.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows like those of `fit`, or the same flattened.

        n_samples : int, default=100
            Number of codes drawn for each row. On average the estimate is a lower
            bound; more codes make it tighter (Burda, Grosse and Salakhutdinov, 2015).

        Returns
        -------
        log_likelihoods : float64 ndarray of shape (n_samples,)
            In nats; see `score_samples`.
        """
        X, rows, codec = self._standardized(X)
        numbers = _row_numbers(rows.values)
        total = np.full(len(numbers), -np.inf)
        for i in range(check_positive("n_samples", n_samples)):
            draws = _normal_draws(numbers, self.encoding_dim_, i)
            with np.errstate(invalid="ignore"):  # check_finite refuses infinities
                total = np.logaddexp(total, codec.log_importance(rows.values, draws))
        estimates = total - np.log(n_samples) - self._loss_offset()
        return check_finite(estimates, X)

    def _standardized(self, X):
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        return X, *self._fitted.standardized(X)

    def _loss_offset(self):
        fitted_objective = self._fitted.architecture.objective
        return fitted_objective.offset(self._fitted.scaling.scale, self.n_features_in_)

    def _network(self) -> Network:
        return DenseNetwork() if self.network is None else self.network

    def _objective(self) -> NegativeELBO:
        return NegativeELBO(self.loss, beta=float(self.beta))

    def _check_parameters(self) -> None:
        code_activation = self._network().code_activation
        if code_activation != "linear":
            raise ValueError(
                "VAETransformer needs a network with code_activation='linear', since "
                "means and log-variances may be of either sign; got "
                f"{code_activation!r}."
            )

    def _warmup(self, epochs: int, starts_at_pca: bool) -> int:
        if isinstance(self.kl_warmup, str):
            return _defaults.kl_warmup(epochs, starts_at_pca)
        return int(self.kl_warmup)

    def _report(self, rows):
        kl = self._fitted.on_standardized().kl_divergences(rows)
        kl = kl.mean(axis=0, dtype=np.float64)
        collapsed = np.flatnonzero(kl < _COLLAPSED)
        if len(collapsed):
            warn(
                f"{len(collapsed)} of {len(kl)} codes have collapsed to the prior "
                f"(mean KL divergence below {_COLLAPSED} nats): {_listed(collapsed)}. "
                "They tell nothing about the rows: fewer codes would do as well. A "
                "smaller beta or a longer kl_warmup may use more of them."
            )


def _listed(numbers, most=20):
    shown = ", ".join(map(str, numbers[:most]))
    return shown if len(numbers) <= most else f"{shown}, ..."


def _row_numbers(rows):
    """Return a number for each row that depends only on its values."""
    numbers = np.empty(len(rows), np.int64)
    for chunk in row_chunks(rows):
        part = np.asarray(rows[chunk]) + np.float32(0)  # turns -0 into 0
        numbers[chunk] = [zlib.crc32(row) for row in np.ascontiguousarray(part)]
    return numbers


def _normal_draws(row_numbers, n_codes, i):
    """Return the i-th normal draws of rows: look up their numbers in a random table."""
    table = np.random.RandomState(i).standard_normal((_TABLE_SIZE, n_codes))
    return table[row_numbers % _TABLE_SIZE].astype(np.float32)
