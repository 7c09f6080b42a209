"""A line for each measurement, with the time left."""

import sys
import time

import numpy as np

from skae.comparison._judging import percents

# Seconds; less is not worth a word.
_LEAST_LEFT = 10


class Progress:
    """Prints what has been measured to the standard error stream.

    Parameters
    ----------
    n_splits : int
        Number of splits.

    dims : list of int
        Numbers of codes.

    names : list of str
        Names of the estimators.

    verbose : int
        Nothing is printed at 0.
    """

    def __init__(self, n_splits, dims, names, verbose):
        self._plan = [(n, dim) for _ in range(n_splits) for dim in dims for n in names]
        self._done = 0
        self._spent = {}
        self._verbose = verbose
        self._last = time.perf_counter()

    def tell(self, notes):
        """Print sentences."""
        if self._verbose:
            print(*notes, sep="\n", end="\n" if notes else "", file=sys.stderr)
        self._last = time.perf_counter()

    def show(self, row):
        """Print a line on a measurement that has just been made."""
        now = time.perf_counter()
        self._spent[row.estimator, row.encoding_dim] = now - self._last
        self._last = now
        self._done += 1
        if self._verbose:
            print(f"{self._line(row)}{self._time_left()}", file=sys.stderr, flush=True)

    def _line(self, row):
        n_fits = len(self._plan)
        codes = "code" if row.encoding_dim == 1 else "codes"
        (explained,) = percents(row.variance_explained)
        return (
            f"{self._done:>{len(str(n_fits))}} of {n_fits}: split {row.split + 1}, "
            f"{row.encoding_dim} {codes}, {row.estimator}: {explained} of the variance "
            f"explained, fitted in {row.fit_seconds:.2g} s"
        )

    def _time_left(self):
        """Say how long the rest takes, if as long as what is like it has taken."""
        seconds = sum(map(self._expected, self._plan[self._done :]))
        if seconds < _LEAST_LEFT:
            return ""
        if seconds < 90:
            return f"; about {10 * round(seconds / 10)} s left"
        return f"; about {round(seconds / 60)} minutes left"

    def _expected(self, planned):
        """Return the seconds of a measurement: its own, or the estimator's mean."""
        if planned in self._spent:
            return self._spent[planned]
        name, _ = planned
        same = [seconds for (n, _), seconds in self._spent.items() if n == name]
        return np.mean(same or list(self._spent.values()))
