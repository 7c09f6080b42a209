"""What to do after a comparison, as code to paste."""

from sklearn.base import clone
from sklearn.decomposition import PCA

from skae._estimators.base import BaseAutoencoder
from skae.comparison._judging import best_of
from skae.comparison._tables import HOW


def next_steps(comparison, code=""):
    """Return Python that fits what the verdict takes to all rows.

    Parameters
    ----------
    comparison : Comparison

    code : str, default=""
        Python that reads the data as ``table`` or ``X``.
    """
    name, dim = best_of(comparison.rows, comparison.conditions)
    estimator = comparison.estimators.get((name, dim))
    rows = "X" if comparison.table_columns is None else "table"
    lines = code.splitlines() or [f"# {rows} has your rows"]
    lines += _preparations(comparison)
    steps, imports = _steps(comparison, name, estimator)
    lines += [
        "pipeline = make_pipeline(",
        *(f"    {step}," for step in steps),
        ")",
        f"codes = pipeline.fit_transform({rows})",
    ]
    if not any(step.startswith("SimpleImputer") for step in steps):
        lines.append("again = pipeline.inverse_transform(codes)")
    needs = {"pd.": "import pandas as pd", "np.": "import numpy as np"}
    used = [line for mark, line in needs.items() if mark in "\n".join(lines)]
    pipeline = "from sklearn.pipeline import make_pipeline"
    return "\n".join([*sorted([*used, pipeline, *imports]), "", *lines])


def _preparations(comparison):
    """Return lines that make the columns of a table what was compared."""
    columns = comparison.table_columns
    if columns is None:
        return []
    lines = []
    if columns.left_out:
        names = [column for column, _ in columns.left_out]
        lines.append(f"table = table.drop(columns={names!r})")
    lines += [
        f"table[{name!r}] = pd.to_datetime(table[{name!r}], format={form!r})"
        for name, form in columns.dates.items()
    ]
    return lines


def _steps(comparison, name, estimator):
    """Return the steps of a pipeline, and the imports that they need."""
    steps, imports = [], []
    if comparison.encoder is not None:
        how = ", ".join(f"{key}={value!r}" for key, value in HOW.items())
        steps.append(f"TableEncoder({how})")
        imports.append("from skae import TableEncoder")
    if comparison.scaler is not None:
        steps.append("StandardScaler()")
        imports.append("from sklearn.preprocessing import StandardScaler")
    is_ours = isinstance(estimator, BaseAutoencoder)
    takes_missing = is_ours and estimator.missing_values == "allow"
    if comparison.conditions.missing_fraction and not takes_missing:
        steps.append("SimpleImputer()")
        imports.append("from sklearn.impute import SimpleImputer")
    if is_ours:
        imports.append(f"from skae import {type(estimator).__name__}")
    elif isinstance(estimator, PCA):
        imports.append("from sklearn.decomposition import PCA")
    else:
        return [*steps, f"...  # {name} here"], imports
    return [*steps, " ".join(repr(clone(estimator)).split())], imports
