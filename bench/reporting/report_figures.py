"""Writes the figures of a report as files: PDF for a paper's column and its page, PNG for slides.

They are drawn from the tables alone: the same tables and version of matplotlib give the same bytes. No lock
names them, since another version may draw otherwise.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from bench.reporting.figures import save
from bench.reporting.finding_figure import draw_findings
from bench.reporting.forest_figure import draw_forest
from bench.reporting.paper_figure import COLUMN_IN, PAGE_IN
from bench.reporting.plots import finding_plot_of, forest_of, published_means
from bench.reporting.table import Table


def write_figures(
    name: str, tables: Sequence[Table], folder: Path, *, for_paper: bool = False
) -> Iterator[Path]:
    """Writes the forest plot and the one by finding of each data set and resolution; yields the files.

    Args:
        name: of the suite.
        tables: of its report.
        folder: of its report.
        for_paper: PDFs too, not the PNG alone.

    Raises:
        ResultsError: a file cannot be written.
    """
    for table in tables:
        draw: Callable[..., Figure]
        if (forest := forest_of(table, published_means(name, table))) is not None:
            what, draw = "forest", partial(draw_forest, forest)
        elif (plot := finding_plot_of(table)) is not None:
            what, draw = "findings", partial(draw_findings, plot)
        else:
            continue
        papers = ((".pdf", COLUMN_IN), ("-wide.pdf", PAGE_IN)) if for_paper else ()
        for ending, width_in in (*papers, (".png", PAGE_IN)):
            path = folder / f"{what}-{table.subject.place_key}{ending}"
            save(draw(width_in=width_in, is_titled=ending == ".png"), path)
            yield path
