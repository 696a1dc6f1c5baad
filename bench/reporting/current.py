"""Whether a suite's report on disk is what would be written now, told without computing it again."""

from importlib import resources
from pathlib import Path

from bench.reporting.lock import LOCK, read_lock, render_lock
from bench.results.store import ResultsStore
from bench.suite.load import LoadedSuite

CURVES = "learning_curves.png"
"""A figure: no lock names those, since their bytes are the drawing library's."""


def current_page(loaded: LoadedSuite, store: ResultsStore, reports_dir: Path) -> str | None:
    """Returns the page of the report that is there, or None unless all of it is as it would be written now.

    It is if its lock is what a lock would say now: the same request, results, references and files. Nor may a
    file of this package be newer than it, or a trial be interrupted, whose curve may have gone on since.

    Raises:
        ResultsError: a record or a reference cannot be read.
    """
    folder = reports_dir / loaded.suite.name
    lock = read_lock(folder / LOCK)
    if lock is None or any(trial.state == "interrupted" for trial in lock.trials):
        return None
    try:
        is_older = (folder / LOCK).stat().st_mtime < max(_package_times())
        files = {name: (folder / name).read_text("utf-8") for name in lock.files}
        if is_older or not (folder / CURVES).exists():
            return None
        if render_lock(lock.suite.name, [loaded], store, files) != (folder / LOCK).read_text("utf-8"):
            return None
    except (OSError, ValueError):
        return None
    return files.get("README.md")


def _package_times() -> list[float]:
    root = Path(str(resources.files("bench")))
    return [
        path.stat().st_mtime for ending in ("py", "csv", "html", "css") for path in root.rglob(f"*.{ending}")
    ]
