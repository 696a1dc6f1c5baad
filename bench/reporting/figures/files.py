"""Figures as files: whether one can be written where it is asked for, and writing it."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.text import Text

from bench.errors import ResultsError, listing
from bench.results.files import replacing

SUFFIXES = (".png", ".pdf", ".svg")

_RC: dict[Any, Any] = {"pdf.fonttype": 42, "svg.hashsalt": "bench"}
"""Letters as TrueType, which publishers ask for."""

_OPTIONS: dict[str, dict[str, Any]] = {
    ".png": {},
    ".pdf": {"metadata": {"CreationDate": None}},
    ".svg": {"metadata": {"Date": None}},
}
"""No date, so that the same figure has the same bytes."""


_POWER = "$\\mathdefault{"
"""How a tick of a logarithmic axis begins, which is a formula of matplotlib's own."""


def check_figure_path(path: Path) -> None:
    """Checks that a figure could be written to `path`: worth knowing before it is drawn.

    Raises:
        ResultsError: its ending is none of `SUFFIXES`, or it is a folder.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ResultsError(f"a figure's name ends in {listing(SUFFIXES)}", place=path)
    if path.is_dir():
        raise ResultsError("is a folder; a figure is a file", place=path)


def save(figure: Figure, path: Path) -> None:
    """Writes the figure to `path` in one step, in the format of its ending; the same one in the same bytes.

    Raises:
        ResultsError: the file cannot be written.
    """
    ending = path.suffix.lower()
    try:
        _take_literally(figure)
        with replacing(path) as temporary, mpl.rc_context(_RC):
            colour = figure.get_facecolor()
            figure.savefig(temporary, format=ending[1:], facecolor=colour, **_OPTIONS[ending])
    except OSError as error:
        raise ResultsError(f"cannot be written ({error.strerror or error})", place=path) from None


def _take_literally(figure: Figure) -> None:
    """Lets no text of others be a formula: what is between two dollars may not even be one."""
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        axis.get_ticklabels(which="both")  # of now: others are made as they are drawn
    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_parse_math(text.get_text().startswith(_POWER))
