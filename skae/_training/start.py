"""Where training starts, and what it needs of chance."""

import dataclasses
from collections.abc import Sequence

from skae import _defaults
from skae._data.prepare import (
    Prepared,
    corrupted_once,
    corruption_units,
    with_draws,
)
from skae._pca.axes import PrincipalAxes
from skae._runtime.randomness import draw_seed
from skae._training.pca_start import start_at_pca, start_is_exact, warn_of_lost_axes
from skae._training.plan import find_axes, resolved
from skae._training.schedule import NO_STEPS, Steps


@dataclasses.dataclass(frozen=True)
class Start:
    """Where training starts.

    Parameters
    ----------
    weights : list of arrays
        Values of the encoder's variables, then the decoder's, then the objective's.

    steps : Steps
        How the optimizer's steps are changed.

    axes : PrincipalAxes or None
        What the start is made of, if it is PCA.
    """

    weights: list
    steps: Steps
    axes: PrincipalAxes | None

    def is_solution(self, plan, prepared):
        """Tell whether the start reconstructs the rows up to rounding."""
        return (
            plan.earlier is None
            and self.axes is not None
            and self.axes.are_exact
            and start_is_exact(plan.architecture.network.code_activation)
            and plan.objective.is_plain_error
            and prepared.rows.clean is None
        )


def find_start(plan, prepared, generator, weight_decay=None):
    """Return where training starts.

    Parameters
    ----------
    plan : Plan
        What is trained.

    prepared : Prepared
        The data.

    generator : numpy.random.RandomState
        Seeds the initial weights.

    weight_decay : callable or None, default=None
        ``weight_decay(n_rows, encoding_dim)`` pulls the network's branches to zero.

    Returns
    -------
    Start
    """
    weights = plan.codec.initial_weights(draw_seed(generator))
    weights += [v.numpy() for v in plan.objective.build()]
    steps, axes = NO_STEPS, None
    if plan.init == "pca":
        dim = plan.architecture.encoding_dim
        decay = 0.0
        if weight_decay is not None:
            decay = weight_decay(len(prepared.training_rows), dim)
        found = plan.found or find_axes(prepared, plan.objective, dim, generator)
        axes = found.axes
        warn_of_lost_axes(axes)
        weights, steps = start_at_pca(
            plan.codec.encoder,
            plan.codec.decoder,
            weights,
            axes,
            plan.architecture.network.code_activation,
            found.rows,
            plan.objective,
            decay,
        )
    if plan.earlier is not None:
        weights = plan.earlier.fitted.weights
    return Start(weights, steps, axes)


@dataclasses.dataclass(frozen=True)
class Chance:
    """What objectives of chance have drawn.

    Parameters
    ----------
    prepared : Prepared
        The data; validation rows are corrupted, and have their draws.

    noise_scale : float or None
        Standard deviation of Gaussian noise, in the user's units.

    units : sequence of tensors
        Of `CorruptionUnits.tensors`, if rows are corrupted.
    """

    prepared: Prepared
    noise_scale: float | None
    units: Sequence


def draw_chance(estimator, plan, prepared, generator, noise_scale=None):
    """Corrupt the validation rows, and draw what judges them; once, for all epochs.

    Parameters
    ----------
    estimator : BaseAutoencoder
        Of the user's parameters.

    plan : Plan
        What is trained.

    prepared : Prepared
        The data, clean, as the start has seen them.

    generator : numpy.random.RandomState
        Of the draws.

    noise_scale : float or None, default=None
        What "auto" stands for. None is the rule of the defaults.

    Returns
    -------
    Chance
    """
    validation, corruption, units = prepared.validation, plan.objective.corruption, ()
    if corruption is not None:
        corruption.check(prepared.sample_shape)
        if noise_scale is None:
            noise_scale = _defaults.noise_scale(prepared.spread)
        noise_scale = resolved(estimator.noise_scale, noise_scale)
        of_rows = corruption_units(prepared, noise_scale)
        units = of_rows.tensors()
        if validation is not None:
            seed, rows = draw_seed(generator), prepared.training_rows
            validation = corrupted_once(validation, rows, corruption, of_rows, seed)
    n_draws = plan.objective.n_draws(plan.architecture.encoding_dim)
    if n_draws and validation is not None:
        validation = with_draws(validation, n_draws, generator)
    drawn = dataclasses.replace(prepared, validation=validation)
    return Chance(drawn, noise_scale, units)
