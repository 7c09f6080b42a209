"""Codes in order: by the variance that they explain, uncorrelated, of fixed signs."""

import dataclasses
import functools

import numpy as np

from skae._data.rows import row_chunks
from skae._data.sparse import Deviations, SparseRows
from skae._model.code_maps import FAINT, decorrelating, selection
from skae._model.codec import shared_codec
from skae._model.coordinates import CodeLayers, CodeMap
from skae._model.directions import mean_directions
from skae._model.explained import FirstCodes
from skae._model.fitted import FittedNetwork
from skae._pca.axes import signs_of
from skae._runtime.threads import map_in_threads, one_blas_thread

# Below this, products in float64 cost little time.
_FLOAT64_PRODUCTS = 10**9


@dataclasses.dataclass(frozen=True)
class OrderedCodes:
    """A fit with its codes in order, and what is known of them; all in its scale.

    Parameters
    ----------
    fitted : FittedNetwork
        In the network's scale.

    ratios : float64 array of shape (n_codes,) or None
        Fraction of the variance that each code explains. None, as is all below, if
        nothing is known.

    directions : float64 array of shape (n_codes, n_features) or None, default=None
        Mean directions of the decoder; see `mean_directions`. Codes are in units in
        which their variance is what they explain.

    deviations, steps : float64 array of shape (n_codes,) or None, default=None
        Standard deviations of the codes, and the lengths, along its direction, by which
        reconstructions change with one such deviation.

    n_constant : int, default=0
        Number of codes that no row changes.

    code_map : CodeMap or None, default=None
        From the network's own codes to these; None if they are the same.
    """

    fitted: FittedNetwork
    ratios: np.ndarray | None
    directions: np.ndarray | None = None
    deviations: np.ndarray | None = None
    steps: np.ndarray | None = None
    n_constant: int = 0
    code_map: CodeMap | None = None


@one_blas_thread()
@np.errstate(over="ignore", invalid="ignore")  # weights may have diverged
def order_codes(fitted, rows, variance, fraction, variances_of_pca, correction):
    """Bring the codes of a fit into order; cut and whiten them if asked to.

    Parameters
    ----------
    fitted : FittedNetwork
        In the network's scale.

    rows : Rows
        All rows of the fit, in the network's scale.

    variance : float
        Variance of the rows to reconstruct, summed over the features.

    fraction : float or None
        Fraction of the variance to explain with the fewest codes; None keeps all.

    variances_of_pca : float64 array of shape (n_axes,) or None
        Variances along the principal axes, if the fit is still at its PCA start, whose
        codes are in order.

    correction : float
        From variances of the rows to those that scikit-learn's PCA estimates of the
        population: n / (n - 1).

    Returns
    -------
    OrderedCodes
    """
    ordering = Ordering(fitted, rows, variance, variances_of_pca)
    if fraction is not None:
        ordering.cut(ordering.first_codes().fewest(fraction))
    ratios = ordering.ratios()
    if fitted.codec.objective.whiten:
        ordering.whiten(correction)
    derivatives = ordering.derivatives()
    units = ordering.units(derivatives)
    deviations = np.sqrt(ordering.variances() * correction)
    return OrderedCodes(
        ordering.fitted(),
        ratios,
        derivatives * units[:, None],
        deviations,
        deviations / units,
        ordering.n_constant,
        ordering.code_map,
    )


class Ordering:
    """Brings the codes of a fit into order, and tells what each explains.

    Linear codes get new coordinates, in which they are uncorrelated and each has the
    variance that it explains of the rows by linear regression. The codes of a linear
    network become the principal components. Codes behind an activation, sparse codes
    and variational ones keep their axes; they are sorted by the same variance. Nested
    codes are in order already.

    A linear code rises with the feature of largest covariance, in absolute value. This
    is the rule of signs of scikit-learn's PCA.

    Parameters
    ----------
    fitted : FittedNetwork
        In the network's scale.

    rows : Rows
        All rows of the fit, in the network's scale.

    variance, variances_of_pca : see `order_codes`
    """

    def __init__(self, fitted, rows, variance, variances_of_pca):
        self._fitted, self._rows, self._variance = fitted, rows, variance
        self._network = fitted.architecture.network
        self._objective = fitted.architecture.objective
        self._shares = rows.weights / rows.weights.sum()
        self._layers = CodeLayers(fitted.codec.encoder, fitted.codec.decoder)
        self._is_pca = variances_of_pca is not None
        if self._is_pca or isinstance(rows.targets, SparseRows):
            self._codes = fitted.encode(rows.values)
        else:
            self._codes, self._with_rows = self._encode()
        self._mean = self._mean_code()
        if self._is_pca:
            n_codes = len(self._mean)
            found = variances_of_pca[:n_codes]
            self._explained = np.pad(found, (0, n_codes - len(found)))
            self._map = selection(np.arange(n_codes))
        else:
            self._map, self._explained = self._order()
        self._means = self._map(self._mean)
        self.n_constant = self._count_constant()
        if self._objective.nested_dropout:
            self._means = np.zeros_like(self._means)

    def _sum(self, function):
        """Add up a function of some codes, in float64, and weights, over all chunks."""
        return sum(
            function(self._codes[chunk].astype(np.float64), self._shares[chunk])
            for chunk in row_chunks(self._codes)
        )

    def _mean_code(self):
        return self._sum(lambda some, shares: shares @ some)

    def _deviations(self):
        """Return the standard deviations of the network's own codes."""
        return np.sqrt(
            self._sum(lambda some, shares: shares @ (some - self._mean) ** 2)
        )

    @functools.cached_property
    def _covariance(self):
        def of_some(codes, shares):
            centred = codes - self._mean
            return (centred * shares[:, None]).T @ centred

        return self._sum(of_some)

    def _order(self):
        """Return the map to codes in order, and the variance that each explains.

        That is by the linear regression of the rows on this code alone.
        """
        shared = self._covariance_with_rows()
        if self._is_decorrelated:
            return decorrelating(self._covariance, shared, self._mean)
        deviations = self._deviations()
        explained = np.linalg.norm(shared, axis=1) / np.where(deviations, deviations, 1)
        if self._objective.nested_dropout or not self._layers.can_change:
            order = np.arange(len(explained))
        else:
            order = np.argsort(-explained, kind="stable")
        flips = self._is_linear and self._layers.can_change
        map_ = selection(order, signs_of(shared) if flips else None)
        return map_, explained[order] ** 2

    @property
    def _is_linear(self):
        return self._network.code_activation == "linear"

    @property
    def _is_decorrelated(self):
        """Whether codes get new axes, on which they are uncorrelated."""
        objective = self._objective
        has_axes = objective.l1_activity or objective.outputs_per_code > 1
        keeps_order = objective.nested_dropout or not self._layers.can_change
        return self._is_linear and not (has_axes or keeps_order)

    def _count_constant(self):
        """Return how many codes, on the axes that they get, no row changes.

        They are counted where there are more codes than PCA can have components.
        """
        can_vary = len(self._mean) <= min(self._rows.targets.shape)
        if can_vary or not self._variance or not np.isfinite(self._covariance).all():
            return 0
        if self._is_decorrelated:
            variances = np.linalg.eigvalsh(self._covariance)
        else:
            variances = np.diag(self._covariance)
        return int((variances <= FAINT**2 * variances.max()).sum())

    def _covariance_with_rows(self):
        values = self._rows.targets
        if isinstance(values, SparseRows):
            deviations = Deviations(values, self._shares, values.background)
            roots = np.sqrt(self._shares)[:, None]
            return deviations.transposed_matmul(roots * (self._codes - self._mean)).T
        within, means, sums = self._with_rows
        return within + np.transpose(means - self._mean) @ sums

    def _encode(self):
        """Return the codes, and the parts of their covariance with the rows.

        By the law of total covariance the parts are the covariance within the chunks,
        and each chunk's mean of the codes and sum of the rows. So every row is read
        once, although the mean of all codes is not known yet.
        """
        values = self._rows.values
        # As in `principal_axes`: sums over chunks stay float64.
        n_products = self._fitted.codec.encoding_dim * values.size
        kind = np.float64 if n_products < _FLOAT64_PRODUCTS else np.float32

        def encode(chunk):
            read, shares = np.asarray(values[chunk]), self._shares[chunk]
            codes = self._fitted.encode(read)
            mean = np.einsum("i,ij->j", shares, codes) / shares.sum()
            weighted = ((codes - mean) * shares[:, None]).astype(kind)
            targets = self._complete(chunk, read)
            sums = np.einsum("i,ij->j", shares, targets)
            return codes, weighted.T @ targets, mean, sums

        within, found = 0.0, []
        for codes, product, *rest in map_in_threads(encode, row_chunks(values)):
            within = within + product.astype(np.float64)
            found.append((codes, *rest))
        codes, means, sums = zip(*found, strict=True)
        return np.concatenate(codes), (within, np.array(means), np.array(sums))

    def _complete(self, chunk, read):
        """Return the targets, with the values read in place of missing ones."""
        if self._rows.clean is None:
            return read
        targets = np.asarray(self._rows.targets[chunk])
        if not self._objective.allows_missing:
            return targets
        return np.where(np.isnan(targets), read, targets)

    def first_codes(self):
        """Return what tells how much the first codes explain."""
        return FirstCodes(
            self.fitted(),
            self._rows,
            self._variance,
            self._codes,
            self._map,
            self._means,
        )

    def _explained_by_all(self):
        """Return the fraction of the variance that all codes together explain."""
        return self.first_codes().explain([len(self._means)])[0]

    def ratios(self):
        """Return the fraction of the variance that each code explains.

        Each has its share, in what the codes explain by linear regression, of what all
        reconstructions explain. For the codes of PCA these are its own ratios. Nested
        codes explain what reconstructions gain as each is added.

        Returns
        -------
        float64 array of shape (n_codes,)
        """
        n_codes = len(self._means)
        if self._objective.nested_dropout and not self._is_pca:
            return self.first_codes().gains()
        explained = self._explained_by_all()
        total = self._explained.sum()
        if not total > 0:
            return np.where(np.arange(n_codes) == 0, explained, 0.0)
        if explained < 0:  # worse than the mean: all codes together
            return np.full(n_codes, explained / n_codes)
        return explained * (self._explained / total)

    def derivatives(self):
        """Return the average derivatives of the reconstructions by the codes."""
        return mean_directions(
            self.fitted(), lambda some: self._map(self._codes[some]), self._shares
        )

    def units(self, derivatives):
        """Return the units of codes in which each varies by what it explains.

        For codes that explain next to nothing this would be rounding. Their units make
        the derivatives one long.
        """
        deviations, explained = np.sqrt(self.variances()), np.sqrt(self._explained)
        lengths = np.linalg.norm(derivatives, axis=1)
        units = np.ones(len(lengths))
        clear = (deviations > 0) & (explained > FAINT * explained.max())
        if not self._is_decorrelated or self._objective.whiten:
            np.divide(deviations, explained, units, where=clear)
        return np.divide(1, lengths, units, where=~clear & (lengths > 0))

    def cut(self, n_codes):
        """Leave out all codes after the first `n_codes`."""
        self._map = self._map.first(n_codes, self._means)
        self._means = self._means[:n_codes]
        self._explained = self._explained[:n_codes]

    def variances(self):
        """Return the variance of each code."""
        mean = self._map(self._mean)
        return self._sum(lambda some, shares: shares @ (self._map(some) - mean) ** 2)

    def whiten(self, correction):
        """Give each code a variance of one; a constant code stays constant."""
        deviations = np.sqrt(self.variances() * correction)
        self._map = self._map.scaled(1 / np.where(deviations, deviations, 1))

    @property
    def code_map(self):
        """The map from the network's own codes, or None where they stay."""
        return None if self._map.is_identity else self._map

    def fitted(self):
        """Return the fit with the codes in order."""
        architecture = self._fitted.architecture
        codec, weights = self._fitted.codec, self._fitted.weights
        correction = self._fitted.correction
        if self.code_map is not None:
            correction = correction.after(self.code_map)
            weights = self._layers.changed(
                weights, self._map, self._objective.outputs_per_code
            )
            if self._objective.learns_stand_ins:
                weights[-1] = self._map(weights[-1]).astype(np.float32)
        n_codes = len(self._means)
        if n_codes < architecture.encoding_dim:
            codec = shared_codec(
                dataclasses.replace(architecture, encoding_dim=n_codes)
            )
        return FittedNetwork(codec, weights, self._fitted.scaling, correction)
