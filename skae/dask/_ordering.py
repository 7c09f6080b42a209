"""Codes in order, and bounds, from sums over all rows on the cluster."""

import dataclasses
import functools

import numpy as np

from skae._model.ordering import OrderedCodes, Ordering
from skae._runtime.threads import one_blas_thread
from skae._training.bounds import limit_of, within_bounds, without_outliers
from skae._training.pca_attributes import correction_of, n_samples_of
from skae._training.task import on_standardized
from skae.dask import _codes
from skae.dask._codes import CodeSums, Measured, Outside
from skae.dask._networks import Network


class SummedOrdering(Ordering):
    """Brings codes into order by sums over all rows.

    What needs rows one by one (mean directions, and how much the first codes explain)
    comes from the sample.

    Parameters
    ----------
    fitted, rows, variance, variances_of_pca
        See `Ordering`; the rows are the sample.

    sums : CodeSums
        Of all rows.
    """

    def __init__(self, fitted, rows, variance, variances_of_pca, sums):
        self._sums, self._error = sums, 0.0
        super().__init__(fitted, rows, variance, variances_of_pca)

    def _mean_code(self):
        return self._sums.mean

    @functools.cached_property
    def _covariance(self):
        return self._sums.covariance / self._sums.weight

    def _deviations(self):
        return np.sqrt(np.diag(self._covariance))

    def _covariance_with_rows(self):
        return self._sums.shared / self._sums.weight

    def variances(self):
        """Return the variance of each code."""
        matrix = self._map.matrix
        return np.einsum("ij,ik,kj->j", matrix, self._covariance, matrix)

    def note_error(self, error):
        """Take the mean squared length of the errors of all rows."""
        self._error = error

    def _explained_by_all(self):
        return 1 - self._error / self._variance if self._variance else 1.0


@one_blas_thread()
@np.errstate(over="ignore", invalid="ignore")  # weights may have diverged
def ordered(facts, refined, groups, blueprint):
    """Return the trained network with its codes in order and its bounds.

    Parameters
    ----------
    facts : Facts
        What is known of the fit; its rows are the sample.

    refined : Refined
        What training gave.

    groups : Groups
        All rows.

    blueprint : Blueprint
        Of the fit.

    Returns
    -------
    OrderedCodes
    """
    plan, trained, prepared = facts.plan, refined.trained, facts.prepared
    network = on_standardized(plan, trained.weights)
    network = network.with_correction(refined.correction)
    is_pca = plan.starts_at_pca and trained.best_epoch == 0
    ordering = SummedOrdering(
        network,
        prepared.rows,
        prepared.moments.squares.sum() / prepared.scaling.scale**2,
        facts.start.axes.variances if is_pca else None,
        _sums(groups, blueprint, network),
    )
    if plan.fraction is not None and not plan.goes_on:
        ordering.cut(ordering.first_codes().fewest(plan.fraction))
    correction = correction_of(n_samples_of(prepared))
    if plan.codec.objective.whiten:
        ordering.whiten(correction)
    codes = OrderedCodes(ordering.fitted(), None, code_map=ordering.code_map)
    measured: list[Measured] = []

    def extents_of(network, metric):
        outside = _outside(facts, network, metric)
        measured.append(_measured(groups, blueprint, network, outside))
        return measured[0].reach, outside.centre, measured[0].longest

    codes = within_bounds(facts, refined, codes, extents_of)
    if not measured:
        measured.append(_measured(groups, blueprint, codes.fitted, None))
    ordering.note_error(measured[0].error / prepared.total_weight)
    return _described(ordering, codes, correction)


def _described(ordering, codes, correction):
    """Return `OrderedCodes` with all that is known of them."""
    derivatives = ordering.derivatives()
    units = ordering.units(derivatives)
    deviations = np.sqrt(ordering.variances() * correction)
    return dataclasses.replace(
        codes,
        ratios=ordering.ratios(),
        directions=derivatives * units[:, None],
        deviations=deviations,
        steps=deviations / units,
        n_constant=ordering.n_constant,
    )


def _sent(network):
    return Network(network.weights, network.codec.encoding_dim, network.correction)


def _sums(groups, blueprint, network):
    name = "covariances of the codes"
    arguments = _codes.code_sums, CodeSums.together, name, blueprint
    return groups.reduced(*arguments, given=_sent(network))


def _measured(groups, blueprint, network, outside):
    name = "errors of all rows"
    arguments = _codes.measure, Measured.together, name, blueprint
    return groups.reduced(*arguments, given=(_sent(network), outside))


def _outside(facts, network, metric):
    """Return what tells how far out rows are: limit and centre are of the sample."""
    plan, rows = facts.plan, facts.prepared.rows.values
    start = on_standardized(plan, facts.start.weights)
    limit = limit_of(start, rows)
    kept = without_outliers(start, rows, limit)
    codes = np.concatenate([network.encode(values) for values in kept])
    centre = codes.mean(axis=0, dtype=np.float64)
    sent = Network(facts.start.weights, plan.codec.encoding_dim)
    return Outside(sent, limit, centre, metric)
