"""Exceptions that neither Python nor scikit-learn has a class for.

All else is raised as what it is there: `ValueError` and `TypeError` for parameters and
data, `sklearn.exceptions.NotFittedError`, `sklearn.exceptions.ConvergenceWarning`,
`UserWarning` and `RuntimeError`. The documentation lists all with their cures.
"""


class SavedFileError(ValueError):
    """A file cannot be loaded: it is damaged, forged, newer, or something else.

    Raised by `skae.load`.
    """


class DominantFeatureWarning(UserWarning):
    """One feature holds over 99.9% of the variance, so the others hardly count.

    A warning of `fit`, for rows of features that are not scaled.
    """
