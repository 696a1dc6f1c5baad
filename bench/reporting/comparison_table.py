"""A table of paired comparisons between the rows of a localization table."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

from bench.errors import listing
from bench.reporting.table import Cell, Column, Row, Subject, Table, format_p
from bench.statistics.mcnemar import clustered_mcnemar
from bench.statistics.multiplicity import holm
from bench.statistics.permutation import EXACT_UP_TO, sign_flip_by_seed
from bench.statistics.scores import Scores
from bench.statistics.spread import SEEDS_ALONE
from bench.statistics.unit_scores import MeanScores
from bench.suite.metrics import METRICS

MOST_ROWS = 10
"""With more rows than these, each is compared with the best one alone, not with every other."""

_GROUPS = {
    "Difference": ("Over seeds", "Over both"),
    "Decides": ("p", "p, Holm"),
    "Beside it, p": ("t by seed", "signs by seed", "McNemar"),
}
_COLUMNS = tuple(Column(heading, group) for group, headings in _GROUPS.items() for heading in headings)

_CAPTION = (
    "Differences of the weighted average between two rows, seed by seed and unit by unit, for the seeds "
    "that both have. Over seeds: mean ± half-width of the 95% Student-t interval; other seeds, these "
    "images. Over both: 95% interval for other seeds and other patients. One p decides, as in the suite's "
    "claims: that of other seeds and other patients; Holm adjusts it for all comparisons of the table. The "
    "others stand beside it. t by seed: other seeds, these images. Signs by seed: the same by the exact "
    "sign-flip test, with the smallest p that so many seeds could give in brackets. McNemar: clustered by "
    "patient (Obuchowski), over all seeds; these trained models, other patients. A p above .05 is no sign "
    "of equality."
)


def comparison_table(subject: Subject, rows: Sequence[Scores]) -> Table | None:
    """Returns the table, a row for each comparison of weighted averages; None where no two share a seed."""
    pairs, note = _pairs(rows, METRICS[subject.metric].sign)
    differences = [found for first, second in pairs if (found := first.minus(second)) is not None]
    if not differences:
        return None
    adjusted = holm([one.decision[0] for one in differences], family=_num_pairs(rows) if note else 0)
    lines = tuple(
        Row(difference.label, _with_trials(_cells(difference, p), difference))
        for difference, p in zip(differences, adjusted, strict=True)
    )
    return Table(
        key=f"{subject.kind}-{subject.place_key}",
        subject=subject,
        title=f"Paired comparisons, {subject.place}",
        columns=_COLUMNS,
        models=lines,
        references=(),
        caption=_CAPTION,
        notes=(*note, *_note_on_seeds(differences)),
    )


def _pairs(rows: Sequence[Scores], sign: int) -> tuple[list[tuple[Scores, Scores]], tuple[str, ...]]:
    """Returns what to compare, the row with the better mean first, and a note on the choice."""
    ordered = sorted(rows, key=lambda row: -row.over_seeds.mean * sign)
    if len(rows) <= MOST_ROWS:
        return list(itertools.combinations(ordered, 2)), ()
    best, *others = ordered
    note = (
        f"More than {MOST_ROWS} rows: each is compared with the best one alone. These data chose it, so that "
        f"Holm counts all {_num_pairs(rows)} pairs."
    )
    return [(best, other) for other in others], (note,)


def _note_on_seeds(differences: Sequence[Scores]) -> tuple[str, ...]:
    """Says where patients could not be counted, if that is so anywhere."""
    decisions = {one.label: one.decision for one in differences}
    alone = [name for name, (p, whom) in decisions.items() if whom == SEEDS_ALONE and not math.isnan(p)]
    return (f"Decided for {SEEDS_ALONE} alone: {listing(alone)}.",) if alone else ()


def _num_pairs(rows: Sequence[object]) -> int:
    return math.comb(len(rows), 2)


def _cells(difference: Scores, adjusted_p: float) -> tuple[Cell, ...]:
    seeds, both = difference.over_seeds, difference.over_both
    ends = (
        Cell(None)
        if both is None or both.low is None
        else Cell(both.mean, low=both.low, high=both.high, is_signed=True)
    )
    return (
        Cell(seeds.mean, seeds.half_width, seeds.n, is_signed=True),
        ends,
        _p_cell(difference.decision[0]),
        _p_cell(adjusted_p),
        _p_cell(difference.p_over_seeds),
        _sign_cell(difference),
        _p_cell(
            clustered_mcnemar(difference.units).p if isinstance(difference.units, MeanScores) else math.nan
        ),
    )


def _with_trials(cells: Sequence[Cell], difference: Scores) -> tuple[Cell, ...]:
    """Returns the cells, those that have a value with the trials behind it."""
    num_seeds = len(difference.by_seed)
    return tuple(
        cell if cell.mean is None else replace(cell, n=num_seeds, trial_ids=difference.trial_ids)
        for cell in cells
    )


def _sign_cell(difference: Scores) -> Cell:
    if len(difference.tested) > EXACT_UP_TO:
        return Cell(None)
    test = sign_flip_by_seed(difference.tested)
    return Cell(test.p, text=f"{format_p(test.p)} ({format_p(test.smallest_p)})")


def _p_cell(p: float) -> Cell:
    return Cell(None) if math.isnan(p) else Cell(p, text=format_p(p))
