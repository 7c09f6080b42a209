"""What an estimator shows of itself in a notebook once it is fitted."""

import pandas
from sklearn.base import BaseEstimator

# Notebooks align the cells of tables to the right, as numbers.
_STYLE = "<style>table.skae-fit :is(th, td) { text-align: left }</style>"


class NotebookMixin(BaseEstimator):
    """Shows scikit-learn's diagram and, once fitted, what the fit has made."""

    @property
    def _repr_html_(self):
        diagram = super()._repr_html_  # no attribute where display="text"
        return lambda: diagram() + self._table()

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] += self._table()
        return bundle

    def _table(self):
        return table(self) if hasattr(self, "_fitted") else ""


def table(estimator):
    """Return a small HTML table of what a fit has made."""
    rows = pandas.Series(facts(estimator)).to_frame()
    with pandas.option_context("display.max_colwidth", None):
        return _STYLE + rows.to_html(header=False, border=0, classes="skae-fit")


def facts(estimator):
    """Return what there is to say of a fit: names to text."""
    if not hasattr(estimator, "best_epoch_"):
        return {k: v for k, v in _of_map(estimator).items() if v}
    fitted = estimator._fitted
    arrays = [*fitted.weights, *fitted.correction.arrays]
    n_parameters = sum(array.size for array in arrays)
    layers = getattr(estimator, "_layers", {})  # older files have none
    best, n_centers = estimator.best_epoch_, estimator.n_centers_
    said = {
        "Encoder": ", ".join(layers.get("encoder", ())),
        "Decoder": ", ".join(layers.get("decoder", ())),
        "Closed form": f"{n_centers} Gaussian kernels" if n_centers else "",
        "Parameters": f"{n_parameters:,}",
        "Compression factor": f"{estimator.compression_factor_:.3g} "
        f"({estimator.n_features_in_:,} features to {estimator.encoding_dim_:,} codes)",
        "Epochs": f"{estimator.n_iter_} run, "
        f"{f'epoch {best}' if best else 'the start'} kept",
        "Variance explained": _explained(estimator),
    }
    return {name: text for name, text in said.items() if text}


def _of_map(estimator):
    """Return what there is to say of a map of neighbours."""
    layers = estimator._layers
    n_parameters = sum(array.size for array in estimator._fitted.weights)
    return {
        "Encoder": ", ".join(layers["encoder"]),
        "Decoder": ", ".join(layers["decoder"]),
        "Parameters": f"{n_parameters:,}",
        "Epochs": f"{estimator.n_iter_} run",
        "Kullback-Leibler divergence": f"{estimator.kl_divergence_:.3f} nats",
    }


def _explained(estimator):
    """Compare with PCA what the codes explain, where the fit has found either out."""
    ratios = getattr(estimator, "explained_variance_ratio_", None)
    if ratios is None:
        return ""
    pca = getattr(estimator, "pca_score_", None)
    text = f"{ratios.sum():.1%} of the training rows"
    return text if pca is None else f"{text}; PCA: {pca:.1%}"
