"""Docstrings: they name every parameter and attribute, and say the same everywhere."""

import ast
import inspect
import re

import numpy as np
import pandas as pd
import pytest
from documented import entries, section
from helpers import ESTIMATORS

import skae
from skae import networks
from skae._estimators import shared_docs
from skae._estimators.shared_docs import filled_in

NETWORKS = [
    networks.ConvNetwork,
    networks.CustomNetwork,
    networks.DenseNetwork,
    networks.RecurrentNetwork,
]
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)
ENCODERS = [skae.ParametricTSNE, skae.TableEncoder]
DETECTORS = [skae.AutoencoderOutlierDetector]
OTHERS = ENCODERS + DETECTORS
each_class = pytest.mark.parametrize("documented", ESTIMATORS + NETWORKS + OTHERS)
with_encoders = pytest.mark.parametrize("estimator", ESTIMATORS + ENCODERS)


def defaults(documented):
    parameters = inspect.signature(documented).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def test_all_estimators_are_looked_at():
    public = [getattr(skae, name) for name in skae.__all__]
    classes = {item for item in public if inspect.isclass(item)}
    assert classes == {*ESTIMATORS, *OTHERS}


@each_class
def test_parameters_are_documented_in_the_order_of_the_constructor(documented):
    assert list(entries(documented, "Parameters")) == list(defaults(documented))


@with_encoders
def test_constraints_are_in_the_order_of_the_constructor(estimator):
    assert list(estimator._parameter_constraints) == list(defaults(estimator))


@each_class
def test_documented_defaults_are_the_defaults(documented):
    texts = entries(documented, "Parameters")
    for name, default in defaults(documented).items():
        found = re.search(r"default=(.+)$", texts[name], flags=re.MULTILINE)
        if default is inspect.Parameter.empty:
            assert not found
        else:
            assert ast.literal_eval(found[1]) == default


@each_class
def test_every_parameter_has_a_type_and_a_text(documented):
    for name, text in entries(documented, "Parameters").items():
        header, _, body = text.partition("\n")
        assert header.startswith(f"{name} : ")
        assert body.strip()


@each_estimator
def test_a_parameter_reads_the_same_everywhere(estimator):
    """Where training is set; what depends on the network may differ."""
    training = list(defaults(estimator))
    training = training[training.index("init") :]
    expected = entries(skae.AutoencoderTransformer, "Parameters")
    texts = entries(estimator, "Parameters")
    for name in training:
        assert texts[name].strip() == expected[name].strip()


@pytest.mark.docs
@each_estimator
def test_attributes_of_a_fit_are_documented_and_the_other_way_round(estimator):
    rows = np.random.RandomState(0).randn(40, 4) * [4, 3, 2, 1]
    frame = pd.DataFrame(rows, columns=list("abcd"))
    fitted = estimator(2, epochs=1, random_state=0).fit(frame)
    public = {name for name in vars(fitted) if re.fullmatch(r"[a-z]\w*_", name)}
    public |= {"encoder_", "decoder_", "inference_", "n_components_"}
    if estimator is not skae.VAETransformer:
        public |= {"encoding_dim_search_"}  # only with encoding_dim="auto"
    assert public == set(entries(estimator, "Attributes"))


@with_encoders
def test_nothing_is_left_to_fill_in(estimator):
    assert "%(" not in estimator.__doc__
    assert not re.search(r"\\$", estimator.__doc__, flags=re.MULTILINE)


@with_encoders
def test_public_methods_are_documented(estimator):
    for name, method in inspect.getmembers(estimator, callable):
        if not name.startswith("_") and method.__module__.startswith("skae"):
            parameters = list(inspect.signature(method).parameters)[1:]
            documented = [name.lstrip("*") for name in entries(method, "Parameters")]
            assert documented == parameters
            assert section(method, "Returns")


def test_a_line_of_its_own_is_filled_in_and_the_rest_stays():
    class Example:
        """Say %(loss)s as it is.

        %(loss)s
        """

    filled = shared_docs.documented(Example)
    assert filled is Example
    assert "Say %(loss)s as it is." in Example.__doc__
    assert Example.__doc__.count("loss : {") == 1
    assert Example.__doc__.count("%(") == 1


def test_a_text_has_the_indentation_of_its_line():
    """Python 3.13 takes away the indentation that all lines share."""

    def example():
        pass

    example.__doc__ = "Say.\n\n  %(text)s\n"
    filled_in(example, {"text": "\n    one\n\n        two\n"})
    assert example.__doc__ == "Say.\n\n  one\n\n      two\n"


def test_python_without_docstrings_has_nothing_to_fill_in():
    class Example:
        pass

    assert shared_docs.documented(Example).__doc__ is None
