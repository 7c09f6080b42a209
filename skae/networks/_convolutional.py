"""Convolutional networks for images, signals and volumes."""

from __future__ import annotations

import math
import numbers
from typing import Literal

from skae._runtime.annotations import KerasModel, Shape
from skae._runtime.tensorflow import load_keras
from skae.networks._base import (
    FIRST_HIDDEN,
    FLOAT32,
    LINEAR,
    Network,
    add,
    centred,
    code,
    dense,
    drawn,
    flat,
    linear_and_branch,
    shaped,
    starting_at_zero,
)
from skae.networks._checks import (
    check_activation,
    check_choice,
    check_layer_sizes,
    check_reshape,
)

# Any other layer of images takes their order of axes from Keras' settings, where the
# user may have set another one.
_ALWAYS_CHANNELS_LAST = "Cropping1D", "UpSampling1D"


class ConvNetwork(Network):
    """Convolutions that halve an image stage by stage, to a code, and back.

    Each stage of the encoder convolves and then halves height and width, rounded up.
    The decoder goes back through the same sizes, so images of any size come back in
    that size (28, 14, 7, 4 and back).

    Parameters
    ----------
    filters : tuple of int, default=(16, 32)
        Filters of each stage, from the image to the code.

    kernel_size : int or tuple of int, default=3
        Height and width of the convolutions. A tuple also says along how many axes
        they move: with ``(5,)``, samples of shape (length, channels) are signals,
        otherwise grey images.

    downsampling : {"strides", "max_pool"}, default="strides"
        How a stage halves the image: by strides of 2 in the convolution, with
        transposed convolutions on the way back; or by max-pooling after the
        convolution, with a convolution and repetition on the way back.

    batch_normalization : bool, default=False
        Whether a batch normalisation follows each stage's convolution (Ioffe and
        Szegedy, 2015). The outermost layers and a spatial code have none.

    bottleneck : {"dense", "spatial"}, default="dense"
        "dense" ends in a dense layer with `encoding_dim` codes. With "spatial" the
        code is the last stage, flattened: its size follows from the image and
        `filters`.

    image_shape : tuple of int or None, default=None
        Shape of one image, (height, width) or (height, width, channels), if samples
        are flat rows. None takes the shape of the samples; flat rows are then signals
        of one channel.

    activation : str, default="relu"
        Name of the Keras activation of the convolutions.

    code_activation : str, default="linear"
        Name of the Keras activation of the code.

    linear_shortcut : bool, default=True
        Whether encoder and decoder are each the sum of a linear map and the
        convolutions' output, which is zero at first. Not used with a spatial code.

    Examples
    --------
    >>> from skae.networks import ConvNetwork
    >>> network = ConvNetwork((16, 8, 8), bottleneck="spatial")
    >>> network.n_codes((28, 28), None)
    128
    >>> encoder = network.build_encoder((28, 28), 128)
    >>> decoder = network.build_decoder((28, 28), 128)
    >>> encoder.count_params() + decoder.count_params()
    4385
    """

    def __init__(
        self,
        filters: int | Shape = (16, 32),
        *,
        kernel_size: int | Shape = 3,
        downsampling: Literal["strides", "max_pool"] = "strides",
        batch_normalization: bool = False,
        bottleneck: Literal["dense", "spatial"] = "dense",
        image_shape: Shape | None = None,
        activation: str = "relu",
        code_activation: str = "linear",
        linear_shortcut: bool = True,
    ) -> None:
        self.filters = filters
        self.kernel_size = kernel_size
        self.downsampling = downsampling
        self.batch_normalization = batch_normalization
        self.bottleneck = bottleneck
        self.image_shape = image_shape
        self.activation = activation
        self.code_activation = code_activation
        self.linear_shortcut = linear_shortcut

    @property
    def sizes_itself(self) -> bool:
        """Whether the code is spatial; see `Network.sizes_itself`."""
        return self.bottleneck == "spatial"

    def n_codes(self, sample_shape: Shape, encoding_dim: int | None) -> int:
        """Return the number of codes; for a spatial code, the number of its values.

        See `Network.n_codes`.
        """
        stages = self._stages(sample_shape)
        if self.bottleneck == "dense":
            return super().n_codes(sample_shape, encoding_dim)
        n_codes = stages.n_smallest * stages.filters[-1]
        if encoding_dim not in (None, n_codes):
            code_shape = (*stages.sizes[-1], stages.filters[-1])
            raise ValueError(
                "With bottleneck='spatial' the size of the code follows from the "
                f"image and filters: {' x '.join(map(str, code_shape))} = {n_codes}, "
                f"not encoding_dim={encoding_dim}. Set encoding_dim=None to take it, "
                "or bottleneck='dense' to choose it."
            )
        return n_codes

    def build_encoder(self, sample_shape: Shape, encoding_dim: int) -> KerasModel:
        """Build the map from samples to codes; see `DenseNetwork.build_encoder`."""
        keras = load_keras()
        stages = self._stages(sample_shape)
        inputs = keras.Input(sample_shape, dtype="float32", name="sample")
        hidden = shaped(inputs, stages.image_shape)
        last = len(stages.filters)
        for i, filters in enumerate(stages.filters, start=1):
            is_code = self.bottleneck == "spatial" and i == last
            if is_code:
                filters = encoding_dim // stages.n_smallest
            activation = self.code_activation if is_code else self.activation
            hidden = self._convolution(stages, filters, activation, i)(hidden)
            hidden = self._normalized(hidden, i, not is_code)
            if self.downsampling == "max_pool":
                hidden = stages.layer(
                    "MaxPooling", 2, padding="same", name=f"pool_{i}"
                )(hidden)
        codes = flat(hidden)
        if self.bottleneck == "dense":
            codes = linear_and_branch(
                flat(inputs), codes, encoding_dim, self.linear_shortcut
            )
            codes = code(codes, self.code_activation)
        return keras.Model(inputs, codes, name="encoder")

    def build_decoder(self, sample_shape: Shape, encoding_dim: int) -> KerasModel:
        """Build the map from codes to samples; see `DenseNetwork.build_decoder`."""
        keras = load_keras()
        stages = self._stages(sample_shape)
        inputs = keras.Input((encoding_dim,), dtype="float32", name="code")
        codes = centred(inputs, self.code_activation, self.has_linear_map)
        hidden = self._upsampled(stages, self._smallest(stages, codes))
        outputs = self._outputs(stages, codes, hidden)
        return keras.Model(inputs, shaped(outputs, sample_shape), name="decoder")

    def _stages(self, sample_shape):
        check_choice("downsampling", self.downsampling, ("max_pool", "strides"))
        check_choice("bottleneck", self.bottleneck, ("dense", "spatial"))
        check_activation("activation", self.activation)
        check_activation("code_activation", self.code_activation)
        return _Stages(self, sample_shape)

    @property
    def has_linear_map(self) -> bool:
        """Whether there is a linear map beside the convolutions."""
        return self.linear_shortcut and self.bottleneck == "dense"

    def _convolution(self, stages, filters, activation, i):
        return stages.layer(
            "Conv",
            filters,
            stages.kernel_size,
            strides=2 if self.downsampling == "strides" else 1,
            padding="same",
            activation=activation,
            kernel_initializer=drawn("HeNormal"),
            name=f"convolution_{i}",
        )

    def _normalized(self, hidden, i, wanted=True):
        keras = load_keras()
        if not (self.batch_normalization and wanted):
            return hidden
        # With Keras' 0.99 the averages would lag behind in a short training; a smaller
        # momentum makes them noisier.
        return keras.layers.BatchNormalization(
            momentum=0.9, **FLOAT32, name=f"normalization_{i}"
        )(hidden)

    def _smallest(self, stages, codes):
        """Map codes to the shape of the smallest stage."""
        if self.bottleneck == "spatial":
            return shaped(codes, (*stages.sizes[-1], -1))
        hidden = dense(
            stages.n_smallest * stages.filters[-1],
            activation=self.activation,
            initializer="HeNormal",
            name=FIRST_HIDDEN,
        )
        return shaped(hidden(codes), (*stages.sizes[-1], stages.filters[-1]))

    def _upsampled(self, stages, hidden):
        """Go from the smallest stage back to the size of the image."""
        transposed = self.downsampling == "strides"
        for i, filters in enumerate(stages.filters[::-1], start=1):
            hidden = stages.layer(
                "ConvTranspose" if transposed else "Conv",
                filters,
                stages.kernel_size,
                strides=2 if transposed else 1,
                padding="same",
                activation=self.activation,
                kernel_initializer=drawn("HeNormal"),
                name=f"convolution_{i}",
            )(hidden)
            hidden = self._normalized(hidden, i)
            if not transposed:
                hidden = stages.layer("UpSampling", 2, name=f"repeat_{i}")(hidden)
            hidden = stages.cropped(hidden, stages.sizes[-1 - i], f"crop_{i}")
        return hidden

    def _outputs(self, stages, codes, hidden):
        """Convolve to the image's channels, beside a linear map of the codes."""
        how = {"kernel_size": stages.kernel_size, "padding": "same"}
        if not self.has_linear_map:
            how["kernel_initializer"] = drawn("GlorotUniform")
            return stages.layer("Conv", stages.n_channels, name="output", **how)(hidden)
        branch = stages.layer("Conv", stages.n_channels, **how, **starting_at_zero())
        linear = dense(math.prod(stages.image_shape), name=LINEAR)
        return add(linear(codes), flat(branch(hidden)))


class _Stages:
    """The sizes of a convolutional network's stages for samples of a shape."""

    def __init__(self, network, sample_shape):
        self.filters = check_layer_sizes("filters", network.filters, fewest=1)
        shape = tuple(sample_shape)
        if network.image_shape is not None:
            shape = check_reshape("image_shape", network.image_shape, shape)
        kernel_size = network.kernel_size
        if isinstance(kernel_size, numbers.Integral):
            # Two axes are a grey image, not a signal with channels.
            n_axes = len(shape) if len(shape) < 3 else len(shape) - 1
            kernel_size = (kernel_size,) * n_axes
        self.kernel_size = check_layer_sizes("kernel_size", kernel_size, fewest=1)
        self._n_axes = len(self.kernel_size)
        if not (1 <= self._n_axes <= 3 and 0 <= len(shape) - self._n_axes <= 1):
            raise ValueError(
                f"kernel_size={network.kernel_size!r} does not fit samples of shape "
                f"{shape}: it needs one number for each axis but the channels, at most "
                "three. Reshape the samples, or give image_shape."
            )
        self.n_channels = 1 if len(shape) == self._n_axes else shape[-1]
        self.sizes = [shape[: self._n_axes]]
        for _ in self.filters:
            self.sizes.append(tuple(-(-size // 2) for size in self.sizes[-1]))
        self.image_shape = (*self.sizes[0], self.n_channels)
        self.n_smallest = math.prod(self.sizes[-1])

    def layer(self, kind, *arguments, **how):
        """Make the Keras layer of this kind and number of axes, such as Conv2D."""
        keras = load_keras()
        kind, suffix, _ = kind.partition("Transpose")
        name = f"{kind}{self._n_axes}D{suffix}"
        if name not in _ALWAYS_CHANNELS_LAST:
            how = {"data_format": "channels_last", **how}
        return getattr(keras.layers, name)(*arguments, **{**FLOAT32, **how})

    def cropped(self, images, size, name):
        """Crop images to a size, at the ends of their axes."""
        excess = [(0, n - m) for n, m in zip(images.shape[1:-1], size, strict=True)]
        if not any(after for _, after in excess):
            return images
        cropping = excess[0] if self._n_axes == 1 else tuple(excess)
        return self.layer("Cropping", cropping, name=name)(images)
