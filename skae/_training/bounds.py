"""How far a fit's codes and reconstructions may be from those of the linear start."""

import dataclasses

import numpy as np

from skae._data.rows import row_chunks
from skae._model.coordinates import CodeLayers
from skae._model.correction import Bounds, Correction
from skae._training.outliers import outlier_limit
from skae._training.task import on_standardized
from skae.networks._base import BRANCH, LINEAR

# As far as in training rows, times this. With 1, test rows of heavy-tailed data lose
# what was learnt (cardio, 8 codes: 0.30 of PCA's error instead of 0.16); with 4, rows
# moved ten times as far from the mean are reconstructed 1.3 times as badly as by PCA.
_SLACK = 2.0
# To tell outliers; more would change little.
_ROWS_FOR_LIMIT = 2_000
# Of the rows' scale, which is 1. Deviations below it are rounding of float32.
_LEAST_REACH = 1e-6


def within_bounds(facts, refined, codes):
    """Return `OrderedCodes` whose network has bounds, if it is bent.

    Without bounds a row far outside the training rows can be reconstructed far worse
    than by PCA. With them it is encoded and decoded as PCA does, but for a deviation
    that is no longer than those of training rows.
    """
    trained = refined.trained
    is_bent = trained.best_epoch > 0 or not refined.correction.is_empty
    if not (facts.plan.starts_at_pca and is_bent and _has_bounds(facts)):
        return codes
    bounds = _bounds(facts, codes)
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


def _bounds(facts, codes):
    """Return the `Bounds` of a network with its codes in order, or None."""
    plan, start = facts.plan, facts.start.weights
    layers = CodeLayers(plan.codec.encoder, plan.codec.decoder)
    n_outputs = plan.architecture.objective.outputs_per_code
    if codes.code_map is not None:
        start = layers.changed(start, codes.code_map, n_outputs)
    maps = [np.asarray(values, np.float64) for values in layers.linear_maps(start)]
    encoder_kernel, encoder_bias, decoder_kernel, decoder_bias = maps
    n_features = plan.architecture.n_features
    if encoder_kernel.shape[0] != n_features or decoder_kernel.shape[1] != n_features:
        return None  # a map of each time step
    # A deviation of codes is as long as what the linear decoder makes of it.
    lengths = _root(decoder_kernel @ decoder_kernel.T)
    of_codes, of_outputs = _reaches(facts, codes.fitted, maps, lengths, n_outputs)
    metric = np.zeros((len(encoder_bias), len(lengths)))
    metric[::n_outputs] = lengths / of_codes  # of the means, if there are variances
    return Bounds(
        *(
            np.asarray(values, np.float32)
            for values in (
                encoder_kernel,
                encoder_bias,
                metric,
                decoder_kernel,
                decoder_bias,
                1 / of_outputs,
            )
        )
    )


def _root(matrix):
    """Return R with R R' = matrix, which is positive semidefinite."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0))


def _reaches(facts, network, maps, lengths, n_outputs):
    """Return the longest deviations from the linear maps, of codes and of outputs.

    Of all rows but outliers; corrupted rows that judge count as well.
    """
    encoder_kernel, encoder_bias, decoder_kernel, decoder_bias = maps
    start = on_standardized(facts.plan, facts.start.weights)
    longest = np.full(2, _LEAST_REACH)
    for rows in _measured_rows(facts):
        some = np.linspace(0, len(rows) - 1, min(len(rows), _ROWS_FOR_LIMIT))
        limit = outlier_limit(start.squared_errors(rows[some.astype(int)]))
        for chunk in row_chunks(rows):
            values = np.asarray(rows[chunk])
            is_typical = start.squared_errors(values) <= limit
            codes = network.encode(values)
            linear = values @ encoder_kernel[:, ::n_outputs]
            of_codes = (codes - linear - encoder_bias[::n_outputs]) @ lengths
            outputs = network.outputs(codes) - codes @ decoder_kernel - decoder_bias
            for i, deviations in enumerate((of_codes, outputs)):
                measured = np.linalg.norm(deviations[is_typical], axis=1)
                longest[i] = max(longest[i], measured.max(initial=0.0))
    return _SLACK * longest


def _measured_rows(facts):
    prepared = facts.prepared
    yield prepared.rows.values
    if facts.request.objective.corruption is not None and prepared.validation:
        yield prepared.validation.values
