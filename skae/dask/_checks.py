"""What a fit over a cluster cannot do, said before anything is computed."""

import numpy as np

from skae._training.sklearn_callbacks import has_callbacks


def check_supported(estimator):
    """Raise a ValueError for parameters that no fit over a cluster has.

    Parameters
    ----------
    estimator : DaskAutoencoderTransformer
        With the user's parameters.
    """
    if estimator.encoding_dim == "auto":
        raise ValueError(
            "encoding_dim='auto' trains nested codes on rows in memory. Choose by a "
            "sample: fit AutoencoderTransformer('auto') to some of the rows, and pass "
            "its encoding_dim_; or give a fraction of the variance, such as 0.9."
        )
    if estimator.missing_values == "allow":
        raise ValueError(
            "missing_values='allow' needs all rows in memory for its PCA. Fill the "
            "missing values of the collection first, for instance with its fillna, or "
            "fit AutoencoderTransformer to a sample."
        )
    if estimator.callbacks or has_callbacks(estimator):
        raise ValueError(
            "callbacks watch one model in one process, but replicas train on workers. "
            "Set callbacks=None; history_ and verbose tell of each round."
        )


def take_layout(estimator, X, earlier):
    """Give an estimator the attributes of scikit-learn's checks, or compare them.

    Parameters
    ----------
    estimator : DaskAutoencoderTransformer
        A copy of the user's.

    X : Partitions
        Of the rows.

    earlier : Earlier or None
        The fit that goes on, whose rows these must be like.
    """
    if earlier is not None:
        check_alike("X", X, estimator.n_features_in_, _names(estimator))
        return
    vars(estimator).pop("feature_names_in_", None)
    estimator.n_features_in_ = X.n_features
    estimator.sample_shape_ = X.sample_shape
    if X.feature_names is not None:
        estimator.feature_names_in_ = np.asarray(X.feature_names, dtype=object)


def _names(estimator):
    return getattr(estimator, "feature_names_in_", None)


def check_alike(name, partitions, n_features, names):
    """Raise a ValueError for rows of another number of features, or of other names."""
    if partitions.n_features != n_features:
        raise ValueError(
            f"{name} has {partitions.n_features} features, but the rows of the fit "
            f"have {n_features}."
        )
    both = names is not None and partitions.feature_names is not None
    if both and list(names) != list(partitions.feature_names):
        raise ValueError(
            f"{name} has other columns than the rows of the fit, or in another order. "
            f"Pass {name}[list(feature_names_in_)]."
        )
