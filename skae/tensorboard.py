"""Codes for TensorBoard's projector, which shows them in three dimensions.

The losses of a fit go to TensorBoard by Keras' own callback,
``callbacks=[keras.callbacks.TensorBoard(log_dir)]``; the codes of a fitted estimator by
`write_codes`.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_LARGEST_SPRITE = 8192

_CONFIG = """embeddings {{
  tensor_name: "{name}"
  tensor_path: "codes.tsv"
{parts}}}
"""


def write_codes(log_dir, codes, labels=None, images=None, *, name="codes"):
    """Write codes to a folder of logs, for TensorBoard's projector.

    ``tensorboard --logdir log_dir`` shows them under "Projector", by PCA, t-SNE or
    UMAP, coloured by label, with the images at their points. Codes that the folder
    held before are replaced.

    Parameters
    ----------
    log_dir : str or path-like
        The folder, made where it is missing.

    codes : array-like of shape (n_samples, encoding_dim)
        What `transform` gives.

    labels : array-like of shape (n_samples,), mapping or None, default=None
        A label for each row, or several, by name: a dict of such arrays or a
        DataFrame.

    images : array-like of shape (n_samples, height, width) or \
(n_samples, height, width, 3), default=None
        A small image for each row, grey or in colours; its values are brought to the
        range of a screen, from the smallest of all to the largest. Together at most
        8,192 pixels wide and high, as many browsers draw no more.

    name : str, default="codes"
        What the projector calls them.

    Raises
    ------
    ValueError
        When codes, labels and images do not have the same number of rows, or a shape
        or a name is of no use.

    OSError
        When the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.tensorboard import write_codes
    >>> digits = load_digits()
    >>> autoencoder = AutoencoderTransformer(8, epochs=2, random_state=0)
    >>> codes = autoencoder.fit_transform(digits.data)
    >>> with tempfile.TemporaryDirectory() as log_dir:
    ...     write_codes(log_dir, codes, digits.target, digits.images)
    """
    codes = _checked_codes(codes)
    _check_name(name)
    parts, files = [], {}
    if labels is not None:
        files["labels.tsv"] = _as_table(labels, len(codes))
        parts.append('  metadata_path: "labels.tsv"\n')
    sprite = None
    if images is not None:
        images = _checked_images(images, len(codes))
        sprite = _sprite(images)
        height, width = images.shape[1:3]
        parts.append(
            '  sprite {\n    image_path: "images.png"\n'
            f"    single_image_dim: {width}\n    single_image_dim: {height}\n  }}\n"
        )
    files["projector_config.pbtxt"] = _CONFIG.format(name=name, parts="".join(parts))
    _write(Path(log_dir), codes, files, sprite)


def _write(folder, codes, files, sprite):
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "codes.tsv", codes, fmt="%.7g", delimiter="\t")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    if sprite is not None:
        from matplotlib import image

        image.imsave(folder / "images.png", sprite)


def _checked_codes(codes):
    codes = np.asarray(codes, dtype=np.float64)
    if codes.ndim != 2 or not codes.size:
        raise ValueError(
            "codes must have the shape (n_samples, encoding_dim), as transform gives "
            f"them, with a row at least; got {codes.shape}."
        )
    return codes


def _check_name(name):
    if not name or any(c in name for c in '"\\') or not name.isprintable():
        raise ValueError(
            f"name={name!r} is of no use to TensorBoard. Give some letters, without "
            "quotation marks and backslashes."
        )


def _as_table(labels, n_rows):
    """Return labels as lines, with the names of columns above several."""
    columns = [
        (_as_cell(name), _texts(name, values, n_rows))
        for name, values in _columns(labels)
    ]
    if len(columns) == 1:  # one column has no header
        return "".join(f"{text}\n" for text in columns[0][1])
    names, texts = zip(*columns, strict=True)
    lines = [names, *zip(*texts, strict=True)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _columns(labels):
    """Return the columns of labels with their names."""
    if isinstance(labels, Mapping):
        return list(labels.items())
    if not hasattr(labels, "columns"):
        return [("labels", labels)]
    if hasattr(labels, "iloc"):  # of pandas, whose columns may share a name
        return [(name, labels.iloc[:, i]) for i, name in enumerate(labels.columns)]
    return [(name, labels[name]) for name in labels.columns]


def _texts(name, values, n_rows):
    values = np.asarray(values)
    if values.shape != (n_rows,):
        raise ValueError(
            f"{name} must have one label for each of the {n_rows} rows of codes; got "
            f"the shape {values.shape}."
        )
    return [_as_cell(value) for value in values]


def _as_cell(value):
    """Return the text of a label, without what separates labels."""
    return " ".join(str(value).split()) or "-"


def _checked_images(images, n_rows):
    images = np.asarray(images, dtype=np.float64)
    is_image = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3))
    if not is_image or len(images) != n_rows or not np.isfinite(images).all():
        raise ValueError(
            f"images must be {n_rows} arrays of numbers, one for each row of codes, of "
            "shape (height, width) or (height, width, 3), without NaN and infinity; "
            f"got the shape {images.shape}."
        )
    return images


def _sprite(images):
    """Return images side by side in a square, as bytes of red, green and blue."""
    n_images, height, width = images.shape[:3]
    n_side = math.ceil(math.sqrt(n_images))
    if n_side * max(height, width) > _LARGEST_SPRITE:
        most = (_LARGEST_SPRITE // max(height, width)) ** 2
        raise ValueError(
            f"{n_images} images of {height} × {width} make a picture of more than "
            f"{_LARGEST_SPRITE} pixels. Give at most {most} rows, or smaller images."
        )
    low, high = images.min(), images.max()
    shades = (255 * (images - low) / max(high - low, 1e-30)).round().astype(np.uint8)
    colours = np.broadcast_to(
        shades.reshape(n_images, height, width, -1), (n_images, height, width, 3)
    )
    square = np.zeros((n_side**2, height, width, 3), np.uint8)
    square[:n_images] = colours
    rows = square.reshape(n_side, n_side, height, width, 3).swapaxes(1, 2)
    return rows.reshape(n_side * height, n_side * width, 3)
