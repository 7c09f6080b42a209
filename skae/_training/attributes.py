"""The fitted attributes of an estimator, made and set together."""

import dataclasses
import math

from skae._data.prepare import Prepared
from skae._model.description import described
from skae._model.fitted import FittedNetwork
from skae._model.ordering import OrderedCodes, order_codes
from skae._training.bounds import within_bounds
from skae._training.plan import Plan, Request
from skae._training.start import Chance, Start
from skae._training.task import Resolved, on_standardized

RATIOS = "explained_variance_ratio_"

# What an earlier fit may have had and this one may not have.
_NOT_OF_EVERY_FIT = (
    RATIOS,
    "hidden_layer_sizes_",
    "noise_scale_",
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
    fraction = None if plan.goes_on else plan.fraction
    codes = order_codes(network, facts.prepared.rows, fraction, is_pca)
    return within_bounds(facts, refined, codes)


def as_trained(facts, trained):
    """Return the trained network with its codes as they are; nothing is known of them.

    Passes over parts do not see all rows.
    """
    return OrderedCodes(on_standardized(facts.plan, trained.weights), None)


def attributes_of(facts, trained, codes):
    """Return the fitted attributes by name, from `Trained` and `OrderedCodes`."""
    plan, chosen, prepared = facts.plan, facts.chosen, facts.prepared
    architecture = plan.architecture
    fitted = codes.fitted
    network = FittedNetwork(
        fitted.codec, fitted.weights, prepared.scaling, fitted.correction
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
    if facts.chance.noise_scale is not None:
        attributes["noise_scale_"] = facts.chance.noise_scale
    if codes.ratios is not None:
        attributes[RATIOS] = codes.ratios
        attributes |= _score_of_pca(facts, dim)
    if not plan.goes_on:
        attributes["mean_"] = prepared.mean.reshape(architecture.sample_shape)
    return attributes | facts.request.estimator._resolved_parameters(
        architecture.network
    )


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
