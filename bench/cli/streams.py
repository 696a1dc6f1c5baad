"""stdout and stderr take every text, in any encoding, even if their reader has gone."""

import codecs
import io
import os
import sys

_STAND_INS = {
    "−": "-",
    "–": "-",
    "—": "-",
    "±": "+/-",
    "×": "x",
    "·": "*",
    "…": "...",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "✓": "+",
    "✗": "x",
    "§": "section ",
    "²": "^2",
    "⁹": "^9",
    "┃": "|",
    "│": "|",
    "━": "-",
    "─": "-",
    "’": "'",
    "“": '"',
    "”": '"',
}
"""Text that stands for a character that an encoding lacks."""

_HANDLER = "bench.readable"


def print_anything() -> None:
    """Lets stdout and stderr take characters that their encoding lacks, and file names in any encoding."""
    codecs.register_error(_HANDLER, _readable)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed by who started us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115  # as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def drop_output() -> None:
    """Drops the rest of the output if stdout takes no more: its reader has gone, or its disk is full."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _readable(error: UnicodeError) -> tuple[str, int]:
    """Returns the text in place of the characters, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_STAND_INS.get(one) or _escaped(one) for one in lacking), error.end


def _escaped(one: str) -> str:
    """Returns an escape; for a byte of a file name that is no text, that of the byte."""
    return f"\\x{ord(one) - 0xDC00:02x}" if "\udc80" <= one <= "\udcff" else ascii(one)[1:-1]
