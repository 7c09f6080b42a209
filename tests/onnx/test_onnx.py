"""ONNX models in onnxruntime: what the estimators give, for any number of rows."""

import json
import pickle

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import skl2onnx
from helpers import correlated, each_of, run_python
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import skae.onnx
from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
)
from skae._serving.operations import KINDS, UNARY
from skae.networks import ConvNetwork, CustomNetwork, DenseNetwork
from skae.onnx import _operations

N_ROWS = 1000
X = correlated(N_ROWS)
Y = X[:, 0] > X[:, 0].mean()
IMAGES = correlated(N_ROWS, 16).reshape(-1, 4, 4)
UNIT = (X - X.min()) / (X.max() - X.min())
GAPS = np.where(np.random.RandomState(0).rand(*X.shape) < 0.1, np.nan, X)
GAPS[0] = np.nan  # one row of nothing else
BRIEFLY = {"epochs": 1, "random_state": 0, "validation_fraction": 0}
# The network's weights differ from those of PCA, and so all its layers count.
RANDOM = {**BRIEFLY, "init": "random"}
METHODS = "transform", "inverse_transform", "reconstruct", "score_samples"


def dense(**parameters):
    return AutoencoderTransformer(2, hidden_layer_sizes=(8,), **RANDOM, **parameters)


def custom():
    """A network of the user's own models, which Keras' exporter writes."""
    models = []
    for n_inputs, n_outputs in ((5, 2), (2, 5)):
        layers = keras.layers.LayerNormalization(), keras.layers.Dense(n_outputs)
        models.append(keras.Sequential([keras.Input((n_inputs,)), *layers]))
    return CustomNetwork(*models)


CASES = {
    "dense": (dense(), X),
    "without hidden layers": (
        AutoencoderTransformer(2, hidden_layer_sizes=(), **BRIEFLY),
        X,
    ),
    "images, flat code": (dense(), IMAGES),
    "a large mean": (dense(), X + 1e5),
    "a tiny unit": (dense(), 1e-35 * X),
    "counts": (dense(loss="poisson", code_activation="sigmoid"), np.floor(20 * UNIT)),
    "probabilities": (dense(loss="binary_crossentropy"), UNIT),
    "missing values": (dense(missing_values="allow"), GAPS),
    "whitened": (dense(whiten=True), X),
    "denoising": (DenoisingAutoencoder(2, network=DenseNetwork((8,)), **RANDOM), X),
    "denoising, images": (
        DenoisingAutoencoder(2, network=ConvNetwork((4,)), **RANDOM),
        IMAGES,
    ),
    "variational": (VAETransformer(2, network=DenseNetwork((8,)), **RANDOM), X),
    "variational, images": (
        VAETransformer(2, network=ConvNetwork((4,)), **RANDOM),
        IMAGES,
    ),
    "convolutional": (ConvAutoencoder(2, filters=(4,), **RANDOM), IMAGES),
    "spatial code": (
        ConvAutoencoder(None, filters=(4,), bottleneck="spatial", **RANDOM),
        IMAGES,
    ),
    "custom models": (
        AutoencoderTransformer(2, network=custom(), **BRIEFLY),
        X,
    ),
    "recurrent": (SequenceAutoencoder(2, units=4, **RANDOM), IMAGES),
    "recurrent, LSTM": (SequenceAutoencoder(2, units=4, cell="lstm", **RANDOM), IMAGES),
}
BY_DEFAULT = ["dense", "images, flat code", "missing values"]


def outputs_of(model, rows):
    """Run a model of one input in onnxruntime."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (taken,) = session.get_inputs()
    return session.run(None, {taken.name: rows})


def assert_same(estimator, method, rows):
    """Check a method's model against the method, within 1e-5 of the data's scale."""
    model = skae.onnx.to_onnx(estimator, method, dtype=rows.dtype)
    expected = getattr(estimator, method)(rows)
    scale = np.abs(expected).max()
    if method == "score_samples":
        # Squares of errors e, which change by 2e de: at most 1e-5 (e² + s²) where de
        # is 1e-5 of the rows' deviation s.
        scale += np.nanvar(rows)
    rounding = np.finfo(rows.dtype).eps * np.abs(expected).max()
    for some in (rows, rows[:1]):
        (found,) = outputs_of(model, some)
        assert found.dtype == expected.dtype
        assert found.shape == (len(some), *expected.shape[1:])
        difference = np.abs(found - expected[: len(some)]).max()
        assert difference <= 1e-5 * scale + 2 * rounding


@pytest.mark.filterwarnings("ignore:.*have collapsed to the prior:UserWarning")
@pytest.mark.parametrize(("estimator", "rows"), each_of(CASES, BY_DEFAULT))
def test_models_give_what_methods_give(estimator, rows):
    fitted = clone(estimator).fit(rows)
    for method in METHODS:
        if method == "score_samples" and isinstance(fitted, VAETransformer):
            continue
        for dtype in dtypes_of(fitted, method):
            given = fitted.transform(rows) if method == "inverse_transform" else rows
            if np.isfinite(given.astype(dtype)).any():
                assert_same(fitted, method, given.astype(dtype))


def dtypes_of(fitted, method):
    """Return the types to try; float64 of networks that Keras exports, once."""
    if method == "reconstruct" or fitted.inference_ == "numpy":
        return np.float32, np.float64
    return (np.float32,)


# Not of several exponential layers, which diverge, nor of what is no name for Keras.
ACTIVATIONS = sorted(
    set(UNARY) - {"absolute", "cos", "exponential", "negative", "sin", "sqrt", "square"}
)


@pytest.mark.slow
@settings(
    max_examples=10, deadline=None, derandomize=True, phases=[Phase.generate]
)  # each example compiles, so a failing one is not made smaller
@given(
    sizes=st.lists(st.integers(1, 9), max_size=3),
    activation=st.sampled_from(ACTIVATIONS),
    code_activation=st.sampled_from(["linear", "relu", "tanh", "sigmoid"]),
    shortcut=st.booleans(),
)
def test_random_networks(sizes, activation, code_activation, shortcut):
    network = DenseNetwork(
        sizes,
        activation=activation,
        code_activation=code_activation,
        linear_shortcut=shortcut,
    )
    fitted = AutoencoderTransformer(2, network=network, **RANDOM).fit(X)
    assert fitted.inference_ == "numpy"
    for method in METHODS:
        rows = fitted.transform(X) if method == "inverse_transform" else X
        assert_same(fitted, method, rows)


ROWS = np.linspace(-9, 9, 200, dtype=np.float32).reshape(20, 10)


@pytest.mark.parametrize("name", UNARY)
def test_functions_in_onnx_are_those_of_numpy(name):
    rows = np.abs(ROWS) if name == "sqrt" else ROWS
    nodes = skae.onnx._nodes.Nodes("test_")
    output = _operations.UNARY[name](nodes, "X")
    (found,) = outputs_of(model_of(nodes, output), rows)
    np.testing.assert_allclose(found, UNARY[name](rows, None), rtol=2e-5, atol=2e-6)


def model_of(nodes, output):
    shape = ["n_samples", None]
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [*nodes.nodes, onnx.helper.make_node("Identity", [output], ["Y"])],
        "test",
        [onnx.helper.make_tensor_value_info("X", kind, shape)],
        [onnx.helper.make_tensor_value_info("Y", kind, shape)],
        [onnx.numpy_helper.from_array(v, name) for name, v in nodes.constants.items()],
    )
    opsets = [onnx.helper.make_opsetid("", 18)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)


def test_every_operation_of_numpy_has_one_in_onnx():
    known = {**_operations.UNARY, **_operations.BINARY, **_operations.KINDS}
    assert set(KINDS) == set(known)


# Pipelines


def pipelines():
    scaler = StandardScaler(), MinMaxScaler()
    for estimator in (dense(), CASES["variational"][0], CASES["convolutional"][0]):
        yield make_pipeline(*scaler, clone(estimator), LogisticRegression())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("ignore:.*have collapsed to the prior:UserWarning")
def test_pipelines_with_scalers_and_classifiers(dtype):
    skae.onnx.register()
    for pipeline in pipelines():
        fitted = pipeline.fit(X, Y)
        rows = X.astype(dtype)
        model = skl2onnx.to_onnx(fitted, rows[:1], options={"zipmap": False})
        label, probabilities = outputs_of(model, rows)
        np.testing.assert_allclose(probabilities, fitted.predict_proba(rows), atol=1e-5)
        assert (label == fitted.predict(rows)).mean() > 0.998


def test_transformers_end_pipelines_and_take_integers():
    skae.onnx.register()
    rows = np.floor(10 * X).astype(np.int64)
    fitted = make_pipeline(dense()).fit(rows)
    model = skl2onnx.to_onnx(fitted, rows[:1])
    (codes,) = outputs_of(model, rows)
    assert codes.dtype == np.float64
    np.testing.assert_allclose(codes, fitted.transform(rows), atol=1e-4)


def test_operators_too_old_for_a_pipeline_are_an_error():
    skae.onnx.register()
    fitted = make_pipeline(dense()).fit(X)
    with pytest.raises(ValueError, match="target_opset=12 is older than"):
        skl2onnx.to_onnx(fitted, X[:1], target_opset=12)


# What a model tells, and what is no model


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderTransformer(2, hidden_layer_sizes=(8,), **BRIEFLY).fit(X)


def test_a_model_tells_what_it_is(fitted):
    model = skae.onnx.to_onnx(fitted)
    told = {one.key: one.value for one in model.metadata_props}
    assert told["skae_version"] == skae.__version__
    assert told["skae_estimator"] == "AutoencoderTransformer"
    assert json.loads(told["skae_parameters"])["encoding_dim"] == "2"
    share = PCA(2).fit(X).explained_variance_ratio_.sum()
    assert json.loads(told["skae_fit"])["pca_score_"] == pytest.approx(share, rel=1e-5)
    assert [one.name for one in model.graph.input] == ["X"]
    assert [one.name for one in model.graph.output] == ["codes"]
    (dim, _) = model.graph.input[0].type.tensor_type.shape.dim
    assert dim.dim_param == "n_samples"


@pytest.mark.parametrize("opset", [13, 21])
def test_older_and_newer_operators(fitted, opset):
    model = skae.onnx.to_onnx(fitted, "score_samples", target_opset=opset)
    assert model.opset_import[0].version == opset
    (scores,) = outputs_of(model, X.astype(np.float32))
    np.testing.assert_allclose(scores, fitted.score_samples(X), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "predict"}, ValueError, "method='predict' is none of 'transform'"),
        ({"dtype": np.int64}, ValueError, "neither numpy.float32 nor numpy.float64"),
        ({"dtype": None}, ValueError, "dtype=None is neither"),
        ({"target_opset": 12}, ValueError, "target_opset=12 is no version .* 13 to"),
        ({"target_opset": 10**6}, ValueError, "target_opset=1000000 is no version"),
        ({"target_opset": "18"}, ValueError, "target_opset='18' is no version"),
        ({"target_opset": True}, ValueError, "target_opset=True is no version"),
    ],
)
def test_arguments_that_no_model_can_have(fitted, arguments, error, message):
    with pytest.raises(error, match=message):
        skae.onnx.to_onnx(fitted, **arguments)


def test_other_estimators_are_errors(fitted):
    with pytest.raises(TypeError, match=r"not one of skae's.* skae.onnx.register"):
        skae.onnx.to_onnx(make_pipeline(fitted))
    with pytest.raises(NotFittedError):
        skae.onnx.to_onnx(AutoencoderTransformer())


def test_scores_that_are_drawn_are_an_error():
    estimator = VAETransformer(2, network=DenseNetwork((8,)), **RANDOM).fit(X)
    with pytest.raises(ValueError, match="draws codes at random"):
        skae.onnx.to_onnx(estimator, "score_samples")


WITHOUT_TENSORFLOW = """
import pickle, sys
import skae.onnx
fitted = pickle.loads(bytes.fromhex({content!r}))
sys.modules["onnx"] = {onnx}
skae.onnx.to_onnx(fitted)
print(sorted({{"keras", "tensorflow"}} & set(sys.modules)))
"""


@pytest.mark.slow
def test_models_of_dense_networks_are_written_without_tensorflow(fitted):
    content = pickle.dumps(fitted).hex()
    code = WITHOUT_TENSORFLOW.replace('sys.modules["onnx"] = {onnx}\n', "")
    process = run_python(code.format(content=content))
    assert process.stdout.splitlines() == ["[]"], process.stderr


@pytest.mark.slow
def test_a_missing_library_is_an_error_that_says_what_to_install(fitted):
    content = pickle.dumps(fitted).hex()
    process = run_python(WITHOUT_TENSORFLOW.format(content=content, onnx=None))
    assert "pip install skae[onnx]" in process.stderr
