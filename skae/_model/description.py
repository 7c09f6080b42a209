"""The layers of a fitted network, as text."""

from skae.networks._base import LINEAR


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
