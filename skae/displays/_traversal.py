"""What each code changes in a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from skae._estimators.base import BaseAutoencoder
from skae._runtime.annotations import DrawnKind, Features, Kind, NDArray, Rows, Shape
from skae.displays._decoded import DecodedDisplay, checked, decoded
from skae.displays._docstrings import documented
from skae.displays._estimators import code_label, encode, within_range
from skae.networks._checks import check_positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# 99.7% of a normal distribution lie within 3 standard deviations. More shows codes that
# no row has; less shows smaller changes.
_MOST_DEVIATIONS = 3.0
# More codes make the samples smaller; the first ones explain most.
_DEFAULT_CODES = 8


@documented
class LatentTraversalDisplay(DecodedDisplay):
    """Decoded samples, in each row with one code going from low to high.

    Make one with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    samples : ndarray of shape (n_codes, n_steps, *shape)
        The decoded samples; ``samples[i, j]`` has code i at ``steps[j]``.

    steps : ndarray of shape (n_steps,)
        Values of a code, in standard deviations from its mean.

    %(kind_and_features)s

    code_names : list of str or None, default=None
        Names of the codes. None numbers them.

    Attributes
    ----------
    %(artists)s

    ax_ : matplotlib.axes.Axes
        What was drawn into. The sample with code i at step j is around the point
        (j, i).

    %(figure)s

    See Also
    --------
    LatentManifoldDisplay : The same for two codes at once.

    References
    ----------
    Higgins et al. (2017), beta-VAE: Learning basic visual concepts with a constrained
    variational framework, ICLR.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.displays import LatentTraversalDisplay
    >>> images = load_digits().images
    >>> autoencoder = AutoencoderTransformer(4, epochs=2, random_state=0).fit(images)
    >>> display = LatentTraversalDisplay.from_estimator(autoencoder, images)
    >>> display.samples.shape
    (4, 7, 8, 8)
    """

    def __init__(
        self,
        *,
        samples: NDArray,
        steps: NDArray,
        kind: DrawnKind,
        features: Features | None = None,
        code_names: Sequence[str] | None = None,
    ) -> None:
        self.samples = samples
        self.steps = steps
        self.kind = kind
        self.features = features
        self.code_names = code_names

    @classmethod
    @documented
    def from_estimator(
        cls,
        estimator: BaseAutoencoder,
        X: Rows | None = None,
        *,
        n_codes: int | None = None,
        n_steps: int = 7,
        kind: Kind = "auto",
        image_shape: Shape | None = None,
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
        cmap: str = "gray",
    ) -> Self:
        """Move one code after another in steps, decode, and draw the samples.

        Each code goes in equal steps from 3 standard deviations below its mean to 3
        above, while the others stay at their mean. Codes with an activation stay within
        its range.

        Parameters
        ----------
        %(estimator)s

        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape), default=None
            Rows like those of `fit`. Their codes give the means and the standard
            deviations. `VAETransformer` needs no rows: the prior has mean 0 and
            deviation 1.

        n_codes : int or None, default=None
            Number of codes, counted from the first. None is all, but at most 8.

        n_steps : int, default=7
            Number of values of each code.

        %(look)s

        Returns
        -------
        LatentTraversalDisplay
            With the decoded samples as `samples`.

        %(raises)s
        """
        n_steps, seen_as = checked(estimator, X, n_steps, kind, image_shape)
        n_codes = checked_n_codes(n_codes, estimator.encoding_dim_)
        means, deviations = _means_and_deviations(estimator, X)
        steps = np.linspace(-_MOST_DEVIATIONS, _MOST_DEVIATIONS, n_steps)
        codes = np.tile(means, (n_codes, n_steps, 1))
        for i in range(n_codes):
            codes[i, :, i] += steps * deviations[i]
        codes = within_range(estimator, codes)
        names = [code_label(estimator, i) for i in range(n_codes)]
        shared = decoded(estimator, X, codes, seen_as, feature_names)
        display = cls(steps=steps, code_names=names, **shared)
        return display.plot(ax, cmap=cmap)

    def _figure_size(self) -> tuple[float, float]:
        n_codes, n_steps = self.samples.shape[:2]
        return 0.8 * n_steps + 1.8, 0.8 * n_codes + 0.8

    def _label(self, ax: Axes) -> None:
        n_codes, n_steps = self.samples.shape[:2]
        ax.set_xticks(np.arange(n_steps), [f"{step:.2g}" for step in self.steps])
        names = self.code_names or [f"code {i}" for i in range(n_codes)]
        ax.set_yticks(np.arange(n_codes), names)
        ax.set_xlabel("standard deviations from the mean")


def checked_n_codes(n_codes: int | None, most: int) -> int:
    """Return the number of codes to show; by default all, but at most 8."""
    if n_codes is None:
        return min(most, _DEFAULT_CODES)
    n_codes = check_positive("n_codes", n_codes)
    if n_codes > most:
        raise ValueError(
            f"n_codes={n_codes} is more than the {most} codes of the estimator. Ask "
            "for as many or fewer."
        )
    return n_codes


def _means_and_deviations(estimator, X):
    """Return means and standard deviations of the rows' codes, or of the prior."""
    if X is None:
        n_codes = estimator.encoding_dim_
        return np.zeros(n_codes), np.ones(n_codes)
    codes = encode(estimator, X)
    return codes.mean(axis=0), codes.std(axis=0)
