"""Figures as files: whether one can be written where it is asked for, and writing it."""

from pathlib import Path

from matplotlib.figure import Figure

from bench.errors import ResultsError, listing
from bench.results.atomic import replacing

SUFFIXES = (".png", ".pdf", ".svg")


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
    """Writes the figure to `path` in one step, in the format of its ending.

    Raises:
        ResultsError: the file cannot be written.
    """
    try:
        with replacing(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:].lower(), facecolor=figure.get_facecolor())
    except OSError as error:
        raise ResultsError(f"{path}: cannot be written ({error.strerror or error})") from None
