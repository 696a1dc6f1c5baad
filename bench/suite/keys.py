"""Equality of names of images, patients, findings, columns and parts in different files.

`clean` removes blanks around a name and brings it to one Unicode form: a Mac writes é as e and an accent.
`Names` finds a known name in another spelling, if only one name has it. Names that may or may not be the
same, such as ``p1`` and ``p01``, are never taken for the same; messages hint at them by `bare`.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property

from bench.errors import nearest

IMAGE_ENDINGS = (".dicom", ".dcm", ".png", ".jpg", ".jpeg")
"""Endings of the files that are read as images."""

_INVISIBLE = "\ufeff\u200b\u200e\u200f\u2060"
"""Characters without width that spreadsheets and web pages leave around a text."""

_NAMES_TO_GUESS_FROM = 5000
"""The most similar of more names is not looked for: that takes seconds."""


def clean(text: str) -> str:
    """Returns the text without blanks and invisible marks around it, in Unicode's composed form (NFC)."""
    if text.isascii() and text.isprintable():
        return text.strip()
    before, text = "", unicodedata.normalize("NFC", text)
    while text != before:
        before, text = text, text.strip().strip(_INVISIBLE)
    return text


def spelled(text: str) -> str:
    """Returns the name of a finding or a part without case, and with one kind of gap between words."""
    return re.sub(r"[\s_-]+", " ", clean(text).casefold())


def without_ending(name: str) -> str:
    """Returns the name of an image without the ending of its file, if that is one of an image."""
    stem, dot, ending = name.rpartition(".")
    return stem if f"{dot}{ending.lower()}" in IMAGE_ENDINGS else name


def alike(name: str) -> str:
    """Returns the name of an image without case and ending."""
    return without_ending(clean(name)).casefold()


def bare(name: str) -> str:
    """Returns the name without case, gaps, leading zeros and a ".0": names may be the same if this is."""
    text = unicodedata.normalize("NFKC", spelled(without_ending(clean(name))))
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"(?<=\d)\.0+$", "", text))


class Names:
    """Known names, found in the spelling of other files.

    Args:
        names: the names, each once.
        same: gives the same text for all spellings of one name.
        aliases: known names by other names for them.
    """

    def __init__(
        self,
        names: Iterable[str],
        same: Callable[[str], str] = alike,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self._names = dict.fromkeys(names)
        self._same = same
        self._aliases = {alias: name for alias, name in (aliases or {}).items() if name in self._names}

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def find(self, written: str) -> str | None:
        """Returns the known name: the very same, else the only one of which this is a spelling; else None."""
        name = clean(written)
        if name in self._names:
            return name
        ways = self._ways.get(self._same(name), [])
        return ways[0] if len(ways) == 1 else None

    @cached_property
    def _ways(self) -> dict[str, list[str]]:
        """The names by the text that is the same for all of their spellings."""
        ways: dict[str, list[str]] = {}
        for name in self._names:
            ways.setdefault(self._same(name), []).append(name)
        for alias, name in self._aliases.items():
            ways.setdefault(self._same(alias), [name])
        return ways

    @cached_property
    def _bare(self) -> dict[str, str]:
        return {bare(name): name for name in reversed(self._names)}

    def hint(self, written: str, *, with_similar: bool = True) -> str:
        """Returns, after a semicolon, a known name that may have been meant by one that is not found; or "".

        Args:
            written: the name.
            with_similar: whether to look for a similar name too, if none differs by its zeros alone.
        """
        ways = self._ways.get(self._same(clean(written)), [])
        if len(ways) > 1:
            return f"; it may be {ways[0]!r} or {ways[1]!r}"
        meant = self._bare.get(bare(written))
        if meant is not None:
            return f"; there is {meant!r}{why_other(written, meant)}"
        if not with_similar or len(self._names) > _NAMES_TO_GUESS_FROM:
            return ""
        letters = _letters(written)  # which other number was meant nobody can tell
        return nearest(clean(written), (name for name in self._names if _letters(name) != letters))


def _letters(name: str) -> str:
    return re.sub(r"\d", "", alike(name))


def why_other(written: str, meant: str) -> str:
    """Returns, after a colon, how one of the names became the other, and the cure; "" if not known."""
    if bare(written) != bare(meant):
        return ""
    if clean(written).endswith(".0") != clean(meant).endswith(".0"):
        return ": a number was saved as a decimal; let the spreadsheet or pandas take the column as text"
    if len(re.findall(r"\d", written)) != len(re.findall(r"\d", meant)):
        return ": leading zeros are lost; let the spreadsheet or pandas take the column as text"
    return ""
