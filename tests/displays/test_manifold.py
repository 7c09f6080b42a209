import numpy as np
import pytest
from displayed import DATA, EVERY, IMAGES, KINDS, fit
from numpy.testing import assert_allclose
from scipy.stats import norm

from skae.displays import LatentManifoldDisplay


def quantile_steps(codes, n_steps):
    low, high = np.quantile(codes, [0.01, 0.99])
    return np.linspace(low, high, n_steps)


@pytest.mark.parametrize("name", EVERY)
def test_samples_are_decoded_from_a_grid_of_codes(name):
    estimator = fit(name)
    display = LatentManifoldDisplay.from_estimator(estimator, DATA[name], n_steps=3)
    codes = estimator.transform(DATA[name]).astype(float)
    x, y = (quantile_steps(codes[:, i], 3) for i in range(2))
    grid = np.tile(codes.mean(axis=0), (9, 1))
    grid[:, 0], grid[:, 1] = np.tile(x, 3), np.repeat(y, 3)
    expected = estimator.inverse_transform(grid)
    kind, shape = KINDS[name]
    assert display.kind == kind
    assert_allclose(
        display.samples, expected.reshape(3, 3, *shape), rtol=1e-4, atol=1e-4
    )
    assert_allclose(display.x_steps, x, rtol=1e-5)
    assert_allclose(display.y_steps, y, rtol=1e-5)


def test_a_variational_autoencoder_needs_no_rows():
    vae = fit("vae")
    display = LatentManifoldDisplay.from_estimator(vae, dimensions=(1, 2), n_steps=3)
    steps = norm.ppf([0.05, 0.5, 0.95])
    assert_allclose(display.x_steps, steps, atol=1e-12)
    expected = vae.inverse_transform([[0, steps[2], steps[0]]])[0]
    assert_allclose(display.samples[0, 2], expected, rtol=1e-5)


def test_other_estimators_need_rows():
    with pytest.raises(ValueError, match="X is missing"):
        LatentManifoldDisplay.from_estimator(fit("images"))


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_the_mosaic_has_images_in_place_and_codes_rising_upwards(shape):
    samples = np.random.RandomState(0).rand(3, 3, *shape)
    steps = np.arange(3.0)
    display = LatentManifoldDisplay(
        samples=samples, x_steps=steps, y_steps=steps, kind="image"
    ).plot()
    (image,) = display.artists_
    mosaic = np.asarray(image.get_array())
    assert mosaic.shape[:2] == (12, 15)
    assert_allclose(mosaic[:4, 5:10], samples[2, 1])  # highest y, so on top
    bottom, top = display.ax_.get_ylim()
    assert (bottom, top) == (2.5, -0.5)


def test_ticks_are_the_values_of_the_codes():
    display = LatentManifoldDisplay.from_estimator(fit("images"), IMAGES, n_steps=5)
    texts = [float(t.get_text()) for t in display.ax_.get_yticklabels()]
    apart = np.diff(display.y_steps)[0]
    assert_allclose(texts, display.y_steps[::-1], atol=apart / 5)
    assert display.ax_.get_ylabel().startswith("code 1 (")


def test_many_steps_have_at_most_ten_ticks():
    display = LatentManifoldDisplay.from_estimator(fit("vae"), n_steps=21)
    assert len(display.ax_.get_xticks()) <= 10


def test_lines_are_the_channels_of_sequences():
    display = LatentManifoldDisplay.from_estimator(
        fit("sequences"), DATA["sequences"], n_steps=3
    )
    for channel, lines in enumerate(display.artists_):
        segments = lines.get_segments()
        assert len(segments) == 9
        x, y = segments[3].T  # second row from the top, first column
        sample = display.samples[1, 0, :, channel]
        assert abs(x.mean()) < 1e-9
        assert_allclose(np.corrcoef(-y, sample)[0, 1], 1)
        assert 0.5 < y.min() < y.max() < 1.5


def test_bars_are_the_deviations_of_features():
    table = DATA["table"]
    display = LatentManifoldDisplay.from_estimator(fit("table"), table, n_steps=2)
    deviations = (display.samples - fit("table").mean_) / table.std(ddof=0).to_numpy()
    heights = []
    for bars in display.artists_:
        paths = bars.get_paths()
        ends = np.array([path.vertices[:, 1] for path in paths])
        heights.append(ends[:, 0] - ends[:, 1])
    drawn = np.array(heights).T.reshape(2, 2, -1)[::-1]
    assert_allclose(drawn / np.abs(drawn).max(), deviations / np.abs(deviations).max())
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names == list(table.columns)


def test_many_features_have_no_legend():
    how = {"kind": "table", "n_steps": 2}
    display = LatentManifoldDisplay.from_estimator(fit("images"), IMAGES, **how)
    assert len(display.artists_) == 64
    assert display.ax_.get_legend() is None


def test_features_can_be_named():
    how = {"n_steps": 2, "feature_names": list("vwxyz")}
    display = LatentManifoldDisplay.from_estimator(fit("table"), DATA["table"], **how)
    assert display.features[0] == list("vwxyz")
    with pytest.raises(ValueError, match="feature_names has 2 names"):
        LatentManifoldDisplay.from_estimator(
            fit("table"), DATA["table"], feature_names=["a", "b"]
        )


def test_a_table_without_rows_has_one_scale():
    display = LatentManifoldDisplay.from_estimator(fit("vae"), kind="table", n_steps=2)
    assert len(set(display.features[2])) == 1


@pytest.mark.parametrize("n_steps", [0, 2.5, True])
def test_a_number_of_steps_that_is_none_is_refused(n_steps):
    with pytest.raises(ValueError, match="n_steps must be a positive integer"):
        LatentManifoldDisplay.from_estimator(fit("vae"), n_steps=n_steps)
