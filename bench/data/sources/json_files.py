"""Annotation files in JSON, which are read into declared types: what differs is told in a sentence."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from bench.errors import DataError
from bench.suite.text_table import read_text

T = TypeVar("T")


def read_json(path: Path, kind: type[T]) -> T:
    """Returns what the file holds, which may be gzipped, as `kind`.

    Raises:
        DataError: it cannot be read, is no JSON, or holds something else.
    """
    text = read_text(path)
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        first: Any = error.errors(include_url=False, include_context=False)[0]
        keys = [str(key) for key in first["loc"]]
        problem = first["msg"][:1].lower() + first["msg"][1:]
        given = f", and {error.error_count() - 1} more mistakes" if error.error_count() > 1 else ""
        at = f" in {'.'.join(keys)}" if keys else ""
        raise DataError(
            f"is not as expected{at}: {problem}{given}", place=path, value=".".join(keys)
        ) from None
