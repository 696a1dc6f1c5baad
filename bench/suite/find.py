"""Finds suites by name: in the working folder's suites/, then among those that come with the package.

The shipped suites are the folder suites/ at the top of a checkout; a wheel has a copy inside of the package.
"""

from pathlib import Path

from bench.errors import SuiteError
from bench.suite.user_path import user_path
from bench.version import FOLDER

OWN_SUITES = Path("suites")
"""The folder of a user's suites, below the working folder."""


def shipped_suites() -> Path:
    """Returns the folder of the suites that come with the package."""
    installed = FOLDER / "suites"
    return installed if installed.is_dir() else FOLDER.parent / "suites"


def suites_in(folder: Path) -> dict[str, Path]:
    """Returns the files of a folder's suites by name, in order; none where there is no such folder."""
    return {path.stem: path for path in sorted(folder.glob("*.y*ml"))}


def with_shipped(folder: Path) -> dict[str, Path]:
    """Returns the files of a folder's suites by name, then those of shipped ones whose names are free."""
    own = suites_in(folder)
    return own | {name: path for name, path in suites_in(shipped_suites()).items() if name not in own}


def every_suite(folder: Path | None = None) -> dict[str, Path]:
    """Returns the files of all suites by name.

    Args:
        folder: where they are; None for suites/ or, where that has none, the shipped ones.

    Raises:
        SuiteError: there are none.
    """
    found = (suites_in(OWN_SUITES) or suites_in(shipped_suites())) if folder is None else suites_in(folder)
    if not found:
        place = OWN_SUITES if folder is None else folder
        raise SuiteError("has no suites (*.yaml); name their folder by --suites-dir", place=place)
    return found


def suite_path(text: str) -> Path:
    """Returns the file of the suite that a user names, by its path or by its name alone.

    A word without folder and ending is a name, unless there is a file that is called so.

    Raises:
        BenchError: no suite has this name, or the path is not usable, see `user_path`.
    """
    path, words = user_path(text), Path(text)
    if words.name != text or words.suffix or path.is_file():
        return path
    known = with_shipped(OWN_SUITES)
    if text not in known:
        problem = f"neither {OWN_SUITES}/ nor the shipped suites have one called so"
        raise SuiteError(problem, place=text, value=text, allowed=known)
    return known[text]


def is_installed(path: Path) -> bool:
    """Returns whether a suite's file is one of an installed package, not of a checkout or a user's own.

    Such a suite is the same one in whatever environment, and in whatever version, the package is installed.
    """
    return path.resolve().parent == (FOLDER / "suites").resolve()


def suite_word(path: Path) -> str:
    """Returns the word by which a user names the suite in a file: an installed one's name, else the path."""
    return path.stem if is_installed(path) else str(path)
