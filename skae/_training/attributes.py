"""The fitted attributes of an estimator, made and set together."""

import dataclasses
import math

import numpy as np

from skae._data.prepare import Prepared
from skae._model.description import described
from skae._model.fitted import FittedNetwork
from skae._model.imputation import Donors
from skae._model.ordering import OrderedCodes, order_codes
from skae._training.bounds import within_bounds
from skae._training.encoding_dim import EncodingDimSearch
from skae._training.pca_attributes import (
    PCA_ATTRIBUTES,
    attributes_of_pca,
    correction_of,
    n_samples_of,
)
from skae._training.plan import Plan, Request
from skae._training.start import Chance, Start
from skae._training.task import Resolved, on_standardized

# What an earlier fit may have had and this one may not have.
_NOT_OF_EVERY_FIT = (
    *PCA_ATTRIBUTES,
    "hidden_layer_sizes_",
    "noise_scale_",
    "clipped_fraction_",
    "input_range_",
    "encoding_dim_search_",
    "pca_score_",
    "_last_pass",
)


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of a fit before it is trained, step by step.

    The seed is of what is chosen after training, as often as callbacks ask for it.
    """

    request: Request
    plan: Plan
    chance: Chance
    start: Start
    chosen: Resolved
    search: EncodingDimSearch | None = None
    seed: int = 0

    @property
    def prepared(self) -> Prepared:
        """The data."""
        return self.chance.prepared


def ordered(facts, refined):
    """Return the trained network with its codes in order, in the network's scale."""
    plan, trained = facts.plan, refined.trained
    network = on_standardized(plan, trained.weights)
    network = network.with_correction(refined.correction)
    is_pca = plan.starts_at_pca and trained.best_epoch == 0
    prepared = facts.prepared
    codes = order_codes(
        network,
        prepared.rows,
        prepared.moments.squares.sum() / prepared.scaling.scale**2,
        None if plan.goes_on else plan.fraction,
        facts.start.axes.variances if is_pca else None,
        correction_of(n_samples_of(prepared)),
    )
    return within_bounds(facts, refined, codes)


def as_trained(facts, trained):
    """Return the trained network with its codes as they are; nothing is known of them.

    Passes over parts do not see all rows.
    """
    return OrderedCodes(on_standardized(facts.plan, trained.weights), None)


def attributes_of(facts, trained, codes, earlier_donors=None):
    """Return the fitted attributes by name, from `Trained` and `OrderedCodes`.

    Donors of earlier passes stay among those to impute from.
    """
    plan, chosen, prepared = facts.plan, facts.chosen, facts.prepared
    architecture = plan.architecture
    fitted = codes.fitted
    network = FittedNetwork(
        fitted.codec,
        fitted.weights,
        prepared.scaling,
        fitted.correction,
        _donors_of(facts, earlier_donors),
    )
    dim = fitted.codec.encoding_dim
    attributes = {
        "history_": trained.history,
        "n_iter_": len(trained.history["loss"]),
        "best_epoch_": trained.best_epoch,
        "n_centers_": fitted.correction.n_centers,
        "initial_loss_": trained.initial_loss,
        "best_loss_": trained.best_loss,
        "init_": plan.init,
        "optimizer_": facts.request.optimizer.name,
        "learning_rate_": chosen.learning_rate,
        "batch_size_": chosen.batch_size,
        "epochs_": chosen.epochs,
        "validation_fraction_": prepared.validation_fraction,
        "patience_": chosen.patience,
        "encoding_dim_": dim,
        "compression_factor_": math.prod(architecture.sample_shape) / dim,
        "_fitted": network,
        "_n_features_out": dim,
        "_layers": described(network.codec),
        "_start_name": plan.start_name,
    }
    attributes |= _of_noise(facts.chance)
    if facts.search is not None:
        attributes["encoding_dim_search_"] = facts.search.table
    if codes.ratios is not None:
        attributes |= attributes_of_pca(codes, prepared)
        attributes |= _score_of_pca(facts, dim)
    if not plan.goes_on:
        attributes["mean_"] = prepared.mean.reshape(architecture.sample_shape)
    return attributes | facts.request.estimator._resolved_parameters(
        architecture.network
    )


def _donors_of(facts, earlier):
    """Return rows that missing values may be filled from; None if none are to be.

    Of other losses the network knows the range of values, and of noisy rows the clean
    ones. So it fills these.
    """
    objective, data = facts.request.objective, facts.request.data
    if not objective.allows_missing or objective.loss != "mse" or data.is_paired:
        return None
    generator = np.random.default_rng(facts.seed)
    rows = facts.prepared.rows
    donors = Donors.drawn(rows.targets, rows.weights, generator)
    return donors if earlier is None else donors.joined(earlier, generator)


def _of_noise(chance):
    """Return what is known of the noise in training, where there was some."""
    found = {}
    if chance.noise is not None:
        found["noise_scale_"] = chance.noise.scale
        found["clipped_fraction_"] = chance.noise.clipped
    if chance.input_range is not None:
        found["input_range_"] = chance.input_range
    return found


def _score_of_pca(facts, n_codes):
    """Return what as many principal components explain, if the start was these."""
    axes, is_pca = facts.start.axes, facts.plan.start_name == "PCA"
    if axes is None or not is_pca or facts.prepared.has_missing:
        return {}
    return {"pca_score_": axes.fraction_of_first(n_codes)}


def set_attributes(estimator, attributes):
    """Set all fitted attributes at once, after all that can fail."""
    for name in _NOT_OF_EVERY_FIT:
        vars(estimator).pop(name, None)
    vars(estimator).update(attributes)
