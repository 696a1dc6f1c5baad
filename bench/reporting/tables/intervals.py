"""Tables of how sure a weighted average is, and of its differences between rows."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.errors import listing
from bench.reporting.tables.table import Cell, Column, Row, Subject, Table, format_p
from bench.statistics.interval import Interval
from bench.statistics.mcnemar import clustered_mcnemar
from bench.statistics.multiplicity import holm
from bench.statistics.paired import EXACT_UP_TO, sign_flip_by_seed
from bench.statistics.scores import FEWEST_PATIENTS, ColumnScores
from bench.statistics.spread import PATIENTS_ALONE, SEEDS_ALONE
from bench.statistics.unit_scores import MeanScores
from bench.suite.cam import CamMethod
from bench.suite.metrics import METRICS

_INTERVAL_CAPTION = (
    "Weighted average with 95% intervals. Over seeds: Student's t; other seeds, these images. Over patients: "
    "bootstrap of patients with all of their units (BCa; Wilson's interval where all units are hit or none); "
    "these seeds, other patients. Over both: other seeds, other patients; half-widths add as squares, on the "
    "logit scale, and the interval holds the one over seeds, cut at 0 and 1."
)


def interval_table(
    subject: Subject,
    rows: Sequence[ColumnScores],
    controls: Sequence[ColumnScores],
    cams: Mapping[str, CamMethod],
) -> Table:
    """Returns the table: a row for each model, then the controls, which have no seeds.

    Intervals over patients are holes where there are fewer than `FEWEST_PATIENTS`.

    Args:
        subject: its metric, data set and resolution.
        rows: weighted averages, each with units.
        controls: the same, at least one.
        cams: map of each row, by its label.
    """
    units = controls[0].units
    assert units is not None
    note = f"{len(units.units.images)} units of {units.num_patients} patients"
    if units.num_patients < FEWEST_PATIENTS:
        note += f": too few for intervals over patients alone, which need {FEWEST_PATIENTS}"
    return Table(
        key=f"{subject.kind}-{subject.place_key}",
        subject=subject,
        title=f"How sure the weighted average is, {subject.place}",
        columns=tuple(map(Column, ("Over seeds", "Over patients", "Over both"))),
        models=tuple(Row(row.label, _interval_cells(row), cam=cams[row.label]) for row in rows),
        references=tuple(
            Row(row.label, (Cell(None), replace(_interval_cell(row.over_patients), n=0), Cell(None)))
            for row in controls
        ),
        caption=_INTERVAL_CAPTION,
        notes=(f"{note}.",),
    )


def _interval_cells(row: ColumnScores) -> tuple[Cell, ...]:
    over_patients, over_both = _interval_cell(row.over_patients), _interval_cell(row.over_both)
    cells = (Cell.of_mean(row.over_seeds), over_patients, over_both)
    return tuple(replace(cell, trial_ids=row.trial_ids) for cell in cells)


def _interval_cell(interval: Interval | None) -> Cell:
    return Cell(None) if interval is None or interval.low is None else Cell.of_interval(interval)


MOST_ROWS = 10
"""With more rows than these, each is compared with the best one alone, not with every other."""

_GROUPS = {
    "Difference": ("Over seeds", "Over both"),
    "Decides": ("p", "p, Holm"),
    "Beside it, p": ("t by seed", "signs by seed", "McNemar"),
}
_COLUMNS = tuple(Column(heading, group) for group, headings in _GROUPS.items() for heading in headings)

_COMPARISON_CAPTION = (
    "Differences of the weighted average between two rows, for the seeds that both have. Over seeds: mean ± "
    "half-width of the 95% Student-t interval; other seeds, these images. Over both: 95% interval; other "
    "seeds, other patients. Its p decides, as in claims; Holm adjusts it for all comparisons of the table. "
    "Beside it: t by seed, and exact sign flips by seed with the least p of so many seeds in brackets; other "
    "seeds, these images. McNemar: clustered by patient (Obuchowski), over all seeds; these trained models, "
    "other patients. A p above .05 is no sign of equality."
)


def comparison_table(subject: Subject, rows: Sequence[ColumnScores]) -> Table | None:
    """Returns the table, a row for each comparison of weighted averages; None where no two share a seed.

    Args:
        subject: its metric, data set and resolution.
        rows: weighted averages. Where there are more than `MOST_ROWS`, each is compared with the best alone.
    """
    sign, num_pairs = METRICS[subject.metric].sign, math.comb(len(rows), 2)
    ordered = sorted(rows, key=lambda row: -row.over_seeds.mean * sign)
    pairs, notes, family = list(itertools.combinations(ordered, 2)), [], 0
    if len(rows) > MOST_ROWS:
        pairs, family = [(ordered[0], other) for other in ordered[1:]], num_pairs
        notes.append(
            f"More than {MOST_ROWS} rows: each is compared with the best one alone. These data chose it, so "
            f"that Holm counts all {num_pairs} pairs."
        )
    differences = [found for first, second in pairs if (found := first.minus(second)) is not None]
    if not differences:
        return None
    decisions = [one.decision for one in differences]
    adjusted = holm([p for p, _ in decisions], family=family)
    for alone in (SEEDS_ALONE, PATIENTS_ALONE):
        labels = [
            one.label
            for one, (p, population) in zip(differences, decisions, strict=True)
            if population == alone and not math.isnan(p)
        ]
        if labels:
            notes.append(f"Decided for {alone} alone: {listing(labels)}.")
    return Table(
        key=f"{subject.kind}-{subject.place_key}",
        subject=subject,
        title=f"Paired comparisons, {subject.place}",
        columns=_COLUMNS,
        models=tuple(
            Row(difference.label, _comparison_cells(difference, p))
            for difference, p in zip(differences, adjusted, strict=True)
        ),
        caption=_COMPARISON_CAPTION,
        notes=tuple(notes),
    )


def _comparison_cells(difference: ColumnScores, adjusted_p: float) -> tuple[Cell, ...]:
    both, units = _interval_cell(difference.over_both), difference.units
    cells = (
        Cell.of_mean(difference.over_seeds, is_signed=True),
        replace(both, is_signed=both.mean is not None),
        _p_cell(difference.decision[0]),
        _p_cell(adjusted_p),
        _p_cell(difference.p_over_seeds),
        _sign_cell(difference),
        _p_cell(clustered_mcnemar(units).p if isinstance(units, MeanScores) else math.nan),
    )
    num_seeds, ids = len(difference.by_seed), difference.trial_ids
    return tuple(cell if cell.mean is None else replace(cell, n=num_seeds, trial_ids=ids) for cell in cells)


def _sign_cell(difference: ColumnScores) -> Cell:
    if len(difference.tested) > EXACT_UP_TO:
        return Cell(None)
    test = sign_flip_by_seed(difference.tested)
    return Cell(test.p, text=f"{format_p(test.p)} ({format_p(test.smallest_p)})")


def _p_cell(p: float) -> Cell:
    return Cell(None) if math.isnan(p) else Cell(p, text=format_p(p))
