"""Checks the choices of a protocol that callers give: known words, and numbers in range."""

import math
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from bench.errors import SuiteError, listing
from bench.metrics.protocol import LocalizationProtocol

CHOICES = get_type_hints(LocalizationProtocol)
"""Their types, by name."""

_LARGEST_GRID_PX = 4096


def protocol_of(choices: Mapping[str, object]) -> LocalizationProtocol:
    """Returns the thesis' protocol with some choices made otherwise.

    Raises:
        SuiteError: there is no such choice, or it cannot have that value.
    """
    for name in choices:
        if name not in CHOICES:
            raise SuiteError(f"no choice {name!r}", value=name, allowed=CHOICES)
    made: dict[str, Any] = {name: checked(name, value, place=name) for name, value in choices.items()}
    return LocalizationProtocol(**made)


def words_of(name: str) -> tuple[str, ...]:
    """Returns the words that a choice may be."""
    kinds = (CHOICES[name], *get_args(CHOICES[name]))
    return tuple(word for kind in kinds for word in get_args(kind) if isinstance(word, str))


def checked(name: str, value: object, *, place: str | None = None) -> Any:
    """Returns the value of a choice; a number may be given as text.

    Raises:
        SuiteError: it cannot have that value; the error has `place`.
    """
    kind, words = CHOICES[name], words_of(name)
    if value in words or (kind is bool and isinstance(value, bool)):
        return value
    number = _number(value)
    if kind is bool:
        expected = "True or False"
    elif name == "tolerance_px":
        if 0 <= number < math.inf:
            return number
        expected = "a number of px, 0 or more"
    elif kind is float:
        if 0 <= number < 1:
            return number
        expected = "a share, at least 0 and below 1"
    elif int in get_args(kind):
        if number.is_integer() and 1 <= number <= _LARGEST_GRID_PX:
            return int(number)
        expected = f"{listing(words)}, or a whole number of px from 1 to {_LARGEST_GRID_PX}"
    else:
        raise SuiteError(f"there is no {value!r}", place=place, value=value, allowed=words)
    raise SuiteError(f"{value!r}: give {expected}", place=place, value=value)


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan
