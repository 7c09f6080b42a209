"""The objective of parametric t-SNE, against its formulas."""

import numpy as np
import pytest

from skae._objective.neighbor_embedding import NeighborEmbedding
from skae._runtime.tensorflow import load_keras

ENCODED = np.random.RandomState(0).randn(12, 2).astype(np.float32)
ROWS = np.zeros((12, 3), np.float32)


def terms_by_hand(encoded):
    """Return attraction and repulsion, row by row; see Damrich et al. (2023)."""
    found = []
    for i, point in enumerate(encoded):
        neighbor = encoded[i + 1 if i % 2 == 0 else i - 1]
        attraction = np.log(1 + ((point - neighbor) ** 2).sum())
        others = np.delete(encoded, i, axis=0)
        similarities = 1 / (1 + ((point - others) ** 2).sum(axis=1))
        found.append([attraction, np.log(similarities.sum())])
    return np.array(found)


@pytest.mark.parametrize("as_tensor", [False, True])
def test_terms_are_those_of_the_contrastive_loss(as_tensor):
    encoded = ENCODED
    if as_tensor:
        encoded = load_keras().ops.convert_to_tensor(encoded)
    terms = NeighborEmbedding().row_terms(ROWS, encoded, encoded, [])
    np.testing.assert_allclose(terms, terms_by_hand(ENCODED), rtol=1e-4, atol=1e-5)


def test_their_sum_is_the_surprise_of_telling_the_neighbor_from_the_others():
    terms = NeighborEmbedding().row_terms(ROWS, ENCODED, ENCODED, [])
    squares = ((ENCODED[:, None] - ENCODED[None]) ** 2).sum(axis=-1)
    similarities = 1 / (1 + squares) - np.eye(12)
    neighbors = np.arange(12) ^ 1
    shares = similarities[np.arange(12), neighbors] / similarities.sum(axis=1)
    np.testing.assert_allclose(terms.sum(axis=1), -np.log(shares), rtol=1e-4)


def test_a_row_that_is_in_a_batch_twice_does_not_repel_itself():
    encoded = np.concatenate([ENCODED, ENCODED[:2]])
    repulsion = NeighborEmbedding().row_terms(ROWS, encoded, encoded, [])[0, 1]
    others = np.delete(encoded, [0, 12], axis=0)
    similarities = 1 / (1 + ((encoded[0] - others) ** 2).sum(axis=1))
    assert repulsion == pytest.approx(np.log(similarities.sum()), rel=1e-4)


def test_points_in_one_place_have_finite_terms():
    encoded = np.zeros_like(ENCODED)
    assert np.isfinite(NeighborEmbedding().row_terms(ROWS, encoded, encoded, [])).all()


def test_with_a_decoder_the_third_term_is_the_squared_error():
    objective = NeighborEmbedding(reconstructs=True)
    outputs = np.random.RandomState(1).randn(12, 3).astype(np.float32)
    terms = objective.row_terms(ROWS, ENCODED, outputs, [])
    np.testing.assert_allclose(terms[:, 2], (outputs**2).mean(axis=1), rtol=1e-5)
    assert objective.terms == ("attraction", "repulsion", "reconstruction")
