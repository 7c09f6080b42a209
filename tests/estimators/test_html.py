"""What an estimator shows of itself in a notebook."""

import copy
import functools
import pickle
from html.parser import HTMLParser

import keras
import pytest
from compared import tiny
from displayed import fit
from helpers import correlated, each_of
from sklearn import config_context
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.networks import CustomNetwork

X = correlated()


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
            self._within = "skae-fit" in dict(attributes).get("class", "")
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


@functools.cache
def fitted():
    """Return a small fit, which tests leave as it is."""
    return tiny().set_params(encoding_dim=2).fit(X)


def test_before_the_fit_there_is_scikit_learns_diagram_alone():
    text = AutoencoderTransformer()._repr_html_()
    assert "sk-top-container" in text
    assert Cells(text).rows == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sequences", "vae"])
def test_other_networks_show_what_their_models_are(name):
    estimator = fit(name)
    rows = shown(estimator)
    assert "sk-top-container" in estimator._repr_html_()
    models = {"Encoder": estimator.encoder_, "Decoder": estimator.decoder_}
    for part, model in models.items():
        summary = []
        model.summary(print_fn=summary.append, expand_nested=True)
        for layer in rows[part].split(", "):
            assert f"({layer.split()[0]})" in "".join(summary)
    assert rows["Epochs"].startswith(f"{estimator.n_iter_} run, ")


def test_the_numbers_are_those_of_the_formulas():
    rows = shown(fitted())
    assert rows["Encoder"] == "Dense 8, Dense 2 (linear map), Dense 2"
    # Hidden layer, its output, and the linear map; weights and biases.
    one_way = (5 * 8 + 8) + 8 * 2 + (5 * 2 + 2)
    back = (2 * 8 + 8) + 8 * 5 + (2 * 5 + 5)
    assert rows["Parameters"] == str(one_way + back)
    assert rows["Compression factor"] == "2.5 (5 features to 2 codes)"
    pca = PCA(2).fit(X).explained_variance_ratio_.sum()
    assert rows["Variance explained"] == (
        f"{fitted().score(X):.1%} of the training rows; PCA: {pca:.1%}"
    )


def test_the_score_of_pca_is_what_scikit_learns_explains():
    expected = PCA(2).fit(X).explained_variance_ratio_.sum()
    assert fitted().pca_score_ == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_the_score_of_pca_is_of_the_codes_that_a_fraction_leaves():
    estimator = tiny().set_params(encoding_dim=0.8).fit(X)
    expected = PCA(estimator.encoding_dim_).fit(X).explained_variance_ratio_.sum()
    assert estimator.pca_score_ == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "fit_again",
    each_of(
        {
            "random start": lambda one: one.set_params(init="random").fit(X),
            "warm start": lambda one: one.set_params(warm_start=True).fit(X),
            "partial fit": lambda one: one.partial_fit(X),
        },
        ["warm start", "partial fit"],
    ),
)
def test_pca_has_a_score_only_where_the_fit_started_there(fit_again):
    estimator = fit_again(copy.deepcopy(fitted()))
    assert not hasattr(estimator, "pca_score_")
    assert "PCA" not in shown(estimator).get("Variance explained", "")


def test_it_is_the_same_after_a_pickle_and_in_a_mime_bundle():
    again = pickle.loads(pickle.dumps(fitted()))
    assert shown(again) == shown(fitted())
    bundle = again._repr_mimebundle_()
    assert Cells(bundle["text/html"]).rows == shown(fitted())
    assert bundle["text/plain"] == repr(again)


def test_display_as_text_has_no_html():
    with config_context(display="text"):
        assert not hasattr(fitted(), "_repr_html_")
        assert set(fitted()._repr_mimebundle_()) == {"text/plain"}


@pytest.mark.slow
def test_layers_of_the_users_own_are_shown_too():
    def encoder(sample_shape, encoding_dim):
        inputs = keras.Input(sample_shape)
        steps = keras.layers.Reshape((5, 1))(inputs)
        several, *_ = keras.layers.LSTM(3, return_state=True)(steps)
        return keras.Model(inputs, keras.layers.Dense(2)(several))

    def decoder(sample_shape, encoding_dim):
        return keras.Sequential([keras.Input((encoding_dim,)), keras.layers.Dense(5)])

    network = CustomNetwork(encoder, decoder)
    rows = shown(AutoencoderTransformer(2, network=network, epochs=1).fit(X))
    assert rows["Encoder"] == "LSTM, Dense 2"
    assert rows["Decoder"] == "Dense 5"
