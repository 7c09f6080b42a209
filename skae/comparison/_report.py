"""A comparison as a folder: a page, its plots, tables and the fitted estimators."""

import contextlib
import io
import os
import pathlib
import re
import stat
import tempfile

import pandas

from skae._drawing.axes import check_matplotlib
from skae._estimators.base import BaseAutoencoder
from skae._saving import atomic
from skae.comparison import _plots
from skae.comparison._page import Plot, page_of

_PAGE = "index.html"
_COLUMNS = "columns.csv"
_SCALING = "scaling.csv"
_ALWAYS = _PAGE, "table.csv", "splits.csv"
_PICTURES = "measures.png", "measures-narrow.png", "maps.png", "maps-narrow.png"
_FILES = *_ALWAYS, _COLUMNS, _SCALING, *_PICTURES
_ESTIMATORS = "estimators"
_MARK = '<meta name="generator" content="skae">'
_TABLES = "table.csv: means and standard deviations; splits.csv: every measurement."
_BY_COLUMN = "columns.csv: means of the scores by column."
_OF_SCALING = (
    "scaling.csv: the estimators take rows of (X - mean) / scale, one feature a line."
)
_SAVED = "for skae.load, fitted on the first split's rows."
_NOT_IN_FILES = re.compile(r"[^\w-]")


def check_folder(folder):
    """Return the path of a folder; raise a ValueError if no report can go there.

    Without Matplotlib it raises an ImportError, since a report has plots.
    """
    check_matplotlib("A report")
    folder = pathlib.Path(folder)
    with _explained(folder):
        above = [folder, *folder.absolute().parents]
        tempfile.TemporaryFile(dir=next(p for p in above if p.exists())).close()
        if folder.exists() and any(folder.iterdir()) and not _holds_report(folder):
            raise ValueError(
                f"{folder} is not empty and holds no report of skae's, so nothing is "
                "written there. Name another folder."
            )
        _check_kinds(folder)
    return folder


@contextlib.contextmanager
def _explained(folder):
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"{error.filename or folder} cannot be written: {error.strerror}. Name "
            "another folder."
        ) from error


def _holds_report(folder):
    page = folder / _PAGE
    return page.is_file() and _MARK in page.read_text("utf-8", errors="replace")


def _check_kinds(folder):
    """Refuse special files, and links to nothing, where files will be written."""
    for path in _earlier(folder):
        is_right = stat.S_ISDIR if path.name == _ESTIMATORS else stat.S_ISREG
        if not (path.exists() and is_right(path.stat().st_mode)):
            raise ValueError(
                f"{path} is of another kind than in a report, so it is not replaced. "
                "Remove it, or name another folder."
            )


def _earlier(folder):
    """Return the existing files that have names of a report's files."""
    paths = [folder / name for name in (_ESTIMATORS, *_FILES)]
    return [*filter(os.path.lexists, paths), *paths[0].glob("*.skae")]


def write(comparison, folder, data, code=""):
    """Write a report; see `Comparison.save`. `code` is Python that reads the data."""
    folder = check_folder(folder)
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        earlier = set(_earlier(folder))
        # Written first: it marks the folder, so that a half-written report can be
        # replaced.
        _write_text(folder / _PAGE, _MARK)
        _write_table(folder / "table.csv", comparison.table())
        _write_table(folder / "splits.csv", pandas.DataFrame(comparison.rows))
        tables = [*_ALWAYS]
        if comparison.column_scores:
            _write_table(folder / _COLUMNS, comparison.columns())
            tables.append(_COLUMNS)
        if comparison.scaler is not None:
            _write_table(folder / _SCALING, _scaling(comparison.scaler))
            tables.append(_SCALING)
        plots = _write_plots(comparison, folder)
        saved = _write_estimators(comparison, folder / _ESTIMATORS)
        said = {_COLUMNS: _BY_COLUMN, _SCALING: _OF_SCALING}
        files = [_TABLES, *(said[name] for name in tables if name in said)]
        files += [f"{_ESTIMATORS}/{path.name}: {_SAVED}" for path in saved]
        page = page_of(comparison, data, code, plots, files)
        _write_text(folder / _PAGE, page.replace("<head>", f"<head>\n{_MARK}", 1))
        pictures = [name for plot in plots for name in plot.files]
        written = {folder / name for name in (*tables, *pictures)}
        for path in earlier.difference(written, saved):
            if not path.is_dir():
                path.unlink()
    return folder / _PAGE


def _write_text(path, text):
    atomic.write(path, text.encode("utf-8"))


def _write_table(path, table):
    _write_text(path, table.to_csv(index=False))


def _scaling(scaler):
    """Return what a `StandardScaler` has learnt as a table."""
    names = scaler.get_feature_names_out()
    columns = {"feature": names, "mean": scaler.mean_, "scale": scaler.scale_}
    return pandas.DataFrame(columns)


def _write_plots(comparison, folder):
    """Write the figures, each for wide and for narrow screens; return `Plot`s."""
    from matplotlib.figure import Figure

    plots = {"measures": ("By number of codes", _plots.draw_measures)}
    if comparison.maps:
        title = f"{comparison.conditions.tsne_rows} rows held out, laid out by t-SNE"
        plots["maps"] = (title, _plots.draw_maps)
    found = []
    for name, (title, draw) in plots.items():
        plot = Plot(title, f"{name}.png", f"{name}-narrow.png")
        for is_narrow, target in enumerate(plot.files):
            file = io.BytesIO()
            figure = draw(comparison, Figure(), is_narrow=bool(is_narrow))
            figure.savefig(file, dpi=200 if is_narrow else 120)
            atomic.write(folder / target, file.getvalue())
        found.append(plot)
    return found


def _write_estimators(comparison, folder):
    """Write skae's own estimators; return the paths of their files, in order."""
    folder.mkdir(exist_ok=True)
    saved: list[pathlib.Path] = []
    if comparison.encoder is not None:
        saved.append(folder / "TableEncoder.skae")
        comparison.encoder.save(saved[0])
    for (name, dim), estimator in comparison.estimators.items():
        if isinstance(estimator, BaseAutoencoder):
            path = folder / f"{_NOT_IN_FILES.sub('_', name)}-{dim}.skae"
            taken = [other.name.casefold() for other in saved]
            # Of a name that differs only in case or in replaced characters.
            while path.name.casefold() in taken:
                path = path.with_stem(f"{path.stem}_")
            estimator.save(path)
            saved.append(path)
    return saved
