"""Which Keras objects a file may ask for: those that only compute."""

from skae import _backend

_MODELS = {
    "keras": {"Functional", "Sequential", "DTypePolicy"},
    "keras.models": {"Functional", "Sequential"},
    "keras.src.models.functional": {"Functional"},
    "keras.src.models.sequential": {"Sequential"},
}

# A list of what may be built, since layers that run code, read files or load other
# formats keep being added to Keras.
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

# Tensor operations between layers; Keras names them by where they are defined.
_OPERATIONS = {f"keras.src.ops.{name}" for name in ("linalg", "math", "nn", "numpy")}

_DATA = {"__keras_tensor__", "__ellipsis__", "__numpy__", "__slice__", "__tensor__"}


def check(config):
    """Raise a ValueError if a Keras configuration asks for anything but computing.

    What it may ask for are Keras' own layers, models, initializers, regularizers,
    constraints, optimizers and their schedules, and activations by name.

    Parameters
    ----------
    config : dict, list or plain value
        As ``keras.saving.serialize_keras_object`` gives it, or part of that.
    """
    if isinstance(config, list):
        for part in config:
            check(part)
    elif isinstance(config, dict):
        if "class_name" in config or "module" in config or "registered_name" in config:
            _check_object(config)
        for part in config.values():
            check(part)


def _check_object(config):
    name, module = config.get("class_name"), config.get("module")
    registered = config.get("registered_name")
    if not (isinstance(name, str) and isinstance(module, str | None)):
        raise ValueError(f"{config!r:.200} does not name a Keras class.")
    if name == "function":
        allowed = _is_activation(config)
    else:
        allowed = registered in (None, name) and (
            (name in _DATA and module is None)
            or name in _MODELS.get(module or "", ())
            or (module == "keras.layers" and name in _LAYERS)
            or module in _OPERATIONS
            or _is_plain_part(module, name)
        )
    if not allowed:
        raise ValueError(
            f"{'.'.join(filter(None, (module, name)))} is not among the Keras classes "
            "that a file may ask for: Keras' own layers, models, initializers, "
            "regularizers, constraints, optimizers and activations that only compute."
        )


def _is_activation(config):
    keras, _ = _backend.load()
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
    """Tell whether this names an initializer, optimizer or the like by its base."""
    keras, _ = _backend.load()
    bases = {
        "keras.initializers": (keras.initializers, "Initializer"),
        "keras.regularizers": (keras.regularizers, "Regularizer"),
        "keras.constraints": (keras.constraints, "Constraint"),
        "keras.optimizers": (keras.optimizers, "Optimizer"),
        "keras.optimizers.schedules": (
            keras.optimizers.schedules,
            "LearningRateSchedule",
        ),
    }
    if module not in bases:
        return False
    namespace, base = bases[module]
    found = getattr(namespace, name, None)
    return isinstance(found, type) and issubclass(found, getattr(namespace, base))
