"""After training: a decoder in closed form, beside the network's or in its place."""

import dataclasses

import numpy as np

from skae._model.coordinates import CodeLayers
from skae._model.correction import UNCORRECTED, Correction
from skae._objective.objective import Objective
from skae._training.closed_form import (
    ClosedForm,
    can_have_closed_form,
    closed_form,
)
from skae._training.history import Trained
from skae._training.outliers import judging_weights
from skae._training.selection import beats_chance
from skae._training.task import on_standardized
from skae.networks._base import BRANCH, LINEAR

# With more rows a trained network is always better than PCA's codes with a decoder in
# closed form (`benchmarks.defaults`), and the held-out rows would add little to one.
_MANY_ROWS = 10_000


@dataclasses.dataclass(frozen=True)
class Refined:
    """What training gave, and what is added to the network.

    Parameters
    ----------
    trained : Trained
        The weights, and what is known of them with the correction.

    correction : Correction
        For the codes of these weights.
    """

    trained: Trained
    correction: Correction = UNCORRECTED


@dataclasses.dataclass(frozen=True)
class _Candidate:
    """Weights with a correction, and their losses on the validation rows, if any.

    The correction is of a `ClosedForm` of the training rows.
    """

    weights: list
    epoch: int
    form: ClosedForm
    correction: Correction
    losses: np.ndarray | None


def refine(facts, trained):
    """Return the `Refined` of what training gave.

    PCA's codes with a decoder in closed form need no held-out rows to be better than
    PCA by more than chance: leave-one-out errors tell. They are kept unless a trained
    network is better on the validation rows by more than chance. Its decoder then is
    the best mean of its own and one in closed form.
    """
    if not _is_possible(facts):
        return Refined(trained)
    validation = facts.prepared.validation
    is_judged = validation is not None
    is_start = trained.best_epoch == 0 and (facts.plan.starts_at_pca or not is_judged)
    if is_start:
        best = _of_start(facts)
    elif is_judged:
        best = _best_with_network(facts, trained)
    else:
        best = None
    if best is None:
        return Refined(trained)
    loss = trained.best_loss
    if is_judged:
        unit = facts.request.objective.unit(facts.prepared.scaling.scale)
        loss = unit * float(np.average(best.losses, weights=validation.weights))
    kept = dataclasses.replace(
        trained, weights=best.weights, best_epoch=best.epoch, best_loss=loss
    )
    return Refined(kept, _with_all_rows(facts, best))


def _is_possible(facts):
    """Tell whether a fit can have a decoder in closed form.

    Its decoder must be a linear map beside a branch, of linear codes of whole rows.
    """
    plan, prepared, objective = facts.plan, facts.prepared, facts.request.objective
    decoder = {layer.name for layer in plan.codec.decoder.layers}
    learns_rows = type(objective) is Objective and objective.is_plain_error
    validation = prepared.validation
    return (
        plan.init == "pca"
        and {LINEAR, BRANCH} <= decoder
        and plan.architecture.network.code_activation == "linear"
        and learns_rows
        and prepared.rows.clean is None
        and not prepared.has_missing
        and (validation is None or validation.clean is None)
        and not facts.start.is_solution
        and can_have_closed_form(*prepared.training_rows.values.shape)
    )


def _found(facts, weights, rows, like=None):
    """Return the `ClosedForm` of rows on the codes at the weights.

    At the start its linear map is PCA's. That comes from all rows, those that judge
    too, so another one of fewer rows could not be compared with it.
    """
    network = on_standardized(facts.plan, weights)
    generator = np.random.RandomState(facts.seed)
    linear, codec = None, facts.plan.codec
    if weights is facts.start.weights and facts.plan.starts_at_pca:
        layers = CodeLayers(codec.encoder, codec.decoder)
        linear = layers.linear_maps(weights)[2:]
    return closed_form(network.encode, rows, generator, like, linear)


def _is_better(form, network, rows):
    """Tell whether leave-one-out errors beat a network's by more than chance."""
    weights = rows.weights[form.numbers]
    losses = network.squared_errors(rows.values[form.numbers])
    gains = losses - form.losses
    robust = judging_weights(weights, losses)
    return weights @ gains > 0 and beats_chance(gains[None], robust)


def _of_start(facts):
    """Return PCA's codes with a decoder in closed form, or None if no better.

    Left-out errors are too small where rows are like others, as in overlapping windows.
    So rows that judge refuse it if it is worse on them by more than chance, and those
    that the user gave unless they show the gain too.
    """
    prepared, weights = facts.prepared, facts.start.weights
    rows, validation = prepared.training_rows, prepared.validation
    form = _found(facts, weights, rows)
    network = on_standardized(facts.plan, weights)
    if not _is_better(form, network, rows):
        return None
    found = _candidate(facts, network, 0, form, Correction(form.decoder))
    if validation is None:
        return found
    losses = network.squared_errors(validation.values)
    counts, gains = judging_weights(validation.weights, losses), losses - found.losses
    if prepared.validation_fraction:
        is_refused = beats_chance(-gains[None], counts)
    else:  # the user's own rows
        is_refused = not (counts @ gains > 0 and beats_chance(gains[None], counts))
    return None if is_refused else found


def _candidate(facts, network, epoch, form, correction):
    """Return the `_Candidate` of a network with the correction that a form gave."""
    validation, losses = facts.prepared.validation, None
    if validation is not None:
        corrected = network.with_correction(correction)
        losses = corrected.squared_errors(validation.values)
    return _Candidate(network.weights, epoch, form, correction, losses)


def _best_with_network(facts, trained):
    """Return the best `_Candidate` where a network was trained, None if that itself."""
    rows, validation = facts.prepared.training_rows, facts.prepared.validation
    network = on_standardized(facts.plan, trained.weights)
    alone = network.squared_errors(validation.values)
    weights = judging_weights(validation.weights, alone)
    form = _found(facts, trained.weights, rows)
    correction = Correction(form.decoder)
    correction = _mixed(network, correction, alone, validation, weights)
    mixed = _candidate(facts, network, trained.best_epoch, form, correction)
    is_mixed = np.average(mixed.losses - alone, weights=weights) < 0
    losses = mixed.losses if is_mixed else alone
    if facts.plan.starts_at_pca and len(rows) <= _MANY_ROWS:
        of_start = _of_start(facts)
        if of_start is not None:
            weights = judging_weights(validation.weights, of_start.losses)
            if not beats_chance((of_start.losses - losses)[None], weights):
                return of_start
    return mixed if is_mixed else None


def _mixed(network, correction, alone, validation, weights):
    """Return the correction in the best mean with a network's own decoder.

    The squared error of ``(1 - p) network + p closed form`` is a parabola in p. Its
    values at 0, 1/2 and 1 on the validation rows give its least one from 0 to 1.
    """
    half, whole = (
        network.with_correction(with_part(correction, part)) for part in (0.5, 1.0)
    )
    losses = [alone, *(one.squared_errors(validation.values) for one in (half, whole))]
    at_zero, at_half, at_one = np.average(losses, axis=1, weights=weights)
    curvature = 2 * (at_zero + at_one - 2 * at_half)
    slope = at_zero - at_one + curvature
    part = np.clip(slope / (2 * curvature), 0, 1) if curvature > 0 else 0.0
    return with_part(correction, part)


def with_part(correction, part):
    """Return a correction whose decoder counts `part`, and the network's the rest."""
    decoder = correction.kernel_decoder
    return Correction(
        dataclasses.replace(
            decoder,
            network_share=np.float32(1 - part),
            linear=np.float32(part) * decoder.linear,
            bias=np.float32(part) * decoder.bias,
            coefficients=np.float32(part) * decoder.coefficients,
        )
    )


def _with_all_rows(facts, candidate):
    """Return a candidate's correction, found from the validation rows as well."""
    prepared, decoder = facts.prepared, candidate.correction.kernel_decoder
    is_whole = len(prepared.rows) == len(prepared.training_rows)
    if is_whole or len(prepared.rows) > _MANY_ROWS:
        return candidate.correction
    form = _found(facts, candidate.weights, prepared.rows, like=candidate.form)
    return with_part(Correction(form.decoder), 1 - decoder.network_share)
