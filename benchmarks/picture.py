"""What do PCA and the autoencoder make of digits, from eight numbers each?

    python -m benchmarks.picture [--output benchmarks/results]

Draws the picture at the top of the README, picture.png, and the badges above it, which
say what the installed package requires. The figures in the picture are the shares of
the variance of all test rows that the reconstructions explain.
"""

import argparse
import html
import pathlib
import re
from importlib.metadata import metadata, requires

from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

N_CODES = 8
N_DIGITS = 12
BADGE = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" \
aria-label="{name}: {value}">
<rect width="{width}" height="20" rx="3" fill="#555"/>
<path d="M{left} 0h{right}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right}z" fill="#2f6f9f"/>
<g fill="#fff" font-family="DejaVu Sans,Verdana,sans-serif" font-size="11" \
text-anchor="middle">
<text x="{name_middle}" y="14">{name}</text>
<text x="{value_middle}" y="14">{value}</text>
</g>
</svg>
"""


def main():
    """Draw the picture and the badges."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output", type=pathlib.Path, default=pathlib.Path("benchmarks/results")
    )
    folder = parser.parse_args().output
    draw(folder / "picture.png")
    for name, value in facts().items():
        (folder / f"badge_{name.lower()}.svg").write_text(badge(name, value))


def draw(path):
    """Draw digits of the test set above their reconstructions."""
    train, test = train_test_split(load_digits().data, random_state=0)
    pca = PCA(N_CODES).fit(train)
    autoencoder = AutoencoderTransformer(N_CODES, random_state=0).fit(train)
    by_pca = pca.inverse_transform(pca.transform(test))
    decoded = autoencoder.reconstruct(test)
    lines = {
        "original\n64 pixels": test,
        f"PCA\n{N_CODES} numbers\n{explained(test, by_pca):.0%}": by_pca,
        f"autoencoder\n{N_CODES} numbers\n{explained(test, decoded):.0%}": decoded,
    }
    figure = Figure((0.75 * N_DIGITS + 1.5, 2.6), layout="constrained")
    for row, (label, images) in zip(
        figure.subplots(3, N_DIGITS, subplot_kw={"xticks": [], "yticks": []}),
        lines.items(),
        strict=True,
    ):
        row[0].set_ylabel(label, rotation=0, ha="right", va="center")
        for axes, image in zip(row, images, strict=False):
            axes.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
    figure.savefig(path, dpi=110)
    for label, images in lines.items():
        name = label.split("\n")[0]
        print(f"{name}: {explained(test, images):.3f} of the variance explained")


def explained(rows, reconstructions):
    """Return the share of the variance of the rows that is explained."""
    error = ((rows - reconstructions) ** 2).sum()
    return 1 - error / ((rows - rows.mean(axis=0)) ** 2).sum()


def facts():
    """Return what the badges say, from the metadata of the installed package."""
    lowest = dict(re.findall(r"([\w-]+)>=([\d.]+)", " ".join(requires("skae"))))
    package = metadata("skae")
    return {
        "Python": package["Requires-Python"].replace(">=", "≥ "),
        "scikit-learn": "≥ " + lowest["scikit-learn"].removesuffix(".0"),
        "Keras": "≥ " + lowest["keras"].removesuffix(".0"),
        "licence": package["License-Expression"],
    }


def badge(name, value):
    """Return a badge as an SVG image, a dark half and a coloured one."""
    left, right = 7 * len(name) + 12, 7 * len(value) + 9
    return BADGE.format(
        name=html.escape(name),
        value=html.escape(value),
        width=left + right + 3,
        left=left,
        right=right,
        name_middle=left / 2,
        value_middle=left + (right + 3) / 2,
    )


if __name__ == "__main__":
    main()
