"""Paths that users write: on the command line, in variables of the environment, in suites."""

import atexit
import errno
import getpass
import os
import re
import shutil
import tempfile
from pathlib import Path

from bench.errors import BenchError, ResultsError, explained, obstacle

_VARIABLE = re.compile(r"\$(\w+|\{\w+\})(/|$)")
_STAND_IN = "cam-bench-home-"


def user_path(text: str, folder: Path = Path()) -> Path:
    """Returns the path, ``~`` and ``~user`` at its beginning replaced by the home folder.

    One that is not absolute is below `folder`.

    A shell replaces ``~`` only at the beginning of a word, so not in ``--results-dir=~/x``; YAML never does.
    A path that begins with a variable, which is the shell's to replace, is refused: else a folder would get
    that name.

    Raises:
        BenchError: there is no such user, or this one has no home folder; it begins with a variable; links
            lead in a circle.
    """
    if _VARIABLE.match(text):
        raise BenchError(
            "variables are not replaced here, only ~ is; write the folder itself, or let the shell replace "
            f"it (no single quotes); a folder that is called so is ./{text}",
            place=text,
        )
    path = folder / _with_home(text)
    try:
        path.resolve()
    except RuntimeError:
        raise BenchError(explained(OSError(errno.ELOOP, "", str(path)))) from None
    return path


def results_folder(text: str) -> Path:
    """Returns the folder of results that a user names; it need not exist yet.

    Raises:
        BenchError: it is none, or cannot be read.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", text):
        raise ResultsError(
            "results need a file system that locks and renames files, a local disk or NFS; mount it and give "
            "its folder, or copy results there afterwards",
            place=text,
        )
    folder = user_path(text)
    try:
        with os.scandir(folder):
            return folder
    except OSError as error:
        if isinstance(error, FileNotFoundError) and obstacle(folder) is None:
            return folder  # a run makes it
        raise ResultsError(explained(error, folder)) from None


def _with_home(text: str) -> Path:
    path = Path(text)
    if not text.startswith("~"):
        return path
    user = path.parts[0][1:]
    try:
        expanded = path.expanduser()
    except RuntimeError:
        expanded = None
    if expanded is None or (not user and Path.home().name.startswith(_STAND_IN)):
        why = f"there is no user {user!r}" if user else "this user has no home folder (HOME is not set)"
        raise BenchError(f"{why}; write the whole path, or ./{text} if a folder is called so", place=text)
    return expanded


def ensure_home() -> None:
    """Gives a user whom the machine does not know, as in a container, a home folder and a name.

    Libraries ask for both, some when they are imported. The folder is one for temporary files, and goes with
    the process.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = home = tempfile.mkdtemp(prefix=_STAND_IN)
        atexit.register(shutil.rmtree, home, ignore_errors=True)
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = str(os.getuid())
