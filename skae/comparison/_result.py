"""The result of a comparison: its numbers, their verdict, table and plots."""

import os
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import pandas
from sklearn.preprocessing import StandardScaler

from skae._tables.encoder import TableEncoder
from skae.comparison import _html, _summary, _tables, _verdict
from skae.comparison._columns import Columns
from skae.comparison._records import Conditions, Measurement, PlaneMap
from skae.comparison._tables import ColumnScore

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(eq=False)
class Comparison:
    """The result of `compare`; printing it shows the verdict and the table.

    Attributes
    ----------
    rows : list of Measurement
        All measurements: for each split and number of codes PCA, then the others.

    conditions : Conditions
        What was the same for all estimators.

    maps : list of PlaneMap
        t-SNE's planes of the first split.

    estimators : dict of (str, int) to estimator
        The estimators fitted on the first split, by name and number of codes.

    column_scores : list of ColumnScore
        For a table of mixed columns, the scores of each column for each measurement.

    encoder : TableEncoder or None
        For such a table, the encoder of the first split.

    table_columns : Columns or None
        For a data frame, its columns that were compared, those left out, and the text
        that has become dates, as `Columns.frame`, `left_out` and `dates`.

    scaler : sklearn.preprocessing.StandardScaler or None
        What has scaled the rows of the first split, before its estimators.

    unscaled : Comparison or None
        With ``scale="both"``, the comparison in the units of X.

    notes : list of str
        What else is to be said of the data, such as how they were read.

    figure_ : matplotlib.figure.Figure
        The last figure of `plot` or `plot_maps`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import skae
    >>> comparison = skae.compare(estimators={}, encoding_dims=[2, 8], tsne=False)
    >>> len(comparison.table())
    2
    >>> print(comparison.verdict)
    PCA alone was measured, so there is nothing to choose.
    >>> panel = comparison.plot(Figure()).figure_.axes[0]
    >>> panel.get_title(), panel.get_xlabel()
    ("squared error / PCA's", 'codes')
    """

    rows: list[Measurement]
    conditions: Conditions
    maps: list[PlaneMap] = field(default_factory=list)
    estimators: dict[tuple[str, int], Any] = field(default_factory=dict, repr=False)
    column_scores: list[ColumnScore] = field(default_factory=list, repr=False)
    encoder: TableEncoder | None = None
    table_columns: Columns | None = field(default=None, repr=False)
    scaler: StandardScaler | None = field(default=None, repr=False)
    unscaled: "Comparison | None" = field(default=None, repr=False)
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self.rows)

    def __str__(self) -> str:
        text = f"{self.verdict}\n\n{_summary.as_text(self)}"
        if self.unscaled is None:
            return text
        return f"{text}\n\nIn the units of the columns\n\n{self.unscaled}"

    def _repr_html_(self) -> str:
        """Return the verdict and a table with bars, as notebooks show it."""
        return _html.of_comparison(self)

    @property
    def verdict(self) -> str:
        """What the numbers say, in words, by these rules.

        The first line recommends, the others have the figures behind it.

        - With some number of codes, an estimator is better than PCA if its error
          relative to PCA's is below 1 on average, by more than 0.02 and by more than
          one standard deviation over the splits, and if it explains more of the
          variance, by over 0.005 of it. It is worse if the error is above 1 by as much.
          Otherwise there is nothing to gain: keep PCA. PCA is exact if it leaves less
          than 1e-9 of the variance.
        - Accuracies, of codes and after t-SNE, are compared in the same way, by the
          difference from PCA's on each split, with 0.01 instead of 0.02.
        - Seconds are those of the mean fit.
        """
        return _verdict.in_words(self.rows, self.conditions)

    def table(self) -> pandas.DataFrame:
        """Return mean and spread over the splits.

        Returns
        -------
        pandas.DataFrame
            A row for each number of codes and estimator. The columns are
            `encoding_dim`, `estimator`, and for each measure of `Measurement` that was
            taken its mean and, with the ending ``_std``, its standard deviation (NaN
            for a single split).
        """
        return _summary.means_and_spreads(self.rows)

    def columns(self) -> pandas.DataFrame:
        """Return how well each column of a table comes back, as means over the splits.

        Returns
        -------
        pandas.DataFrame
            A row for each number of codes, estimator and column, with `encoding_dim`,
            `estimator`, `column`, `kind`, `r2`, `accuracy` and `log_loss`, as
            `TableEncoder.column_scores` explains. Without rows if X held numbers alone.
        """
        return _tables.by_column(self.column_scores)

    def plot(self, figure: "Figure | None" = None) -> Self:
        """Draw each measure over the number of codes, with its spread.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, default=None
            What to draw into. None is a new figure of `matplotlib.pyplot`.

        Returns
        -------
        self : Comparison
            With the figure as `figure_`.
        """
        from skae.comparison import _plots

        self.figure_ = _plots.draw_measures(self, figure)
        return self

    def plot_maps(self, figure: "Figure | None" = None) -> Self:
        """Draw t-SNE's planes of the first split, coloured by label.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, default=None
            What to draw into. None is a new figure of `matplotlib.pyplot`.

        Returns
        -------
        self : Comparison
            With the figure as `figure_`.

        Raises
        ------
        ValueError
            When there was no t-SNE.
        """
        from skae.comparison import _plots

        self.figure_ = _plots.draw_maps(self, figure)
        return self

    def save(
        self, folder: str | os.PathLike[str], data: str = "the data"
    ) -> pathlib.Path:
        """Write a report that opens in a browser.

        The folder gets ``index.html`` (verdict, next steps as code, plots, tables, how
        it was measured), the plots as PNG for wide and for narrow screens,
        ``table.csv`` with means and spreads, ``splits.csv`` with every measurement, for
        a table of mixed columns ``columns.csv`` and the encoder as
        ``estimators/TableEncoder.skae``, for scaled columns ``scaling.csv`` with their
        means and scales, and ``estimators/NAME-CODES.skae`` for `skae.load`: skae's own
        estimators as fitted on the first split. The estimators of other libraries are
        left out, since a file of data cannot hold their code;
        the attribute `estimators` has them.

        Parameters
        ----------
        folder : str or path-like
            Created if it does not exist. An earlier report in it is replaced, through
            links, and its files keep their modes.

        data : str, default="the data"
            Name of the data in the report.

        Returns
        -------
        pathlib.Path
            The page, ``index.html``.

        Raises
        ------
        ValueError
            When the folder holds something other than a report, when a device, a pipe
            or the like has the name of one of the report's files, or when it cannot be
            written.

        ImportError
            When Matplotlib is missing.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import skae
        >>> comparison = skae.compare(estimators={}, encoding_dims=2, tsne=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = comparison.save(pathlib.Path(folder) / "report", "digits")
        ...     page.name, "verdict" in page.read_text("utf-8")
        ('index.html', True)
        """
        from skae.comparison import _report

        return _report.write(self, folder, data)
