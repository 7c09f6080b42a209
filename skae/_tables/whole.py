"""Whole numbers of a given type."""

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
