"""Networks as plain data: what they compute, and what no network is."""

import json

import numpy as np
import pytest

from skae._serving.graph import Graph, Operation, as_text, of_text

rng = np.random.RandomState(0)
KINDS = (((3, 4), "float32"), ((4,), "float32"), ((4, 2), "float32"))
WEIGHTS = [rng.randn(*shape).astype(np.float32) for shape, _ in KINDS]
X = rng.randn(7, 3).astype(np.float32)
GRAPH = Graph(
    3,
    KINDS,
    (
        Operation("dense", (0,), (0, 1)),
        Operation("relu", (1,)),
        Operation("dense", (2,), (2,)),
        Operation("dense", (1,), (2,)),  # reads what the ReLU may not overwrite
        Operation("add", (3, 4)),
    ),
)


def by_hand():
    first = X @ WEIGHTS[0] + WEIGHTS[1]
    return np.maximum(first, 0) @ WEIGHTS[2] + first @ WEIGHTS[2]


def test_a_graph_computes_its_operations_and_leaves_its_arguments():
    rows, weights = X.copy(), [values.copy() for values in WEIGHTS]
    np.testing.assert_allclose(GRAPH.run(rows, weights), by_hand(), rtol=1e-5)
    np.testing.assert_array_equal(rows, X)
    for values, before in zip(weights, WEIGHTS, strict=True):
        np.testing.assert_array_equal(values, before)


def test_products_may_be_computed_elsewhere():
    assert GRAPH.input_layers == (0,)
    outputs = GRAPH.run_from_products(X @ WEIGHTS[0], WEIGHTS)
    np.testing.assert_allclose(outputs, by_hand(), rtol=1e-5)


def test_the_input_is_not_overwritten():
    rows = X.copy()
    Graph(3, (), (Operation("relu", (0,)),)).run(rows, [])
    Graph(3, (), (Operation("reshape", (0,), (), {"shape": [1, 3]}),)).run(rows, [])
    reshaped = Operation("reshape", (0,), (), {"shape": [3, 1]})
    Graph(3, (), (reshaped, Operation("relu", (1,)))).run(rows, [])
    np.testing.assert_array_equal(rows, X)


def test_text_gives_the_graphs_back():
    assert of_text(as_text((GRAPH, GRAPH))) == (GRAPH, GRAPH)
    assert of_text(as_text(None)) is None


def changed(path, value):
    data = GRAPH.as_data()
    part = data
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return json.dumps([data])


NO_NETWORKS = {
    "no JSON": "[",
    "no list": "3",
    "an unknown kind": changed((2, 1, 0), "exec"),
    "a later value": changed((2, 1, 1), [5]),
    "a negative position": changed((2, 1, 1), [-1]),
    "no position": changed((2, 1, 1), ["1"]),
    "a truth value": changed((2, 1, 1), [True]),
    "a weight that is not there": changed((2, 0, 2), [7]),
    "another shape": changed((1, 2, 0), [5, 2]),
    "a size of nothing": changed((1, 2, 0), [4, 0]),
    "a negative size": changed((1, 2, 0), [-4, -2]),
    "another type": changed((1, 0, 1), "float64"),
    "settings that are text": changed((2, 1, 3), {"scale": "x"}),
    "no settings": changed((2, 1, 3), [1]),
    "too few parts": changed((2, 1), ["relu", [1]]),
    "more than its weights": json.dumps(
        [[3, [], [["concatenate", [i, i], [], {}] for i in range(60)]]]
    ),
}


@pytest.mark.parametrize("text", NO_NETWORKS.values(), ids=NO_NETWORKS)
def test_what_is_no_network_is_a_value_error(text):
    with pytest.raises(ValueError, match="is no network"):
        of_text(text)
