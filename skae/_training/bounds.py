"""How far out a network is asked for codes and reconstructions; see `Bounds`."""

import dataclasses
import functools

import numpy as np

from skae._data.rows import row_chunks
from skae._model.coordinates import CodeLayers
from skae._model.correction import Bounds, Correction
from skae._runtime.threads import one_blas_thread
from skae._training.outliers import outlier_limit
from skae._training.task import on_standardized
from skae.networks._base import BRANCH, LINEAR

# The longest row, times this, is within the bounds: new rows may be a little longer.
# More costs rows ten times as far out (digits, 8 codes: 1.02 of PCA's error with 2, not
# 0.94); less loses what was learnt of heavy tails (cardio, 8 codes: 0.20, not 0.17).
_SLACK = 1.1
# To tell outliers; more would change little.
_ROWS_FOR_LIMIT = 2_000
# Of the rows' scale, which is 1. Lengths below it are rounding of float32.
LEAST_REACH = 1e-6


@one_blas_thread()
def within_bounds(facts, refined, codes, extents_of=None):
    """Return `OrderedCodes` whose network has bounds, if it is bent.

    Without bounds a row far outside the training rows can be reconstructed far worse
    than by PCA (three times as badly, a thousand times as far out on digits).

    Parameters
    ----------
    facts : Facts
        What is known of the fit.

    refined : Refined
        What training gave.

    codes : OrderedCodes
        Of the network.

    extents_of : callable or None, default=None
        ``extents_of(network, metric)`` gives the length of the longest row, the centre
        of the codes, and the largest length of their deviations from it, times the
        metric. None measures the rows of the facts.
    """
    trained = refined.trained
    is_bent = trained.best_epoch > 0 or not refined.correction.is_empty
    if not (facts.plan.starts_at_pca and is_bent and _has_bounds(facts)):
        return codes
    bounds = _bounds(facts, codes, extents_of or functools.partial(_extents, facts))
    if bounds is None:
        return codes
    network = codes.fitted
    correction = Correction(network.correction.kernel_decoder, bounds)
    return dataclasses.replace(codes, fitted=network.with_correction(correction))


def _has_bounds(facts):
    """Tell whether a network has a branch beside the linear map of linear codes."""
    codec, network = facts.plan.codec, facts.plan.architecture.network
    layers = {layer.name for layer in codec.encoder.layers + codec.decoder.layers}
    return {LINEAR, BRANCH} <= layers and network.code_activation == "linear"


def _bounds(facts, codes, extents_of):
    """Return the `Bounds` of a network with its codes in order, or None."""
    plan, start = facts.plan, facts.start.weights
    layers = CodeLayers(plan.codec.encoder, plan.codec.decoder)
    n_outputs = plan.architecture.objective.outputs_per_code
    if codes.code_map is not None:
        start = layers.changed(start, codes.code_map, n_outputs)
    encoder_kernel, _, decoder_kernel, _ = (
        np.asarray(values, np.float64) for values in layers.linear_maps(start)
    )
    n_features = plan.architecture.n_features
    if encoder_kernel.shape[0] != n_features or decoder_kernel.shape[1] != n_features:
        return None  # a map of each time step
    # A deviation of codes is as long as what the linear decoder makes of it.
    metric = _root(decoder_kernel @ decoder_kernel.T)
    reach, centre, longest = extents_of(codes.fitted, metric)
    return Bounds(
        *(
            np.asarray(values, np.float32)
            for values in (
                encoder_kernel,
                _SLACK * reach,
                decoder_kernel,
                centre,
                metric / (_SLACK * max(longest, LEAST_REACH)),
            )
        )
    )


def _root(matrix):
    """Return the symmetric R with R R = matrix, which is positive semidefinite.

    It is the same whatever eigenvectors stand for equal eigenvalues.
    """
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


def _extents(facts, network, metric):
    """Measure the rows of the facts; see `within_bounds`."""
    reach, seen = _seen(facts, network)
    centre = seen.mean(axis=0, dtype=np.float64)
    return reach, centre, longest_deviation(network, seen, centre, metric)


def longest_deviation(network, codes, centre, metric):
    """Return the largest length of the codes' deviations from a centre, times a metric.

    Nested codes count with stand-ins for the last ones as well: these are decoded too.
    """
    deviations = codes - centre
    if not network.architecture.objective.learns_stand_ins:
        return np.linalg.norm(deviations @ metric, axis=1).max()
    # With M the square of the metric, d the first k deviations and s those of the
    # stand-ins after them, the squared length is d M d' + 2 d M s' + s M s', of which
    # the first part is a running sum over the codes.
    squared = metric @ metric
    others = np.triu(network.stand_ins - centre, 1)
    products = 2 * np.triu(squared, 1) + np.diag(np.diag(squared))
    lengths = (deviations * (deviations @ products)).cumsum(axis=1)
    lengths += 2 * deviations @ np.triu(squared @ others.T)
    lengths += np.einsum("ij,ij->i", others @ squared, others)
    return np.sqrt(lengths.max())


def _seen(facts, network):
    """Return the length of the longest row, and all codes; but for outliers.

    Corrupted rows that judge count as well.
    """
    start = on_standardized(facts.plan, facts.start.weights)
    codes, longest = [], LEAST_REACH
    for rows in _measured_rows(facts):
        for values in without_outliers(start, rows, limit_of(start, rows)):
            codes.append(network.encode(values))
            longest = max(longest, np.linalg.norm(values, axis=1).max())
    return longest, np.concatenate(codes)


def limit_of(start, rows):
    """Return the error at the start beyond which rows are outliers, by some rows."""
    some = np.linspace(0, len(rows) - 1, min(len(rows), _ROWS_FOR_LIMIT))
    return outlier_limit(start.squared_errors(rows[some.astype(int)]))


def without_outliers(start, rows, limit):
    """Yield rows, a chunk at a time, whose error at the start is within a limit."""
    for chunk in row_chunks(rows):
        values = np.asarray(rows[chunk])
        values = values[start.squared_errors(values) <= limit]
        if len(values):
            yield values


def _measured_rows(facts):
    prepared = facts.prepared
    yield prepared.rows.values
    if facts.request.objective.corruption is not None and prepared.validation:
        yield prepared.validation.values
