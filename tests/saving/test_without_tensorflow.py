"""Fits that are loaded where neither TensorFlow nor Keras can be imported."""

import pickle

import joblib
import numpy as np
import pytest
from helpers import correlated, each_of, run_python
from sklearn.base import clone

from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    VAETransformer,
)
from skae.networks import DenseNetwork

X = correlated()
UNIT = (X - X.min()) / (X.max() - X.min())
GAPS = np.where(np.random.RandomState(0).rand(*X.shape) < 0.1, np.nan, X)
BRIEFLY = {"epochs": 1, "random_state": 0}
DENSE = {
    "simple": AutoencoderTransformer(2, hidden_layer_sizes=(8,), **BRIEFLY),
    "counts": AutoencoderTransformer(
        2, hidden_layer_sizes=(8,), loss="poisson", **BRIEFLY
    ),
    "gaps": AutoencoderTransformer(
        2, hidden_layer_sizes=(8,), missing_values="allow", **BRIEFLY
    ),
    "denoising": DenoisingAutoencoder(2, network=DenseNetwork((8,)), **BRIEFLY),
    "variational": VAETransformer(2, network=DenseNetwork((8,)), **BRIEFLY),
    "binary": VAETransformer(
        2, network=DenseNetwork((8,)), loss="binary_crossentropy", **BRIEFLY
    ),
}
ROWS = {"counts": np.floor(10 * UNIT), "binary": UNIT, "gaps": GAPS}

LOAD = """
import pickle, sys
from pathlib import Path

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras", "jax", "torch", "skops"):
            raise ImportError(name)

sys.meta_path.insert(0, Refusing())
import joblib
import numpy as np
import skae

folder = Path({folder!r})
for name in {names!r}:
    expected = np.load(folder / f"{{name}}.npz")
    X = expected["X"]
    for fitted in (
        pickle.loads((folder / f"{{name}}.pickle").read_bytes()),
        joblib.load(folder / f"{{name}}.joblib"),
        skae.load(folder / f"{{name}}.skae"),
    ):
        codes = fitted.transform(X)
        results = {{
            "codes": codes,
            "float32": fitted.transform(X.astype(np.float32)),
            "rows": fitted.inverse_transform(codes),
            "reconstructions": fitted.reconstruct(X),
            "scores": fitted.score_samples(X),
            "score": fitted.score(X),
        }}
        if name == "gaps":
            results["imputed"] = fitted.impute(X)
        if hasattr(fitted, "sample"):
            results["sampled"] = fitted.sample(5, random_state=0)
            results["likelihoods"] = fitted.log_likelihood(X, 3)
        for kind, values in results.items():
            np.testing.assert_array_equal(values, expected[kind], f"{{name}} {{kind}}")
        assert fitted.inference_ == "numpy"
print(sorted({{"keras", "tensorflow"}} & set(sys.modules)))
"""


def results_of(fitted, X):
    """Return what the training process makes of rows, by name."""
    codes = fitted.transform(X)
    results = {
        "X": X,
        "codes": codes,
        "float32": fitted.transform(X.astype(np.float32)),
        "rows": fitted.inverse_transform(codes),
        "reconstructions": fitted.reconstruct(X),
        "scores": fitted.score_samples(X),
        "score": fitted.score(X),
    }
    if getattr(fitted, "missing_values", None) == "allow":
        results["imputed"] = fitted.impute(X)
    if hasattr(fitted, "sample"):
        results["sampled"] = fitted.sample(5, random_state=0)
        results["likelihoods"] = fitted.log_likelihood(X, 3)
    return results


@pytest.mark.filterwarnings("ignore:.*have collapsed to the prior:UserWarning")
@pytest.mark.parametrize(
    "names",
    each_of({"some": ["simple", "variational"], "all": list(DENSE)}, ["some"]),
)
def test_a_process_without_tensorflow_gets_the_bits_of_the_training_process(
    names, tmp_path
):
    for name in names:
        rows = ROWS.get(name, X)
        fitted = clone(DENSE[name]).fit(rows)
        assert fitted.inference_ == "numpy"
        fitted.save(tmp_path / f"{name}.skae")
        joblib.dump(fitted, tmp_path / f"{name}.joblib")
        (tmp_path / f"{name}.pickle").write_bytes(pickle.dumps(fitted))
        np.savez(tmp_path / f"{name}.npz", **results_of(fitted, rows))
    process = run_python(LOAD.format(folder=str(tmp_path), names=names))
    assert process.stdout.splitlines() == ["[]"], process.stderr


def test_networks_that_need_keras_say_so():
    fitted = ConvAutoencoder(2, filters=(4,), **BRIEFLY).fit(X)
    assert fitted.inference_ == "keras"
