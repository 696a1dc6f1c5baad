"""The report of a reference run: its maps by every metric, beside controls that see no image."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, partial

import pandas as pd

from bench.escapes import markdown, paragraph
from bench.metrics.conformal import COVERAGE, ConformalArea
from bench.metrics.folds import NUM_DEALS, NUM_FOLDS
from bench.metrics.measure import Measure, measure_of
from bench.metrics.thresholds import SweptMeasure
from bench.reporting.build import ORIGIN, Report, report_page, table_files
from bench.reporting.references import Reference
from bench.reporting.tables.controls import (
    LABELS,
    Control,
    best_of,
    controls_of,
    gain_over,
    is_beaten,
)
from bench.reporting.tables.summary import GROUP_TITLES, num_fitted
from bench.reporting.tables.table import UNDECIDED, Cell, Column, Row, Subject, Table, TableKind
from bench.reporting.tables.thresholds import GAIN, ORIGINS, by_origin, gain_of_tuning
from bench.reporting.writers.html import PAGE
from bench.reporting.writers.markdown import to_markdown
from bench.statistics.scores import ColumnScores
from bench.statistics.unit_scores import UnitScores, scores_of
from bench.suite.metrics import AVERAGES, GROUPS, METRICS, WEIGHTED, Metric, average_of, column_title

_DECIMALS = 3
"""Of single runs, whose intervals are over patients alone."""

_SUMMARY_CAPTION = (
    "Weighted averages; in brackets 95% intervals over other patients. Controls see no image: a map of "
    "random cells, the image centre, and, fitted on other patients, each finding's best constant point and "
    f"its prior map, the mean of its regions (mean of {NUM_DEALS} deals of patients into {NUM_FOLDS} folds). "
    "The last two know the boxes of other patients, all of them, which a weakly supervised model never sees. "
    "Boxes used: those of other patients that choose the maps' threshold. Last column: the maps less the "
    "best control, patient by patient. ↓: less is better."
)
_THRESHOLD_CAPTION = (
    "Weighted averages by where the threshold is from: half of a map's range; the one that is best for other "
    "patients, which all other tables show; and the one that is best for these units themselves, a single "
    "one (oracle) or one for each finding. Last column: what tuning on the test set would have added, in "
    "brackets its 95% interval over other patients."
)
_FINDING_CAPTION = "The maps by finding; in brackets units. ↓: less is better."


class _Scores:
    """What a reference run's units score, and controls on the same boxes."""

    def __init__(self, reference: Reference, boxes: pd.DataFrame) -> None:
        """Takes the run, which has units, and their boxes, px of its grid."""
        assert reference.units is not None
        self.reference, self.boxes, self.units = reference, boxes, reference.units
        known = set(self.units.columns)
        self.metrics = sorted(
            (
                metric
                for metric in METRICS.values()
                if metric.has_controls and set(measure_of(metric.name).columns) <= known
            ),
            key=lambda metric: GROUPS.index(metric.group),
        )

    def of(self, metric: Metric, column: str = WEIGHTED, measure: Measure | None = None) -> ColumnScores:
        """Returns what the run scores in a column of a metric, computed by its measure or another."""
        record = self.reference.record
        units: UnitScores = scores_of([self.units], measure or measure_of(metric.name)).in_column(column)
        (value,) = units.values(average_of(column)).tolist()
        by_seed = {record.units_seed or 0: value}
        return ColumnScores(record.title, by_seed, (record.name,), lambda: units, average_of(column))

    @cached_property
    def controls(self) -> dict[str, tuple[Control, ...]]:
        """What each control scores, by metric."""
        return dict(controls_of(self.boxes, self.units, self.reference.record.grid_px, METRICS.values()))

    def subject(self, kind: TableKind) -> Subject:
        """Returns the subject of a table."""
        record = self.reference.record
        return Subject(kind, dataset=record.dataset, resolution=record.resolution)


def render_reference(reference: Reference, boxes: pd.DataFrame) -> Report:
    """Returns the report of a reference run.

    Args:
        reference: the run, with units that were scored here.
        boxes: of its units, px of its grid.
    """
    record, scores = reference.record, _Scores(reference, boxes)
    tables = (_summary(scores), _thresholds(scores), _by_finding(scores))
    origin = list(_origin(scores))
    sections = map(to_markdown, tables)
    source = f"{record.source}."
    head = [f"# {markdown(record.title)}\n", paragraph(source) + "\n"]
    page = "\n".join([*head, *sections, f"### {ORIGIN}\n", *map(paragraph, origin)]) + "\n"
    html = report_page(record.name, record.title, tables, [], [source, *origin], gallery=None)
    files = {"README.md": page, PAGE: html}
    for table in tables:
        files |= table_files(table)
    return Report(record.name, tables, page, files)


def _summary(scores: _Scores) -> Table:
    rows = [_summary_row(scores, metric) for metric in scores.metrics]
    is_marked = any(row.marks for row in rows)
    subject = scores.subject("summary")
    return Table(
        key="summary",
        subject=subject,
        title=f"All metrics, {subject.place}",
        columns=(
            Column("Maps"),
            Column("Boxes used"),
            *(Column(label, "Controls") for label in LABELS.values()),
            Column("Maps less best control"),
        ),
        models=tuple(rows),
        caption=_SUMMARY_CAPTION,
        notes=tuple(_coverage(scores)),
        footnotes=(UNDECIDED,) if is_marked else (),
    )


def _summary_row(scores: _Scores, metric: Metric) -> Row:
    own, controls = scores.of(metric), scores.controls[metric.name]
    best = best_of(controls, metric)
    used = f"{num_fitted(len(scores.boxes))}" if metric.threshold == "cross_fitted" else "none"
    cells = [_with_patients(own), Cell(None, text=used)]
    cells += [_with_patients(one.weighted) for one in controls]
    is_undecided = is_beaten(best, [own], metric) is False
    return Row(
        _label(metric),
        (*cells, replace(gain_over(best.weighted, own), decimals=_DECIMALS)),
        section=GROUP_TITLES[metric.group],
        marks=UNDECIDED.mark if is_undecided else "",
    )


def _label(metric: Metric) -> str:
    return f"{metric.title} ↓" if metric.best == "lowest" else metric.title


def _with_patients(scores: ColumnScores) -> Cell:
    assert scores.over_patients is not None
    return replace(Cell.of_interval(scores.over_patients), decimals=_DECIMALS)


def _thresholds(scores: _Scores) -> Table:
    rows = []
    for metric in scores.metrics:
        measure = measure_of(metric.name)
        if not isinstance(measure, SweptMeasure):
            continue
        tuned = by_origin(measure, partial(scores.of, metric, WEIGHTED))
        cells = [Cell(one.values[0], decimals=_DECIMALS) for one in tuned.values()]
        rows.append(Row(_label(metric), (*cells, gain_of_tuning(tuned))))
    subject = scores.subject("thresholds")
    return Table(
        key="thresholds",
        subject=subject,
        title=f"What tuning thresholds on the test set would have added, {subject.place}",
        columns=(*(Column(heading) for heading in ORIGINS.values()), Column(GAIN)),
        models=tuple(rows),
        caption=_THRESHOLD_CAPTION,
    )


def _by_finding(scores: _Scores) -> Table:
    counts = scores.units["finding"].value_counts()
    columns = [*AVERAGES, *(name for name in dict.fromkeys(scores.units["finding"]))]
    rows = []
    for metric in scores.metrics:
        values = [scores.of(metric, column).values[0] for column in columns]
        rows.append(
            Row(
                _label(metric),
                tuple(Cell(value, decimals=_DECIMALS) for value in values),
                section=GROUP_TITLES[metric.group],
            )
        )
    subject = scores.subject("metric")
    headings = [column_title(one) + (f" ({counts[one]})" if one in counts else "") for one in columns]
    return Table(
        key="findings",
        subject=subject,
        title=f"By finding, {subject.place}",
        columns=tuple(map(Column, headings)),
        models=tuple(rows),
        caption=_FINDING_CAPTION,
    )


def _coverage(scores: _Scores) -> Iterator[str]:
    for metric in scores.metrics:
        measure = measure_of(metric.name)
        if isinstance(measure, ConformalArea):
            share = measure.coverage(scores.units)
            yield (
                f"{metric.title}: calibrated on other patients it holds in {share:.3f} of these units; "
                f"{COVERAGE:g} is promised."
            )


def _origin(scores: _Scores) -> Iterator[str]:
    record = scores.reference.record
    num_patients = scores.units["patient"].nunique()
    yield (
        f"{len(scores.units)} units of {scores.units['image'].nunique()} images of {num_patients} patients, "
        f"seed {record.units_seed}, on a grid of {record.grid_px} px. As to its protocol, {record.differs}."
    )
    yield from (f"{note}." for note in record.notes)
    yield f"Scored by bench {record.bench} from these files."
    yield from (f"{name}: {digest}" for name, digest in record.inputs.items())
