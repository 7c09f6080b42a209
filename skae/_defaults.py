"""What "auto" means: rules from the size of the data, chosen by experiment.

``python -m benchmarks.defaults`` prints the results behind them, and with
``--alternatives`` what each rule is worth. The page ``docs/guide/defaults.rst`` gives
the reasons.
"""

import math

OPTIMIZER = "adam"
# More codes keep more of very wide rows, but the PCA start and the weights grow.
MOST_CODES = 512
"""The most codes where no number of codes is given."""

# More steps gain little (docs/guide/defaults.rst); fewer leave the error higher.
_STEPS = 3000
_STEPS_OF_NESTED = 6000
# On tiny data 3,000 steps would be hundreds of epochs more over the same few rows.
_MOST_EPOCHS = 200
# Fewer epochs are faster on huge data, but leave the cosine schedule little to do.
_FEWEST_EPOCHS = 5
# Half a minute on two cores at most. MNIST takes 4.4e12 operations and about 16
# seconds (``benchmarks.defaults``), so the bound is for wider or more rows.
_OPERATIONS = 5e12
# Updating a weight costs as many operations in each step whatever the batch; a larger
# number gives wide networks with small batches fewer epochs.
_OPERATIONS_OF_AN_UPDATE = 200
# A recurrent layer waits for the step before. At the rate above, 2e7 operations are
# about 0.1 ms; a larger number gives long sequences fewer epochs.
_OPERATIONS_OF_A_SEQUENTIAL_STEP = 2e7
# An operation of a convolution takes longer than one of a dense layer; a larger number
# gives convolutional networks fewer epochs.
_SLOWNESS_OF_CONVOLUTION = 4


def hidden_layer_sizes(codes_are_nested):
    """Return one layer of 256 units, or of 2,048 for nested codes.

    From 128 to 512 units, and with a second layer, the error changes by about 1%
    (``benchmarks.defaults --alternatives``). Nested codes share one network, so it has
    to be wider.
    """
    return (2048,) if codes_are_nested else (256,)


def validation_fraction(n_rows):
    """Return a fifth of fewer than 2,000 rows, and a tenth of more.

    The choice between the network and PCA needs rows. With a tenth of small data the
    worst result was 20% above PCA's error (``benchmarks.defaults --alternatives``).
    """
    return 0.2 if n_rows < 2000 else 0.1


def batch_size(n_rows):
    """Return a power of two that grows with the number of rows, from 32 to 512.

    Small data need many steps, large data need large batches to be fast.
    """
    return 2 ** min(max(round(math.log2(n_rows / 64)), 5), 9)


def epochs(n_rows, batch, cost, codes_are_nested=False, n_replicas=1):
    """Return the number of epochs for about 3,000 steps, from 5 to 200.

    Wide or many rows get fewer epochs: training is bounded by 5e12 additions and
    multiplications of dense layers, which take half a minute on two cores. Nested codes
    take 6,000 steps, of up to six times as many operations: one such fit replaces many.

    Parameters
    ----------
    n_rows, batch : int
        Training rows, and rows in a batch.

    cost : Cost
        The operations that the network takes for one row.

    codes_are_nested : bool, default=False
        Whether the first codes are to be good by themselves.

    n_replicas : int, default=1
        Replicas that share the rows of a batch and the operations.
    """
    n_batches = math.ceil(n_rows / batch)
    products = cost.n_products * (1 if cost.is_dense else _SLOWNESS_OF_CONVOLUTION)
    # A multiplication and an addition for each product: once forwards, and twice
    # backwards, for the gradients of the weights and of the inputs.
    operations = n_batches * (
        products * (6 * batch + _OPERATIONS_OF_AN_UPDATE)
        + cost.n_sequential_steps * _OPERATIONS_OF_A_SEQUENTIAL_STEP
    )
    most = n_replicas * _OPERATIONS * (6 if codes_are_nested else 1)
    steps = _STEPS_OF_NESTED if codes_are_nested else _STEPS
    wanted = min(steps / n_batches, most / operations)
    return min(max(math.ceil(wanted), _FEWEST_EPOCHS), _MOST_EPOCHS)


def learning_rate(optimizer, is_partial=False):
    """Return 0.01 for the names of Adam and its variants, otherwise None.

    None leaves the optimizer its own rate. Half or twice 0.01 changes the error by less
    than 1% (``benchmarks.defaults --alternatives``). In `partial_fit` no schedule
    lowers the rate at the end, so it is 0.003: slower, but with less noise in the last
    weights.
    """
    kin = ("adam", "adamw", "nadam")
    if not isinstance(optimizer, str) or optimizer.lower() not in kin:
        return None
    return 0.003 if is_partial else 0.01


def noise_scale(spread):
    """Return half the root mean variance of the features.

    More noise teaches the network to remove more, but costs detail in clean rows.
    """
    return 0.5 * spread


def weight_decay(n_rows, encoding_dim):
    """Return 0.1 √(codes) for up to 1,000 rows, and less for more rows.

    It makes up for missing rows, so it falls as one over their number. Without it the
    mean error is 4% larger (``benchmarks.defaults --alternatives``).
    """
    return 0.1 * math.sqrt(encoding_dim) * min(1.0, 1000 / n_rows)


def kl_warmup(n_epochs, starts_at_pca):
    """Return 0 from a PCA start, otherwise a fifth of the epochs.

    From probabilistic PCA a warm-up gains nothing (``benchmarks.estimator_defaults``).
    """
    return 0 if starts_at_pca else n_epochs // 5


def patience(n_epochs):
    """Return a third of the epochs, and at least 5.

    Under a cosine schedule the best epochs are near the end, so less might stop too
    early; more would run longer for nothing.
    """
    return max(5, n_epochs // 3)


# The defaults of `ParametricTSNE` are by maps of MNIST's codes (32 of each row, 20,000
# or 50,000 training rows, 5,000 others to compare, which are no test rows). Measures
# are accuracy and trustworthiness of the others.

N_PAIRS = 256
"""Pairs of neighbours in a step of `ParametricTSNE`.

With 512 and as many pairs in all the measures are the same, within 0.003.
"""

LEARNING_RATE_OF_MAP = 0.01
"""Largest learning rate of Adam; with 0.02 the measures are lower by up to 0.006."""

# 8,000 steps of three hidden layers gave 0.962 and 0.958 from 50,000 rows, 10,000 of
# four 0.964 and 0.964. More would take longer than openTSNE.
_STEPS_OF_MAP = 10_000
_MOST_EPOCHS_OF_MAP = 200


def epochs_of_map(n_rows, n_pairs):
    """Return the number of epochs for about 10,000 steps, from 5 to 200."""
    n_batches = math.ceil(n_rows / n_pairs)
    wanted = math.ceil(_STEPS_OF_MAP / n_batches)
    return min(max(wanted, _FEWEST_EPOCHS), _MOST_EPOCHS_OF_MAP)


def network_of_map():
    """Return hidden layer sizes and activation of the network of `ParametricTSNE`.

    Wider layers gain nothing (three of 512: 0.941 and 0.945, in place of 0.942 and
    0.951, from 20,000 rows) and make `transform` slower. SiLU is smooth, as maps are;
    it gave 0.940 where ReLU gave 0.927, in accuracy.
    """
    return (256, 256, 256, 256), "silu"
