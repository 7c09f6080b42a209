"""The attributes of scikit-learn's PCA, for a fit of any network."""

import numpy as np

RATIOS = "explained_variance_ratio_"

PCA_ATTRIBUTES = (
    RATIOS,
    "components_",
    "explained_variance_",
    "n_samples_",
    "noise_variance_",
    "singular_values_",
    "_code_deviations",
    "_code_steps",
    "_feature_deviations",
)
"""Names of what only a fit that has seen all rows can have."""


def n_samples_of(prepared):
    """Return the number of rows, or the sum of their weights."""
    total = prepared.total_weight
    return int(total) if total.is_integer() else total


def correction_of(n_samples):
    """Return n / (n - 1), from variances of rows to PCA's estimates.

    Weights that add up to less than two rows are shares, not counts.
    """
    return n_samples / (n_samples - 1) if n_samples >= 2 else 1.0


def attributes_of_pca(codes, prepared):
    """Return the attributes by name, from `OrderedCodes` and `Prepared`."""
    n_samples, scale = n_samples_of(prepared), prepared.scaling.scale
    correction = correction_of(n_samples)
    variances = prepared.moments.variance * correction
    explained = codes.ratios * variances.sum()
    n_codes, n_features = codes.directions.shape
    n_left = min(n_samples, n_features) - n_codes
    left = variances.sum() - explained.sum()
    noise = max(left, 0.0) / n_left if n_left > 0 else 0.0
    degrees = n_samples / correction
    in_units = codes.fitted.codec.objective.codes_are_in_units
    return {
        RATIOS: codes.ratios,
        "components_": codes.directions.astype(prepared.dtype),
        "explained_variance_": explained,
        "n_samples_": n_samples,
        "noise_variance_": float(noise),
        "singular_values_": np.sqrt(np.maximum(explained, 0.0) * degrees),
        "_code_deviations": codes.deviations * (scale if in_units else 1.0),
        "_code_steps": codes.steps * scale,
        "_feature_deviations": np.sqrt(variances),
    }
