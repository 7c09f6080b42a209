"""Losses, and how the decoder's outputs become reconstructions."""

from skae._keras.models import UsersObject
from skae._keras.objects import description, plain
from skae._runtime.tensorflow import load_keras
from skae._serving.functions import functions_of

NAMES = ("mse", "binary_crossentropy", "poisson")
"""Losses that a string names."""

LINKS = {"binary_crossentropy": "logit", "poisson": "log"}
"""The link function from reconstructions to outputs, if it is not the identity.

Both links are canonical: they make the loss convex in the outputs (McCullagh and
Nelder, 1989).
"""

# Keras' losses for classes, probabilities, directions or values above zero.
_OF_OTHER_DATA = set(
    """
    BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy
    CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy CategoricalHinge
    Circle CosineSimilarity Dice Hinge KLDivergence MeanAbsolutePercentageError
    MeanSquaredLogarithmicError Poisson SparseCategoricalCrossentropy SquaredHinge
    Tversky
    """.split()  # noqa: SIM905 - as in _keras/allowed.py
)
# exp(40) is 2e17: even its square is finite in float32, which ends at 3e38.
HIGHEST_LOG_RATE = 40.0
# A normal float32 (those end at 1e-38) whose logarithm is finite, so that 0 · log(0)
# becomes 0, as the limit of x log(x) is.
_LEAST_COUNT = 1e-30


class KerasLoss:
    """A Keras loss that equals others of the same class and settings.

    Parameters
    ----------
    loss : keras.losses.Loss
        The user's own object.
    """

    def __init__(self, loss):
        self.loss = loss
        self._holds = description(loss)

    def __eq__(self, other):
        return isinstance(other, KerasLoss) and self._holds == other._holds

    def __hash__(self):
        return hash(self._holds[0])

    def __repr__(self):
        return repr(self.loss)

    @property
    def is_of_user(self):
        """Whether it holds code of the user's own."""
        return isinstance(plain(self.loss), UsersObject)


def as_given(loss):
    """Return the loss that `comparable` was given."""
    return loss.loss if isinstance(loss, KerasLoss) else loss


def comparable(loss):
    """Return a loss in a form in which equal losses compare equal.

    Parameters
    ----------
    loss : str or keras.losses.Loss
        A name or an instance.

    Returns
    -------
    str or KerasLoss
        The name, or the instance wrapped in `KerasLoss`.

    Raises
    ------
    ValueError
        When it is not a loss, or a loss for another kind of data.
    """
    if isinstance(loss, str):
        return loss
    keras = load_keras()
    if not isinstance(loss, keras.losses.Loss):
        raise ValueError(
            f"loss={loss!r} is neither a name nor an instance of keras.losses.Loss. "
            f"Use one of {', '.join(map(repr, NAMES))}, or an instance such as "
            "keras.losses.Huber()."
        )
    if _is_keras_own(loss) and type(loss).__name__ in _OF_OTHER_DATA:
        raise ValueError(
            f"loss={loss!r} compares classes, probabilities, directions or positive "
            "values, but here it would see standardised data. Use "
            "loss='binary_crossentropy' for values in [0, 1], 'poisson' for counts, or "
            "a loss of distances, such as keras.losses.Huber()."
        )
    return KerasLoss(loss)


def _is_keras_own(loss):
    return type(loss).__module__.startswith("keras.")


def row_losses(loss, targets, outputs, allows_missing=False):
    """Return the loss of each row, the mean over its features.

    Parameters
    ----------
    loss : str or KerasLoss
        As `comparable` returns it.

    targets, outputs : float32 tensors or arrays of shape (n_rows, n_features)
        The values to reconstruct, and the decoder's outputs.

    allows_missing : bool, default=False
        Whether targets may have missing values, which are NaN. Then the mean is over
        the observed values, and it is zero if there are none.

    Returns
    -------
    float32 tensor of shape (n_rows,)

    Raises
    ------
    ValueError
        When a Keras loss does not return one number for each row.
    """
    if not allows_missing:
        return _means(loss, targets, outputs)
    ops = functions_of(targets) if loss in NAMES else load_keras().ops
    missing = ops.isnan(targets)
    if loss in NAMES:
        # NaN is replaced before the loss and masked after it: the gradient of a masked
        # NaN would still be NaN.
        safe = ops.where(missing, ops.zeros_like(targets), targets)
        losses = value_losses(loss, safe, outputs)
        losses = ops.where(missing, ops.zeros_like(losses), losses)
        return mean_of_observed(ops.mean(losses, axis=-1), missing)
    # Keras takes the mean itself. A loss of distances is zero where targets equal
    # outputs, and no gradient flows where both are constants.
    safe = ops.where(missing, ops.stop_gradient(outputs), targets)
    losses = _means(loss, safe, ops.where(missing, safe, outputs))
    return mean_of_observed(losses, missing)


def mean_of_observed(means, missing):
    """Turn means over all values into means over the observed values.

    Parameters
    ----------
    means : tensor of shape (n_rows,)
        Means of the rows, in which missing values count as zero.

    missing : bool tensor of shape (n_rows, n_features)
        Where values are missing.
    """
    ops = functions_of(means)
    # A row without any observed value has a mean of 0, which 0 / 1 keeps.
    fraction = 1 - ops.mean(ops.cast(missing, means.dtype), axis=-1)
    return means / ops.where(fraction > 0, fraction, ops.ones_like(fraction))


def _means(loss, targets, outputs):
    if loss in NAMES:
        losses = value_losses(loss, targets, outputs)
        return functions_of(losses).mean(losses, axis=-1)
    losses = load_keras().ops.cast(_called(loss, targets, outputs), "float32")
    if len(losses.shape) != 1:
        raise ValueError(
            f"The call method of loss={loss!r} gives an array of shape "
            f"{tuple(losses.shape)} for rows of shape {tuple(targets.shape)}. It must "
            "give one number a row: the mean over the last axis."
        )
    return losses


def _called(loss, targets, outputs):
    """Return what the method `call` of a Keras loss makes of tensors."""
    try:
        return load_keras().ops.convert_to_tensor(loss.loss.call(targets, outputs))
    except Exception as error:  # whatever a user's code raises
        raise ValueError(
            f"The call method of loss={loss!r} fails on tensors. It is compiled, so "
            "write it with keras.ops, not with NumPy, and without Python's if on "
            f"values: {error}"
        ) from error


def value_losses(loss, targets, outputs):
    """Return the loss of each value, for a loss with a name; see `row_losses`."""
    ops = functions_of(outputs)
    if loss == "binary_crossentropy":
        # -t log(p) - (1 - t) log(1 - p) with p = sigmoid(outputs), written for logits:
        # no logarithm of a probability that has rounded to zero.
        return ops.softplus(outputs) - targets * outputs
    if loss == "poisson":
        # Half the Poisson deviance, r - t + t log(t / r) with r = exp(outputs). Unlike
        # the likelihood it is zero where the rate equals the count.
        rates = ops.exp(ops.minimum(outputs, HIGHEST_LOG_RATE))
        logs = ops.log(ops.maximum(targets, _LEAST_COUNT))
        return rates - targets + targets * (logs - outputs)
    return ops.square(outputs - targets)


def reconstructions(loss, outputs):
    """Turn the decoder's outputs into values of the network's scale."""
    ops = functions_of(outputs)
    link = LINKS.get(loss)
    if link == "logit":
        return ops.sigmoid(outputs)
    if link == "log":
        return ops.exp(ops.minimum(outputs, HIGHEST_LOG_RATE))
    return outputs
