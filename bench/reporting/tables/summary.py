"""The table that a report opens with: every metric's weighted average, of models, controls and references."""

from collections.abc import Iterable, Mapping, Sequence

from bench.errors import listing
from bench.metrics.controls import FITTED
from bench.metrics.folds import NUM_DEALS, NUM_FOLDS
from bench.reporting.references import Reference
from bench.reporting.tables.controls import LABELS
from bench.reporting.tables.metric_rows import MetricRows, population_of
from bench.reporting.tables.standing import Standing, scored_cell, standing_caption, standings
from bench.reporting.tables.table import DIGITS, UNDECIDED, Cell, Column, Row, Subject, Table
from bench.suite.metrics import GROUPS, WEIGHTED, Group

BOXES_USED = "Boxes used"

GROUP_TITLES: dict[Group, str] = {
    "pointing": "Pointing",
    "pixels": "Pixels",
    "boxes": "Boxes",
    "areas": "Area to search",
    "classification": "Classifier",
}

_CAPTION = (
    "Weighted average of each metric: mean ± half-width of the 95% Student-t interval, other seeds, these "
    f"images. {DIGITS}"
)
_CONTROL_CAPTION = (
    "Below the line: controls, which see no image. Boxes used: those of other patients. The best constant "
    "point and the prior map, the mean of the finding's regions in other patients, know all of them, which a "
    f"weakly supervised model never sees (mean of {NUM_DEALS} deals of patients into {NUM_FOLDS} folds)."
)


def summary_table(found: Sequence[MetricRows], references: Sequence[Reference]) -> Table:
    """Returns the table of one data set and resolution.

    Args:
        found: rows of each metric that a trial has, at least one.
        references: those of its data set and resolution.
    """
    ordered = sorted(found, key=lambda rows: GROUPS.index(rows.metric.group))
    place = ordered[0].place
    subject = Subject("summary", dataset=place.dataset, resolution=place.resolution)
    scored = [row for rows in ordered for row in rows.rows]
    used = boxes_used(ordered)
    models = []
    cells_of = [_cells(rows) for rows in ordered]
    cams = {row.label: row.cam for row in reversed(scored)}
    for label in dict.fromkeys(row.label for row in scored):
        cells = [own.get(label, Cell(None)) for own in cells_of]
        models.append(Row(label, (*cells, Cell(None, text=used)), cam=cams[label]))
    caption = [_CAPTION, _less_is_better(ordered), standing_caption("a column", population_of(scored))]
    below = _controls(ordered)
    if below:
        caption += [_of_thresholds(ordered, used), _CONTROL_CAPTION]
    undecided = [rows for rows in ordered if rows.is_undecided]
    return Table(
        key=f"summary-{subject.place_key}",
        subject=subject,
        title=f"Summary, {subject.place}",
        columns=(*map(_column, ordered), Column(BOXES_USED)),
        models=tuple(models),
        references=(*below, *(_reference(one, ordered) for one in references)),
        caption=" ".join(filter(None, caption)),
        footnotes=(UNDECIDED,) if undecided else (),
    )


def boxes_used(found: Iterable[MetricRows]) -> str:
    """Returns how many boxes of other patients choose a model's thresholds, if any are chosen."""
    chosen = [rows for rows in found if rows.metric.threshold == "cross_fitted"]
    return f"{num_fitted(chosen[0].num_boxes)}" if chosen else "none"


def num_fitted(num_boxes: int) -> int:
    """Returns how many of the boxes are outside of a fold."""
    return round(num_boxes * (NUM_FOLDS - 1) / NUM_FOLDS)


def _column(rows: MetricRows) -> Column:
    metric = rows.metric
    heading = f"{metric.short} ↓" if metric.best == "lowest" else metric.short
    marks = UNDECIDED.mark if rows.is_undecided else ""
    return Column(heading, GROUP_TITLES[metric.group], metric.name, WEIGHTED, marks)


def _cells(rows: MetricRows) -> Mapping[str, Cell]:
    scores = rows.in_column(WEIGHTED)
    places = standings(scores, rows.metric.sign)
    return {
        row.label: scored_cell(
            scores[row.label],
            len(row.points),
            places.get(row.label, Standing()),
            rows.metric.decimals,
        )
        for row in rows.rows
    }


def _controls(found: Sequence[MetricRows]) -> list[Row]:
    """Returns a row for each control; nothing where no metric has any."""
    below = []
    for name, label in LABELS.items():
        cells = []
        for rows in found:
            own = next((one.weighted for one in rows.controls if one.name == name), None)
            mean = None if own is None else own.values[0]
            cells.append(Cell(mean, decimals=rows.metric.decimals))
        if any(cell.mean is not None for cell in cells):
            used = "all" if name in FITTED else "none"
            below.append(Row(label, (*cells, Cell(None, text=used))))
    return below


def _reference(reference: Reference, found: Sequence[MetricRows]) -> Row:
    cells = []
    for rows in found:
        mean = reference.mean(rows.metric.key(WEIGHTED))
        cells.append(Cell(None) if mean is None else Cell.of_mean(mean, decimals=rows.metric.decimals))
    return Row(reference.label, (*cells, Cell(None)))


def _less_is_better(found: Sequence[MetricRows]) -> str:
    return "↓: less is better." if any(rows.metric.best == "lowest" for rows in found) else ""


def _of_thresholds(found: Sequence[MetricRows], used: str) -> str:
    chosen = [rows.metric.short for rows in found if rows.metric.threshold == "cross_fitted"]
    if not chosen:
        return ""
    return f"Of models: {used}, for thresholds of {listing(chosen)}, cross-fitted by patient; no other."
