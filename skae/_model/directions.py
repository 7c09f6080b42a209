"""Mean directions of a decoder: what its reconstructions do, on average, per code."""

import numpy as np

from skae._model.dense_derivatives import DenseDerivatives
from skae._model.explained import linear_kernel

# Rows times codes, by the chain rule and by differences. They bound the time to about
# that of all other steps of ordering codes; but fewer than _FEWEST_ROWS rows would give
# noisy means.
_MOST_DERIVATIVES = 2**15
_MOST_DIFFERENCES = 2**13
_FEWEST_ROWS = 64
# In standard deviations of a code. Central differences err by the square of the step,
# here some 1e-4, and by float32's rounding (1.2e-7) over the step, 6e-6.
_STEP = 0.02


def mean_directions(fitted, codes_of, shares):
    """Return the average derivative of the reconstructions by each code.

    It is exact for decoders that are linear or have dense layers alone. For others it
    comes from central differences. Where there are many rows, evenly spaced ones stand
    for all, unless the decoder is linear or has one hidden layer.

    Parameters
    ----------
    fitted : FittedNetwork
        In the network's scale.

    codes_of : callable
        Returns the codes of the rows with given numbers.

    shares : float64 array of shape (n_rows,)
        What each row counts, of one.

    Returns
    -------
    float64 array of shape (n_codes, n_features)
        Derivatives by the codes as `fitted` takes them.
    """
    kernel = linear_kernel(fitted)
    if kernel is not None:
        return kernel.astype(np.float64)
    dense = DenseDerivatives.of(fitted)
    some = np.arange(len(shares))
    if dense is None or not dense.is_quick:
        most = _MOST_DIFFERENCES if dense is None else _MOST_DERIVATIVES
        most = max(most // fitted.codec.encoding_dim, _FEWEST_ROWS)
        some = np.linspace(0, len(some) - 1, min(most, len(some))).astype(int)
    codes, shares = codes_of(some), shares[some] / shares[some].sum()
    if dense is not None:
        return dense.of_decoder(codes, shares)
    return _by_differences(fitted, codes, shares)


def _by_differences(fitted, codes, shares):
    mean = shares @ codes
    steps = _STEP * np.sqrt(shares @ (codes - mean) ** 2)
    steps = np.where(steps > 0, steps, _STEP)
    found = np.empty((len(steps), fitted.codec.n_features))
    for i, step in enumerate(steps):
        up, down = codes.copy(), codes.copy()
        up[:, i] += step
        down[:, i] -= step
        moved = (fitted.decode(part.astype(np.float32)) for part in (up, down))
        found[i] = shares @ np.subtract(*moved, dtype=np.float64) / (2 * step)
    return found
