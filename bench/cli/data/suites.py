"""Suites by name, where each is, and how many trials it has."""

from pathlib import Path

from bench.cli.render import Column, Table
from bench.suite.find import OWN_SUITES, every_suite, shipped_suites, with_shipped
from bench.suite.load import load_suite


def suites_table(folder: Path | None) -> Table:
    """Returns a row for each suite of a folder, or of those that a name can mean where that is None.

    Raises:
        SuiteError: there is none, or one is not usable.
    """
    files = with_shipped(OWN_SUITES) if folder is None else every_suite(folder)
    suites = [load_suite(path) for path in files.values()]
    return Table(
        [
            Column("suite", list(files)),
            Column("trials", [str(len(loaded.grid.trials)) for loaded in suites], is_number=True),
            Column("from", [_origin(path) for path in files.values()]),
        ],
        text=Column("title", [loaded.suite.title or loaded.suite.name for loaded in suites]),
    )


def _origin(path: Path) -> str:
    return "shipped" if path.parent == shipped_suites() else f"{path.parent}/"
