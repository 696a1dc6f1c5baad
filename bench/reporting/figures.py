"""Figures as files: whether one can be written where it is asked for, and writing it."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.errors import ResultsError, listing
from bench.results.atomic import replacing

SUFFIXES = (".png", ".pdf", ".svg")

_RC: dict[Any, Any] = {"pdf.fonttype": 42, "svg.hashsalt": "bench"}
"""Letters as TrueType, which publishers ask for."""

_OPTIONS: dict[str, dict[str, Any]] = {
    ".png": {},
    ".pdf": {"metadata": {"CreationDate": None}},
    ".svg": {"metadata": {"Date": None}},
}
"""No date, so that the same figure has the same bytes."""


def check_figure_path(path: Path) -> None:
    """Checks that a figure could be written to `path`: worth knowing before it is drawn.

    Raises:
        ResultsError: its ending is none of `SUFFIXES`, or it is a folder.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ResultsError(f"{path}: a figure's name ends in {listing(SUFFIXES)}")
    if path.is_dir():
        raise ResultsError(f"{path}: is a folder; a figure is a file")


def save(figure: Figure, path: Path) -> None:
    """Writes the figure to `path` in one step, in the format of its ending; the same one in the same bytes.

    Raises:
        ResultsError: the file cannot be written.
    """
    ending = path.suffix.lower()
    try:
        with replacing(path) as temporary, mpl.rc_context(_RC):
            colour = figure.get_facecolor()
            figure.savefig(temporary, format=ending[1:], facecolor=colour, **_OPTIONS[ending])
    except OSError as error:
        raise ResultsError(f"{path}: cannot be written ({error.strerror or error})") from None
