"""Numbers in the range of a given type."""

import numpy as np


def whole(values, dtype):
    """Return floats rounded to integers within the range of a type; NaN becomes 0."""
    limits = np.iinfo(dtype)
    # The largest of 64 bits is no float64; the next one below is.
    most = float(limits.max)
    if dtype.itemsize == 8:
        most = np.nextafter(most, 0)
    rounded = np.rint(np.nan_to_num(values))
    return np.clip(rounded, float(limits.min), most).astype(dtype)


def within_digits(values, dtype):
    """Return floats within the range of a decimal type; as they are for another."""
    precision = getattr(dtype, "precision", None)
    if precision is None:
        return values
    most = 10.0 ** (precision - dtype.scale) - 10.0**-dtype.scale
    return np.clip(values, -most, most)
