"""Columns of text for a terminal, in groups that go below each other where it is too narrow for all."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_GAP = "  "
_COMMAND = re.compile(r"`[^`]{1,30}`")
_NO_BREAK = "\0"


@dataclass(frozen=True)
class Group:
    """Columns under one heading, which may be empty; of each column its heading, then one cell per row."""

    heading: str
    columns: tuple[tuple[str, ...], ...]

    def lines(self) -> list[str]:
        """Returns heading and rows, all of one width."""
        widths = [max(map(len, column)) for column in self.columns]
        rows = [
            _GAP.join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in zip(*self.columns, strict=True)
        ]
        heading = f"─ {self.heading} ─" if self.heading else ""
        width = max(len(heading), len(rows[0]))
        return [heading.center(width, "─" if heading else " "), *(row.rjust(width) for row in rows)]


def flow(labels: Sequence[str], groups: Sequence[Group], width: int) -> Iterator[str]:
    """Yields lines of as many groups side by side as the width allows, then those of the others below."""
    label_width = max(map(len, labels))
    stub = [" " * label_width] * 2 + [label.ljust(label_width) for label in labels]
    blocks: list[list[list[str]]] = []
    used = width
    for group in groups:
        lines = group.lines()
        used += len(_GAP) + len(lines[0])
        if used > width:
            blocks.append([stub])
            used = label_width + len(_GAP) + len(lines[0])
        blocks[-1].append(lines)
    for block in blocks:
        rows = [_GAP.join(parts).rstrip() for parts in zip(*block, strict=True)]
        yield from rows if rows[0] else rows[1:]
        yield ""


def wrap(text: str, width: int, *, is_indented: bool = False) -> list[str]:
    """Returns the text as lines of at most `width` characters, all but the first indented, or all of them.

    Commands in `backticks` stay on one line.
    """
    first = _GAP if is_indented else ""
    held = _COMMAND.sub(lambda found: found[0].replace(" ", _NO_BREAK), text)
    lines = textwrap.wrap(held, width, initial_indent=first, subsequent_indent=_GAP, break_on_hyphens=False)
    return [line.replace(_NO_BREAK, " ") for line in lines]
