"""The errors that users meet: one clear sentence each, never a traceback.

BenchError                 anything a user can mend; the CLI prints its message and exits with 2
├── SuiteError             the suite file: where, what came, what is allowed, the nearest match
├── DataError              a data set on disk: missing, unreadable or inconsistent
├── WeightsError           initial weights that cannot be found or do not fit
├── TrainingError          training that cannot go on: it diverged, or ran out of memory
└── ResultsError           a results folder that cannot be read or written
    └── DiskFullError      no room is left in it: no failure of a trial, so that the run ends
"""

import difflib
import errno
import traceback
import unicodedata
from collections.abc import Iterable

from bench.redaction import redacted

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What an `OSError` says where there is no room left."""


class BenchError(Exception):
    """A mistake or a missing thing that the user can mend; its text is one sentence, without secrets."""

    def __init__(self, text: str = "") -> None:
        super().__init__(redacted(text))


class SuiteError(BenchError):
    """The suite is not usable: unknown key, wrong type, empty grid and the like."""


class DataError(BenchError):
    """A data set is missing, unreadable or contradicts itself."""


class WeightsError(BenchError):
    """Initial weights cannot be found, or do not fit the model."""


class TrainingError(BenchError):
    """Training cannot go on, or gave no usable model."""


class ResultsError(BenchError):
    """The results folder cannot be read or written."""


class DiskFullError(ResultsError):
    """No room is left: every trial would meet that, so none has failed, and the run ends."""


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Returns ``"; did you mean 'x'?"`` for the allowed word most like `word`, or an empty string.

    Case is ignored in the comparison. There is none for a word that is allowed, which is not what is wrong.
    One that only looks the same, such as é of two characters, is written so that the difference can be seen.

    Args:
        word: what came.
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


def account(error: BaseException) -> str:
    """Returns what a record says of a failure: a `BenchError`'s sentence, of anything else the traceback."""
    if isinstance(error, BenchError):
        return str(error)
    return redacted("".join(traceback.format_exception(error)))


def listing(words: Iterable[str], at_most: int | None = None) -> str:
    """Returns the words in their order, joined by commas: what a message gives as "allowed".

    Args:
        words: what to name.
        at_most: how many are named before the rest is counted; all if absent.
    """
    named = list(words)
    rest = len(named) - at_most if at_most is not None else 0
    return ", ".join(named[:at_most]) + (f" and {rest} more" if rest > 0 else "")
