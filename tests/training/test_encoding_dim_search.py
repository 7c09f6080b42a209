"""encoding_dim="auto": chosen by held-out errors, with the reason kept."""

import numpy as np
import pandas as pd
import pytest
from helpers import assert_same_bits, correlated, each_of, untrained
from sklearn.decomposition import PCA

import skae
from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
)
from skae._training.encoding_dim import EncodingDimSearch
from skae.networks import ConvNetwork, DenseNetwork

X, X_VAL = correlated(60, 5), correlated(40, 5, seed=1)


def automatic(**changes):
    parameters = {"hidden_layer_sizes": (), "epochs": 2, "random_state": 0, **changes}
    return AutoencoderTransformer("auto", **parameters)


def pca_errors(rows, n_codes):
    pca = PCA(n_codes).fit(X)
    return ((pca.inverse_transform(pca.transform(rows)) - rows) ** 2).mean(axis=1)


def test_the_table_has_the_held_out_errors_of_every_number():
    """At the PCA start they are PCA's."""
    table = pd.DataFrame(untrained("auto").fit(X, X_val=X_VAL).encoding_dim_search_)
    most = np.searchsorted(PCA().fit(X).explained_variance_ratio_.cumsum(), 0.99) + 1
    assert list(table["encoding_dim"]) == list(range(1, most + 1))
    for row in table.itertuples():
        errors = pca_errors(X_VAL, row.encoding_dim)
        assert row.error == pytest.approx(errors.mean(), rel=1e-4)
        expected = errors.std(ddof=1) / np.sqrt(len(errors))
        assert row.standard_error == pytest.approx(expected, rel=1e-4)


def test_the_fewest_codes_within_a_standard_error_are_taken():
    errors, deviations = np.array([9.0, 2.9, 2.4, 2.0, 2.2]), np.full(5, 0.5)
    search = EncodingDimSearch(np.arange(1, 6), errors, deviations)
    assert search.chosen == 3


@pytest.mark.slow
def test_many_numbers_are_looked_at_more_closely_near_the_choice():
    """Every number just below the one chosen, so that none of them would do."""
    rng = np.random.RandomState(0)
    rows = rng.randn(300, 40) @ rng.randn(40, 64) + 0.01 * rng.randn(300, 64)
    fitted = automatic().fit(rows)
    numbers = fitted.encoding_dim_search_["encoding_dim"]
    below = numbers[numbers < fitted.encoding_dim_]
    assert fitted.encoding_dim_ > 25
    assert below[-1] == fitted.encoding_dim_ - 1


def test_rows_of_low_rank_get_as_many_codes():
    rng = np.random.RandomState(0)
    rows = rng.randn(60, 3) @ rng.randn(3, 5) + 1e-3 * rng.randn(60, 5)
    fitted = automatic().fit(rows)
    assert fitted.encoding_dim_ == 3
    assert fitted.transform(rows).shape == (60, 3)


@pytest.mark.slow
def test_noise_needs_no_more_than_pca_takes_for_it():
    fitted = automatic().fit(np.random.RandomState(0).randn(60, 5) * [9, 1, 0.1, 0, 0])
    assert fitted.encoding_dim_ <= 2


@pytest.mark.slow
def test_weights_are_repeated_rows():
    counts = np.random.RandomState(0).randint(0, 3, len(X))
    one = automatic().fit(X, sample_weight=counts)
    other = automatic().fit(np.repeat(X, counts, axis=0))
    for name, column in one.encoding_dim_search_.items():
        np.testing.assert_array_equal(column, other.encoding_dim_search_[name])
    assert_same_bits(one, other)


@pytest.mark.slow
def test_missing_values_are_left_out_of_the_errors():
    rows = X.copy()
    rows[::5, 1] = np.nan
    fitted = automatic(missing_values="allow").fit(rows)
    assert np.isfinite(fitted.encoding_dim_search_["error"]).all()


@pytest.mark.slow
def test_callbacks_see_the_fit_alone():
    import keras

    epochs = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda e, logs: epochs.append(e)
    )
    automatic(callbacks=[watch]).fit(X)
    assert epochs == [0, 1]


IMAGES = correlated(60, 64).reshape(60, 8, 8)
OTHERS = {
    "convolutional": (ConvAutoencoder("auto", filters=(4,), epochs=2), IMAGES),
    "recurrent": (SequenceAutoencoder("auto", units=4, epochs=2), IMAGES),
    "denoising": (
        DenoisingAutoencoder("auto", network=DenseNetwork((8,)), epochs=2),
        X,
    ),
    "nested": (automatic(nested_dropout=True), X),
    "random": (automatic(init="random"), X),
    "counts": (automatic(loss="poisson"), np.abs(X)),
}


@pytest.mark.parametrize(("estimator", "rows"), each_of(OTHERS, ["denoising"]))
def test_all_that_can_nest_choose(estimator, rows):
    fitted = estimator.set_params(random_state=0).fit(rows)
    table = fitted.encoding_dim_search_
    assert fitted.encoding_dim_ in table["encoding_dim"]
    assert fitted.transform(rows).shape == (60, fitted.encoding_dim_)
    assert fitted.reconstruct(rows).shape == rows.shape


def test_files_keep_the_reason(tmp_path):
    fitted = automatic().fit(X)
    fitted.save(tmp_path / "automatic.skae")
    again = skae.load(tmp_path / "automatic.skae").encoding_dim_search_
    for name, column in fitted.encoding_dim_search_.items():
        np.testing.assert_array_equal(again[name], column)


def test_what_goes_on_keeps_its_number():
    fitted = automatic(warm_start=True).fit(X)
    number = fitted.encoding_dim_
    assert fitted.fit(X[:30]).encoding_dim_ == number
    assert not hasattr(fitted, "encoding_dim_search_")
    assert fitted.partial_fit(X).encoding_dim_ == number


# Refusals


def test_parts_cannot_choose():
    with pytest.raises(ValueError, match="partial_fit holds out none"):
        automatic().partial_fit(X)


def test_rows_must_be_held_out():
    with pytest.raises(ValueError, match="validation_fraction=0 leaves none"):
        automatic(validation_fraction=0).fit(X)
    automatic(validation_fraction=0).fit(X, X_val=X_VAL)


def test_codes_must_be_linear():
    with pytest.raises(ValueError, match="encoding_dim='auto' needs a dense code"):
        automatic(code_activation="relu").fit(X)


def test_a_network_that_sizes_itself_leaves_nothing_to_choose():
    network = ConvNetwork((4,), bottleneck="spatial")
    with pytest.raises(ValueError, match="fixes the number of codes"):
        DenoisingAutoencoder("auto", network=network).fit(IMAGES)


def test_distributions_cannot_be_cut_off():
    with pytest.raises(ValueError, match="'encoding_dim' parameter"):
        VAETransformer("auto").fit(X)
