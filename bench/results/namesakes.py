"""Suites of one name: what is kept under a suite's name belongs to one file, and no other overwrites it.

.<name>.suite.json   beside a folder of runs or of a report: the suite that it belongs to, as seen from there
"""

import os
from contextlib import suppress
from pathlib import Path

import yaml

from bench.errors import ResultsError
from bench.results.stored import read_stored, write_stored
from bench.suite.frozen import Frozen


class _Owner(Frozen):
    suite: str
    """The file, relative to where this is written: both may be moved together."""


def take_folder(folder: Path, name: str, suite: Path) -> None:
    """Notes that a folder belongs to the suite; arguments and errors as of `require_own`."""
    require_own(folder, name, suite)
    owner = _owner(folder)
    if owner is None or not owner.exists():
        relative = os.path.relpath(suite.resolve(), folder.resolve().parent)
        write_stored(_mark(folder), _Owner(suite=Path(relative).as_posix()))


def require_own(folder: Path, name: str, suite: Path) -> None:
    """Checks that a folder belongs to no other suite of the same name.

    A suite that was edited or moved keeps its folder, and so do copies with the same content.

    Args:
        folder: of the suite's runs, or of its report.
        name: of the suite.
        suite: its file.

    Raises:
        ResultsError: it belongs to another suite that is still there; the sentence says what helps.
    """
    if (other := other_suite(folder, name, suite)) is not None:
        raise ResultsError(
            f"{folder}: belongs to {other}, another suite called {name!r}; give one of them a name of its "
            "own (the key 'name' in its file), or this one other folders (--results-dir, --reports-dir)"
        )


def other_suite(folder: Path, name: str, suite: Path | None) -> Path | None:
    """Returns the suite that a folder belongs to if it is not `suite`, is still there and called `name`."""
    owner = _owner(folder)
    if owner is None or not folder.exists():
        return None
    try:
        is_same = suite is not None and (owner.samefile(suite) or owner.read_bytes() == suite.read_bytes())
        return None if is_same or _name_of(owner) != name else owner
    except OSError:  # it was moved, or is on another machine
        return None


def _owner(folder: Path) -> Path | None:
    with suppress(ResultsError):
        found = read_stored(_mark(folder), _Owner, "mark", "move it aside")
        return None if found is None else Path(os.path.normpath(folder.resolve().parent / found.suite))
    return None


def _mark(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.suite.json"


def _name_of(suite: Path) -> str:
    """Returns what a suite is called now; by its file if that is no readable suite at the moment."""
    with suppress(yaml.YAMLError, UnicodeDecodeError):
        content = yaml.safe_load(suite.read_text(encoding="utf-8-sig"))
        if isinstance(content, dict):
            return str(content.get("name", suite.stem))
    return suite.stem
