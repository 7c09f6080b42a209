"""Where training starts, and what it needs of chance."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from skae import _defaults
from skae._data.corruption import Noise, clipped_fraction
from skae._data.prepare import (
    Prepared,
    corrupted_once,
    corruption_units,
    limits_of,
    with_draws,
)
from skae._data.rows import row_chunks
from skae._pca.axes import PrincipalAxes
from skae._runtime.randomness import draw_seed
from skae._training.pca_start import start_at_pca, start_is_exact, warn_of_lost_axes
from skae._training.plan import find_axes, resolved
from skae._training.principal_coordinates import Coordinates, most_coordinates
from skae._training.schedule import USUAL_STEPS, StepSizes


@dataclasses.dataclass(frozen=True)
class Start:
    """Where training starts.

    Parameters
    ----------
    weights : list of arrays
        Values of the encoder's variables, then the decoder's, then the objective's.

    steps : StepSizes
        How the optimizer's steps are changed.

    axes : PrincipalAxes or None
        What the start is made of, if it is PCA.

    is_solution : bool, default=False
        Whether the start reconstructs the rows up to rounding.

    further : PrincipalAxes or None, default=None
        `axes` and those after them, where they are known.

    coordinates : Coordinates or None, default=None
        In which the network is trained, if not in the features; then `steps` are of
        them.
    """

    weights: list
    steps: StepSizes
    axes: PrincipalAxes | None
    is_solution: bool = False
    further: PrincipalAxes | None = None
    coordinates: Coordinates | None = None


def find_start(request, plan, prepared, weight_decay=None):
    """Return the `Start`: PCA, random weights, or where an earlier fit has ended.

    ``weight_decay(n_rows, encoding_dim)``, if given, pulls the network's branches to
    zero.
    """
    objective, generator = request.objective, request.generator
    weights = plan.codec.initial_weights(draw_seed(generator))
    weights += [v.numpy() for v in objective.build(plan.architecture.encoding_dim)]
    if plan.init != "pca":
        start = Start(weights, USUAL_STEPS, None)
    else:
        dim, n_rows = plan.architecture.encoding_dim, len(prepared.training_rows)
        most = most_coordinates(dim, prepared.n_features)
        found = plan.found or find_axes(request, prepared, dim, most)
        warn_of_lost_axes(found.axes)
        code_activation = plan.architecture.network.code_activation
        weights, steps = start_at_pca(
            plan.codec.encoder,
            plan.codec.decoder,
            weights,
            found.axes,
            code_activation,
            found.rows,
            objective,
            0.0 if weight_decay is None else weight_decay(n_rows, dim),
        )
        is_solution = (
            found.axes.are_exact
            and start_is_exact(code_activation)
            and objective.is_plain_error
            and prepared.rows.clean is None
        )
        start = Start(weights, steps, found.axes, is_solution, found.further)
    if request.earlier is None:
        return start
    weights = request.earlier.fitted.weights
    return dataclasses.replace(start, weights=weights, is_solution=False)


@dataclasses.dataclass(frozen=True)
class Chance:
    """What objectives of chance have drawn.

    Parameters
    ----------
    prepared : Prepared
        The data; validation rows are corrupted, and have their draws.

    noise : Noise or None
        Size of Gaussian noise, if rows are corrupted.

    units : sequence of tensors
        Of `CorruptionUnits.tensors`, if rows are corrupted.

    input_range : (float, float) or None
        Range of what the network reads in training, in the user's units, where it is
        known of noisy rows.
    """

    prepared: Prepared
    noise: Noise | None
    units: Sequence
    input_range: tuple | None


def draw_chance(request, plan, prepared, last_noise=None):
    """Corrupt the validation rows, and draw what judges them; once, for all epochs.

    The start has seen clean rows. What is "auto" of the noise is as in an earlier
    pass, or else follows from the data.
    """
    objective, validation, units = request.objective, prepared.validation, ()
    noise = None
    input_range = prepared.range_to_read if request.data.is_paired else None
    if objective.corruption is not None:
        objective.corruption.check(prepared.sample_shape)
        noise = _noise_for(request, prepared, last_noise)
        input_range = objective.corruption.range_of(
            *prepared.range, prepared.scaling.mean, noise
        )
        of_rows = corruption_units(prepared, noise)
        units = of_rows.tensors()
        if validation is not None and not request.data.are_judges_noisy:
            validation = corrupted_once(
                validation,
                prepared.training_rows,
                objective.corruption,
                of_rows,
                draw_seed(request.generator),
            )
    n_draws = objective.n_draws(plan.architecture.encoding_dim)
    if n_draws and validation is not None:
        validation = with_draws(validation, n_draws, request.generator)
    drawn = dataclasses.replace(prepared, validation=validation)
    return Chance(drawn, noise, units, input_range)


def _noise_for(request, prepared, last):
    """Return the `Noise` that was asked for, with every "auto" resolved."""
    estimator = request.estimator
    if last is None:
        are_noisy = request.data.are_judges_noisy
        last = Noise(
            _defaults.noise_scale(prepared.spread),
            _clipped_fraction(prepared, are_noisy),
        )
    return Noise(
        resolved(estimator.noise_scale, last.scale),
        float(resolved(estimator.clip, last.clipped)),
    )


def _clipped_fraction(prepared, are_judges_noisy):
    """Return which fraction of noisy rows to clip, by what the data show.

    Validation rows with noise of the user's show it: none of them may leave the range.
    """
    lowest, highest = limits_of(prepared)
    if not are_judges_noisy:
        return clipped_fraction(prepared.training_rows.values, lowest, highest)
    limits = np.array([lowest, highest], np.float32)
    noisy = prepared.validation.values
    is_inside = all(
        (limits[0] <= rows).all() and (rows <= limits[1]).all()
        for rows in (np.asarray(noisy[chunk]) for chunk in row_chunks(noisy))
    )
    return 1.0 if is_inside else 0.0
