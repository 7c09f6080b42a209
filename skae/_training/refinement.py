"""After training: a decoder in closed form, beside the network's or in its place."""

import dataclasses
import math

import numpy as np

from skae._model.correction import UNCORRECTED, Correction
from skae._objective.objective import Objective
from skae._training.closed_form import can_have_closed_form, closed_form
from skae._training.history import Trained
from skae._training.outliers import judging_weights
from skae._training.selection import beats_chance
from skae._training.task import on_standardized
from skae.networks._base import BRANCH, LINEAR

# With more rows a trained network is always better than PCA's codes with a decoder in
# closed form (`benchmarks.defaults`), and the held-out rows would add little to one.
_MANY_ROWS = 10_000
# 32 MB in float64. One number is chosen by them, so more would change nothing.
_VALUES_TO_MIX = 2**22
_FEWEST_TO_MIX = 1_000


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
    """Weights with a correction, and their losses on the validation rows."""

    weights: list
    epoch: int
    correction: Correction
    losses: np.ndarray


def refine(facts, trained):
    """Return the `Refined` of what training gave.

    Candidates are the trained network, the mean of its decoder and one in closed form,
    and PCA's codes with a decoder in closed form. The last needs no held-out rows to be
    better than PCA by more than chance: its leave-one-out errors tell. The candidate of
    the least loss on the validation rows is kept.
    """
    prepared = facts.prepared
    if not _is_possible(facts):
        return Refined(trained)
    if not facts.chosen.epochs:
        return _instant(facts, trained)
    if prepared.validation is None:
        return Refined(trained)
    candidates = list(_candidates(facts, trained))
    start = on_standardized(facts.plan, facts.start.weights)
    validation = prepared.validation
    start_losses = start.squared_errors(validation.values)
    weights = judging_weights(validation.weights, start_losses)
    best = min(candidates, key=lambda one: np.average(one.losses, weights=weights))
    if best.correction.is_empty:
        return Refined(trained)
    loss = np.average(best.losses, weights=validation.weights)
    unit = facts.request.objective.unit(prepared.scaling.scale)
    kept = dataclasses.replace(
        trained, weights=best.weights, best_epoch=best.epoch, best_loss=loss * unit
    )
    return Refined(kept, _with_all_rows(facts, best))


def _is_possible(facts):
    """Tell whether a fit can have a decoder in closed form.

    Its decoder must be a linear map beside a branch, of linear codes of whole rows.
    """
    plan, prepared, objective = facts.plan, facts.prepared, facts.request.objective
    decoder = {layer.name for layer in plan.codec.decoder.layers}
    learns_rows = type(objective) is Objective and objective.loss == "mse"
    return (
        plan.init == "pca"
        and {LINEAR, BRANCH} <= decoder
        and plan.architecture.network.code_activation == "linear"
        and learns_rows
        and not (objective.corruption or objective.nested_dropout)
        and prepared.rows.clean is None
        and not prepared.has_missing
        and not facts.start.is_solution
        and can_have_closed_form(*prepared.training_rows.values.shape)
    )


def _found(facts, weights, rows):
    """Return the `ClosedForm` of rows on the codes at the weights."""
    network = on_standardized(facts.plan, weights)
    generator = np.random.RandomState(facts.seed)
    return closed_form(network.encode(rows.values), rows, generator)


def _is_better(form, weights):
    """Tell whether leave-one-out errors show a gain by more than chance."""
    weights = weights[form.numbers]
    before, after = (
        np.average(losses, weights=weights)
        for losses in (form.linear_losses, form.losses)
    )
    robust = judging_weights(weights, form.linear_losses)
    gains = form.linear_losses - form.losses
    return after < before and beats_chance(gains[None], robust)


def _instant(facts, trained):
    """Return the closed form alone, found from all rows, or else PCA."""
    rows = facts.prepared.rows
    form = _found(facts, trained.weights, rows)
    if not _is_better(form, rows.weights):
        return Refined(trained)
    return Refined(trained, Correction(form.decoder))


def _candidates(facts, trained):
    """Yield the `_Candidate` of each way to go on from what training gave."""
    prepared, start = facts.prepared, facts.start
    rows, validation = prepared.training_rows, prepared.validation
    network = on_standardized(facts.plan, trained.weights)
    losses = network.squared_errors(validation.values)
    is_start = trained.best_epoch == 0 and facts.plan.starts_at_pca
    yield _Candidate(trained.weights, trained.best_epoch, UNCORRECTED, losses)
    if is_start or (facts.plan.starts_at_pca and len(rows) <= _MANY_ROWS):
        form = _found(facts, start.weights, rows)
        if _is_better(form, rows.weights):
            correction = Correction(form.decoder)
            corrected = on_standardized(facts.plan, start.weights).with_correction(
                correction
            )
            losses = corrected.squared_errors(validation.values)
            yield _Candidate(start.weights, 0, correction, losses)
    if not is_start:
        form = _found(facts, trained.weights, rows)
        correction = _mixed(network, Correction(form.decoder), validation)
        losses = network.with_correction(correction).squared_errors(validation.values)
        yield _Candidate(trained.weights, trained.best_epoch, correction, losses)


def _mixed(network, correction, validation):
    """Return the correction in the best mean with a network's own decoder.

    The part p of the closed form minimises the squared error of
    ``(1 - p) network + p closed form`` on the validation rows.
    """
    rows = validation[_some_of(validation)]
    targets = np.asarray(rows.values, np.float64)
    own = network.reconstruct(targets)
    step = network.with_correction(correction).reconstruct(targets) - own
    errors = np.einsum("ij,ij->i", targets - own, step)
    squares = np.einsum("ij,ij->i", step, step)
    losses = np.mean(np.square(targets - own), axis=1)
    weights = judging_weights(rows.weights, losses)
    length = weights @ squares
    part = np.clip(weights @ errors / length, 0, 1) if length else 0.0
    return with_part(correction, part)


def _some_of(rows):
    """Return a slice of evenly spaced rows, of at most `_VALUES_TO_MIX` values."""
    most = max(_FEWEST_TO_MIX, _VALUES_TO_MIX // rows.values.shape[1])
    return slice(None, None, math.ceil(len(rows) / most))


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
    form = _found(facts, candidate.weights, prepared.rows)
    return with_part(Correction(form.decoder), 1 - decoder.network_share)
