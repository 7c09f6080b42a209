"""Objectives: the losses that an autoencoder minimises."""

import dataclasses
import math
import numbers
from typing import Any, ClassVar

import numpy as np
from scipy.special import ndtri

from skae._data.corruption import Corruption
from skae._objective.losses import (
    LINKS,
    comparable,
    mean_of_observed,
    reconstructions,
    row_losses,
    value_losses,
)
from skae._runtime.tensorflow import load_keras
from skae._serving.functions import functions_of

# Nested dropout keeps k codes with a probability in proportion to k to the power of
# -0.8, and all codes in about a third of the rows besides (docs/guide/codes.rst). More
# rows with few codes favour small codes over large ones, which
# benchmarks/nested_codes.py compares: with -1 and 0.15, on 10,000 rows of MNIST, the
# error is 3% smaller for 2 codes, and 3 and 15% larger for 16 and 32.
_FALL_OF_PREFIXES = 0.8
_SHARE_OF_ALL_CODES = 0.35

# In nats. exp(±12) is 1.6e5 and 6e-6: far outside what standardised data need, and far
# inside float32, where products of such numbers with errors stay finite.
_LOWEST_LOG_VARIANCE = -12.0
_HIGHEST_LOG_VARIANCE = 12.0


@dataclasses.dataclass(frozen=True)
class Objective:
    """Reconstruct rows.

    Parameters
    ----------
    loss : str or KerasLoss
        As `losses.comparable` returns it.

    l1_activity : float
        Weight of the sum of the absolute codes in the loss.

    corruption : Corruption or None
        Damage to the rows in training before the encoder reads them.

    whiten : bool
        Whether codes are scaled to a variance of one after training.

    nested_dropout : bool
        Whether in training the decoder gets no codes after a random one (Rippel,
        Gelbart and Adams, 2014).

    learns_stand_ins : bool
        Whether what it reads in their place is learnt, for each number of codes; it is
        zero otherwise.

    allows_missing : bool
        Whether the values to reconstruct may have missing values, which are NaN.
    """

    loss: Any = "mse"
    l1_activity: float = 0.0
    corruption: Corruption | None = None
    whiten: bool = False
    nested_dropout: bool = False
    learns_stand_ins: bool = False
    allows_missing: bool = False

    terms: ClassVar[tuple] = ("loss",)
    """Names of the terms that `row_terms` returns. The loss is their weighted sum."""

    outputs_per_code: ClassVar[int] = 1
    """Number of the encoder's outputs for each code."""

    losses_start_at_zero: ClassVar[bool] = True
    """Whether no loss is negative, but for a user's own."""

    has_decoder: ClassVar[bool] = True
    """Whether rows are reconstructed from their codes."""

    @classmethod
    def of(cls, estimator, **others):
        """Return the objective that an estimator's parameters describe."""
        is_nested, dim = bool(estimator.nested_dropout), estimator.encoding_dim
        # Codes that a fraction of the variance cuts off leave one constant behind, and
        # cannot have had another for each number of codes.
        is_cut = isinstance(dim, numbers.Real) and not isinstance(dim, numbers.Integral)
        return cls(
            comparable(estimator.loss),
            float(getattr(estimator, "l1_activity", 0.0)),
            whiten=bool(estimator.whiten),
            nested_dropout=is_nested,
            learns_stand_ins=is_nested and not is_cut,
            allows_missing=estimator.missing_values == "allow",
            **others,
        )

    def of_the_network(self):
        """Return the objective without what two fits of one network may differ in."""
        return dataclasses.replace(
            self, l1_activity=0.0, whiten=False, allows_missing=False
        )

    @property
    def codes_are_in_units(self):
        """Whether codes are in the unit of the data."""
        return not self.whiten

    @property
    def term_weights(self):
        """Weight of each term in the loss."""
        return (1.0,)

    @property
    def link(self):
        """Link from values to the decoder's outputs: "identity", "logit" or "log"."""
        return LINKS.get(self.loss, "identity")

    @property
    def has_logits(self):
        """Whether the decoder's outputs are logits of values in [0, 1]."""
        return self.link == "logit"

    @property
    def is_plain_error(self):
        """Whether the loss is zero where the reconstruction is exact."""
        others = self.l1_activity or self.corruption or self.nested_dropout
        return self.loss == "mse" and not others

    def unit(self, scale):
        """Return the factor that brings a loss to the user's unit.

        A squared error has the square of the unit, the Poisson deviance the unit.
        """
        if self.loss == "mse":
            return scale**2
        return scale if self.loss == "poisson" else 1.0

    def offset(self, scale, n_features):
        """Return the summand that brings a loss to the user's unit."""
        return 0.0

    def variable_shapes(self, n_codes):
        """Return the shapes of the objective's own float32 variables, by name.

        Row k - 1 of the stand-ins is what the decoder reads after the first k codes;
        only its entries after the first k count.
        """
        return {"stand_ins": (n_codes, n_codes)} if self.learns_stand_ins else {}

    def build(self, n_codes):
        """Return new Keras variables of the objective itself, which are zero."""
        shapes = self.variable_shapes(n_codes)
        if not shapes:
            return []
        keras = load_keras()
        return [
            keras.Variable(np.zeros(shape, np.float32), dtype="float32", name=name)
            for name, shape in shapes.items()
        ]

    def codes(self, encoded):
        """Return the codes from the encoder's outputs."""
        return encoded

    def n_draws(self, n_codes):
        """Return the number of normal draws that `sampled` takes for each row."""
        return int(self.nested_dropout)

    def sampled(self, encoded, draws, variables=()):
        """Return the codes that the decoder reads in training."""
        if not self.nested_dropout:
            return encoded
        ops = functions_of(encoded)
        shares = self.shares_of_prefixes(encoded.shape[-1])
        # Inverse transform sampling: P(draw > ends[i]) = P(more than i codes are kept),
        # since ndtri is the inverse of the normal distribution function.
        ends = ndtri(np.cumsum(shares) - shares).astype(np.float32)
        is_kept = draws > ends
        kept = ops.cast(is_kept, encoded.dtype)
        if not self.learns_stand_ins:
            return encoded * kept
        # 1 in the column of the last code that is kept.
        further = np.append(ends[1:], np.float32(np.inf))
        is_last = kept - ops.cast(draws > further, encoded.dtype)
        return ops.where(is_kept, encoded, ops.matmul(is_last, variables[0]))

    @staticmethod
    def shares_of_prefixes(n_codes):
        """Return the probabilities that nested dropout keeps 1, 2, ... all codes."""
        shares = np.arange(1, n_codes + 1) ** -_FALL_OF_PREFIXES
        shares *= (1 - _SHARE_OF_ALL_CODES) / shares.sum()
        shares[-1] += _SHARE_OF_ALL_CODES
        return shares

    def row_terms(self, targets, encoded, outputs, variables):
        """Return the terms of the loss of each row.

        Parameters
        ----------
        targets, outputs : float32 tensors of shape (n_rows, n_features)
            The values to reconstruct, and the decoder's outputs.

        encoded : float32 tensor of shape (n_rows, n_codes * outputs_per_code)
            The encoder's outputs.

        variables : list of tensors
            Values of the variables of `build`.

        Returns
        -------
        float32 tensor of shape (n_rows, n_terms)
        """
        ops = functions_of(outputs)
        losses = row_losses(self.loss, targets, outputs, self.allows_missing)
        if self.l1_activity:
            losses += self.l1_activity * ops.sum(ops.abs(encoded), axis=-1)
        return losses[:, None]

    def squared_errors(self, targets, outputs, allows_missing=False):
        """Return each row's mean squared error of reconstruction, shape (n_rows,).

        With `allows_missing` the mean is over the observed values. Errors are squared
        in float64, which holds the square of every float32 number.
        """
        ops = functions_of(outputs)
        errors = ops.cast(self.reconstructions(outputs) - targets, "float64")
        if not allows_missing:
            return ops.mean(ops.square(errors), axis=-1)
        missing = ops.isnan(errors)
        errors = ops.where(missing, ops.zeros_like(errors), errors)
        means = ops.mean(ops.square(errors), axis=-1)
        return mean_of_observed(means, missing)

    def reconstructions(self, outputs):
        """Turn the decoder's outputs into values of the network's scale."""
        return reconstructions(self.loss, outputs)


@dataclasses.dataclass(frozen=True)
class NegativeELBO(Objective):
    """Maximise the evidence lower bound on the likelihood (Kingma and Welling, 2014).

    The encoder's outputs are the mean and the log-variance of each code, alternating.
    With "mse" the likelihood is Gaussian, with one learnt variance for all features.
    With "binary_crossentropy" it is Bernoulli.

    Parameters
    ----------
    loss : {"mse", "binary_crossentropy"}
        Gaussian or Bernoulli likelihood.

    beta : float
        Weight of the KL divergence (Higgins et al., 2017).
    """

    beta: float = dataclasses.field(default=1.0, compare=False)

    terms: ClassVar[tuple] = ("reconstruction", "kl")
    outputs_per_code: ClassVar[int] = 2
    losses_start_at_zero: ClassVar[bool] = False
    codes_are_in_units = False

    @property
    def is_plain_error(self):
        """False: the loss is not zero where the reconstruction is exact."""
        return False

    @property
    def term_weights(self):
        """Weight of each term in the loss."""
        return (1.0, self.beta)

    def unit(self, scale):
        """Return 1: nats have no unit."""
        return 1.0

    def offset(self, scale, n_features):
        """Return the nats that a change of units adds to a row's surprise.

        A density of n features is divided by ``scale ** n``; probabilities of binary
        values have no unit.
        """
        return 0.0 if self.has_logits else n_features * math.log(scale)

    def variable_shapes(self, n_codes):
        """Name the logarithm of the Gaussian likelihood's variance."""
        return {} if self.has_logits else {"log_noise_variance": ()}

    def codes(self, encoded):
        """Return the means."""
        return encoded[:, ::2]

    def log_variances(self, encoded):
        """Return the log-variances, kept in a range where nothing overflows."""
        return _bounded(encoded[:, 1::2])

    def n_draws(self, n_codes):
        """Return the number of codes: one draw for each."""
        return n_codes

    def sampled(self, encoded, draws, variables=()):
        """Return codes drawn from the posterior, by the reparameterisation trick."""
        ops = functions_of(encoded)
        deviations = ops.exp(self.log_variances(encoded) / 2)
        return self.codes(encoded) + deviations * draws

    def row_terms(self, targets, encoded, outputs, variables):
        """Return reconstruction and KL divergence in nats; see `Objective`."""
        ops = functions_of(encoded)
        kl = ops.sum(self.kl_divergences(encoded), axis=-1)
        return ops.stack([self.surprise(targets, outputs, variables), kl], axis=-1)

    def surprise(self, targets, outputs, variables):
        """Return each row's negative log-likelihood given its code, in nats."""
        ops = functions_of(outputs)
        losses = value_losses(self.loss, targets, outputs)
        errors = ops.sum(losses, axis=-1)
        if self.has_logits:
            return errors
        # Of a normal distribution: (error² / variance + log(2π variance)) / 2, summed
        # over the features. The logarithm is the variable, so the variance is positive.
        log_variance = _bounded(variables[0])
        n_features = targets.shape[-1]
        constant = n_features * (log_variance + math.log(2 * math.pi))
        return (errors * ops.exp(-log_variance) + constant) / 2

    def kl_divergences(self, encoded):
        """Return the KL divergence of each row and code from the prior, in nats.

        Of N(m, v) from N(0, 1): (m² + v - 1 - log v) / 2 (Kingma and Welling, 2014).
        """
        ops = functions_of(encoded)
        means, log_variances = self.codes(encoded), self.log_variances(encoded)
        return (ops.square(means) + ops.exp(log_variances) - 1 - log_variances) / 2

    def log_importance(self, targets, encoded, outputs, draws, variables):
        """Return log p(row, code) - log q(code | row) of codes that were drawn.

        These are the importance weights of Burda, Grosse and Salakhutdinov (2015).
        """
        ops = functions_of(encoded)
        codes = self.sampled(encoded, draws)
        # log p(code) - log q(code | row) with code = mean + deviation * draw; log(2π)
        # is in both.
        log_ratio = self.log_variances(encoded) + ops.square(draws) - ops.square(codes)
        return ops.sum(log_ratio, axis=-1) / 2 - self.surprise(
            targets, outputs, variables
        )


def _bounded(log_variances):
    """Bend values beyond the range back into it, by a softplus at either end.

    Unlike `clip` it keeps a gradient beyond the range, so training can come back.
    """
    ops = functions_of(log_variances)
    above = _LOWEST_LOG_VARIANCE + ops.softplus(log_variances - _LOWEST_LOG_VARIANCE)
    return _HIGHEST_LOG_VARIANCE - ops.softplus(_HIGHEST_LOG_VARIANCE - above)
