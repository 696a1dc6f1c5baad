"""The errors that users meet: one clear sentence each, never a traceback.

BenchError                 anything a user can mend; the CLI prints its message and exits with 2
├── SuiteError             the suite file: unknown key, wrong type, empty grid and the like
├── DataError              a data set on disk: missing, unreadable or inconsistent
├── WeightsError           initial weights that cannot be found or do not fit
├── TrainingError          training that cannot go on: it diverged, or ran out of memory
├── LostGpuError           a GPU that fails a process: no failure of the trial, so that the process ends
└── ResultsError           a results folder that cannot be read or written
    └── DiskFullError      no room is left in it: no failure of a trial, so that the run ends
"""

import copyreg
import difflib
import errno
import os
import traceback
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.redaction import redacted

MOST_NAMED = 8
"""Names that a sentence gives before it counts the rest, as `listing` does."""

_MOST_ALLOWED = 20
"""Words that a sentence names before it counts the rest."""

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The numbers of an `OSError` that mean that there is no room left."""

_NO_RIGHT = "; ask who owns it for the right, or name another place"
_NO_FOLDER = "is no folder, and one is needed; move it away, or name another place"
_NO_ANSWER = "; the same command goes on once the storage answers again"
_REMEDIES = {
    errno.ENOSPC: "the disk is full; make room, and the same command goes on",
    errno.EDQUOT: "the disk quota is used up; make room, and the same command goes on",
    errno.EACCES: f"permission denied{_NO_RIGHT}",
    errno.EPERM: f"operation not permitted{_NO_RIGHT}",
    errno.EROFS: "the file system is read-only; name another place, or have it mounted for writing",
    errno.ENOENT: "there is no such file or folder",
    errno.EEXIST: _NO_FOLDER,
    errno.EISDIR: "is a folder, and a file is needed",
    errno.ENOTDIR: _NO_FOLDER,
    errno.ELOOP: "symbolic links lead in a circle; name the place itself",
    errno.ENAMETOOLONG: "the name is too long for the file system; name a shorter one",
    errno.EMFILE: "too many files are open in this process; a higher limit helps (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine; the same command goes on when they are fewer",
    errno.EIO: f"the storage gives an input/output error{_NO_ANSWER}",
    errno.ESTALE: f"the network file system has lost the file{_NO_ANSWER}",
    errno.ENOTCONN: f"the file system is not connected{_NO_ANSWER}",
    errno.EHOSTDOWN: f"the file system's server is down{_NO_ANSWER}",
}
"""The problem and its remedy, by the number of an `OSError`."""


class BenchError(Exception):
    """A mistake or a missing thing that the user can correct: one sentence without secrets, and its facts.

    The sentence is ``place: problem; allowed: …; did you mean 'x'?``, as far as its facts are given.

    Attributes:
        problem: the sentence without place and allowed words.
        place: where it is: a file, perhaps with line and column, an option, a field; or None.
        value: the value that was given; or None.
        allowed: the words of which `value` should be one; empty where they cannot be listed.
    """

    def __init__(
        self, problem: str = "", *, place: object = None, value: object = None, allowed: Iterable[object] = ()
    ) -> None:
        self.problem = problem
        self.place = None if place is None else str(place)
        self.value = value
        self.allowed = tuple(map(str, allowed))
        sentence = problem if self.place is None else f"{self.place}: {problem}"
        if self.allowed:
            hint = "" if value is None else nearest(str(value), self.allowed)
            sentence += f"; allowed: {listing(self.allowed, _MOST_ALLOWED)}{hint}"
        super().__init__(redacted(sentence))

    def __reduce__(self) -> tuple[object, ...]:
        """Pickles the sentence and the facts, for any signature: errors go from workers to the driver."""
        return copyreg.__newobj__, (type(self), str(self)), self.__dict__  # type: ignore[attr-defined]


class SuiteError(BenchError):
    """The suite is not usable: unknown key, wrong type, empty grid and the like.

    Attributes:
        mistakes: of an error that reports several mistakes, a line each: the mistakes; else empty.
    """

    def __init__(self, problem: str = "", *, mistakes: Sequence["SuiteError"] = (), **facts: Any) -> None:
        super().__init__("\n".join(map(str, mistakes)) or problem, **facts)
        self.mistakes = tuple(mistakes)


class PluginError(SuiteError):
    """Code from outside of bench cannot be found or used, or raised an error, which is its cause."""


class DataError(BenchError):
    """A data set is missing, unreadable or contradicts itself."""


class WeightsError(BenchError):
    """Initial weights cannot be found, or do not fit the model."""


class TrainingError(BenchError):
    """Training cannot go on, or gave no usable model."""


class LostGpuError(BenchError):
    """CUDA answers every call of this process with an error, so that no trial can run in it any more.

    Attributes:
        value: CUDA's first error.
    """


class ResultsError(BenchError):
    """The results folder cannot be read or written."""


class DiskFullError(ResultsError):
    """No room is left: every trial would meet that, so none has failed, and the run ends."""


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Returns ``"; did you mean 'x'?"`` for the allowed word most like `word`, or an empty string.

    Case is ignored in the comparison. A word that is allowed has none: something else is wrong with it.
    One that only looks the same, such as é of two characters, is written so that the difference can be seen.

    Args:
        word: the word that was given.
        allowed: any iterable of words.
    """
    known = list(allowed)
    if word in known:
        return ""
    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    if not matches:
        return ""
    match = by_lower[matches[0]]
    looks_same = unicodedata.normalize("NFKC", match) == unicodedata.normalize("NFKC", word)
    return f"; did you mean {ascii(match) if looks_same else repr(match)}?"


def brief(error: Exception) -> str:
    """Returns the error's text on one line, without secrets, at most 200 characters: to quote a library."""
    return redacted(" ".join(str(error).split()))[:200]


def explained(error: OSError, place: Path | None = None) -> str:
    """Returns the sentence of an error of the operating system: place, problem and remedy.

    Args:
        error: as Python or a library has raised it.
        place: where it happened, if the error does not say that itself.
    """
    named = error.filename2 or error.filename
    path = Path(os.fsdecode(named)) if isinstance(named, str | bytes | os.PathLike) else place
    found = None
    if path is not None and error.errno in {errno.ENOENT, errno.EEXIST, errno.ENOTDIR}:
        found = obstacle(path)
    if found is not None:
        path, reason = found
    else:
        reason = _REMEDIES.get(error.errno or 0) or error.strerror or brief(error) or type(error).__name__
    return f"{path}: {reason}" if path is not None else reason


def obstacle(path: Path) -> tuple[Path, str] | None:
    """Returns the uppermost part of the path that is no folder where one is needed, and the reason."""
    try:
        for part in (*reversed(path.parents), path):
            if part.is_symlink() and not part.exists():
                return part, f"is a link to {part.readlink()}, which does not exist; mend or remove the link"
            if part != path and part.is_file():
                return part, _NO_FOLDER
    except OSError:  # no more can be found out
        pass
    return None


def account(error: BaseException) -> str:
    """Returns the text of a failure in a record: a sentence if a user can mend it, else the traceback.

    An error of a plug-in has both, the sentence last.
    """
    if isinstance(error, OSError):
        words = explained(error)
    elif isinstance(error, PluginError) and error.__cause__ is not None:
        words = "".join([*traceback.format_exception(error.__cause__), str(error)])
    else:
        words = str(error) if isinstance(error, BenchError) else "".join(traceback.format_exception(error))
    return redacted(as_text(words))


def as_text(words: str) -> str:
    r"""Returns the words in characters of UTF-8: a file's name of other bytes has escapes (``\udce9``)."""
    return words.encode("utf-8", "backslashreplace").decode("utf-8")


def listing(words: Iterable[str], at_most: int | None = None) -> str:
    """Returns the words in their order, joined by commas.

    Args:
        words: the words.
        at_most: number of words that are named before the rest is counted; all if absent.
    """
    named = list(words)
    rest = len(named) - at_most if at_most is not None else 0
    return ", ".join(named[:at_most]) + (f" and {rest} more" if rest > 0 else "")
