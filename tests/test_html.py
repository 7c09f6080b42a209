"""What an estimator shows of itself in a notebook."""

import pickle
from html.parser import HTMLParser

import keras
import numpy as np
import pytest
from helpers import ESTIMATORS
from sklearn import config_context
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.networks import CustomNetwork

X = np.random.RandomState(0).randn(60, 6) * [6, 5, 4, 3, 2, 1]


class Cells(HTMLParser):
    """Collects the rows of the table of the fit."""

    def __init__(self, text):
        super().__init__()
        self.rows = {}
        self._within = False
        self._cell = self._head = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self._within = ("class", "skae-fit") in attributes
        self._cell = tag if self._within else None

    def handle_endtag(self, tag):
        self._cell = None
        self._within = self._within and tag != "table"

    def handle_data(self, text):
        if self._cell == "th":
            self._head = text
        elif self._cell == "td":
            self.rows[self._head] = text


def shown(estimator):
    return Cells(estimator._repr_html_()).rows


def fit(estimator=AutoencoderTransformer, **parameters):
    given = {"epochs": 2, "batch_size": 16, "random_state": 0, **parameters}
    return estimator(2, **given).fit(X)


def test_before_the_fit_there_is_scikit_learns_diagram_alone():
    text = AutoencoderTransformer()._repr_html_()
    assert "sk-top-container" in text
    assert Cells(text).rows == {}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_shows_what_its_models_are(estimator):
    fitted = fit(estimator)
    rows = shown(fitted)
    assert "sk-top-container" in fitted._repr_html_()
    for name, model in [("Encoder", fitted.encoder_), ("Decoder", fitted.decoder_)]:
        summary = []
        model.summary(print_fn=summary.append, expand_nested=True)
        for layer in rows[name].split(", "):
            assert f"({layer.split()[0]})" in "".join(summary)
    assert rows["Epochs"].startswith("2 run, ")
    assert rows["Compression factor"] == "3 (6 features to 2 codes)"


def test_the_numbers_are_those_of_the_formulas():
    fitted = fit(hidden_layer_sizes=(8,))
    rows = shown(fitted)
    assert rows["Encoder"] == "Dense 8, Dense 2 (linear map), Dense 2"
    # Hidden layer, its output, and the linear map; weights and biases.
    one_way = (6 * 8 + 8) + 8 * 2 + (6 * 2 + 2)
    back = (2 * 8 + 8) + 8 * 6 + (2 * 6 + 6)
    assert rows["Parameters"] == str(one_way + back)
    explained = fitted.score(X)
    pca = PCA(2).fit(X).explained_variance_ratio_.sum()
    assert rows["Variance explained"] == (
        f"{explained:.1%} of the training rows; PCA: {pca:.1%}"
    )


def test_the_score_of_pca_is_what_scikit_learns_explains():
    expected = PCA(2).fit(X).explained_variance_ratio_.sum()
    assert fit().pca_score_ == pytest.approx(expected, rel=1e-5)


def test_the_score_of_pca_is_of_the_codes_that_a_share_leaves():
    fitted = AutoencoderTransformer(0.8, epochs=2, random_state=0).fit(X)
    expected = PCA(fitted.encoding_dim_).fit(X).explained_variance_ratio_.sum()
    assert fitted.pca_score_ == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "without",
    [
        lambda: fit(init="random"),
        lambda: fit(warm_start=True).fit(X),
        lambda: fit().partial_fit(X),
    ],
    ids=["random start", "warm start", "partial fit"],
)
def test_pca_has_a_score_only_where_the_fit_started_there(without):
    fitted = without()
    assert not hasattr(fitted, "pca_score_")
    assert "PCA" not in shown(fitted).get("Variance explained", "")


def test_it_is_the_same_after_a_pickle_and_in_a_mime_bundle():
    fitted = fit()
    again = pickle.loads(pickle.dumps(fitted))
    assert shown(again) == shown(fitted)
    bundle = again._repr_mimebundle_()
    assert Cells(bundle["text/html"]).rows == shown(fitted)
    assert bundle["text/plain"] == repr(again)


def test_display_as_text_has_no_html():
    fitted = fit()
    with config_context(display="text"):
        assert not hasattr(fitted, "_repr_html_")
        assert set(fitted._repr_mimebundle_()) == {"text/plain"}


def test_layers_of_the_users_own_are_shown_too():
    def encoder(sample_shape, encoding_dim):
        inputs = keras.Input(sample_shape)
        steps = keras.layers.Reshape((6, 1))(inputs)
        several, *_ = keras.layers.LSTM(3, return_state=True)(steps)
        return keras.Model(inputs, keras.layers.Dense(2)(several))

    def decoder(sample_shape, encoding_dim):
        return keras.Sequential([keras.Input((encoding_dim,)), keras.layers.Dense(6)])

    fitted = fit(network=CustomNetwork(encoder, decoder))
    rows = shown(fitted)
    assert rows["Encoder"] == "LSTM, Dense 2"
    assert rows["Decoder"] == "Dense 6"
