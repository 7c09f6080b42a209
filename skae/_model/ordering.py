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
from skae._model.fitted import FittedCodec
from skae._pca.axes import signs_of
from skae._runtime.threads import map_in_threads, one_blas_thread
from skae._runtime.warnings import warn

_MOST_DECODINGS = 2**17
_FLOAT64_PRODUCTS = 10**9
_FEWEST_ROWS = 500
_NOISE = 1e-14
_FAINT = 1e-6
_SCALABLE = ("linear", "relu")


@dataclasses.dataclass(frozen=True)
class OrderedCodes:
    """What is known of the codes after a fit.

    Parameters
    ----------
    fitted : FittedCodec
        In the network's scale.

    ratios : float64 array of shape (n_codes,) or None
        Gain in the share of variance explained as each code is added.
    """

    fitted: FittedCodec
    ratios: np.ndarray | None


def check_order(share, codec, is_partial, goes_on):
    """Raise a ValueError where codes cannot be changed as the parameters ask.

    Parameters
    ----------
    share : float or None
        Share of the variance that as few codes as possible are to explain.

    codec : Codec
        Of the network.

    is_partial : bool
        Whether this is a pass over a part of the data, after which codes stay as they
        are.

    goes_on : bool
        Whether this goes on from an earlier fit.
    """
    network, *_, objective = codec.architecture
    activation = network.code_activation
    wishes = {
        "whiten=True": (objective.whiten, _SCALABLE),
        "nested_dropout=True": (objective.nested_dropout, ("linear",)),
        f"encoding_dim={share}": (share is not None, _SCALABLE),
    }
    can_change = CodeLayers(codec.encoder, codec.decoder).can_change
    for name, (is_wish, activations) in wishes.items():
        if is_wish and not (can_change and activation in activations):
            raise ValueError(
                f"{name} needs a dense code with the activation "
                f"{' or '.join(map(repr, activations))} in one of skae's own networks, "
                f"which {network!r} does not have. Change the network, or leave "
                f"{name.partition('=')[0]} at its default."
            )
    if objective.whiten and objective.l1_activity and goes_on:
        raise ValueError(
            "l1_activity cannot go on from codes that whiten=True has scaled. Fit anew "
            "with warm_start=False, or leave whiten=False."
        )
    if objective.whiten and is_partial:
        raise ValueError(
            "partial_fit cannot give codes a variance of one, since it never sees all "
            "rows. Fit anew with whiten=False, or use fit."
        )


@one_blas_thread()
@np.errstate(over="ignore", invalid="ignore")  # of weights that have diverged
def order_codes(fitted, rows, share, is_pca):
    """Bring the codes of a fit into order; choose and whiten them where asked to.

    Parameters
    ----------
    fitted : FittedCodec
        In the network's scale.

    rows : Rows
        All rows of the fit, in the same.

    share : float or None
        Share of the variance to explain with the fewest codes; None keeps all.

    is_pca : bool
        Whether the fit is still at its PCA start, whose codes are in order.

    Returns
    -------
    OrderedCodes
    """
    ordering = Ordering(fitted, rows, is_pca)
    ratios = ordering.ratios()
    if share is not None:
        ratios = ratios[: _fewest_codes(ratios, share)]
        ordering.cut(len(ratios))
    if fitted.codec.objective.whiten:
        ordering.whiten()
    return OrderedCodes(ordering.fitted(), ratios)


class Ordering:
    """Brings the codes of a fit into order, and tells what each explains.

    Codes that are linear are given other coordinates, in which they are uncorrelated
    on the rows and vary by as much as they explain of the rows by linear regression:
    those of a linear network are the principal components. Codes behind an activation,
    and those whose axes have a meaning, as where they are sparse or variational, are
    sorted by the same variance. Nested codes are in order by what they are.

    Where a code is linear its sign is that with which the feature that varies most
    with it varies in the same direction, as scikit-learn's PCA has it.

    Parameters
    ----------
    fitted : FittedCodec
        In the network's scale.

    rows : Rows
        All rows of the fit, in the same.

    in_order : bool
        Whether the codes are in order already, as at a PCA start.
    """

    def __init__(self, fitted, rows, in_order):
        self._fitted, self._rows = fitted, rows
        self._network, *_, self._objective = fitted.architecture
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
        """Add up what a function makes of some codes, in float64, and their shares."""
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
        """Return the codes, and of what their covariance with the rows is made.

        That is the sum of the products of rows and codes' deviations from their mean in
        each chunk, and of each chunk the codes' mean and the sum of the rows. So every
        row is read once, before there is a mean of all codes.
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
        """Return what to reconstruct, or what was read where that is missing."""
        if self._rows.clean is None:
            return read
        targets = np.asarray(self._rows.targets[chunk])
        if not self._objective.has_gaps:
            return targets
        return np.where(np.isnan(targets), read, targets)

    def ratios(self):
        """Return the gain in variance explained as each code is added.

        The codes after it are at their mean, nested ones at zero. Of many rows some
        stand for all, and the ratios are scaled to the sum that all rows have.

        Returns
        -------
        float64 array of shape (n_codes,)
        """
        n_rows, n_codes = len(self._codes), len(self._means)
        most = max(_MOST_DECODINGS // n_codes, _FEWEST_ROWS)
        step = math.ceil(n_rows / most)
        shares = self._explained(step, range(1, n_codes + 1))
        if step > 1 and shares[-1] > 0:
            shares *= self._explained(1, [n_codes])[-1] / shares[-1]
        return np.diff(shares, prepend=0.0)

    def _explained(self, step, counts):
        """Return the share of variance that as many first codes as each count explain.

        Of every step-th row; the codes after them are at their means. Each of these
        rows is read once, whatever the number of counts.
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
        # Without variance the decoder's bias explains all.
        return 1 - errors / variance if variance else np.ones(len(counts))

    def _first(self, n_codes, codes):
        """Return codes with those after the first at their means."""
        held = np.arange(len(self._means)) >= n_codes
        return np.where(held, self._means, codes).astype(np.float32)

    def _squared_lengths(self, errors):
        """Return the squared length of each row, over what is not missing."""
        if self._objective.has_gaps:
            errors = zero_where_missing(errors)
        return np.einsum("ij,ij->i", errors, errors)

    def cut(self, n_codes):
        """Leave out all codes but the first."""
        self._map = self._map.first(n_codes, self._means)
        self._means = self._means[:n_codes]

    def whiten(self):
        """Give each code a variance of one, unless it has none."""
        mean = self._map(self._mean)
        variances = self._sum(
            lambda some, shares: shares @ (self._map(some) - mean) ** 2
        )
        deviations = np.sqrt(variances)
        self._map = self._map.scaled(1 / np.where(deviations, deviations, 1))

    def fitted(self):
        """Return the fit with the codes in order."""
        network, shape, n_codes, objective = self._fitted.architecture
        codec, weights = self._fitted.codec, self._fitted.weights
        if not self._map.is_identity:
            weights = self._layers.changed(
                weights, self._map, objective.outputs_per_code
            )
        if len(self._means) < n_codes:
            codec = shared_codec(network, shape, len(self._means), objective)
        return FittedCodec(codec, weights, self._fitted.scaling)


def warn_if_short(ratios, share):
    """Warn if codes explain less than the share of the variance asked for."""
    explained = ratios.sum()
    if explained < share:
        warn(
            f"The codes explain {explained:.3g} of the variance, less than "
            f"encoding_dim={share:g}; all are kept. Train longer, or give a number of "
            "codes."
        )


def _fewest_codes(ratios, share):
    """Return how many codes, of those in order, explain a share; all if none do."""
    enough = np.flatnonzero(np.cumsum(ratios) >= share)
    return int(enough[0]) + 1 if len(enough) else len(ratios)


def _selection(order, signs=None):
    """Return the map that sorts codes, and flips them by signs."""
    n_codes = len(order)
    matrix = np.diag(np.ones(n_codes) if signs is None else signs)[:, order]
    return CodeMap(matrix, matrix.T, np.zeros(n_codes), np.zeros(n_codes))


def _decorrelating(covariance, shared, mean):
    """Return the map to uncorrelated codes in the unit of what they explain.

    Codes that are uncorrelated and of unit variance stay so in any rotation; that
    which makes their covariance with the rows orthogonal, and sorts it, is given by
    its singular vectors.

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
    """Return all left singular vectors as columns, and as many singular values."""
    n_rows, n_columns = matrix.shape
    left, values, _ = np.linalg.svd(matrix, full_matrices=n_rows > n_columns)
    return left, np.pad(values, (0, n_rows - len(values)))


def _floored(values, share):
    """Raise values to at least a share of the largest, or to one if that is zero."""
    lowest = share * values.max()
    return np.maximum(values, lowest) if lowest > 0 else np.ones_like(values)
