"""A strict reader of the text files that users bring: tables as CSV, lists of names.

Text is UTF-8, with or without a byte order mark, and may be gzipped. A table has commas between its cells and
a name over each column. Harmless additions of spreadsheets and pandas are ignored: blank rows, empty cells
beyond the last column, columns without a name that are empty, a first one that numbers the rows. Anything
that would shift or rename a column is refused with its line.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError, DataError, nearest
from bench.suite.keys import clean

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks."""


def decoded(content: bytes, where: str, mistake: type[BenchError], cure: str = "save it as UTF-8") -> str:
    """Returns the text, which is UTF-8 with or without a byte order mark.

    Args:
        content: of a file.
        where: name of the file in messages.
        mistake: class of the error to raise.
        cure: how to make it UTF-8.

    Raises:
        BenchError: the `mistake`, if it is in another encoding.
    """
    if content.startswith(_UTF_16) or b"\0" in content:
        raise mistake(f"seems to be UTF-16, which Notepad calls Unicode; {cure}", place=where)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"0x{content[error.start]:02x}"
        problem = f"byte {byte} is no UTF-8; the file seems to be Latin-1 or Windows-1252; {cure}"
        raise mistake(problem, place=f"{where}:{line}", value=byte) from None


_EXPORT = "export it as 'CSV UTF-8'"
_OTHER_KINDS = (
    (b"\x1f\x8b", "gzipped: let its name end in .gz"),
    (b"PK\x03\x04", f"a spreadsheet (.xlsx) or a zip archive: {_EXPORT}"),
    (b"\xd0\xcf\x11\xe0", f"a spreadsheet (.xls): {_EXPORT}"),
    (b"%PDF", "a PDF"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself: `git lfs pull` brings it"),
    (b"<", "a web page or XML, as a server sends it that wants a login"),
)
"""First bytes of other kinds of files, and descriptions of these kinds."""

_SAVE_AS = "save it as UTF-8 text, which spreadsheets call 'CSV UTF-8'"
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_UNNAMED = re.compile(r"Unnamed: \d+")
"""The name that pandas gives a column without one."""


@dataclass(frozen=True)
class TextTable:
    """A table as it stands in its file.

    Attributes:
        columns: names of the columns, cleaned, each once.
        rows: the cells of each row, as many as columns.
        lines: the line of the file at which each row begins.
    """

    columns: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]


def read_text(path: Path) -> str:
    """Returns the text of a file, without a byte order mark.

    Raises:
        DataError: it cannot be read, or is no UTF-8 text.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot be read ({reason}){_beside(path)}", place=path) from None
    for start, kind in _OTHER_KINDS:
        if content.lstrip().startswith(start):
            raise DataError(f"is no text but {kind}", place=path)
    return decoded(content, str(path), DataError, _SAVE_AS)


def read_columns(path: Path) -> tuple[str, ...]:
    """Returns the names of a table's columns, but for those without one.

    Raises:
        DataError: as `read_table`, of the first row.
    """
    _, header = next(_records(path))
    return tuple(name for name in _names(header, path) if name)


def read_table(path: Path) -> TextTable:
    """Returns the table in the file; a cell is as it is written, without blanks before it.

    Raises:
        DataError: it cannot be read, is empty, has other separators, two columns of one name, or a row that
            has cells without a column or columns without a cell.
    """
    records = _records(path)
    _, header = next(records)
    names = _names(header, path)
    num_needed = max((i + 1 for i, name in enumerate(names) if name), default=0)
    lines, rows = [], []
    for line, cells in records:
        beyond = next((cell for cell in cells[len(names) :] if cell.strip()), None)
        if beyond is not None or len(cells) < num_needed:
            hint = "; a cell that holds a comma has to stand in double quotes" if beyond is not None else ""
            problem = f"the row has {len(cells)} cells, where the header names {num_needed} columns{hint}"
            raise DataError(problem, place=f"{path}:{line}", value=beyond)
        lines.append(line)
        rows.append([*cells[: len(names)], *[""] * (len(names) - len(cells))])
    kept = [i for i, name in enumerate(names) if name or not _is_idle(i, rows, lines, path)]
    return TextTable(tuple(names[i] for i in kept), [[row[i] for i in kept] for row in rows], lines)


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yields the line at which a row begins and its cells, of rows that are not blank; the header first."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True, skipinitialspace=True)
    line, is_empty = 1, True
    try:
        for cells in reader:
            if line == 1 and cells == ["sep=", ""]:  # as spreadsheets write it: commas separate
                pass
            elif any(cell.strip() for cell in cells):
                is_empty = False
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"cannot be read as CSV ({error})", place=f"{path}:{line}") from None
    if is_empty:
        raise DataError("is empty; the first row of a table names its columns", place=path)


def _names(header: list[str], path: Path) -> list[str]:
    """Returns the cleaned names of the columns; "" for a column without one."""
    names = ["" if _UNNAMED.fullmatch(cell.strip()) else clean(cell) for cell in header]
    for separator, word in _SEPARATORS.items():
        if len(names) == 1 and separator in names[0]:
            raise DataError(
                f"seems to have {word} between its cells; commas are read, and points in decimals: "
                f"{_SAVE_AS}, with commas",
                place=path,
                value=separator,
            )
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        if name and first.setdefault(name.casefold(), i) != i:
            before = first[name.casefold()]
            called = repr(name) if names[before] == name else f"{names[before]!r} and {name!r}"
            problem = f"columns {before + 1} and {i + 1} have one name: {called}"
            raise DataError(problem, place=f"{path}:1", value=name)
    return names


def _is_idle(position: int, rows: list[list[str]], lines: list[int], path: Path) -> bool:
    """Returns whether a column without a name can be left out: it is empty, or numbers the rows.

    Raises:
        DataError: it cannot.
    """
    cells = [row[position].strip() for row in rows]
    if not any(cells):
        return True
    if position == 0 and len(set(cells)) == len(cells) and all(cell.isdecimal() for cell in cells):
        return True
    line, cell = next((line, cell) for line, cell in zip(lines, cells, strict=True) if cell)
    problem = f"{cell!r} stands in column {position + 1}, which has no name"
    raise DataError(problem, place=f"{path}:{line}", value=cell)


def _beside(path: Path) -> str:
    """Returns a hint at a file of a similar name in the folder, if the file is not there."""
    try:
        names = [file.name for file in path.parent.iterdir()] if not path.exists() else []
    except OSError:
        return ""
    return nearest(path.name, names)
