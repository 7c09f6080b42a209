"""A comparison as a folder: a page, its plots, tables and the fitted estimators."""

import contextlib
import html
import io
import os
import pathlib
import re
import stat
import tempfile

import pandas
import sklearn

from skae._drawing.axes import check_matplotlib
from skae._estimators.base import BaseAutoencoder
from skae._runtime.version import __version__
from skae._saving import atomic
from skae.comparison import _summary

_PAGE = "index.html"
_COLUMNS = "columns.csv"
_ALWAYS = _PAGE, "table.csv", "splits.csv"
_FILES = *_ALWAYS, _COLUMNS, "measures.png", "maps.png"
_ESTIMATORS = "estimators"
_MARK = '<meta name="generator" content="skae">'
_TABLES = "table.csv: means and standard deviations; splits.csv: every measurement."
_BY_COLUMN = "columns.csv: means of the scores by column."
_SAVED = "for skae.load, fitted on the first split's rows."
_NOT_IN_FILES = re.compile(r"[^\w-]")
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem;
       padding: 0 1rem; color: #222; background: #fff; }
img { max-width: 100%; }
table { border-collapse: collapse; font-size: 14px; white-space: nowrap; }
th, td { padding: 0.25rem 0.75rem; text-align: right; border-bottom: 1px solid #ddd; }
th:nth-child(2), td:nth-child(2) { text-align: left; }
.table { overflow-x: auto; }
.verdict { background: #f2f5f9; padding: 0.75rem 1rem; border-left: 4px solid #36c; }
"""


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


def write(comparison, folder, data):
    """Write a report; see `Comparison.save`."""
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
        plots = _write_plots(comparison, folder)
        saved = _write_estimators(comparison, folder / _ESTIMATORS)
        page = _page(comparison, data, plots, saved)
        _write_text(folder / _PAGE, page)
        written = {folder / name for name in (*tables, *plots)}
        for path in earlier.difference(written, saved):
            if not path.is_dir():
                path.unlink()
    return folder / _PAGE


def _write_text(path, text):
    atomic.write(path, text.encode("utf-8"))


def _write_table(path, table):
    _write_text(path, table.to_csv(index=False))


def _write_plots(comparison, folder):
    """Write the figures; return their titles by the names of their files."""
    from matplotlib.figure import Figure

    plots = {"measures.png": ("By number of codes", comparison.plot)}
    if comparison.maps:
        title = f"{comparison.conditions.tsne_rows} rows held out, laid out by t-SNE"
        plots["maps.png"] = (title, comparison.plot_maps)
    for name, (_, draw) in plots.items():
        file = io.BytesIO()
        draw(Figure()).figure_.savefig(file, dpi=120)
        atomic.write(folder / name, file.getvalue())
    return {name: title for name, (title, _) in plots.items()}


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


def _page(comparison, data, plots, saved):
    verdict = "<br>\n".join(map(html.escape, comparison.verdict.splitlines()))
    figures = "\n".join(
        f'<h2>{html.escape(title)}</h2>\n<img src="{name}" alt="{html.escape(title)}">'
        for name, title in plots.items()
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{_MARK}
<meta name="viewport" content="width=device-width">
<title>Autoencoder or PCA: {html.escape(data)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Autoencoder or PCA: {html.escape(data)}</h1>
<p class="verdict">{verdict}</p>
{figures}
<h2>Table</h2>
{_table(_summary.cells(comparison.rows))}
{_columns(comparison)}
<h2>How it was measured</h2>
{_list([*_summary.notes(comparison), *_protocol(comparison)])}
<h2>Files</h2>
{_list([*_tables_of(comparison), *(_said_of(path) for path in saved)])}
</body>
</html>
"""


def _said_of(path):
    """Return what the page says of an estimator's file."""
    return f"{_ESTIMATORS}/{path.name}: {_SAVED}"


def _columns(comparison):
    """Return the section on the columns of a table, empty for numbers alone."""
    if not comparison.column_scores:
        return ""
    table = comparison.columns().round(3).astype(object)
    return f"<h2>By column</h2>\n{_table(table.where(table.notna(), ''))}"


def _table(cells):
    with pandas.option_context("display.max_colwidth", None):
        inner = cells.to_html(index=False, border=0)
    return f'<div class="table">{inner}</div>'


def _list(texts):
    items = "\n".join(f"<li>{html.escape(text)}</li>" for text in texts)
    return f"<ul>\n{items}\n</ul>"


def _tables_of(comparison):
    return [_TABLES, _BY_COLUMN] if comparison.column_scores else [_TABLES]


def _protocol(comparison):
    return [
        "All estimators were fitted on the same rows; the rows held out played no part "
        "in any fit. t-SNE had the same settings and seed for all.",
        f"Seed {comparison.conditions.seed}; skae {__version__}, scikit-learn "
        f"{sklearn.__version__}.",
        "Better and worse, in the verdict: by more than 0.02 of PCA's error, or 0.01 "
        "in accuracy, and by more than one standard deviation over the splits.",
    ]
