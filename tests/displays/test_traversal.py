import keras
import numpy as np
import pytest
from displayed import DATA, DENSE, EVERY, IMAGES, KINDS, TABLE, fit
from numpy.testing import assert_allclose

from skae import AutoencoderTransformer
from skae.displays import LatentTraversalDisplay
from skae.displays._estimators import _RANGES
from skae.displays._traversal import checked_n_codes


@pytest.mark.parametrize("name", EVERY)
def test_one_code_moves_while_the_others_stay_at_their_mean(name):
    estimator = fit(name)
    display = LatentTraversalDisplay.from_estimator(estimator, DATA[name], n_steps=3)
    codes = estimator.transform(DATA[name]).astype(float)
    kind, shape = KINDS[name]
    assert (display.kind, len(display.samples)) == (kind, estimator.encoding_dim_)
    for i, row in enumerate(display.samples):
        moved = np.tile(codes.mean(axis=0), (3, 1))
        moved[:, i] += np.array([-3, 0, 3]) * codes[:, i].std()
        expected = estimator.inverse_transform(moved).reshape(3, *shape)
        assert_allclose(row, expected, rtol=1e-4, atol=1e-3)


def test_a_variational_autoencoder_moves_by_its_prior():
    vae = fit("vae")
    display = LatentTraversalDisplay.from_estimator(vae, n_codes=2)
    assert_allclose(display.steps, [-3, -2, -1, 0, 1, 2, 3])
    assert display.samples.shape == (2, 7, 8, 8)
    expected = vae.inverse_transform([[0.0, -2.0, 0.0]])[0]
    assert_allclose(display.samples[1, 1], expected, rtol=1e-5)


def test_the_mosaic_has_a_row_for_each_code():
    display = LatentTraversalDisplay.from_estimator(fit("images"), IMAGES, n_steps=3)
    mosaic = display.artists_[0].get_array()
    assert_allclose(mosaic[8:16, 16:24], display.samples[1, 2])
    names = [t.get_text() for t in display.ax_.get_yticklabels()]
    assert [name[:6] for name in names] == ["code 0", "code 1", "code 2"]
    steps = [t.get_text() for t in display.ax_.get_xticklabels()]
    assert steps == ["-3", "0", "3"]


def test_codes_are_numbered_where_they_have_no_names():
    samples = np.zeros((2, 3, 4, 4))
    display = LatentTraversalDisplay(
        samples=samples, steps=np.arange(3), kind="image"
    ).plot()
    names = [t.get_text() for t in display.ax_.get_yticklabels()]
    assert names == ["code 0", "code 1"]


@pytest.mark.parametrize(("n_codes", "expected"), [(None, 8), (10, 10), (3, 3)])
def test_at_most_eight_codes_are_shown_unless_asked_for(n_codes, expected):
    assert checked_n_codes(n_codes, 10) == expected


@pytest.mark.slow
def test_codes_stay_within_the_range_of_their_activation():
    autoencoder = AutoencoderTransformer(2, code_activation="sigmoid", **DENSE)
    autoencoder.fit(TABLE)
    display = LatentTraversalDisplay.from_estimator(autoencoder, TABLE, n_steps=2)
    codes = autoencoder.transform(TABLE).astype(float)
    moved = codes.mean(axis=0)
    moved[0] += 3 * codes[:, 0].std()
    moved = np.clip(moved, 0, autoencoder._fitted.scaling.scale)
    expected = autoencoder.inverse_transform([moved])[0]
    assert_allclose(display.samples[0, 1], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", _RANGES)
def test_ranges_are_those_of_the_activations(name):
    activation = keras.activations.get(name)
    ends = np.float32([-1e38, 1e38])
    reached = np.asarray(activation(ends))
    assert_allclose(np.clip(reached, *_RANGES[name]), reached)
    assert_allclose(reached, np.clip(ends, *_RANGES[name]))


@pytest.mark.parametrize("n_codes", [0, 1.5])
def test_a_number_of_codes_that_is_none_is_refused(n_codes):
    with pytest.raises(ValueError, match="n_codes must be a positive integer"):
        LatentTraversalDisplay.from_estimator(fit("vae"), n_codes=n_codes)


def test_more_codes_than_there_are_are_refused():
    with pytest.raises(ValueError, match="n_codes=4 is more than the 3 codes"):
        LatentTraversalDisplay.from_estimator(fit("vae"), n_codes=4)


def test_estimators_without_a_prior_need_rows():
    with pytest.raises(ValueError, match="X is missing"):
        LatentTraversalDisplay.from_estimator(fit("images"))
