"""Samples of several axes: images and sequences, over every estimator."""

import functools
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from helpers import assert_same_bits, correlated, each_of
from sklearn.base import clone

import skae
from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
)
from skae.networks import ConvNetwork, DenseNetwork

N_ROWS = 20
STEPS = (6, 5)
IMAGE = (6, 5, 2)
# Without validation rows the PCA start is not kept in place of what was trained.
BRIEFLY = {"epochs": 2, "random_state": 0, "validation_fraction": 0}
ESTIMATORS = {
    "dense": AutoencoderTransformer(3, hidden_layer_sizes=(4,), **BRIEFLY),
    "convolutional": ConvAutoencoder(3, filters=(4,), **BRIEFLY),
    "spatial": ConvAutoencoder(
        None, filters=(4, 2), bottleneck="spatial", downsampling="strides", **BRIEFLY
    ),
    "recurrent": SequenceAutoencoder(3, units=4, **BRIEFLY),
    "denoising": DenoisingAutoencoder(3, network=DenseNetwork((4,)), **BRIEFLY),
    "denoising-convolutional": DenoisingAutoencoder(
        3, network=ConvNetwork((4,)), corruption="swap", **BRIEFLY
    ),
    "variational": VAETransformer(3, network=DenseNetwork((4,)), **BRIEFLY),
    "variational-convolutional": VAETransformer(
        3, network=ConvNetwork((4,)), **BRIEFLY
    ),
}
CASES = {
    "dense-sequences": ("dense", STEPS),
    "dense-images": ("dense", IMAGE),
    "convolutional-grey-images": ("convolutional", STEPS),
    "convolutional-images": ("convolutional", IMAGE),
    "spatial-images": ("spatial", IMAGE),
    "recurrent-sequences": ("recurrent", STEPS),
    "denoising-sequences": ("denoising", STEPS),
    "denoising-convolutional-images": ("denoising-convolutional", IMAGE),
    "variational-sequences": ("variational", STEPS),
    "variational-convolutional-images": ("variational-convolutional", IMAGE),
}
BY_DEFAULT = (
    "dense-sequences",
    "convolutional-images",
    "recurrent-sequences",
)
every_case = pytest.mark.parametrize(("name", "shape"), each_of(CASES, BY_DEFAULT))


@functools.cache
def samples(shape):
    """Return samples that five numbers describe, so that codes are of use."""
    mixing = np.random.RandomState(1).randn(5, np.prod(shape))
    return (correlated(N_ROWS, 5) @ mixing).reshape(-1, *shape)


@functools.cache
def fitted(name, shape):
    """Return a fit that tests share, and so do not change."""
    return clone(ESTIMATORS[name]).fit(samples(shape))


def flattened(X):
    return X.reshape(len(X), -1)


def assert_close(actual, expected):
    np.testing.assert_allclose(
        actual, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max()
    )


# What comes out


@every_case
def test_codes_have_two_axes(name, shape):
    estimator = fitted(name, shape)
    codes = estimator.transform(samples(shape))
    assert codes.shape == (N_ROWS, estimator.encoding_dim_)


@every_case
def test_fit_transform_takes_samples(name, shape):
    X = samples(shape)
    np.testing.assert_array_equal(
        clone(ESTIMATORS[name]).fit_transform(X), fitted(name, shape).transform(X)
    )


@every_case
def test_codes_are_decoded_to_the_fitted_shape(name, shape):
    estimator = fitted(name, shape)
    decoded = estimator.inverse_transform(estimator.transform(samples(shape)))
    assert decoded.shape == (N_ROWS, *shape)


@every_case
def test_reconstructions_have_the_fitted_shape(name, shape):
    assert fitted(name, shape).reconstruct(samples(shape)).shape == (N_ROWS, *shape)


@every_case
def test_reconstructions_of_flat_rows_have_the_fitted_shape(name, shape):
    X, estimator = samples(shape), fitted(name, shape)
    np.testing.assert_array_equal(
        estimator.reconstruct(flattened(X)), estimator.reconstruct(X)
    )


@pytest.mark.slow
@pytest.mark.parametrize("shape", [STEPS, IMAGE])
@pytest.mark.parametrize("name", ["dense", "convolutional"])
def test_samples_that_the_codes_describe_come_back_as_they_were(name, shape):
    """Five codes are enough for PCA, and so for the start; no axis may be swapped."""
    X = samples(shape)
    estimator = clone(ESTIMATORS[name]).set_params(encoding_dim=5)
    assert_close(estimator.fit(X).reconstruct(X), X)


def test_sequences_that_the_codes_describe_come_back_as_they_were():
    X = samples(STEPS)
    estimator = clone(ESTIMATORS["recurrent"]).set_params(encoding_dim=5)
    assert_close(estimator.fit(X).reconstruct(X), X)


@every_case
def test_the_score_is_that_of_the_shaped_reconstructions(name, shape):
    X, estimator = samples(shape), fitted(name, shape)
    total = ((X - X.mean(axis=0)) ** 2).sum()
    explained = 1 - ((X - estimator.reconstruct(X)) ** 2).sum() / total
    assert estimator.score(X) == pytest.approx(explained, abs=1e-5)


@every_case
def test_the_keras_models_take_and_give_samples(name, shape):
    X, estimator = samples(shape), fitted(name, shape)
    codes = estimator.encoder_(X.astype(np.float32)).numpy()
    assert_close(estimator.transform(X), codes)
    assert_close(estimator.reconstruct(X), estimator.decoder_(codes).numpy())


@every_case
def test_scores_are_one_a_sample(name, shape):
    X, estimator = samples(shape), fitted(name, shape)
    scores = estimator.score_samples(X)
    assert scores.shape == (N_ROWS,)
    np.testing.assert_array_equal(scores, estimator.score_samples(flattened(X)))


@pytest.mark.parametrize("shape", [STEPS, IMAGE])
def test_cleaned_samples_have_the_fitted_shape(shape):
    assert fitted("denoising", shape).denoise(samples(shape)).shape == (N_ROWS, *shape)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [STEPS, IMAGE])
def test_generated_samples_have_the_fitted_shape(shape):
    generated = fitted("variational", shape).sample(4, random_state=0)
    assert generated.shape == (4, *shape)


@every_case
def test_set_output_gives_a_frame_of_codes(name, shape):
    estimator = clone(ESTIMATORS[name]).set_output(transform="pandas")
    codes = estimator.fit_transform(samples(shape))
    assert isinstance(codes, pd.DataFrame)
    assert list(codes.columns) == list(estimator.get_feature_names_out())


# What goes in


@every_case
def test_flat_rows_get_the_codes_of_the_samples(name, shape):
    X, estimator = samples(shape), fitted(name, shape)
    np.testing.assert_array_equal(
        estimator.transform(flattened(X)), estimator.transform(X)
    )


@pytest.mark.slow
@every_case
def test_the_container_of_samples_does_not_matter(name, shape):
    X = samples(shape)
    expected = fitted(name, shape).transform(X)
    for same in (
        X.tolist(),
        list(X),
        np.asfortranarray(X),
        np.repeat(X, 2, axis=0)[::2],
        X.astype(object),
    ):
        np.testing.assert_array_equal(
            clone(ESTIMATORS[name]).fit(same).transform(same), expected
        )


@every_case
def test_float32_samples_give_float32(name, shape):
    X = samples(shape).astype(np.float32)
    estimator = clone(ESTIMATORS[name]).fit(X)
    assert estimator.transform(X).dtype == np.float32
    assert estimator.inverse_transform(estimator.transform(X)).dtype == np.float32
    assert estimator.reconstruct(X).dtype == np.float32


@every_case
def test_whole_numbers_are_like_float64(name, shape):
    X = np.round(samples(shape)).astype(np.int16)
    estimator = clone(ESTIMATORS[name]).fit(X)
    assert estimator.transform(X).dtype == np.float64
    assert_same_bits(estimator, clone(ESTIMATORS[name]).fit(X.astype(np.float64)))


@every_case
def test_samples_are_not_changed(name, shape):
    X = samples(shape).copy()
    clone(ESTIMATORS[name]).fit(X).reconstruct(X)
    np.testing.assert_array_equal(X, samples(shape))


@every_case
def test_validation_samples_may_be_flat(name, shape):
    X = samples(shape)
    shaped = clone(ESTIMATORS[name]).fit(X, X_val=X[::3])
    flat = clone(ESTIMATORS[name]).fit(X, X_val=flattened(X[::3]))
    assert shaped.history_ == flat.history_


@every_case
def test_weights_count_as_repeated_samples(name, shape):
    X = samples(shape)
    counts = np.arange(N_ROWS) % 3
    weighted = clone(ESTIMATORS[name]).fit(X, sample_weight=counts)
    repeated = clone(ESTIMATORS[name]).fit(np.repeat(X, counts, axis=0))
    assert_same_bits(weighted, repeated)


@pytest.mark.slow
def test_clean_samples_may_be_flat():
    X, estimator = samples(STEPS), clone(ESTIMATORS["denoising"])
    shaped = clone(estimator).fit(X[::-1], X_clean=X)
    assert_same_bits(shaped, clone(estimator).fit(X[::-1], X_clean=flattened(X)))


# Shaped and flat fits


@pytest.mark.parametrize("shape", [STEPS, IMAGE])
@pytest.mark.parametrize(
    "name", each_of(["dense", "denoising", "variational"], ["dense"])
)
def test_dense_networks_learn_the_same_from_flat_rows(name, shape):
    X = samples(shape)
    flat = clone(ESTIMATORS[name]).fit(flattened(X))
    assert_close(flat.transform(flattened(X)), fitted(name, shape).transform(X))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [STEPS, IMAGE])
@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("convolutional", "image_shape"),
        ("spatial", "image_shape"),
        ("denoising-convolutional", "network__image_shape"),
        ("variational-convolutional", "network__image_shape"),
    ],
)
def test_convolutions_learn_the_same_from_flat_rows_with_image_shape(
    name, parameter, shape
):
    X = samples(shape)
    flat = clone(ESTIMATORS[name]).set_params(**{parameter: shape}).fit(flattened(X))
    assert_close(flat.transform(flattened(X)), fitted(name, shape).transform(X))


@pytest.mark.slow
def test_recurrences_learn_the_same_from_flat_rows_with_sequence_shape():
    X = samples(STEPS)
    flat = clone(ESTIMATORS["recurrent"]).set_params(sequence_shape=STEPS)
    flat.fit(flattened(X))
    assert_close(flat.transform(flattened(X)), fitted("recurrent", STEPS).transform(X))


@pytest.mark.slow
@every_case
def test_a_fit_on_flat_rows_gives_flat_rows_back(name, shape):
    X = flattened(samples(shape))
    assert clone(ESTIMATORS[name]).fit(X).reconstruct(X).shape == X.shape


# Attributes


@every_case
def test_the_number_of_features_is_that_of_a_samples_values(name, shape):
    assert fitted(name, shape).n_features_in_ == np.prod(shape)


@every_case
def test_the_shape_of_a_sample_is_kept(name, shape):
    assert fitted(name, shape).sample_shape_ == shape


@every_case
def test_the_mean_has_the_shape_of_a_sample(name, shape):
    mean = fitted(name, shape).mean_
    assert mean.shape == shape
    np.testing.assert_allclose(mean, samples(shape).mean(axis=0))


@every_case
def test_compression_is_values_over_codes(name, shape):
    estimator = fitted(name, shape)
    expected = np.prod(shape) / estimator.transform(samples(shape)).shape[1]
    assert estimator.compression_factor_ == expected


@every_case
def test_pickles_give_the_same_codes(name, shape):
    X, estimator = samples(shape), fitted(name, shape)
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.transform(X), estimator.transform(X))
    assert again.sample_shape_ == shape


def test_a_fit_on_samples_forgets_the_names_of_columns():
    X = samples(IMAGE)
    names = [f"pixel {i}" for i in range(np.prod(IMAGE))]
    estimator = clone(ESTIMATORS["dense"])
    estimator.fit(pd.DataFrame(flattened(X), columns=names))
    assert not hasattr(estimator.fit(X), "feature_names_in_")


# Errors

METHODS = ["transform", "reconstruct", "score_samples", "score"]


@every_case
@pytest.mark.parametrize("method", METHODS)
def test_samples_of_another_shape_are_refused(name, shape, method):
    """Also those of as many values: their axes mean something else."""
    estimator = fitted(name, shape)
    for other in (shape[::-1], (*shape[:-1], 3), (*shape, 1)):
        message = f"shape {re.escape(str(other))}, but .*{re.escape(str(shape))}"
        with pytest.raises(ValueError, match=message):
            getattr(estimator, method)(np.zeros((4, *other)))


@every_case
def test_flat_rows_of_another_length_are_refused(name, shape):
    n_features = np.prod(shape)
    message = f"{n_features + 1} features, but .* expecting {n_features} features"
    with pytest.raises(ValueError, match=message):
        fitted(name, shape).transform(np.zeros((4, n_features + 1)))


def test_samples_are_refused_after_a_fit_on_flat_rows():
    X = samples(IMAGE)
    flat = clone(ESTIMATORS["dense"]).fit(flattened(X))
    with pytest.raises(ValueError, match=r"shape \(6, 5, 2\), but .*\(60,\)"):
        flat.transform(X)


@every_case
def test_validation_samples_of_another_shape_are_refused_by_their_name(name, shape):
    message = rf"X_val has samples of shape {re.escape(str(shape[::-1]))}, but "
    with pytest.raises(ValueError, match=message):
        clone(ESTIMATORS[name]).fit(samples(shape), X_val=np.zeros((4, *shape[::-1])))


@pytest.mark.parametrize("method", ["fit", *METHODS])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_with_values_that_are_no_numbers_are_refused(method, value):
    X = samples(IMAGE).copy()
    X[3, 1, 2, 1] = value
    estimator = clone(ESTIMATORS["dense"]).fit(samples(IMAGE))
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        getattr(estimator, method)(X)


@every_case
def test_a_failed_fit_keeps_the_shape_of_the_last(name, shape):
    estimator = clone(ESTIMATORS[name]).fit(samples(shape))
    with pytest.raises(ValueError, match="NaN"):
        estimator.fit(np.full((5, 4, 3), np.nan))
    assert estimator.sample_shape_ == shape


def test_a_single_sample_is_refused_in_fit():
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        clone(ESTIMATORS["dense"]).fit(samples(IMAGE)[:1])


def test_nested_lists_of_unequal_lengths_are_refused():
    ragged = samples(IMAGE).tolist()
    ragged[2][0] = ragged[2][0][:-1]
    with pytest.raises(ValueError, match=r"inhomogeneous|sequence"):
        clone(ESTIMATORS["dense"]).fit(ragged)


def test_images_are_no_sequences():
    with pytest.raises(ValueError, match=r"\(steps, channels\), got \(6, 5, 2\)"):
        clone(ESTIMATORS["recurrent"]).fit(samples(IMAGE))


@pytest.mark.parametrize("shape", [(0, 5), (6, 0)])
def test_samples_without_values_are_refused(shape):
    with pytest.raises(ValueError, match=r"0 feature\(s\)"):
        clone(ESTIMATORS["dense"]).fit(np.zeros((N_ROWS, *shape)))


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        fitted("dense", STEPS).transform(np.zeros((0, *STEPS)))


@pytest.mark.parametrize(
    ("shapes", "estimator"),
    [
        (
            {"filters": (4, 2), "kernel_size": (3, 3), "image_shape": (2, 3)},
            ConvAutoencoder,
        ),
        ({"sequence_shape": (3, 2), "units": 4}, SequenceAutoencoder),
    ],
)
def test_shapes_and_sizes_may_be_arrays(shapes, estimator, tmp_path):
    arrays = {
        name: np.array(value) if isinstance(value, tuple) else value
        for name, value in shapes.items()
    }
    rows = correlated(60, 6)
    expected = estimator(2, epochs=1, random_state=0, **shapes).fit(rows)
    fitted = estimator(2, epochs=1, random_state=0, **arrays).fit(rows)
    assert_same_bits(fitted, expected)
    fitted.save(tmp_path / "fit.skae")
    assert_same_bits(skae.load(tmp_path / "fit.skae"), expected)
