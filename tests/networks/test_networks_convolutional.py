"""ConvNetwork: shapes of any size, sizes by formula, convolutions as NumPy's."""

import itertools
import math

import numpy as np
import pytest
from helpers import (
    assert_branch_starts_at_zero,
    assert_keras_alone_saves,
    call,
    each_of,
    randomize,
)
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import clone

from skae.networks import BRANCH, LINEAR, ConvNetwork

BOTH_WAYS = pytest.mark.parametrize("downsampling", ["max_pool", "strides"])


def samples(*shape, n=3, seed=0):
    return np.random.RandomState(seed).randn(n, *shape)


def models(network, sample_shape, encoding_dim):
    """Return encoder and decoder with weights that are all different."""
    return (
        randomize(network.build_encoder(sample_shape, encoding_dim), 0),
        randomize(network.build_decoder(sample_shape, encoding_dim), 1),
    )


def output_sizes(model, name):
    """Return the image sizes after the layers whose names begin so."""
    layers = [layer for layer in model.layers if layer.name.startswith(name)]
    return [layer.output.shape[1:-1] for layer in layers]


# Numbers of parameters


def n_convolution(kernel_size, before, after):
    return (math.prod(kernel_size) * before + 1) * after


def n_chain(kernel_size, filters):
    pairs = itertools.pairwise(filters)
    return sum(n_convolution(kernel_size, *pair) for pair in pairs)


@pytest.mark.parametrize(
    ("filters", "sample_shape", "published"),
    [((16, 8, 8), (28, 28), 4385), ((32, 32), (28, 28, 1), 28_353)],
    ids=["convolutional", "denoising"],
)
def test_the_textbook_autoencoders_have_their_published_sizes(
    filters, sample_shape, published
):
    """Chollet (2016), Building autoencoders in Keras."""
    network = ConvNetwork(filters, bottleneck="spatial")
    dim = network.n_codes(sample_shape, None)
    encoder = network.build_encoder(sample_shape, dim)
    decoder = network.build_decoder(sample_shape, dim)
    assert encoder.count_params() == n_chain((3, 3), [1, *filters])
    mirrored = [filters[-1], *filters[::-1], 1]
    assert decoder.count_params() == n_chain((3, 3), mirrored)
    assert encoder.count_params() + decoder.count_params() == published


def test_the_textbook_encoder_has_its_published_size():
    network = ConvNetwork((16, 8, 8), bottleneck="spatial")
    assert network.build_encoder((28, 28), 128).count_params() == 1904


@BOTH_WAYS
def test_a_plain_network_with_a_dense_code_has_the_size_of_the_formula(downsampling):
    network = ConvNetwork((4, 6), downsampling=downsampling, linear_shortcut=False)
    encoder = network.build_encoder((9, 10, 2), 5)
    decoder = network.build_decoder((9, 10, 2), 5)
    n_smallest = 3 * 3 * 6
    dense = (n_smallest + 1) * 5
    assert encoder.count_params() == n_chain((3, 3), [2, 4, 6]) + dense
    dense = (5 + 1) * n_smallest
    assert decoder.count_params() == dense + n_chain((3, 3), [6, 6, 4, 2])


def test_the_shortcut_adds_a_linear_map_and_takes_the_branches_biases():
    sizes = {}
    for shortcut in (False, True):
        network = ConvNetwork((4,), linear_shortcut=shortcut)
        sizes[shortcut] = np.array(
            [
                network.build_encoder((6, 5, 2), 3).count_params(),
                network.build_decoder((6, 5, 2), 3).count_params(),
            ]
        )
    linear_maps = [60 * 3 + 3, 3 * 60 + 60]
    biases = [3, 2]
    np.testing.assert_array_equal(
        sizes[True] - sizes[False], np.subtract(linear_maps, biases)
    )


def test_a_batch_normalisation_adds_four_numbers_a_filter():
    def sizes(**how):
        network = ConvNetwork((4, 6), **how)
        return (
            network.build_encoder((8, 8), 3).count_params(),
            network.build_decoder((8, 8), 3).count_params(),
        )

    added = np.subtract(sizes(batch_normalization=True), sizes())
    np.testing.assert_array_equal(added, 4 * (4 + 6))


# Shapes


@BOTH_WAYS
@pytest.mark.parametrize("height", range(1, 10))
def test_samples_of_any_size_come_back_in_their_shape(height, downsampling):
    shape = (height, 1 + 4 * height % 9, 1 + height % 3)
    network = ConvNetwork((3, 2), downsampling=downsampling)
    encoder, decoder = models(network, shape, 4)
    codes = call(encoder, samples(*shape))
    assert codes.shape == (3, 4)
    assert call(decoder, codes).shape == (3, *shape)


@BOTH_WAYS
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 8), (7, 9)], ids=str)
def test_spatial_codes_of_any_size_go_back_to_the_samples_shape(size, downsampling):
    network = ConvNetwork((3, 2), downsampling=downsampling, bottleneck="spatial")
    dim = network.n_codes(size, None)
    assert dim == math.prod(math.ceil(n / 4) for n in size) * 2
    encoder, decoder = models(network, size, dim)
    codes = call(encoder, samples(*size))
    assert codes.shape == (3, dim)
    assert call(decoder, codes).shape == (3, *size)


@pytest.mark.parametrize(
    ("downsampling", "last"), [("max_pool", "pool"), ("strides", "convolution")]
)
def test_stages_halve_the_image_and_round_up(downsampling, last):
    network = ConvNetwork((3, 3, 3), downsampling=downsampling)
    encoder = network.build_encoder((28, 27), 4)
    assert output_sizes(encoder, last) == [(14, 14), (7, 7), (4, 4)]


def test_the_decoder_goes_the_same_sizes_back_by_repetition():
    decoder = ConvNetwork((3, 3, 3), downsampling="max_pool").build_decoder((28, 28), 4)
    assert output_sizes(decoder, "convolution") == [(4, 4), (7, 7), (14, 14)]
    assert output_sizes(decoder, "repeat") == [(8, 8), (14, 14), (28, 28)]
    assert output_sizes(decoder, "crop") == [(7, 7)]


def test_the_decoder_goes_the_same_sizes_back_by_transposed_convolutions():
    network = ConvNetwork((3, 3, 3), downsampling="strides")
    decoder = network.build_decoder((28, 28), 4)
    assert output_sizes(decoder, "convolution") == [(8, 8), (14, 14), (28, 28)]
    assert output_sizes(decoder, "crop") == [(7, 7)]


@pytest.mark.parametrize(
    ("sample_shape", "kernel_size", "kernel_shape"),
    [
        ((12,), 3, (3, 1, 4)),
        ((12,), (5,), (5, 1, 4)),
        ((12, 2), (5,), (5, 2, 4)),
        ((6, 7), 3, (3, 3, 1, 4)),
        ((6, 7), (1, 2), (1, 2, 1, 4)),
        ((6, 7, 2), 3, (3, 3, 2, 4)),
        ((5, 6, 7), (3, 3, 3), (3, 3, 3, 1, 4)),
        ((5, 6, 7, 2), 3, (3, 3, 3, 2, 4)),
    ],
    ids=str,
)
def test_convolutions_move_along_all_axes_but_the_channels(
    sample_shape, kernel_size, kernel_shape
):
    network = ConvNetwork((4,), kernel_size=kernel_size)
    encoder, decoder = models(network, sample_shape, 2)
    assert encoder.get_layer("convolution_1").kernel.shape == kernel_shape
    codes = call(encoder, samples(*sample_shape))
    assert call(decoder, codes).shape == (3, *sample_shape)


@pytest.mark.parametrize(
    ("sample_shape", "halves"), [((11,), (6,)), ((5, 6, 7, 2), (3, 3, 4))], ids=str
)
def test_strides_halve_all_axes_but_the_channels(sample_shape, halves):
    network = ConvNetwork((4,), downsampling="strides")
    encoder, decoder = models(network, sample_shape, 2)
    assert output_sizes(encoder, "convolution") == [halves]
    codes = call(encoder, samples(*sample_shape))
    assert call(decoder, codes).shape == (3, *sample_shape)


def assert_same_functions(one, other, one_shape, other_shape):
    """Check that two networks with the same weights do the same to reshaped samples."""
    X = samples(*one_shape)
    encoder, decoder = models(one, one_shape, 3)
    again = other.build_encoder(other_shape, 3), other.build_decoder(other_shape, 3)
    for model, source in zip(again, (encoder, decoder), strict=True):
        model.set_weights(source.get_weights())
    codes = call(encoder, X)
    np.testing.assert_allclose(
        call(again[0], X.reshape(-1, *other_shape)), codes, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        call(again[1], codes).ravel(), call(decoder, codes).ravel(), rtol=1e-5
    )


def test_grey_images_need_no_axis_for_their_channel():
    network = ConvNetwork((4, 2))
    assert_same_functions(network, network, (5, 6, 1), (5, 6))


@pytest.mark.parametrize("image_shape", [(6, 5), (6, 5, 1), (3, 5, 2)], ids=str)
def test_flat_rows_with_an_image_shape_are_images(image_shape):
    assert_same_functions(
        ConvNetwork((4, 2)),
        ConvNetwork((4, 2), image_shape=image_shape),
        image_shape,
        (30,),
    )


def test_flat_rows_are_signals_of_one_channel():
    network = ConvNetwork((4, 2), kernel_size=(3,))
    assert_same_functions(network, network, (12, 1), (12,))


# What the layers compute


def relu(x):
    return np.maximum(x, 0)


def padded(images, kernel_size, stride, value=0.0):
    """Pad as "same" does: to ceil(n / stride) places, the odd one at the end."""
    widths = [(0, 0)]
    for n, k in zip(images.shape[1:-1], kernel_size, strict=True):
        excess = max((math.ceil(n / stride) - 1) * stride + k - n, 0)
        widths.append((excess // 2, excess - excess // 2))
    return np.pad(images, [*widths, (0, 0)], constant_values=value)


def windows(images, kernel_size, stride, value=0.0):
    images = padded(images, kernel_size, stride, value)
    views = sliding_window_view(images, kernel_size, axis=(1, 2))
    return views[:, ::stride, ::stride]


def convolved(images, kernel, bias=0.0, stride=1):
    views = windows(images, kernel.shape[:2], stride)
    return np.einsum("nhwcij,ijcf->nhwf", views, kernel) + bias


def pooled(images):
    return windows(images, (2, 2), 2, -np.inf).max(axis=(-2, -1))


def convolved_back(images, kernel, bias):
    """Scatter each pixel through the kernel, two places apart."""
    n, height, width, _ = images.shape
    k = len(kernel)
    full = np.zeros((n, 2 * height + k - 2, 2 * width + k - 2, kernel.shape[2]))
    for i, j in np.ndindex(k, k):
        full[:, i : i + 2 * height : 2, j : j + 2 * width : 2] += (
            images @ kernel[i, j].T
        )
    before = (k - 2) // 2
    return full[:, before : before + 2 * height, before : before + 2 * width] + bias


def repeated(images):
    return images.repeat(2, axis=1).repeat(2, axis=2)


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def values(model):
    return [value.astype(np.float64) for value in model.get_weights()]


def test_the_encoder_convolves_pools_and_maps_to_the_code():
    network = ConvNetwork(
        (2, 3), downsampling="max_pool", linear_shortcut=False, code_activation="tanh"
    )
    encoder = randomize(network.build_encoder((5, 6, 2), 4))
    X = samples(5, 6, 2)
    first_kernel, first_bias, kernel, bias, dense, dense_bias = values(encoder)
    hidden = pooled(relu(convolved(X, first_kernel, first_bias)))
    hidden = pooled(relu(convolved(hidden, kernel, bias)))
    assert_close(
        call(encoder, X), np.tanh(hidden.reshape(len(X), -1) @ dense + dense_bias)
    )


def test_with_strides_the_convolutions_take_every_second_place():
    network = ConvNetwork((2,), downsampling="strides", bottleneck="spatial")
    for shape in ((6, 4), (5, 7)):
        dim = network.n_codes(shape, None)
        encoder = randomize(network.build_encoder(shape, dim))
        X = samples(*shape)
        expected = convolved(X[..., None], *values(encoder), stride=2)
        assert_close(call(encoder, X), expected.reshape(len(X), dim))


@pytest.mark.parametrize(
    ("code_activation", "formula"), [("relu", relu), ("tanh", np.tanh)]
)
def test_a_spatial_code_has_the_code_activation(code_activation, formula):
    network = ConvNetwork(
        (2,),
        downsampling="max_pool",
        bottleneck="spatial",
        code_activation=code_activation,
    )
    encoder = randomize(network.build_encoder((4, 4), 8))
    X = samples(4, 4)
    expected = pooled(formula(convolved(X[..., None], *values(encoder))))
    assert_close(call(encoder, X), expected.reshape(len(X), 8))


def test_the_decoder_maps_convolves_and_repeats():
    network = ConvNetwork(
        (3,), downsampling="max_pool", linear_shortcut=False, activation="tanh"
    )
    decoder = randomize(network.build_decoder((5, 3, 2), 4))
    codes = samples(4)
    dense, dense_bias, kernel, bias, last_kernel, last_bias = values(decoder)
    hidden = np.tanh(codes @ dense + dense_bias).reshape(-1, 3, 2, 3)
    hidden = repeated(np.tanh(convolved(hidden, kernel, bias)))[:, :5, :3]
    assert_close(call(decoder, codes), convolved(hidden, last_kernel, last_bias))


def test_with_strides_the_decoder_convolves_back():
    network = ConvNetwork((3,), downsampling="strides", bottleneck="spatial")
    decoder = randomize(network.build_decoder((5, 4), 18))
    codes = samples(18)
    kernel, bias, last_kernel, last_bias = values(decoder)
    hidden = relu(convolved_back(codes.reshape(-1, 3, 2, 3), kernel, bias))[:, :5]
    assert_close(
        call(decoder, codes), convolved(hidden, last_kernel, last_bias)[..., 0]
    )


def test_the_branch_of_the_decoder_is_a_convolution_beside_the_linear_map():
    decoder = randomize(
        ConvNetwork((3,), downsampling="max_pool").build_decoder((4, 4), 2)
    )
    codes = samples(2)
    names = ("hidden_1", "convolution_1", BRANCH, LINEAR)
    dense, convolution, branch, linear = (
        values(decoder.get_layer(name)) for name in names
    )
    hidden = relu(codes @ dense[0] + dense[1]).reshape(-1, 2, 2, 3)
    hidden = repeated(relu(convolved(hidden, *convolution)))
    expected = convolved(hidden, *branch).reshape(-1, 16) + codes @ linear[0]
    assert_close(call(decoder, codes).reshape(-1, 16), expected + linear[1])


def normalisations(model):
    return [layer.name for layer in model.layers if "normalization" in layer.name]


@BOTH_WAYS
def test_every_stage_is_normalised_but_the_outermost_layers(downsampling):
    network = ConvNetwork((4, 3), batch_normalization=True, downsampling=downsampling)
    encoder = network.build_encoder((8, 8), 2)
    decoder = network.build_decoder((8, 8), 2)
    assert normalisations(encoder) == ["normalization_1", "normalization_2"]
    assert normalisations(decoder) == ["normalization_1", "normalization_2"]
    for model in (encoder, decoder):
        for i in (1, 2):
            normalization = model.get_layer(f"normalization_{i}")
            assert normalization.input is model.get_layer(f"convolution_{i}").output


def test_a_spatial_code_is_not_normalised():
    network = ConvNetwork((4, 3), batch_normalization=True, bottleneck="spatial")
    assert normalisations(network.build_encoder((8, 8), 12)) == ["normalization_1"]


def test_without_batch_normalisation_there_is_none():
    assert normalisations(ConvNetwork().build_decoder((8, 8), 2)) == []


# Beside the linear map


@BOTH_WAYS
@pytest.mark.parametrize("build", ["build_encoder", "build_decoder"])
def test_the_branch_starts_at_zero_and_is_connected(build, downsampling):
    network = ConvNetwork((4, 3), downsampling=downsampling, batch_normalization=True)
    model = getattr(network, build)((3, 4, 2), 24)
    assert_branch_starts_at_zero(model, samples(*model.input_shape[1:]))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, True),
        ({"linear_shortcut": False}, False),
        ({"bottleneck": "spatial"}, False),
    ],
    ids=str,
)
def test_only_a_dense_code_has_a_linear_map_beside_it(how, expected):
    network = ConvNetwork((4,), **how)
    encoder = network.build_encoder((4, 4), 16)
    decoder = network.build_decoder((4, 4), 16)
    has_linear = [
        {LINEAR, BRANCH} <= {layer.name for layer in model.layers}
        for model in (encoder, decoder)
    ]
    assert has_linear == [expected, expected]
    assert network.has_linear_map is expected


@pytest.mark.parametrize(
    ("how", "centre"),
    [
        ({}, 0.5),
        ({"linear_shortcut": False}, 0.0),
        ({"bottleneck": "spatial"}, 0.0),
    ],
    ids=str,
)
def test_only_beside_a_linear_map_are_the_codes_of_a_sigmoid_centred(how, centre):
    network = ConvNetwork((4,), code_activation="sigmoid", **how)
    decoder = randomize(network.build_decoder((4, 4), 16))
    uncentred = ConvNetwork((4,), **how).build_decoder((4, 4), 16)
    uncentred.set_weights(decoder.get_weights())
    codes = np.random.RandomState(0).rand(10, 16)
    assert_close(call(decoder, codes), call(uncentred, codes - centre))


# The number of codes


def test_a_dense_code_has_the_size_asked_for():
    assert ConvNetwork((8, 4)).n_codes((8, 8), 5) == 5


def test_a_spatial_code_alone_has_a_size_of_its_own():
    assert ConvNetwork(bottleneck="spatial").sizes_itself
    assert not ConvNetwork().sizes_itself


@pytest.mark.parametrize(
    ("sample_shape", "how", "n_codes"),
    [
        ((28, 28), {"filters": (16, 8, 8)}, 4 * 4 * 8),
        ((28, 27, 3), {"filters": (5,)}, 14 * 14 * 5),
        ((13, 2), {"filters": (5, 2), "kernel_size": (3,)}, 4 * 2),
        ((3, 5, 9, 2), {"filters": (6,)}, 2 * 3 * 5 * 6),
        ((60,), {"filters": (4,), "image_shape": (6, 10)}, 3 * 5 * 4),
    ],
    ids=str,
)
@pytest.mark.parametrize("asked", [False, True], ids=["None", "asked"])
def test_a_spatial_code_has_the_size_of_the_last_stage(
    sample_shape, how, n_codes, asked
):
    network = ConvNetwork(bottleneck="spatial", **how)
    assert network.n_codes(sample_shape, n_codes if asked else None) == n_codes


def test_another_size_of_a_spatial_code_is_an_error_that_names_the_right_one():
    network = ConvNetwork((16, 8, 8), bottleneck="spatial")
    with pytest.raises(ValueError, match="4 x 4 x 8 = 128, not encoding_dim=32"):
        network.n_codes((28, 28), 32)


# Parameters

WRONG = [
    ({"filters": ()}, r"filters must be .* a tuple of them, got \(\)"),
    ({"filters": (4, 0)}, r"filters must hold positive integers, got \(4, 0\)"),
    ({"filters": 2.5}, "filters must be .* a tuple of them, got 2.5"),
    ({"kernel_size": 0}, "kernel_size must hold positive integers"),
    ({"kernel_size": None}, "kernel_size must be .* a tuple of them, got None"),
    (
        {"kernel_size": (3,)},
        r"kernel_size=\(3,\) does not fit samples of shape \(4, 4, 2\)",
    ),
    ({"kernel_size": (3, 3, 3, 3)}, "does not fit samples .* at most three"),
    ({"downsampling": "mean"}, "must be 'max_pool' or 'strides', got 'mean'"),
    ({"bottleneck": "flat"}, "must be 'dense' or 'spatial', got 'flat'"),
    (
        {"image_shape": (3, 3)},
        r"image_shape=\(3, 3\) holds 9 values, but .* \(4, 4, 2\) has 32",
    ),
    ({"image_shape": (32, 0)}, "image_shape must hold positive integers"),
    ({"image_shape": ()}, "image_shape must be"),
    ({"activation": "swoosh"}, "activation='swoosh' is not the name"),
    ({"code_activation": "swoosh"}, "code_activation='swoosh' is not the name"),
]


@pytest.mark.parametrize(("parameters", "message"), WRONG, ids=str)
def test_a_parameter_that_cannot_be_is_named(parameters, message):
    network = ConvNetwork(**parameters)
    for method in (network.n_codes, network.build_encoder, network.build_decoder):
        with pytest.raises(ValueError, match=message):
            method((4, 4, 2), 3)


def test_samples_of_too_many_axes_are_an_error():
    with pytest.raises(ValueError, match="kernel_size=3 does not fit samples of shape"):
        ConvNetwork().n_codes((2, 3, 4, 5, 6), 3)


def test_one_number_is_the_only_stage():
    network = ConvNetwork(4, bottleneck="spatial")
    assert network.n_codes((6, 6), None) == 3 * 3 * 4


def test_lists_are_like_tuples():
    assert_same_functions(
        ConvNetwork((4, 2), kernel_size=(3, 3), image_shape=(6, 5)),
        ConvNetwork([4, 2], kernel_size=[3, 3], image_shape=[6, 5]),
        (30,),
        (30,),
    )


def test_clone_keeps_all_parameters():
    parameters = {
        "filters": (3, 2),
        "kernel_size": (5,),
        "downsampling": "strides",
        "batch_normalization": True,
        "bottleneck": "spatial",
        "image_shape": (8, 2),
        "activation": "gelu",
        "code_activation": "tanh",
        "linear_shortcut": False,
    }
    network = ConvNetwork(**parameters)
    assert network.get_params() == parameters
    assert clone(network).get_params() == parameters


def test_building_leaves_the_parameters_alone():
    network = ConvNetwork([3, 2], kernel_size=5, image_shape=[4, 4])
    before = dict(vars(network))
    network.build_encoder((16,), 2)
    network.build_decoder((16,), 2)
    assert vars(network) == before


# Keras models


def test_models_are_named_for_what_they_do():
    network = ConvNetwork((4,))
    assert network.build_encoder((4, 4), 2).name == "encoder"
    assert network.build_decoder((4, 4), 2).name == "decoder"


SAVED = {
    "defaults": ((5, 4), {}),
    "strides": ((5, 4), {"downsampling": "strides", "code_activation": "sigmoid"}),
    "normalised": ((5, 4, 2), {"batch_normalization": True}),
    "spatial": ((5, 4), {"bottleneck": "spatial", "filters": (3, 1)}),
    "signals": ((20,), {"kernel_size": (3,), "linear_shortcut": False}),
    "flat rows": ((20,), {"image_shape": (5, 4)}),
}


@pytest.mark.parametrize(
    ("sample_shape", "how"), each_of(SAVED, ["defaults", "spatial", "normalised"])
)
def test_keras_alone_saves_the_models(sample_shape, how, tmp_path):
    network = ConvNetwork(**{"filters": (3, 2), **how})
    encoder = network.build_encoder(sample_shape, 2)
    decoder = network.build_decoder(sample_shape, 2)
    assert_keras_alone_saves(encoder, samples(*sample_shape), tmp_path)
    assert_keras_alone_saves(decoder, samples(2), tmp_path)
