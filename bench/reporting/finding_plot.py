"""A figure of a localization table: each finding's accuracy by every model, with intervals."""

from collections.abc import Sequence
from html import escape

from bench.reporting.control_rows import CONSTANT
from bench.reporting.lanes import SHAPES, Scale, across, axis, lane, mark, upright
from bench.reporting.table import Cell, Table
from bench.suite.metrics import AVERAGES

_PITCH_PX, _PADDING_PX = 13, 7
SCALE = Scale(0.0, 1.0, 0.2)

_EXPLAINED = (
    "Means over seeds with 95% intervals over seeds, cut at 0 and 1. Dashed: the finding's best constant "
    "point, which does not look at the image."
)


def finding_plot(table: Table) -> str:
    """Returns the figure as HTML with lanes of SVG, a lane for each finding.

    Args:
        table: of point localization accuracy, with at least one model and one finding.
    """
    columns = finding_columns(table)
    constant = next((row.cells for row in table.references if row.label == CONSTANT), None)
    lanes = "\n".join(
        f'<span class="name">{escape(table.headings[i])}</span>'
        f"{_lane([row.cells[i] for row in table.models], constant[i] if constant else None)}"
        for i in columns
    )
    legend = "".join(
        f'<span><svg viewBox="-7 -7 14 14" aria-hidden="true"><path d="{SHAPES[i % len(SHAPES)]}" '
        f'style="fill:{_colour(i)}"/></svg>{escape(row.label)}</span>'
        for i, row in enumerate(table.models)
    )
    return (
        f'<figure class="plot" id="findings-{escape(table.key)}">\n'
        f"<figcaption>Point accuracy by finding, {escape(table.subject.place)}</figcaption>\n"
        f'<div class="legend">{legend}</div>\n<div class="lanes findings">\n{lanes}\n{axis(SCALE)}\n</div>\n'
        f'<p class="explained">{_EXPLAINED}</p>\n</figure>'
    )


def finding_columns(table: Table) -> list[int]:
    """Returns the indices of the columns of findings: not of averages of them, nor of what is no value."""
    return [i for i, column in enumerate(table.columns) if column.name and column.name not in AVERAGES]


def _lane(cells: Sequence[Cell], constant: Cell | None) -> str:
    height = _PITCH_PX * len(cells) + 2 * _PADDING_PX
    parts = [upright(SCALE, tick, 0, height, "grid") for tick in SCALE.ticks]
    parts.append(across(SCALE, 0, 1, 0.5, "grid"))
    if constant is not None and constant.mean is not None:
        parts.append(upright(SCALE, constant.mean, 3, height - 3, "control"))
    for i, cell in enumerate(cells):
        if cell.mean is None:
            continue
        y, colour = _PADDING_PX + _PITCH_PX * (i + 0.5), _colour(i)
        if cell.half_width is not None:
            ends = cell.mean - cell.half_width, cell.mean + cell.half_width
            parts.append(across(SCALE, *ends, y, "interval", f"stroke:{colour}"))
        parts.append(mark(SCALE, cell.mean, y, SHAPES[i % len(SHAPES)], "point", f"fill:{colour}"))
    return lane(height, *parts)


def _colour(index: int) -> str:
    """The page's variable of a model's colour; shapes and colours repeat together after seven."""
    return f"var(--m{index % len(SHAPES)})"
