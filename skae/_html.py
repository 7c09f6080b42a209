"""What an estimator shows of itself in a notebook once it is fitted."""

import html

from skae.networks._base import LINEAR

_STYLE = (
    "border-collapse: collapse; margin-top: 0.5em; font-size: 90%; text-align: left"
)
_CELL = "padding: 0.15em 1em 0.15em 0; text-align: left; vertical-align: top"


def described(codec):
    """Return the layers with weights of encoder and decoder, as lists of text."""
    models = {"encoder": codec.encoder, "decoder": codec.decoder}
    return {
        name: [_described(layer) for layer in _layers(model) if layer.weights]
        for name, model in models.items()
    }


def _layers(model):
    """Yield the layers of a Keras model, and of those within it."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _layers(layer)
        else:
            yield layer


def _described(layer):
    beside = " (linear map)" if layer.name == LINEAR else ""
    return f"{type(layer).__name__}{_size_of_output(layer)}{beside}"


def _size_of_output(layer):
    try:
        shape = layer.output.shape[1:]
    except (AttributeError, ValueError):  # several outputs, or none
        return ""
    return " " + " × ".join(map(str, shape))


def table(estimator):
    """Return a small HTML table of what a fit has made."""
    rows = "".join(
        f'<tr><th scope="row" style="{_CELL}">{html.escape(name)}</th>'
        f'<td style="{_CELL}">{html.escape(text)}</td></tr>'
        for name, text in facts(estimator).items()
    )
    return f'<table class="skae-fit" style="{_STYLE}"><tbody>{rows}</tbody></table>'


def facts(estimator):
    """Return what there is to say of a fit: names to text."""
    n_parameters = sum(weights.size for weights in estimator._fitted.weights)
    said = {
        "Encoder": _listed(estimator, "encoder"),
        "Decoder": _listed(estimator, "decoder"),
        "Parameters": f"{n_parameters:,}",
        "Compression factor": _compression(estimator),
        "Epochs": _epochs(estimator),
        "Variance explained": _explained(estimator),
    }
    return {name: text for name, text in said.items() if text}


def _listed(estimator, part):
    layers = getattr(estimator, "_layers", {})  # older files have none
    return ", ".join(layers.get(part, ()))


def _compression(estimator):
    return (
        f"{estimator.compression_factor_:.3g} "
        f"({estimator.n_features_in_:,} features to {estimator.encoding_dim_:,} codes)"
    )


def _epochs(estimator):
    kept = f"epoch {estimator.best_epoch_}" if estimator.best_epoch_ else "the start"
    return f"{estimator.n_iter_} run, {kept} kept"


def _explained(estimator):
    """Compare with PCA what the codes explain, where the fit has found either out."""
    ratios = getattr(estimator, "explained_variance_ratio_", None)
    if ratios is None:
        return ""
    pca = getattr(estimator, "pca_score_", None)
    text = f"{ratios.sum():.1%} of the training rows"
    return text if pca is None else f"{text}; PCA: {pca:.1%}"
