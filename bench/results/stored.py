"""JSON files of a results folder, which other versions of bench may have written: how all of them are kept.

Each says its format and the version of bench that wrote it. Files of one format are read, and no others.
Within a format a newer version may add fields: what is not known here is left out, and the rest is read. The
format is raised by a change that an older bench would misread, or that this one would have to read twice.
"""

import json
from pathlib import Path
from typing import Literal, TypeVar

from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.errors import ResultsError, brief
from bench.results.files import write_text
from bench.version import VERSION

FORMAT = 2
"""Raised when a file says other things than before, or says them otherwise; not by a field more.

2: native maps are kept and recorded as all others are.
"""

_Kind = TypeVar("_Kind", bound=BaseModel)


class _Header(BaseModel):
    """Fields that every file has."""

    model_config = ConfigDict(strict=True)

    format: int
    written_by: str
    """Version of bench."""

    @property
    def is_newer(self) -> bool:
        """Returns whether a newer bench than this wrote it."""
        try:
            return self.format > FORMAT or Version(self.written_by) > Version(VERSION)
        except InvalidVersion:
            return False


def write_stored(path: Path, content: BaseModel) -> None:
    """Writes the file in one step."""
    header = {"format": FORMAT, "written_by": VERSION}
    document = header | content.model_dump(mode="json") | header
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def read_stored(
    path: Path, kind: type[_Kind], what: str, cure: str, *, extra: Literal["ignore", "allow"] = "ignore"
) -> _Kind | None:
    """Returns what the file holds, or None if there is none.

    Args:
        path: the file.
        kind: of its content.
        what: it is, in a word or two.
        cure: what brings a damaged one back and destroys nothing, from "move" on.
        extra: what becomes of fields that `kind` has not: left out, or kept to be written again.

    Raises:
        ResultsError: it cannot be read, is of another format, was written by a newer bench that this one does
            not understand, or is damaged. Of one by a newer bench the sentence does not say to move it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResultsError(f"cannot be read ({error.strerror or brief(error)})", place=path) from None
    header = _header(content)
    if header is not None and header.format > FORMAT:
        number = header.format
        raise ResultsError(
            f"{_newer(header)} (its format is {number}, not {FORMAT})", place=path, value=number
        )
    if header is not None and header.format < FORMAT:
        raise ResultsError(
            f"was written by bench {header.written_by} in format {header.format}, and this one ({VERSION}) "
            f"reads format {FORMAT} only; {cure}",
            place=path,
            value=header.format,
        )
    try:
        found = kind.model_validate_json(content, extra=extra)
        _Header.model_validate_json(content)
        return found
    except ValidationError as error:
        reason = _reason(content, error)
        if header is not None and header.is_newer:
            raise ResultsError(f"{_newer(header)} ({reason})", place=path) from None
        raise ResultsError(f"is damaged, no readable {what} ({reason}); {cure}", place=path) from None


def _header(content: bytes) -> _Header | None:
    try:
        return _Header.model_validate_json(content)
    except ValidationError:
        return None


def _newer(header: _Header) -> str:
    versions = f"bench {header.written_by}, newer than this one ({VERSION})"
    return f"was written by {versions}, and is left as it is; use that"


def _reason(content: bytes, error: ValidationError) -> str:
    """Returns the first thing that is wrong."""
    if not content.strip():
        return "it is empty"
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return brief(ValueError(f"{place}: {first['msg']}" if place else first["msg"]))
