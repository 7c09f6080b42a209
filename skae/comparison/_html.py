"""A comparison as HTML, for notebooks and for the page of a report."""

import html
import re

from skae.comparison._notes import on_data
from skae.comparison._summary import MEASURES, means_and_spreads, taken

_BARS = "variance_explained", "trustworthiness", "accuracy", "tsne_accuracy"
_HEADINGS = {"variance_explained": "variance explained"}
_WORDS = re.compile("(?<=[a-z])(?=[A-Z])")
# What a narrow page leaves out.
_MORE = "trustworthiness", "tsne_accuracy"
# Half transparent, so that text can be read in light and in dark notebooks.
_COLOUR = "rgba(60, 120, 200, 0.35)"


def of_comparison(comparison):
    """Return verdict, table with bars and notes on the data."""
    parts = [verdict(comparison), bars(comparison.rows)]
    notes = [*comparison.notes, *on_data(comparison.conditions)]
    parts += [f"<p>{html.escape(note)}</p>" for note in notes]
    if comparison.unscaled is not None:
        parts.append("<p><strong>In the units of the columns</strong></p>")
        parts.append(of_comparison(comparison.unscaled))
    return "\n".join(parts)


def verdict(comparison):
    """Return the recommendation in bold, and its figures."""
    first, *figures = map(html.escape, comparison.verdict.splitlines())
    rest = "".join(f"<br>\n{line}" for line in figures)
    return f'<p class="verdict"><strong>{first}</strong>{rest}</p>'


def bars(rows):
    """Return a table of the measures between 0 and 1, each with a bar behind it."""
    table = means_and_spreads(rows)
    measures = [name for name in taken(rows) if name in _BARS]
    titles = [
        f"<th{_class_of(m)}>{html.escape(_HEADINGS.get(m, MEASURES[m]))}</th>"
        for m in measures
    ]
    heading = "".join(["<th>codes</th><th>estimator</th>", *titles])
    lines = [_line(line, measures) for _, line in table.iterrows()]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return (
        '<table class="bars">\n'
        f"<thead><tr>{heading}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    )


def _line(line, measures):
    # A narrow screen may break the name between its words.
    words = _WORDS.split(str(line["estimator"]))
    name = "<wbr>".join(map(html.escape, words))
    cells = "".join(_bar(line[measure], _class_of(measure)) for measure in measures)
    return f"<td>{line['encoding_dim']}</td><td>{name}</td>{cells}"


def _class_of(measure):
    return ' class="more"' if measure in _MORE else ""


def _bar(value, attribute):
    width = 100 * min(max(value, 0.0), 1.0)
    background = f"linear-gradient(90deg, {_COLOUR} {width:.1f}%, transparent 0)"
    return f'<td{attribute} style="background: {background}">{value:.3f}</td>'
