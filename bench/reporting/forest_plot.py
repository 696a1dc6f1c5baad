"""A forest plot of a table of intervals: each row's weighted average, and how sure it is."""

from collections.abc import Iterator, Mapping
from html import escape

from bench.reporting.lanes import SHAPES, Scale, across, axis, lane, mark, scale_of, upright, words
from bench.reporting.table import Cell, Row, Table

_HEIGHT_PX, _LABEL_PX = 32, 15
_DISC, _DIAMOND = SHAPES[0], SHAPES[2]

_EXPLAINED = (
    "Disc: mean over seeds. Broad line: its 95% interval over seeds. Thin line: over seeds and patients, or "
    "over patients alone where there is one seed; the numbers are its ends. Dashed: what is reached without "
    "looking at the image."
)
_PUBLISHED = " Diamond: the published mean."


def forest_plot(table: Table, published: Mapping[str, float]) -> str:
    """Returns the figure as HTML with lanes of SVG; the same table gives the same text.

    Args:
        table: of intervals (see `bench.reporting.interval_table`), with at least one row of a model.
        published: means by the label of a row.
    """
    shown = {row.label: published[row.label] for row in table.models if row.label in published}
    scale = forest_scale(table, shown)
    controls = {
        f"{row.label} {cell.printed_mean}": mean
        for row in table.references
        for cell in row.cells
        if (mean := cell.mean) is not None
    }
    lines = [upright(scale, tick, 0, _HEIGHT_PX, "grid") for tick in scale.ticks]
    lines += [upright(scale, value, 0, _HEIGHT_PX, "control") for value in controls.values()]
    lanes = "\n".join(_row(row, scale, lines, shown.get(row.label)) for row in table.models)
    explained = _EXPLAINED + (_PUBLISHED if shown else "")
    return (
        f'<figure class="plot forest" id="forest-{escape(table.key)}">\n'
        f"<figcaption>Weighted point accuracy, {escape(table.subject.place)}</figcaption>\n"
        f'<div class="lanes">\n{lanes}\n{axis(scale)}\n{_control_labels(scale, controls)}\n</div>\n'
        f'<p class="explained">{explained}</p>\n</figure>'
    )


def forest_scale(table: Table, published: Mapping[str, float]) -> Scale:
    """Returns the scale that holds all of a table of intervals, and the published means."""
    return scale_of([*_values(table), *published.values()])


def wide_interval(row: Row) -> Cell:
    """Returns the cell of a row of intervals that is over seeds and patients, or else over patients."""
    _, over_patients, over_both = row.cells
    return over_patients if over_both.low is None else over_both


def _values(table: Table) -> Iterator[float]:
    for row in (*table.models, *table.references):
        for cell in row.cells:
            ends = (cell.low, cell.high)
            if cell.mean is not None and cell.half_width is not None:
                ends = (cell.mean - cell.half_width, cell.mean + cell.half_width)
            yield from (value for value in (cell.mean, *ends) if value is not None)


def _row(row: Row, scale: Scale, lines: list[str], published: float | None) -> str:
    seeds, wide, middle = row.cells[0], wide_interval(row), _HEIGHT_PX / 2
    parts = list(lines)
    if wide.low is not None and wide.high is not None:
        parts.append(across(scale, wide.low, wide.high, middle, "wide"))
        parts += [upright(scale, end, middle - 4, middle + 4, "cap") for end in (wide.low, wide.high)]
    value = seeds.printed_mean
    if seeds.mean is not None:
        if seeds.half_width is not None:
            ends = seeds.mean - seeds.half_width, seeds.mean + seeds.half_width
            parts.append(across(scale, *ends, middle, "narrow"))
        parts.append(mark(scale, seeds.mean, middle, _DISC, "mean"))
    if wide.printed_ends is not None:
        value = f"{wide.printed_mean} [{', '.join(wide.printed_ends)}]"
    if published is not None:
        parts.append(mark(scale, published, middle, _DIAMOND, "published"))
    return (
        f'<span class="name">{escape(row.label)}</span>'
        f'<span class="value">{escape(value)}</span>{lane(_HEIGHT_PX, *parts)}'
    )


def _control_labels(scale: Scale, controls: Mapping[str, float]) -> str:
    """A line of text for each control, below each other so that close ones can be read."""
    parts = []
    for number, (label, value) in enumerate(sorted(controls.items(), key=lambda item: -item[1]), start=1):
        y = number * _LABEL_PX
        is_left = value < (scale.low + scale.high) / 2
        text = f"\u00a0{label}\u00a0"
        parts += [
            upright(scale, value, 0, y, "control"),
            words(scale, value, y, text, "start" if is_left else "end"),
        ]
    return lane(_LABEL_PX * len(controls) + 6, *parts)
