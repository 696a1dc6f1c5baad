"""Draws what verbs print: tables, sheets of facts, sentences and JSON, for any terminal and for pipes.

No cell is cut and no id broken: where a table is too wide, columns go below each other. Into a pipe or a file
each row is one line, and there are no colours; NO_COLOR turns them off on a terminal too.
"""

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # rich takes long to import, and help needs none of it
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

PIPE = 10_000
"""Characters of a table's row where the output is no terminal."""

_PROSE, _LEAST_PROSE, _LEAST_WIDTH = 100, 24, 40
"""Characters of a line of sentences at most; at least, beside other columns; and of a line of anything."""

DASH = "—"
"""Stands for a value that there is not."""

_GAP = 2
_COMMAND = re.compile(r"`[^`]+`")
_NO_BREAK = "\0"

_COLOURS = {
    **dict.fromkeys(("finished", "supported"), "green"),
    **dict.fromkeys(("failed", "refuted", "unreadable"), "red"),
    **dict.fromkeys(("blocked", "interrupted", "inconclusive"), "yellow"),
    "running": "cyan",
}
"""Of states of trials and verdicts."""


def show(*parts: "RenderableType") -> None:
    """Prints each part below the one before it; a string is a sentence, an empty one an empty line."""
    from rich.console import Console

    is_coloured = not os.environ.get("NO_COLOR")
    console = Console(
        width=_width(),
        highlight=False,
        markup=False,
        emoji=False,
        color_system="auto" if is_coloured else None,
    )
    with console.capture() as captured:
        for part in parts:
            console.print(Sentence(part) if isinstance(part, str) else part, soft_wrap=True)
    print(captured.get(), end="", flush=True)


def show_json(document: Any) -> None:
    """Prints a JSON document."""
    print(json.dumps(document, indent=2))


def note(*sentences: str) -> None:
    """Prints sentences beside the output, to stderr."""
    for sentence in sentences:
        print(sentence, file=sys.stderr)


def progress(text: str, *, is_last: bool = False) -> None:
    """Shows how far something is, in place, if stderr is a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="\n" if is_last else "", file=sys.stderr, flush=True)


def coloured(word: str) -> "Text":
    """Returns a state or a verdict in its colour."""
    from rich.text import Text

    return Text(word, style=_COLOURS.get(word, ""))


def heading(text: str) -> "Text":
    """Returns a line that stands above others."""
    from rich.text import Text

    return Text(text, style="bold")


@dataclass(frozen=True)
class Sentence:
    """A paragraph.

    Attributes:
        text: what it says; commands in `backticks` stay on one line if they fit.
        lead: stands before the text.
        indent: of all lines.
        hang: of all lines but the first, below the text.
    """

    text: str
    lead: "str | Text" = ""
    indent: int = 0
    hang: int = _GAP

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        from rich.text import Text

        lead = Text.assemble(" " * self.indent, self.lead)
        width = min(options.max_width, _PROSE)
        for number, line in enumerate(_wrap(self.text, width - lead.cell_len, self.hang)):
            yield _line(lead + Text(line) if number == 0 else Text(" " * lead.cell_len + line))


@dataclass(frozen=True)
class Sheet:
    """Facts below each other: of each its name and its lines."""

    facts: Sequence[tuple[str, Sequence[str]]]

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        from rich.text import Text

        size = max(len(name) for name, _ in self.facts) + 2
        for name, lines in self.facts:
            for number, line in enumerate(filter(None, lines)):
                head = Text(f"{name}:".ljust(size) if number == 0 else " " * size, style="bold")
                yield Sentence(line, lead=head)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: what is above it.
        cells: one for each row.
        is_number: whether its cells end at one edge, not begin there.
        group: heading above it and its neighbours of the same group, which stay together.
        is_optional: whether a narrow terminal does without it.
        least_width: characters that it has, so that it is aligned with a column of another table.
    """

    heading: str
    cells: "Sequence[str | Text]"
    is_number: bool = False
    group: str = ""
    is_optional: bool = False
    least_width: int = 0

    @property
    def width(self) -> int:
        """Characters that it needs."""
        from rich.cells import cell_len

        words = (*self.heading.split("\n"), *map(str, self.cells))
        return max(self.least_width, *map(cell_len, words))


@dataclass(frozen=True)
class Table:
    """Columns side by side; those that do not fit stand below, beside the same keys.

    Attributes:
        columns: their cells are not broken.
        num_keys: of the columns, that say what a row is.
        text: a last column of sentences. It is broken into lines, or stands below each row.
        indent: of all lines.
        has_heading: whether headings are shown.
    """

    columns: Sequence[Column]
    num_keys: int = 1
    text: Column | None = None
    indent: int = 0
    has_heading: bool = True

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        from rich.text import Text

        room = options.max_width - self.indent
        columns, text = self.columns, self.text
        if _total(columns) + (_GAP + text.width if text else 0) > room:
            columns = [column for column in columns if not column.is_optional]
        if text is None:
            for number, block in enumerate(_blocks(columns, self.num_keys, room)):
                yield from [Text()] if number else []
                yield from self._lines(console, options, _headed(block))
            return
        rest = room - _total(columns) - _GAP
        if rest >= min(text.width, max(_LEAST_PROSE, _longest_word(text))):
            yield from self._lines(console, options, _headed([*columns, text]), min(text.width, rest))
        else:
            yield from self._lines_with_text_below(console, options, columns, text)

    def _lines(
        self,
        console: "Console",
        options: "ConsoleOptions",
        columns: Sequence[Column],
        text_width: int | None = None,
    ) -> "Iterator[RenderableType]":
        """Yields the lines of one table, without the spaces at their ends."""
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, show_header=self.has_heading)
        widths = [column.width for column in columns]
        if text_width is not None:
            widths[-1] = text_width
        for column, width in zip(columns, widths, strict=True):
            table.add_column(
                Text(column.heading),
                width=width,
                justify="right" if column.is_number else "left",
                overflow="fold",
            )
        for row in zip(*(column.cells for column in columns), strict=True):
            table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
        needed = options.update(width=sum(widths) + _GAP * len(widths), no_wrap=False, overflow="fold")
        for segments in console.render_lines(table, needed, pad=False):
            yield _line(
                Text.assemble(" " * self.indent, *((part.text, part.style or "") for part in segments))
            )

    def _lines_with_text_below(
        self, console: "Console", options: "ConsoleOptions", columns: Sequence[Column], text: Column
    ) -> "Iterator[RenderableType]":
        lines = list(self._lines(console, options, _headed(columns)))
        num_heading = len(lines) - len(text.cells)
        yield from lines[:num_heading]
        for line, words in zip(lines[num_heading:], text.cells, strict=True):
            yield line
            yield Sentence(str(words), indent=self.indent + _GAP)


def _headed(columns: Sequence[Column]) -> list[Column]:
    """Returns the columns with the heading of each group above its first."""
    if not any(column.group for column in columns):
        return list(columns)
    before = [None, *(column.group for column in columns)]
    return [
        replace(column, heading=f"{column.group if column.group != last else ''}\n{column.heading}")
        for last, column in zip(before, columns, strict=False)
    ]


def _blocks(columns: Sequence[Column], num_keys: int, room: int) -> Iterator[list[Column]]:
    """Yields columns that fit side by side, the keys first; those of a group stay together."""
    keys, others = list(columns[:num_keys]), columns[num_keys:]
    numbers = [0]
    for one, other in pairwise(others):
        numbers.append(numbers[-1] + (not one.group or one.group != other.group))
    block = list(keys)
    for _, pairs in groupby(zip(numbers, others, strict=False), key=lambda pair: pair[0]):
        group = [column for _, column in pairs]
        if len(block) > num_keys and _total(_headed([*block, *group])) > room:
            yield block
            block = list(keys)
        block += group
    yield block


def _total(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)


def _longest_word(column: Column) -> int:
    return max((len(word) for cell in column.cells for word in str(cell).split()), default=0)


def _line(text: "Text") -> "Text":
    text.rstrip()
    text.no_wrap, text.overflow = True, "ignore"
    return text


def _wrap(text: str, width: int, hang: int) -> list[str]:
    """Returns lines in which paths and ids are whole, and commands that are no longer than a line."""
    held = text
    for command in _COMMAND.findall(text):
        if len(command) <= width - hang:
            held = held.replace(command, command.replace(" ", _NO_BREAK))
    lines = textwrap.wrap(
        held, max(width, 1), subsequent_indent=" " * hang, break_on_hyphens=False, break_long_words=False
    )
    return [line.replace(_NO_BREAK, " ") for line in lines] or [""]


def _width() -> int:
    """Returns the characters of a line of the terminal."""
    return max(shutil.get_terminal_size((PIPE, 0)).columns, _LEAST_WIDTH)
