"""The page of a report: words, tables and pictures for a browser."""

import html
from typing import NamedTuple

import pandas
import sklearn

from skae._runtime.version import __version__
from skae.comparison import _html, _summary
from skae.comparison._steps import next_steps

_STYLE = """
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 1rem auto; max-width: 75rem;
       padding: 0 1rem; color: #222; background: #fff; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 14px; white-space: nowrap; }
th, td { padding: 0.25rem 0.75rem; text-align: right; border-bottom: 1px solid #ddd; }
th:nth-child(2), td:nth-child(2) { text-align: left; }
.table { overflow-x: auto; }
.bars { width: 100%; max-width: 60rem; white-space: normal; overflow-wrap: normal; }
.bars td { font-variant-numeric: tabular-nums; }
.verdict { background: #f2f5f9; padding: 0.75rem 1rem; border-left: 4px solid #36c; }
.verdict strong { font-size: 1.15rem; }
pre { background: #f6f6f6; padding: 0.75rem 1rem; font-size: 14px;
      white-space: pre-wrap; }
@media (max-width: 600px) {
  th, td { padding: 0.25rem 0.35rem; }
  .bars { font-size: 13px; }
  .bars .more { display: none; }
}
"""


class Plot(NamedTuple):
    """A figure of the page, drawn for wide and for narrow screens."""

    title: str
    wide: str
    narrow: str

    @property
    def files(self):
        """The names of the files."""
        return self.wide, self.narrow


def page_of(comparison, data, code, plots, files):
    """Return the page.

    Parameters
    ----------
    comparison : Comparison

    data : str
        Name of the data.

    code : str
        Python that reads the data.

    plots : list of Plot

    files : list of str
        What is said of the files.
    """
    title = html.escape(f"Autoencoder or PCA: {data}")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{title}</h1>
{_html.verdict(comparison)}
{_html.bars(comparison.rows)}
{_list([*comparison.notes, *_summary.on_data(comparison.conditions)])}
<h2>Next steps</h2>
<p>Fit to all rows, encode, and look at what the codes keep:</p>
<pre><code>{html.escape(next_steps(comparison, code))}</code></pre>
{"".join(map(_figure, plots))}
<h2>All measures</h2>
{_table(_summary.cells(comparison.rows))}
{_columns(comparison)}
{_unscaled(comparison)}
<h2>How it was measured</h2>
{_list([*_summary.on_measures(comparison.conditions), *_protocol(comparison)])}
<h2>Files</h2>
{_list(files)}
</body>
</html>
"""


def _figure(plot):
    title = html.escape(plot.title)
    return f"""<h2>{title}</h2>
<picture>
<source media="(max-width: 600px)" srcset="{plot.narrow}">
<img src="{plot.wide}" alt="{title}">
</picture>
"""


def _columns(comparison):
    """Return the section on the columns of a table, empty for numbers alone."""
    if not comparison.column_scores:
        return ""
    table = comparison.columns().round(3).astype(object)
    return f"<h2>By column</h2>\n{_table(table.where(table.notna(), ''))}"


def _unscaled(comparison):
    """Return the section on the columns in their own units, if that was asked for."""
    other = comparison.unscaled
    if other is None:
        return ""
    return f"""<h2>In the units of the columns</h2>
{_html.verdict(other)}
{_html.bars(other.rows)}
{_table(_summary.cells(other.rows))}"""


def _table(cells):
    with pandas.option_context("display.max_colwidth", None):
        inner = cells.to_html(index=False, border=0)
    return f'<div class="table">{inner}</div>'


def _list(texts):
    items = "\n".join(f"<li>{html.escape(text)}</li>" for text in texts)
    return f"<ul>\n{items}\n</ul>" if texts else ""


def _protocol(comparison):
    return [
        "All estimators were fitted on the same rows; the rows held out played no part "
        "in any fit. t-SNE had the same settings and seed for all.",
        f"Seed {comparison.conditions.seed}; skae {__version__}, scikit-learn "
        f"{sklearn.__version__}.",
        "Better and worse, in the verdict: by more than 0.02 of PCA's error (and, for "
        "better, 0.005 of the variance), or 0.01 in accuracy, and by more than one "
        "standard deviation over the splits.",
    ]
