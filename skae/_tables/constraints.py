"""Which values the parameters of `TableEncoder` may have."""

import numbers

from skae._runtime.scikit_learn import Interval, StrOptions

CONSTRAINTS = {
    "categorical_features": [StrOptions({"from_dtype"}), "array-like", callable],
    "numeric_scaling": [StrOptions({"standard", "robust", "quantile"})],
    "categorical_scaling": [StrOptions({"famd", "unit_variance"})],
    "min_frequency": [
        Interval(numbers.Integral, 1, None, closed="left"),
        Interval(numbers.Real, 0, 1, closed="neither"),
        None,
    ],
    "max_categories": [Interval(numbers.Integral, 1, None, closed="left"), None],
    "handle_unknown": [StrOptions({"error", "ignore", "infrequent_if_exist", "warn"})],
    "missing_values": [StrOptions({"allow", "category"})],
    "unusable": [StrOptions({"error", "drop"})],
    "sparse_output": ["boolean", StrOptions({"auto"})],
}
