"""What the docstrings of the displays of decoded samples share, written once."""

from typing import TypeVar

from skae._estimators.shared_docs import filled_in

_Documented = TypeVar("_Documented")

_SHARED = {
    "kind_and_features": """
        kind : {"image", "sequence", "table"}
            How samples are drawn.

        features : tuple or None, default=None
            Names, means and scales of the features of a table. The bars are deviations
            from the means, divided by the scales.
""",
    "artists": """
        artists_ : list of matplotlib artists
            The mosaic of images, the lines of each channel, or the bars of each
            feature.
""",
    "figure": """
        figure_ : matplotlib.figure.Figure
            The figure of `ax_`.
""",
    "estimator": """
        estimator : estimator
            One of skae's, fitted. If it is in a `Pipeline`, pass the last step, and the
            rows that this step gets.
""",
    "look": """
        kind : {"auto", "image", "sequence", "table"}, default="auto"
            How samples are drawn: as images, as lines, or as bars of the features'
            deviations from their means. The bars are in standard deviations on X;
            without X, all features have the same unit. "auto" decides by the network
            and the shape of the samples.

        image_shape : tuple of int or None, default=None
            Shape of one image, (height, width) or (height, width, channels), if X has
            flat rows of images and the estimator has no `image_shape` of its own.

        feature_names : list of str, default=None
            Names of the features of a table. None takes those of `fit`.

        ax : matplotlib.axes.Axes, default=None
            What to draw into. None is a new figure.

        cmap : str, default="gray"
            Name of the Matplotlib colours of grey images.
""",
    "raises": """
        Raises
        ------
        ValueError
            When the rows or a parameter cannot be used, or X is missing.

        TypeError
            When `estimator` is none of skae's.
""",
}


def documented(item: _Documented) -> _Documented:
    """Fill in the parts of a docstring that these displays share."""
    return filled_in(item, _SHARED)
