"""Warnings that point at the user's line."""

import contextlib
import os
import sys
import types
import warnings

import joblib
import sklearn

# The files between a user's line and ours. scikit-learn wraps `fit` and runs pipelines,
# joblib runs searches, and contextlib adds frames for decorators.
_BETWEEN = (
    os.path.join(os.path.dirname(os.path.dirname(__file__)), ""),  # skae
    os.path.join(os.path.dirname(sklearn.__file__), ""),
    os.path.join(os.path.dirname(joblib.__file__), ""),
    contextlib.__file__,
)


def warn(message, category=UserWarning):
    """Warn at the user's line, outside skae and scikit-learn, that led here."""
    if sys.version_info >= (3, 12):
        warnings.warn(message, category, skip_file_prefixes=_BETWEEN)
    else:
        warnings.warn(message, category, stacklevel=_stacklevel())


def _stacklevel():
    """Return the `stacklevel` of the user's line for a warning that `warn` gives."""
    frame: types.FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_code.co_filename.startswith(_BETWEEN):
        frame, level = frame.f_back, level + 1
    return level
