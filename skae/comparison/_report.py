"""A comparison as a folder: a page, its plots, tables and the fitted estimators."""

import contextlib
import csv
import errno
import html
import os
import pathlib

import sklearn

from skae._base import BaseAutoencoder
from skae.comparison import _summary

_PAGE = "index.html"
_ESTIMATORS = "estimators"
_MARK = '<meta name="generator" content="skae">'
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
    """Raise a ValueError unless a report can be written; return the path."""
    folder = pathlib.Path(folder)
    with _explained(folder):
        if not folder.exists():
            _check_access(next(p for p in folder.absolute().parents if p.exists()))
            return folder
        if any(folder.iterdir()) and not _holds_report(folder):
            raise ValueError(
                f"{folder} is not empty and holds no report of skae's, so nothing is "
                "written there. Name another folder."
            )
        _check_access(folder)
    return folder


@contextlib.contextmanager
def _explained(folder):
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"{folder} cannot be written: {error.strerror}. Name another folder."
        ) from error


def _check_access(folder):
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _holds_report(folder):
    page = folder / _PAGE
    return page.is_file() and _MARK in page.read_text("utf-8", errors="replace")


def write(comparison, folder, data):
    """Write a report; see `Comparison.save`."""
    folder = check_folder(folder)
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # First of all, so that what is written by half can be replaced.
        (folder / _PAGE).write_text(_MARK, "utf-8")
        _write_tables(comparison.rows, folder)
        plots = _write_plots(comparison, folder)
        saved = _write_estimators(comparison.estimators, folder / _ESTIMATORS)
        page = _page(comparison, data, plots, saved)
        (folder / _PAGE).write_text(page, "utf-8")
    return folder / _PAGE


def _write_tables(rows, folder):
    _write_csv(folder / "table.csv", _summary.as_dicts(rows))
    _write_csv(folder / "splits.csv", [row._asdict() for row in rows])


def _write_csv(path, dicts):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dicts[0]))
        writer.writeheader()
        writer.writerows(dicts)


def _write_plots(comparison, folder):
    """Write the figures; return their titles by the names of their files."""
    from matplotlib.figure import Figure

    plots = {"measures.png": ("By number of codes", comparison.plot)}
    if comparison.maps:
        title = f"{comparison.conditions.tsne_rows} rows held out, laid out by t-SNE"
        plots["maps.png"] = (title, comparison.plot_maps)
    else:
        (folder / "maps.png").unlink(missing_ok=True)
    for name, (_, draw) in plots.items():
        draw(Figure()).figure_.savefig(folder / name, dpi=120)
    return {name: title for name, (title, _) in plots.items()}


def _write_estimators(estimators, folder):
    """Write skae's own estimators in the place of an earlier report's."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.skae"):
        old.unlink()
    saved = []
    for (name, dim), estimator in estimators.items():
        if isinstance(estimator, BaseAutoencoder):
            path = folder / f"{_as_file_name(name)}-{dim}.skae"
            estimator.save(path)
            saved.append(f"{folder.name}/{path.name}")
    return saved


def _as_file_name(name):
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name)


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
{_table(comparison.rows)}
<h2>How it was measured</h2>
{_list([*_summary.notes(comparison), *_protocol(comparison)])}
<h2>Files</h2>
{_list(_files(saved))}
</body>
</html>
"""


def _table(rows):
    lines = [_line("th", _summary.headings(rows))]
    lines += [_line("td", cells) for cells in _summary.cells(rows)]
    inner = "\n".join(lines)
    return f'<div class="table"><table>\n{inner}\n</table></div>'


def _line(tag, cells):
    inner = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
    return f"<tr>{inner}</tr>"


def _list(texts):
    items = "\n".join(f"<li>{html.escape(text)}</li>" for text in texts)
    return f"<ul>\n{items}\n</ul>"


def _protocol(comparison):
    from skae import __version__

    return [
        "All estimators were fitted on the same rows; the rows held out played no part "
        "in any fit. t-SNE had the same settings and seed for all.",
        f"Seed {comparison.conditions.seed}; skae {__version__}, scikit-learn "
        f"{sklearn.__version__}.",
        "Better and worse, in the verdict: by more than 0.02 of PCA's error, or 0.01 "
        "in accuracy, and by more than one standard deviation over the splits.",
    ]


def _files(saved):
    texts = [
        "table.csv: means and standard deviations; splits.csv: every measurement.",
    ]
    texts += [
        f"{path}: for skae.load, fitted on the first split's training rows."
        for path in saved
    ]
    return texts
