"""What the docstrings of displays of decoded samples share, written once."""

from typing import TypeVar

from skae._estimators.shared_docs import filled_in

_Documented = TypeVar("_Documented")

_SHARED = {
    "kind_and_features": """
        kind : {"image", "sequence", "table"}
            How samples are drawn.

        features : tuple or None, default=None
            Names, means and scales of the features of a table, whose bars are
            deviations from the means in units of the scales.
""",
    "artists": """
        artists_ : list of matplotlib artists
            The mosaic of images; or the lines of each channel; or the bars of each
            feature.
""",
    "figure": """
        figure_ : matplotlib.figure.Figure
            The figure of `ax_`.
""",
    "estimator": """
        estimator : estimator
            One of skae's, fitted. Of a `Pipeline`, pass the last step, and the rows as
            that gets them.
""",
    "look": """
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
    """Fill in what a class or a method shares with those of other displays."""
    return filled_in(item, _SHARED)
