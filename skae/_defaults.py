"""What "auto" means: rules from the size of the data, chosen by experiment.

``python -m benchmarks.defaults`` prints the results behind them; the documentation has
a page of reasons.
"""

import math

OPTIMIZER = "adam"
MOST_CODES = 512
"""Where no number of codes is given."""

_STEPS = 3000
_MOST_EPOCHS = 200
_FEWEST_EPOCHS = 5
_OPERATIONS = 5e12
_OPERATIONS_OF_AN_UPDATE = 200
_OPERATIONS_OF_A_SEQUENTIAL_STEP = 2e7
_SLOWNESS_OF_CONVOLUTION = 4


def hidden_layer_sizes(codes_are_nested):
    """Return one layer of 256, of 1,024 for codes of every size in one network."""
    return (1024,) if codes_are_nested else (256,)


def validation_fraction(n_rows):
    """Return a fifth of small data, a tenth of large."""
    return 0.2 if n_rows < 2000 else 0.1


def batch_size(n_rows):
    """Return a power of two that grows with the number of rows, 32 to 512."""
    return 2 ** min(max(round(math.log2(n_rows / 64)), 5), 9)


def epochs(n_rows, batch, cost, codes_are_nested=False):
    """Return the epochs that make about 3,000 steps, from 5 to 200.

    Wide or many rows get fewer, so that training takes at most as long as 5e12
    additions and multiplications of dense layers, half a minute on two cores; six
    times as many for nested codes, which stand for many fits.

    Parameters
    ----------
    n_rows, batch : int
        Training rows, and rows in a batch.

    cost : Cost
        Of the network.

    codes_are_nested : bool, default=False
        Whether the first codes are to be good by themselves.
    """
    n_batches = math.ceil(n_rows / batch)
    products = cost.n_products * (1 if cost.is_dense else _SLOWNESS_OF_CONVOLUTION)
    operations = n_batches * (
        products * (6 * batch + _OPERATIONS_OF_AN_UPDATE)
        + cost.n_sequential_steps * _OPERATIONS_OF_A_SEQUENTIAL_STEP
    )
    most = _OPERATIONS * (6 if codes_are_nested else 1)
    wanted = min(_STEPS / n_batches, most / operations)
    return min(max(math.ceil(wanted), _FEWEST_EPOCHS), _MOST_EPOCHS)


def learning_rate(optimizer, is_partial=False):
    """Return 0.01 for Adam and its kin by name, None for an optimizer's own rate.

    In passes over parts, which no schedule brings to rest, it is 0.003.
    """
    kin = ("adam", "adamw", "nadam")
    if not isinstance(optimizer, str) or optimizer.lower() not in kin:
        return None
    return 0.003 if is_partial else 0.01


def noise_scale(spread):
    """Return half the data's root mean variance."""
    return 0.5 * spread


def weight_decay(n_rows, encoding_dim):
    """Return 0.1 for a thousand rows, times the root of the number of codes.

    It falls as rows become more, since it stands in for them.
    """
    return 0.1 * math.sqrt(encoding_dim) * min(1.0, 1000 / n_rows)


def kl_warmup(n_epochs, starts_at_pca):
    """Return none from a PCA start, and else a fifth of the epochs."""
    return 0 if starts_at_pca else n_epochs // 5


def patience(n_epochs):
    """Return a third of the epochs, and at least 5."""
    return max(5, n_epochs // 3)
