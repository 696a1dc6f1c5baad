"""Model sheets as text for a terminal, and as JSON."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from bench.cli.model_sheets import Row, Sheet
from bench.results.model_sizes import IN_CHANNELS, NUM_CLASSES, SIZES_PX, Unusable
from bench.suite.catalog import Option, OptionValue, Variant

_HEADER = ("variant", "parameters", "map", "GMACs", "tables", "in a suite")
_INDENT = _GAP = "  "
_MISSING = "—"
_FIGURE = "Figure "


def to_json(sheets: Sequence[Sheet], encoder: str) -> str:
    """Returns the models as a JSON document; a variant without a size has a "reason" in its place."""
    models = [
        {
            "name": sheet.name,
            "label": sheet.label,
            "source": sheet.source,
            "options": [_option_as_json(option) for option in sheet.options],
            "variants": [
                asdict(row.variant) | {"written": written(sheet.name, row.variant)} | asdict(row.size)
                for row in sheet.rows
            ],
        }
        for sheet in sheets
    ]
    document = {"encoder": encoder, "num_classes": NUM_CLASSES, "in_channels": IN_CHANNELS, "models": models}
    return json.dumps(document, indent=2)


def to_text(sheets: Sequence[Sheet], encoder: str, width: int) -> str:
    """Returns a block per model, all with the same columns, and a legend.

    Args:
        sheets: the models.
        encoder: what sizes were computed with.
        width: of the terminal, in characters. If it is too small for the last column, what a suite writes,
            that stands below each line.
    """
    tables = [[_HEADER, *(_cells(sheet.name, row) for row in sheet.rows)] for sheet in sheets]
    widths = [max(map(len, column)) for column in zip(*(row for rows in tables for row in rows), strict=True)]
    is_wide = len(_INDENT) + sum(widths) + len(_GAP) * (len(widths) - 1) <= width
    lines: list[str] = []
    for sheet, table in zip(sheets, tables, strict=True):
        lines += [*_head(sheet, width), "", *_body(table, widths, is_wide=is_wide)]
        lines += [*_reasons(sheet, width), ""]
    return "\n".join([*lines, *_legend(encoder)])


def written(name: str, variant: Variant) -> str:
    """Returns what stands for the variant in a suite's list of models."""
    options = "".join(f", {key}: {_plain(value)}" for key, value in variant.options.items())
    return f"{{name: {name}{options}}}" if options else name


def _head(sheet: Sheet, width: int) -> list[str]:
    source = textwrap.wrap(f"Source: {sheet.source or _MISSING}", width - len(_INDENT))
    options = [
        f"{_INDENT}{option.name}: {option.expectation()} (default {_plain(option.default)})"
        for option in sheet.options
    ]
    heading = ["Options:"] if options else []
    return [f"{sheet.name}: {sheet.label}", *(_INDENT + line for line in source + heading + options)]


def _cells(name: str, row: Row) -> tuple[str, ...]:
    size, tables = row.size, _tables(row.variant.tables)
    if isinstance(size, Unusable):
        numbers = (_MISSING,) * 3
    else:
        sides = "/".join(str(size.sides[size_px]) for size_px in SIZES_PX)
        numbers = (f"{size.parameters:,}", sides, f"{size.gmacs:.2f}")
    return row.variant.label, *numbers, tables, written(name, row.variant)


def _body(table: Sequence[Sequence[str]], widths: Sequence[int], *, is_wide: bool) -> Iterator[str]:
    """Yields lines: label, numbers to the right, tables, and what a suite writes beside them or below."""
    for index, (label, *numbers, tables, in_a_suite) in enumerate(table):
        aligned = [label.ljust(widths[0])]
        aligned += [number.rjust(width) for number, width in zip(numbers, widths[1:-2], strict=True)]
        aligned += [tables.ljust(widths[-2]), *([in_a_suite] if is_wide else [])]
        yield (_INDENT + _GAP.join(aligned)).rstrip()
        if not is_wide and index > 1:  # the name of the model with default options is in its head
            yield _INDENT * 2 + in_a_suite


def _reasons(sheet: Sheet, width: int) -> list[str]:
    reasons = dict.fromkeys(row.size.reason for row in sheet.rows if isinstance(row.size, Unusable))
    return [
        line
        for reason in reasons
        for line in textwrap.wrap(
            f"{_MISSING} {reason}", width, initial_indent=_INDENT, subsequent_indent=_INDENT * 2
        )
    ]


def _tables(names: Sequence[str]) -> str:
    """Returns the tables, then the figures, in brief: "5.1–5.6, 6.2, Fig. 8.1"."""
    figures = [name.removeprefix(_FIGURE) for name in names if name.startswith(_FIGURE)]
    runs: list[list[str]] = []
    for name in names:
        if runs and name == _next(runs[-1][-1]):
            runs[-1].append(name)
        elif not name.startswith(_FIGURE):
            runs.append([name])
    shown = [f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(run) for run in runs]
    if figures:
        shown.append(f"Fig. {', '.join(figures)}")
    return ", ".join(shown)


def _next(table: str) -> str:
    chapter, _, number = table.rpartition(".")
    return f"{chapter}.{int(number) + 1}" if number.isdecimal() else ""


def _legend(encoder: str) -> list[str]:
    small, large = SIZES_PX
    return [
        f"Computed with encoder {encoder}, {NUM_CLASSES} classes and {IN_CHANNELS} input channel:",
        "  parameters  of encoder, decoder and head",
        f"  map         side of the heatmap for images of {small}/{large} px",
        f"  GMACs       10⁹ multiply-accumulates for one image of {small} px",
        "  tables      and figures of the thesis that show it",
    ]


def _option_as_json(option: Option) -> dict[str, object]:
    allowed = [True, False] if option.type_name == "bool" else list(option.allowed)
    bound = {} if option.bound is None else {option.bound[0]: option.bound[1]}
    return {
        "name": option.name,
        "type": option.type_name,
        "default": option.default,
        "allowed": allowed or None,
        "bound": bound or None,
    }


def _plain(value: OptionValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
