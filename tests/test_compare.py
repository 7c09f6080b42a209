import time

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits, make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skae import AutoencoderTransformer, compare

X, y = make_blobs(60, n_features=5, centers=3, cluster_std=5.0, random_state=0)
HOW = {"test_size": 0.25, "n_neighbors": 3, "random_state": 7}
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, random_state=7
)


class MeanOnly(BaseEstimator):
    """Codes that say nothing: every reconstruction is the training mean."""

    def __init__(self, encoding_dim=1):
        self.encoding_dim = encoding_dim

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return np.zeros((len(X), self.encoding_dim))

    def inverse_transform(self, X):
        return np.tile(self.mean_, (len(X), 1))


class Exact(MeanOnly):
    """Codes that are the data, given back with errors of float32's size."""

    def transform(self, X):
        return X

    def inverse_transform(self, X):
        return X.astype(np.float32)


@pytest.fixture(scope="module")
def comparison():
    autoencoder = AutoencoderTransformer(epochs=2, random_state=0)
    return compare(X, y, autoencoder=autoencoder, encoding_dims=[1, 3], **HOW)


def reconstructed_by_pca(n_components):
    """Project the test rows on the training rows' leading singular vectors."""
    mean = X_train.mean(axis=0)
    axes = np.linalg.svd(X_train - mean)[2][:n_components]
    return (X_test - mean) @ axes.T @ axes + mean


def without_seconds(comparison):
    return [row[:-1] for row in comparison]


def test_rows_come_as_pca_and_autoencoder_for_each_number_of_codes(comparison):
    assert [row[:2] for row in comparison] == [
        ("PCA", 1),
        ("AutoencoderTransformer", 1),
        ("PCA", 3),
        ("AutoencoderTransformer", 3),
    ]


def test_iterating_gives_the_rows(comparison):
    assert list(comparison) == comparison.rows


@pytest.mark.parametrize(("row", "n_components"), [(0, 1), (2, 3)])
def test_pca_row_matches_a_singular_value_decomposition(comparison, row, n_components):
    reconstructed = reconstructed_by_pca(n_components)
    row = comparison.rows[row]
    assert_allclose(row.error, ((X_test - reconstructed) ** 2).mean())
    explained = r2_score(X_test, reconstructed, multioutput="variance_weighted")
    assert_allclose(row.variance_explained, explained)
    assert row.relative_error == 1


@pytest.mark.parametrize(("row", "n_components"), [(0, 1), (2, 3)])
def test_accuracy_is_that_of_nearest_neighbours_on_the_codes(
    comparison, row, n_components
):
    pipeline = make_pipeline(PCA(n_components), KNeighborsClassifier(3))
    accuracy = pipeline.fit(X_train, y_train).score(X_test, y_test)
    assert comparison.rows[row].accuracy == accuracy


def test_autoencoder_row_matches_the_estimator_fitted_by_hand(comparison):
    autoencoder = AutoencoderTransformer(3, epochs=2, random_state=0).fit(X_train)
    row = comparison.rows[3]
    error = -autoencoder.score_samples(X_test).mean()
    assert_allclose(row.error, error, rtol=1e-5)
    assert_allclose(row.relative_error, error / comparison.rows[2].error, rtol=1e-5)
    assert_allclose(row.variance_explained, autoencoder.score(X_test), rtol=1e-5)
    neighbors = KNeighborsClassifier(3).fit(autoencoder.transform(X_train), y_train)
    codes = autoencoder.transform(X_test)
    assert row.accuracy == neighbors.score(codes, y_test)


def test_autoencoder_of_the_user_is_measured_and_left_alone():
    mean_only = MeanOnly()
    row = compare(X, y, autoencoder=mean_only, encoding_dims=2, **HOW).rows[1]
    assert row[:2] == ("MeanOnly", 2)
    assert_allclose(row.error, ((X_test - X_train.mean(axis=0)) ** 2).mean())
    assert vars(mean_only) == {"encoding_dim": 1}


def test_an_int_as_random_state_gives_the_same_numbers_again(comparison):
    autoencoder = AutoencoderTransformer(epochs=2, random_state=0)
    again = compare(X, y, autoencoder=autoencoder, encoding_dims=[1, 3], **HOW)
    assert without_seconds(again) == without_seconds(comparison)


def test_default_autoencoder_has_the_random_state():
    images = load_digits().data[:200]
    train, test = train_test_split(images, test_size=0.2, random_state=3)
    autoencoder = AutoencoderTransformer(2, random_state=3).fit(train)
    row = compare(images, encoding_dims=2, random_state=3).rows[1]
    assert_allclose(row.error, -autoencoder.score_samples(test).mean(), rtol=1e-5)


def test_global_generator_stays_as_it_was():
    before = np.random.get_state()[1].copy()
    compare(X, y, autoencoder=MeanOnly(), encoding_dims=1)
    assert (np.random.get_state()[1] == before).all()


def test_without_labels_there_is_no_accuracy():
    comparison = compare(X, autoencoder=MeanOnly(), encoding_dims=1)
    assert [row.accuracy for row in comparison] == [None, None]
    assert [line.split()[-2] for line in comparison.table().splitlines()[2:4]] == [
        "-",
        "-",
    ]


def test_errors_of_rounding_count_as_equal():
    comparison = compare(X, autoencoder=Exact(), encoding_dims=X.shape[1])
    assert comparison.rows[0].error < comparison.rows[1].error
    assert [row.relative_error for row in comparison] == [1, 1]


def test_no_data_stand_for_the_digits():
    comparison = compare(autoencoder=MeanOnly(), encoding_dims=2)
    given = compare(
        *load_digits(return_X_y=True), autoencoder=MeanOnly(), encoding_dims=2
    )
    assert without_seconds(comparison) == without_seconds(given)


@pytest.mark.parametrize("kind", [pd.DataFrame, np.ndarray.tolist, np.asfortranarray])
def test_any_array_like_gives_the_same_numbers(kind):
    labels = pd.Series(y).map({0: "a", 1: "b", 2: "c"})
    how = {"autoencoder": MeanOnly(), "encoding_dims": 2}
    assert without_seconds(compare(kind(X), labels, **how)) == without_seconds(
        compare(X, y, **how)
    )


def test_integers_do_not_overflow():
    small = np.random.default_rng(0).integers(0, 256, (40, 3)).astype(np.uint8)
    how = {"autoencoder": MeanOnly(), "encoding_dims": [1, 2]}
    expected = [row.error for row in compare(small.astype(float), **how)]
    assert_allclose([row.error for row in compare(small, **how)], expected)


def test_fit_seconds_are_those_of_the_fit_alone(monkeypatch):
    """A clock that only a fit moves, by one second."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    class Ticking(MeanOnly):
        def fit(self, X, y=None):
            now[0] += 1
            return super().fit(X)

    pca, ticking = compare(X, y, autoencoder=Ticking(), encoding_dims=1)
    assert (pca.fit_seconds, ticking.fit_seconds) == (0, 1)


def test_table_shows_the_rows_in_eighty_aligned_columns(comparison):
    lines = comparison.table().splitlines()
    assert {len(line) for line in lines[:-1]} == {80}
    shown = [line.split() for line in lines[2:-1]]
    assert [(name, int(dim)) for dim, name, *_ in shown] == [
        row[:2] for row in comparison
    ]
    numbers = np.array([line[2:] for line in shown], float)
    assert_allclose(numbers, [row[2:] for row in comparison], rtol=1e-3, atol=6e-4)


def test_table_names_the_number_of_neighbours(comparison):
    assert "3-NN" in comparison.table()


def test_verbose_prints_the_table(capsys):
    comparison = compare(X, y, autoencoder=MeanOnly(), encoding_dims=1, verbose=1)
    assert capsys.readouterr().out == comparison.table() + "\n"


def test_without_verbose_nothing_is_printed(capsys):
    compare(X, y, autoencoder=MeanOnly(), encoding_dims=1)
    assert capsys.readouterr() == ("", "")


def test_rows_make_a_data_frame(comparison):
    frame = pd.DataFrame(comparison.rows)
    assert frame["error"].tolist() == [row.error for row in comparison]


@pytest.mark.parametrize("dims", [0, [2, -1], 6, 2.0, [], ["2"], [[2]], None])
def test_bad_encoding_dims_are_named(dims):
    message = "encoding_dims must hold integers from 1 to 5, .* 48 training rows of 5"
    with pytest.raises(ValueError, match=message):
        compare(X, y, encoding_dims=dims)


def test_encoding_dims_end_at_the_number_of_training_rows():
    with pytest.raises(ValueError, match=r"from 1 to 3, .* 3 training rows"):
        compare(X[:5], encoding_dims=4, test_size=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, y), "y was given without X"),
        ((X, y[:-1]), "inconsistent numbers of samples"),
        ((X, X[:, 0]), "continuous"),
        ((X[0],), "Expected 2D array"),
        ((np.full_like(X, np.nan),), "X contains NaN"),
        ((np.ones_like(X),), "test rows of X, 12 in all, are equal"),
    ],
)
def test_bad_data_get_a_clear_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        compare(*arguments, encoding_dims=1)


@pytest.mark.parametrize("n_neighbors", [0, 49])
def test_number_of_neighbours_has_limits(n_neighbors):
    with pytest.raises(ValueError, match="n_neighbors"):
        compare(X, y, encoding_dims=1, n_neighbors=n_neighbors)


def test_autoencoder_without_encoding_dim_gets_a_clear_error():
    with pytest.raises(ValueError, match="encoding_dim"):
        compare(X, y, autoencoder=PCA(), encoding_dims=1)
