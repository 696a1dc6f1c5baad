"""A table of the thesis in its three forms: ours alone, ours beside published, and a compact one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from bench.errors import listing
from bench.reporting.tables.standing import Standing, standing_caption
from bench.reporting.tables.table import DIGITS, SYMBOLS, Cell, Column, Footnote, Row, Table
from bench.reporting.thesis.cells import (
    EMPTY,
    HIGH_DEVIATION,
    Footnotes,
    difference_cell,
    our_cell,
    their_cell,
    underlined,
    with_verdict,
)
from bench.reporting.thesis.layout import Axis, Slot, ThesisTable
from bench.reporting.thesis.measured import Measurements
from bench.statistics.spread import SEEDS_ALONE, SEEDS_AND_PATIENTS
from bench.suite.cam import NATIVE
from bench.suite.metrics import METRICS, Metric

Form = Literal["ours", "beside", "compact"]

_REPORTED = Footnote("§", "Reported by its authors, not measured here.")


def table_in_form(table: ThesisTable, form: Form, measurements: Measurements) -> Table:
    """Returns the table: ours alone, ours beside published with the difference, or in compact form.

    Rows that nobody here measures are as reported in every form.

    Raises:
        SuiteError: a suite is there and is not usable.
        ResultsError: a record or a table of boxes cannot be read.
    """
    footnotes = Footnotes()
    is_compact = form == "compact"
    rows = (_compact_rows if is_compact else _full_rows)(table, form, measurements, footnotes)
    reported = (_REPORTED,) if any(_REPORTED.mark in row.marks for row in rows) else ()
    sentences = _compact_caption(table, measurements) if is_compact else _caption(table, form, measurements)
    is_beside = ", ours beside published" if form == "beside" else ""
    return Table(
        key=f"{table.key}-{form}",
        subject=table.subject,
        title=f"Table {table.number} of the thesis{is_beside}. {table.title}",
        columns=_compact_columns(table)
        if is_compact
        else tuple(Column(axis.label, axis.group, axis.metric, axis.name) for axis in table.columns),
        models=tuple(rows),
        caption=" ".join(filter(None, sentences)),
        footnotes=(*reported, *footnotes.all),
        is_narrow=is_compact,
    )


def _full_rows(table: ThesisTable, form: Form, measurements: Measurements, footnotes: Footnotes) -> list[Row]:
    rows = []
    for axis in table.rows:
        slots = [table.slot(axis, column) for column in table.columns]
        if axis.is_reported:
            own = _row(axis, [their_cell(slot, footnotes) for slot in slots])
            rows.append(replace(own, kind="published", marks=_REPORTED.mark))
            continue
        details: dict[str, list[Cell]] = {}
        if form == "beside":
            theirs = [their_cell(slot, footnotes) for slot in slots]
            details["published"] = [underlined(cell) for cell in theirs] if table.has_variance else theirs
            details["difference"] = [difference_cell(one, measurements.of(one), footnotes) for one in slots]
        rows.append(_row(axis, _our_cells(table, axis, measurements, footnotes)))
        for kind, cells in details.items():
            rows.append(replace(_row(axis, cells), label=kind, of=axis.label, kind=kind, cam=None))
    return rows


def _row(axis: Axis, cells: Iterable[Cell]) -> Row:
    return Row(
        axis.label, tuple(cells), axis.group, kind="ours", cam=axis.cam, metric=axis.metric, name=axis.name
    )


def _our_cells(
    table: ThesisTable, row: Axis, measurements: Measurements, footnotes: Footnotes
) -> Iterable[Cell]:
    for column in table.columns:
        slot = table.slot(row, column)
        cell = our_cell(slot, measurements.of(slot), footnotes)
        if cell.n:
            place = _standing(table, row, column, measurements)
            cell = replace(cell, is_best=place.is_best, p_to_best=place.p_to_best)
        yield underlined(cell) if table.has_variance else cell


def _standing(table: ThesisTable, row: Axis, column: Axis, measurements: Measurements) -> Standing:
    """Returns the place of a cell among those of its quantity and the models it is compared with."""
    if row.quantity is None:
        others = [axis for axis in table.rows if table.best_within == "table" or axis.group == row.group]
        slots = [(axis.group + axis.label, table.slot(axis, column)) for axis in others]
        own = row.group + row.label
    else:
        slots = [(axis.group + axis.label, table.slot(row, axis)) for axis in table.columns]
        own = column.group + column.label
    rivals = {name: other for name, other in slots if other.source.kind == "model"}
    return measurements.standings(rivals).get(own, Standing())


def _caption(table: ThesisTable, form: Form, measurements: Measurements) -> Iterable[str]:
    yield table.caption
    yield (
        "Mean ± half-width of the 95% Student-t interval over five seeds (other seeds, these images); n "
        f"where it is not five. {DIGITS}"
    )
    if form == "beside":
        yield (
            "Published: as the thesis prints it, over five seeds. Difference: ours − published. "
            f"{SYMBOLS['reproduced']} reproduced: equivalent within {_margins(table, measurements)}, its 95% "
            f"interval within that; {SYMBOLS['higher']} higher, {SYMBOLS['lower']} lower: it lies beyond; "
            f"{SYMBOLS['inconclusive']} inconclusive with this n; — missing. Over other seeds, these images: "
            "the thesis prints nothing of patients."
        )
    yield _best_caption(table, measurements)
    if table.has_variance:
        yield (
            "Underlined: high variance, a standard deviation across seeds above "
            f"{HIGH_DEVIATION:.2f} (of five seeds a half-width above 0.15)."
        )
    if any(slot.source.kind == "area" for slot in table.slots()):
        yield "Areas: mean share of the image that a finding's boxes cover, from the boxes that trials had."
        if form == "beside":
            yield "Areas have no chance in them: reproduced is what rounds to the printed number."


def _best_caption(table: ThesisTable, measurements: Measurements) -> str:
    """Returns what bold and the dagger mean."""
    where = "its section" if table.best_within == "section" else "its quantity"
    metrics = _metrics_of(table)
    by_seed = [one.title for one in metrics if measurements.population(table, one) == SEEDS_ALONE]
    if len(by_seed) == len(metrics):
        return standing_caption(where, SEEDS_ALONE)
    apart = f" Of {listing(by_seed)} the test is paired by seed, over other seeds and these images."
    return standing_caption(where, SEEDS_AND_PATIENTS) + (apart if by_seed else "")


def _margins(table: ThesisTable, measurements: Measurements) -> str:
    """Returns the margins that the table's suites declare."""
    metrics = _metrics_of(table)
    margins = [
        " or ".join(f"±{margin:g}" for margin in measurements.margins(table, metric)) for metric in metrics
    ]
    if len(metrics) == 1:
        return margins[0]
    names = [metric.title if metric.is_of_model else "localization" for metric in metrics]
    return " and ".join(f"{margin} ({name})" for margin, name in zip(margins, names, strict=True))


def _metrics_of(table: ThesisTable) -> list[Metric]:
    return [METRICS[name] for name in dict.fromkeys(slot.quantity.metric for slot in table.slots())]


@dataclass(frozen=True)
class _CompactRow:
    """A model's cells of one metric, by the name of the quantity."""

    section: str
    label: str
    metric: str
    is_reported: bool
    slots: dict[str, Slot]


def _compact_columns(table: ThesisTable) -> tuple[Column, ...]:
    headings = {slot.quantity.name: slot.quantity.heading for slot in table.slots()}
    return tuple(
        Column(whose, headings[name], name=name if whose == "ours" else "")
        for name in table.compact
        for whose in ("ours", "published")
    )


def _compact_rows(
    table: ThesisTable, _form: Form, measurements: Measurements, footnotes: Footnotes
) -> list[Row]:
    rows = []
    for line in _compact_lines(table):
        cells: list[Cell] = []
        for slot in (line.slots[name] for name in table.compact):
            ours = EMPTY
            if not line.is_reported:
                measured = measurements.of(slot)
                ours = with_verdict(our_cell(slot, measured, footnotes), slot, measured, footnotes)
            cells += [ours, their_cell(slot, footnotes)]
        row = Row(line.label, tuple(cells), line.section, metric=line.metric)
        rows.append(replace(row, marks=_REPORTED.mark) if line.is_reported else replace(row, cam=NATIVE))
    return rows


def _compact_lines(table: ThesisTable) -> list[_CompactRow]:
    """Returns the slots to show, by metric, section and model."""
    lines: dict[tuple[str, str], _CompactRow] = {}
    metrics = [metric.name for metric in _metrics_of(table)]
    for row in table.rows:
        for column in table.columns:
            slot = table.slot(row, column)
            if slot.quantity.name not in table.compact or slot.source.kind == "area":
                continue
            model = row if row.source is not None else column
            section = model.group
            if len(metrics) > 1:
                section = f"{column.group}, {model.group}"
            elif model is not column and column.resolution is not None and column.group:
                section = column.group
            line = _CompactRow(section, model.label, slot.quantity.metric, slot.source.kind == "reported", {})
            lines.setdefault((section, model.label), line).slots[slot.quantity.name] = slot
    order = list(dict.fromkeys(line.section for line in lines.values()))
    return sorted(lines.values(), key=lambda line: (metrics.index(line.metric), order.index(line.section)))


def _compact_caption(table: ThesisTable, measurements: Measurements) -> Iterable[str]:
    yield (
        "Mean ± half-width of the 95% Student-t interval, five seeds unless n says otherwise. Behind ours: "
        f"{SYMBOLS['reproduced']} equivalent to published within {_margins(table, measurements)} (95% "
        f"interval of the difference); {SYMBOLS['higher']} higher, {SYMBOLS['lower']} lower by more; "
        f"{SYMBOLS['inconclusive']} inconclusive; other seeds, these images."
    )
    if not any(slot.quantity.is_average for slot in table.slots()):
        yield (
            "The thesis prints no averages here: of the findings that every row has, those of the largest "
            "and the smallest boxes."
        )
