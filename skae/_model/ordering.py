"""Codes in order: by the variance that they explain, uncorrelated, of fixed signs."""

import dataclasses
import math

import numpy as np

from skae._data.missing import zero_where_missing
from skae._data.moments import Moments
from skae._data.rows import row_chunks
from skae._data.sparse import Deviations, SparseRows
from skae._model.codec import shared_codec
from skae._model.coordinates import CodeLayers, CodeMap
from skae._model.explained import explained_by_prefixes
from skae._model.fitted import FittedNetwork
from skae._pca.axes import signs_of
from skae._runtime.threads import map_in_threads, one_blas_thread
from skae._runtime.warnings import warn

# Rows times codes, which bounds the time that the ratios take; but fewer rows than
# _FEWEST_ROWS would give noisy ratios for many codes.
_MOST_DECODINGS = 2**17
_FEWEST_ROWS = 500
# Below this, products in float64 cost little time.
_FLOAT64_PRODUCTS = 10**9
# Least fraction of the largest variance: about the square of float32's epsilon, 1.2e-7.
# Codes are float32, so less is rounding and must not be scaled to unit variance.
_NOISE = 1e-14
# Least fraction of the largest length. The decoder divides by lengths, and ratios above
# 1e6 would blow up the rounding of float32 codes to the size of the rows.
_FAINT = 1e-6


@dataclasses.dataclass(frozen=True)
class OrderedCodes:
    """A fit with its codes in order.

    Parameters
    ----------
    fitted : FittedNetwork
        In the network's scale.

    ratios : float64 array of shape (n_codes,) or None
        Gain in the fraction of variance explained as each code is added.

    code_map : CodeMap or None, default=None
        From the network's own codes to these; None if they are the same.
    """

    fitted: FittedNetwork
    ratios: np.ndarray | None
    code_map: CodeMap | None = None


@one_blas_thread()
@np.errstate(over="ignore", invalid="ignore")  # weights may have diverged
def order_codes(fitted, rows, fraction, is_pca):
    """Bring the codes of a fit into order; cut and whiten them if asked to.

    Parameters
    ----------
    fitted : FittedNetwork
        In the network's scale.

    rows : Rows
        All rows of the fit, in the network's scale.

    fraction : float or None
        Fraction of the variance to explain with the fewest codes; None keeps all.

    is_pca : bool
        Whether the fit is still at its PCA start, whose codes are in order.

    Returns
    -------
    OrderedCodes
    """
    ordering = Ordering(fitted, rows, is_pca)
    ratios = ordering.ratios()
    if fraction is not None:
        ratios = ratios[: _fewest_codes(ratios, fraction)]
        ordering.cut(len(ratios))
    if fitted.codec.objective.whiten:
        ordering.whiten()
    return OrderedCodes(ordering.fitted(), ratios, ordering.code_map)


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

    in_order : bool
        Whether the codes are in order already, as at a PCA start.
    """

    def __init__(self, fitted, rows, in_order):
        self._fitted, self._rows = fitted, rows
        self._network = fitted.architecture.network
        self._objective = fitted.architecture.objective
        self._shares = rows.weights / rows.weights.sum()
        self._layers = CodeLayers(fitted.codec.encoder, fitted.codec.decoder)
        stays = in_order or not self._layers.can_change
        if stays or isinstance(rows.targets, SparseRows):
            self._codes = fitted.encode(rows.values)
        else:
            self._codes, self._with_rows = self._encode()
        self._mean = self._sum(lambda some, shares: shares @ some)
        if stays:
            self._map = _selection(np.arange(len(self._mean)))
        else:
            self._map = self._ordering_map()
        self._means = self._map(self._mean)
        if self._objective.nested_dropout:
            self._means = np.zeros_like(self._means)

    def _sum(self, function):
        """Add up a function of some codes, in float64, and weights, over all chunks."""
        return sum(
            function(self._codes[chunk].astype(np.float64), self._shares[chunk])
            for chunk in row_chunks(self._codes)
        )

    def _covariance(self):
        def of_some(codes, shares):
            centred = codes - self._mean
            return (centred * shares[:, None]).T @ centred

        return self._sum(of_some)

    def _ordering_map(self):
        objective = self._objective
        is_linear = self._network.code_activation == "linear"
        shared = self._covariance_with_rows()
        has_axes = objective.l1_activity or objective.outputs_per_code > 1
        if is_linear and not (has_axes or objective.nested_dropout):
            return _decorrelating(self._covariance(), shared, self._mean)
        deviations = np.sqrt(
            self._sum(lambda some, shares: shares @ (some - self._mean) ** 2)
        )
        explained = np.linalg.norm(shared, axis=1) / np.where(deviations, deviations, 1)
        order = np.argsort(-explained, kind="stable")
        if objective.nested_dropout:
            order = np.arange(len(order))
        return _selection(order, signs_of(shared) if is_linear else None)

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

    def ratios(self):
        """Return the gain in the fraction of variance explained by each added code.

        The codes after it are at their mean, or at zero if nested. Where the decoder is
        not linear and there are many rows, a sample is used, and the ratios are scaled
        to the sum for all rows.

        Returns
        -------
        float64 array of shape (n_codes,)
        """
        fitted = self.fitted()
        kernel = self._linear_kernel(fitted)
        if kernel is not None:
            return np.diff(self._explained_by(fitted, kernel), prepend=0.0)
        n_rows, n_codes = len(self._codes), len(self._means)
        most = max(_MOST_DECODINGS // n_codes, _FEWEST_ROWS)
        step = math.ceil(n_rows / most)
        shares = self._explained(step, range(1, n_codes + 1))
        if step > 1 and shares[-1] > 0:
            shares *= self._explained(1, [n_codes])[-1] / shares[-1]
        return np.diff(shares, prepend=0.0)

    def _linear_kernel(self, fitted):
        """Return the kernel from codes to rows if the decoder is linear, else None."""
        objective = self._objective
        is_corrected = not self._fitted.correction.is_empty
        if objective.link != "identity" or objective.allows_missing or is_corrected:
            return None
        kernel = self._layers.linear_kernel(fitted.weights)
        shape = len(self._means), fitted.codec.n_features
        fits = kernel is not None and kernel.shape == shape
        return kernel if fits and self._network.has_linear_map else None

    def _explained_by(self, fitted, kernel):
        """Return the fractions explained by the first codes, of a linear decoder."""
        rows = self._rows
        bias = fitted.decode(self._means[None].astype(np.float32))[0]
        return explained_by_prefixes(
            rows.targets,
            self._shares,
            self._codes,
            self._map,
            self._means,
            kernel,
            bias,
        )

    def _explained(self, step, counts):
        """Return the fractions of variance that the first `counts` codes explain.

        Every step-th row is used, and read once for all counts. The codes after the
        first are at their means.
        """
        fitted, targets = self.fitted(), self._rows.targets[::step]
        codes, weights = self._codes[::step], self._shares[::step]
        errors, parts = np.zeros(len(counts)), []
        for piece in row_chunks(targets):
            rows, shares = np.asarray(targets[piece]), weights[piece]
            parts.append(Moments.of(rows, shares))
            mapped = self._map(codes[piece])
            for i, n_codes in enumerate(counts):
                decoded = fitted.decode(self._first(n_codes, mapped))
                errors[i] += shares @ self._squared_lengths(rows - decoded)
        variance = Moments.together(parts).squares.sum()
        # Without variance the decoder's bias explains everything.
        return 1 - errors / variance if variance else np.ones(len(counts))

    def _first(self, n_codes, codes):
        """Return codes with all after the first `n_codes` at their means."""
        held = np.arange(len(self._means)) >= n_codes
        return np.where(held, self._means, codes).astype(np.float32)

    def _squared_lengths(self, errors):
        """Return the squared length of each row, over the observed values."""
        if self._objective.allows_missing:
            errors = zero_where_missing(errors)
        return np.einsum("ij,ij->i", errors, errors)

    def cut(self, n_codes):
        """Leave out all codes after the first `n_codes`."""
        self._map = self._map.first(n_codes, self._means)
        self._means = self._means[:n_codes]

    def whiten(self):
        """Give each code a variance of one; a constant code stays constant."""
        mean = self._map(self._mean)
        variances = self._sum(
            lambda some, shares: shares @ (self._map(some) - mean) ** 2
        )
        deviations = np.sqrt(variances)
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
        n_codes = len(self._means)
        if n_codes < architecture.encoding_dim:
            codec = shared_codec(
                dataclasses.replace(architecture, encoding_dim=n_codes)
            )
        return FittedNetwork(codec, weights, self._fitted.scaling, correction)


def warn_if_short(ratios, fraction):
    """Warn if codes explain less of the variance than the fraction asked for."""
    explained = ratios.sum()
    if explained < fraction:
        warn(
            f"The codes explain {explained:.3g} of the variance, less than "
            f"encoding_dim={fraction:g}; all are kept. Train longer, or give a number "
            "of codes."
        )


def _fewest_codes(ratios, fraction):
    """Return how many first codes explain the fraction; all if too few do."""
    enough = np.flatnonzero(np.cumsum(ratios) >= fraction)
    return int(enough[0]) + 1 if len(enough) else len(ratios)


def _selection(order, signs=None):
    """Return the map that sorts codes and multiplies them by signs."""
    n_codes = len(order)
    matrix = np.diag(np.ones(n_codes) if signs is None else signs)[:, order]
    return CodeMap(matrix, matrix.T, np.zeros(n_codes), np.zeros(n_codes))


def _decorrelating(covariance, shared, mean):
    """Return the map to uncorrelated codes, each of the variance that it explains.

    Whitened codes stay so in any rotation, and explain the squared length of their
    covariance with the rows. The SVD of this covariance gives the rotation that sorts
    them: singular vectors as axes, singular values as lengths.

    Parameters
    ----------
    covariance : float64 array of shape (n_codes, n_codes)
        Covariance of the codes.

    shared : float64 array of shape (n_codes, n_features)
        Covariance of codes and rows.

    mean : float64 array of shape (n_codes,)
        Mean of the codes.
    """
    variances, axes = np.linalg.eigh(covariance)
    deviations = np.sqrt(_floored(variances, _NOISE))
    whitening = axes / deviations
    left, lengths = _left_singular(whitening.T @ shared)
    lengths = _floored(lengths, _FAINT)
    left *= signs_of(left.T @ (whitening.T @ shared))
    return CodeMap(
        whitening @ left * lengths,
        (left / lengths).T @ (axes * deviations).T,
        mean,
        mean,
    )


def _left_singular(matrix):
    """Return all left singular vectors as columns, and one singular value for each."""
    n_rows, n_columns = matrix.shape
    left, values, _ = np.linalg.svd(matrix, full_matrices=n_rows > n_columns)
    return left, np.pad(values, (0, n_rows - len(values)))


def _floored(values, fraction):
    """Raise values to a fraction of the largest, or to one if that is zero."""
    lowest = fraction * values.max()
    return np.maximum(values, lowest) if lowest > 0 else np.ones_like(values)
