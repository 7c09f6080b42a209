"""Which Keras objects a file may ask for: those that only compute.

Keras' safe mode keeps code out of a configuration. It does not keep out layers that
read files, that compute while the model is built, or that are larger than the file.
"""

import importlib
import sys

from skae._runtime.tensorflow import load_keras

# Keras' own kinds of models, under the public names and those that files contain.
_MODELS = {
    "keras": {"Functional", "Sequential", "DTypePolicy"},
    "keras.models": {"Functional", "Sequential"},
    "keras.src.models.functional": {"Functional"},
    "keras.src.models.sequential": {"Sequential"},
}

# A list of allowed layers, not of forbidden ones: new versions of Keras add layers that
# run code, read files or load other formats.
_LAYERS = set(
    """
    Activation ActivityRegularization Add AlphaDropout Average AveragePooling1D
    AveragePooling2D AveragePooling3D BatchNormalization Bidirectional CategoryEncoding
    CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
    Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D Cropping3D
    Dense DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU EinsumDense Flatten GRU
    GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GroupNormalization GroupQueryAttention Identity InputLayer LSTM LSTMCell
    LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum
    Minimum MultiHeadAttention Attention AdditiveAttention Multiply PReLU Permute
    RMSNormalization RNN ReLU RepeatVector Rescaling Reshape SeparableConv1D
    SeparableConv2D SimpleRNN SimpleRNNCell Softmax SpatialDropout1D SpatialDropout2D
    SpatialDropout3D SpectralNormalization StackedRNNCells Subtract TimeDistributed
    UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D
    ZeroPadding3D
    """.split()  # noqa: SIM905 - a literal would take 90 lines
)

# Tensor operations between layers. Keras names them by the module that defines them.
_OPERATIONS = {f"keras.src.ops.{name}" for name in ("linalg", "math", "nn", "numpy")}

# Names by which Keras serialises data, and types of arrays that hold numbers only.
_ARRAYS = {"__numpy__", "__tensor__"}
_DATA = {"__keras_tensor__", "__ellipsis__", "__slice__", *_ARRAYS}
_DTYPES = {
    "bool",
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    *("float16", "float32", "float64"),
}


def check(config):
    """Raise a ValueError if a Keras configuration asks for anything but computing.

    Allowed are Keras' own layers, models, initializers, regularizers, constraints,
    losses, optimizers and their schedules, and activations by name.

    Parameters
    ----------
    config : dict, list or plain value
        A result of ``keras.saving.serialize_keras_object``, or a part of one.
    """
    if isinstance(config, str):
        check_name(config)
    elif isinstance(config, list):
        for part in config:
            check(part)
    elif isinstance(config, dict):
        if "class_name" in config or "module" in config or "registered_name" in config:
            _check_object(config)
        if "layers" in config or "output_layers" in config:
            _check_graph(config)
        for part in config.values():
            check(part)


def check_name(name):
    """Raise a ValueError if the user has registered something with Keras by a name."""
    keras = sys.modules.get("keras")  # before the import nothing is registered
    if keras and keras.saving.get_registered_object(name) is not None:
        raise ValueError(
            f"{name!r} is the name of something of your own, registered with Keras "
            "or in its custom_object_scope. That is code, which no file of data holds."
        )


def without_training(config):
    """Return a configuration without the training settings of its models."""
    if isinstance(config, list):
        return [without_training(part) for part in config]
    if not isinstance(config, dict):
        return config
    parts = {name: without_training(part) for name, part in config.items()}
    parts.pop("compile_config", None)
    return parts


def _check_object(config):
    name, module = config.get("class_name"), config.get("module")
    registered = config.get("registered_name")
    if not (isinstance(name, str) and isinstance(module, str | None)):
        raise ValueError(f"{config!r:.200} does not name a Keras class.")
    if name == "function":
        allowed = _is_activation(config)
    elif name in _DATA:
        allowed = module is None and _is_plain_data(config)
    else:
        allowed = registered in (None, name) and (
            name in _MODELS.get(module or "", ())
            or (module == "keras.layers" and name in _LAYERS)
            or _is_operation(module, name)
            or _is_plain_part(module, name)
        )
    if not allowed:
        raise ValueError(
            f"{'.'.join(filter(None, (module, name)))} is not among the Keras classes "
            "that a file may ask for: Keras' own layers, models, initializers, "
            "regularizers, constraints, losses, optimizers and activations that only "
            "compute."
        )
    if "compile_config" in config:
        raise ValueError("A model in a file is not compiled for training.")


def _is_plain_data(config):
    if config["class_name"] not in _ARRAYS:
        return True
    value = config.get("config")
    return isinstance(value, dict) and value.get("dtype") in _DTYPES


def _is_operation(module, name):
    if module not in _OPERATIONS:
        return False
    keras = load_keras()
    return _is_subclass(
        vars(importlib.import_module(module)).get(name), keras.Operation
    )


def _is_activation(config):
    keras = load_keras()
    name = config.get("config")
    return (
        config.get("module") in ("builtins", "keras.activations")
        and config.get("registered_name") in (None, "function", name)
        and isinstance(name, str)
        and not name.startswith("_")
        and callable(getattr(keras.activations, name, None))
        and name not in ("deserialize", "get", "serialize")
    )


def _is_plain_part(module, name):
    """Tell whether a name is an initializer, optimizer or the like, by its base."""
    keras = load_keras()
    bases = {
        "keras.initializers": (keras.initializers, "Initializer"),
        "keras.regularizers": (keras.regularizers, "Regularizer"),
        "keras.constraints": (keras.constraints, "Constraint"),
        "keras.losses": (keras.losses, "Loss"),
        "keras.optimizers": (keras.optimizers, "Optimizer"),
        "keras.optimizers.schedules": (
            keras.optimizers.schedules,
            "LearningRateSchedule",
        ),
    }
    if module not in bases:
        return False
    namespace, base = bases[module]
    return _is_subclass(getattr(namespace, name, None), getattr(namespace, base))


def _is_subclass(found, base):
    return isinstance(found, type) and issubclass(found, base)


# How the layers of a model are connected


def _check_graph(config):
    """Raise a ValueError if building a Keras model would do more than describe it.

    Layers applied to numbers would compute at once. Layers that lead to no output have
    weights that the model does not list.
    """
    layers = config.get("layers")
    if not (isinstance(layers, list) and all(isinstance(v, dict) for v in layers)):
        raise ValueError(f"{layers!r:.200} are not the layers of a Keras model.")
    if "output_layers" not in config and not any("inbound_nodes" in v for v in layers):
        return  # sequential
    inputs = {layer["name"]: _inputs(layer) for layer in layers}
    needed, found = list(_names(config["output_layers"])), set()
    while needed:
        name = needed.pop()
        if name not in found:
            found.add(name)
            needed.extend(inputs[name])
    if len(inputs) != len(layers) or found != set(inputs):
        raise ValueError("Some layers have one name, or lead to no output.")


def _inputs(layer):
    """Return the names of the layers that a layer takes its inputs from."""
    names = []
    for node in layer["inbound_nodes"]:
        taken = list(_tensors([node["args"], node["kwargs"]]))
        if not taken:
            raise ValueError(f"{layer['name']!r:.50} takes no other layer's output.")
        names += taken
    return names


def _tensors(part):
    """Yield the names of the layers whose tensors occur in a part of a node."""
    if isinstance(part, list):
        for item in part:
            yield from _tensors(item)
    elif isinstance(part, dict) and "class_name" in part and "config" in part:
        if part["class_name"] == "__keras_tensor__":
            yield part["config"]["keras_history"][0]
    elif isinstance(part, dict):
        yield from _tensors(list(part.values()))


def _names(outputs):
    """Yield the layer names in outputs: [name, node, tensor], or these nested."""
    parts = outputs.values() if isinstance(outputs, dict) else outputs
    if isinstance(outputs, list) and isinstance(outputs[0], str):
        yield outputs[0]
        return
    for part in parts:
        yield from _names(part)
