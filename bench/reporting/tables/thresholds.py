"""The table of what choosing thresholds on the test set itself would have added."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bench.metrics.measure import Measure, measure_of
from bench.metrics.thresholds import AtThreshold, Origin, SweptMeasure
from bench.reporting.tables.metric_rows import MetricRows, RowScores
from bench.reporting.tables.summary import num_fitted
from bench.reporting.tables.table import Cell, Column, Row, Subject, Table
from bench.statistics.scores import ColumnScores
from bench.suite.metrics import WEIGHTED

ORIGINS: dict[Origin, str] = {
    "a_priori": "A priori (0.5)",
    "cross_fitted": "Cross-fitted",
    "oracle": "Oracle",
    "oracle_per_finding": "Oracle per finding",
}
GAIN = "Oracle − cross-fitted"

_CAPTION = (
    "Weighted averages by where the threshold is from: half of a map's range; the one that is best for other "
    "patients, which all other tables show; and the one that is best for the test set itself, a single one "
    "(oracle) or one for each finding. Mean ± half-width of the 95% Student-t interval, other seeds, these "
    "images. An oracle knows the boxes that it is scored on: it is never bold here and bears no claim. "
    "Oracle − cross-fitted: what tuning on the test set would have added; in brackets the 95% interval over "
    "other patients, these seeds."
)


def threshold_table(found: Sequence[MetricRows]) -> Table | None:
    """Returns the table of one data set and resolution; None where no metric has a threshold to choose.

    Args:
        found: rows of each metric that a trial has.
    """
    swept = [rows for rows in found if isinstance(measure_of(rows.metric.name), SweptMeasure)]
    models = [_row(row) for rows in swept for row in rows.rows if row.has_average]
    if not models:
        return None
    place = swept[0].place
    subject = Subject("thresholds", dataset=place.dataset, resolution=place.resolution)
    used: dict[Origin, str] = {
        "a_priori": "none",
        "cross_fitted": f"{num_fitted(swept[0].num_boxes)} of others",
        "oracle": "all, its own too",
        "oracle_per_finding": "all, its own too",
    }
    return Table(
        key=f"thresholds-{subject.place_key}",
        subject=subject,
        title=f"What tuning thresholds on the test set would have added, {subject.place}",
        columns=(
            *(Column(heading, f"Boxes used: {used[origin]}") for origin, heading in ORIGINS.items()),
            Column(GAIN),
        ),
        models=tuple(models),
        caption=_CAPTION,
    )


def by_origin(swept: SweptMeasure, score: Callable[[Measure], ColumnScores]) -> dict[Origin, ColumnScores]:
    """Returns what `score` gives of the metric at thresholds of each origin."""
    return {origin: score(AtThreshold(swept, origin)) for origin in ORIGINS}


def gain_of_tuning(scores: Mapping[Origin, ColumnScores]) -> Cell:
    """Returns what an oracle adds to the threshold of other patients; its interval is over patients."""
    difference = scores["oracle"].minus(scores["cross_fitted"])
    assert difference is not None
    interval = difference.over_patients
    assert interval is not None
    return replace(Cell.of_interval(interval), is_signed=True, decimals=_GAIN_DECIMALS)


_GAIN_DECIMALS = 3


def _row(row: RowScores) -> Row:
    swept = measure_of(row.metric.name)
    assert isinstance(swept, SweptMeasure)
    seeds, ids = [point.trial.seed for point in row.scored], tuple(point.trial.id for point in row.scored)

    def score(measure: Measure) -> ColumnScores:
        units = row.units_by(measure)
        assert units is not None
        by_seed = dict(zip(seeds, units.values(WEIGHTED).tolist(), strict=True))
        return ColumnScores(row.label, by_seed, ids, lambda: units)

    scores, num_points = by_origin(swept, score), len(row.points)
    cells = [
        Cell.of_mean(one.recorded, expected=num_points, trial_ids=ids, decimals=row.metric.decimals)
        for one in scores.values()
    ]
    gain = replace(gain_of_tuning(scores), trial_ids=ids, expected=num_points)
    return Row(row.label, (*cells, gain), section=row.metric.title)
