"""The objective of parametric t-SNE, against its formulas."""

import numpy as np
import pytest

from skae._neighbors.affinities import Affinities
from skae._neighbors.divergence import kl_divergence
from skae._objective.neighbor_embedding import NeighborEmbedding
from skae._runtime.tensorflow import load_keras

ENCODED = np.random.RandomState(0).randn(12, 2).astype(np.float32)
ROWS = np.zeros((12, 3), np.float32)


def terms_by_hand(encoded):
    """Return attraction and repulsion, row by row; see van der Maaten (2009)."""
    squares = ((encoded[:, None] - encoded[None]) ** 2).sum(axis=-1)
    similarities = 1 / (1 + squares)
    np.fill_diagonal(similarities, 0)
    neighbors = np.arange(len(encoded)) ^ 1
    attraction = np.log(1 + squares[np.arange(len(encoded)), neighbors])
    return np.column_stack(
        [attraction, np.full(len(encoded), np.log(similarities.mean()))]
    )


@pytest.mark.parametrize("as_tensor", [False, True])
def test_terms_are_those_of_the_loss_of_tsne(as_tensor):
    encoded = ENCODED
    if as_tensor:
        encoded = load_keras().ops.convert_to_tensor(encoded)
    terms = NeighborEmbedding().row_terms(ROWS, encoded, encoded, [])
    np.testing.assert_allclose(terms, terms_by_hand(ENCODED), rtol=1e-4, atol=1e-5)


def test_the_loss_is_the_divergence_from_pairs_up_to_a_constant():
    """Where the pairs of the batch are all neighbours that there are."""
    affinities = Affinities(
        (np.arange(12) ^ 1).astype(np.int32)[:, None], np.ones((12, 1), np.float32)
    )
    constants = []
    for encoded in (ENCODED, 3 * ENCODED):
        terms = NeighborEmbedding().row_terms(ROWS, encoded, encoded, [])
        constants.append(kl_divergence(affinities, encoded) - terms.sum(axis=1).mean())
    assert constants[0] == pytest.approx(constants[1], abs=1e-4)


def test_a_row_that_is_in_a_batch_twice_does_not_repel_itself():
    encoded = np.concatenate([ENCODED, ENCODED[:2]])
    repulsion = NeighborEmbedding().row_terms(ROWS, encoded, encoded, [])[0, 1]
    similarities = 1 / (1 + ((encoded[:, None] - encoded[None]) ** 2).sum(axis=-1))
    total = similarities.sum() - 14 - 4  # rows 0 and 1 to themselves, here and there
    assert repulsion == pytest.approx(np.log(total / 14**2), rel=1e-4)


def test_points_in_one_place_have_finite_terms():
    encoded = np.zeros_like(ENCODED)
    assert np.isfinite(NeighborEmbedding().row_terms(ROWS, encoded, encoded, [])).all()


def test_with_a_decoder_the_third_term_is_the_squared_error():
    objective = NeighborEmbedding(reconstructs=True)
    outputs = np.random.RandomState(1).randn(12, 3).astype(np.float32)
    terms = objective.row_terms(ROWS, ENCODED, outputs, [])
    np.testing.assert_allclose(terms[:, 2], (outputs**2).mean(axis=1), rtol=1e-5)
    assert objective.terms == ("attraction", "repulsion", "reconstruction")
