"""What each code changes in a sample."""

import numpy as np

from skae.displays._axes import one_axes
from skae.displays._estimators import (
    check_estimator,
    check_rows_given,
    check_steps,
    code_label,
    decode,
    encode,
    features_of,
    within_range,
)
from skae.displays._mosaic import draw_mosaic
from skae.displays._samples import kind_and_shape
from skae.networks._checks import check_positive

_MOST_DEVIATIONS = 3.0
_DEFAULT_CODES = 8


class LatentTraversalDisplay:
    """Samples decoded while one code after another goes from low to high.

    Make one with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    samples : ndarray of shape (n_codes, n_steps, *shape)
        What is decoded; ``samples[i, j]`` has code i at ``steps[j]``.

    steps : ndarray of shape (n_steps,)
        Values of a code, in standard deviations from its mean.

    kind : {"image", "sequence", "table"}
        How samples are drawn.

    features : tuple or None, default=None
        Names, means and scales of the features of a table, whose bars are deviations
        from the means in units of the scales.

    code_names : list of str or None, default=None
        Names of the codes. None numbers them.

    Attributes
    ----------
    artists_ : list of matplotlib artists
        The mosaic of images; or the lines of each channel; or the bars of each feature.

    ax_ : matplotlib.axes.Axes
        What was drawn into. The sample of code i and step j is around the point (j, i).

    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.

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

    def __init__(self, *, samples, steps, kind, features=None, code_names=None):
        self.samples = samples
        self.steps = steps
        self.kind = kind
        self.features = features
        self.code_names = code_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        *,
        n_codes=None,
        n_steps=7,
        kind="auto",
        image_shape=None,
        feature_names=None,
        ax=None,
        cmap="gray",
    ):
        """Decode codes one step after another and draw what comes out.

        Each code goes in equal steps from 3 standard deviations below its mean to 3
        above, and the others stay at their mean. Codes behind an activation stay within
        its range.

        Parameters
        ----------
        estimator : estimator
            One of skae's, fitted. Of a `Pipeline`, pass the last step, and the rows as
            that gets them.

        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape), default=None
            Rows like those of `fit`, whose codes give means and deviations.
            `VAETransformer` needs none: it has those of the prior, 0 and 1.

        n_codes : int or None, default=None
            Number of codes, from the first on, which explains most. None is all, and at
            most 8.

        n_steps : int, default=7
            Number of values of each.

        kind : {"auto", "image", "sequence", "table"}, default="auto"
            How samples are drawn: as images, as lines, or as bars of the features'
            deviations from their means, in standard deviations on X (without X, in one
            unit for all). "auto" goes by the network and the shape of the samples.

        image_shape : tuple of int or None, default=None
            Shape of one image, (height, width) or (height, width, channels), if X has
            flat rows of images and the estimator has no `image_shape` itself.

        feature_names : list of str, default=None
            Names of the features of a table. None takes those of `fit`.

        ax : matplotlib.axes.Axes, default=None
            What to draw into. None is a new figure.

        cmap : str, default="gray"
            Name of the Matplotlib colours of grey images.

        Returns
        -------
        LatentTraversalDisplay
            With what was decoded as `samples`.

        Raises
        ------
        ValueError
            When the rows or a parameter cannot be used, or X is missing.

        TypeError
            When `estimator` is none of skae's.
        """
        check_estimator(estimator)
        check_rows_given(estimator, X)
        n_steps = check_steps(n_steps)
        n_codes = _check_n_codes(n_codes, estimator.encoding_dim_)
        kind, shape = kind_and_shape(estimator, kind, image_shape)
        means, deviations = _means_and_deviations(estimator, X)
        steps = np.linspace(-_MOST_DEVIATIONS, _MOST_DEVIATIONS, n_steps)
        codes = np.tile(means, (n_codes, n_steps, 1))
        for i in range(n_codes):
            codes[i, :, i] += steps * deviations[i]
        samples = decode(estimator, within_range(estimator, codes), shape)
        features = features_of(estimator, kind, feature_names, X, samples)
        names = [code_label(estimator, i) for i in range(n_codes)]
        display = cls(
            samples=samples,
            steps=steps,
            kind=kind,
            features=features,
            code_names=names,
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax=None, *, cmap="gray"):
        """Draw the samples.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            What to draw into. None is a new figure.

        cmap : str, default="gray"
            Name of the Matplotlib colours of grey images.

        Returns
        -------
        self : LatentTraversalDisplay
            With what was drawn as attributes.
        """
        n_codes, n_steps = self.samples.shape[:2]
        ax = one_axes(ax, 0.8 * n_steps + 1.8, 0.8 * n_codes + 0.8)
        how = {"features": self.features, "cmap": cmap}
        self.artists_ = draw_mosaic(ax, self.samples, self.kind, **how)
        ax.set_xticks(np.arange(n_steps), [f"{step:.2g}" for step in self.steps])
        names = self.code_names or [f"code {i}" for i in range(n_codes)]
        ax.set_yticks(np.arange(n_codes), names)
        ax.set_xlabel("standard deviations from the mean")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _check_n_codes(n_codes, most):
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
    """Return those of the codes of rows, or of the prior."""
    if X is None:
        n_codes = estimator.encoding_dim_
        return np.zeros(n_codes), np.ones(n_codes)
    codes = encode(estimator, X)
    return codes.mean(axis=0), codes.std(axis=0)
