"""Which row of a column has the best mean, and which rows are shown to be worse than that one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bench.reporting.tables.table import Cell
from bench.statistics.multiplicity import holm
from bench.statistics.scores import ColumnScores
from bench.statistics.spread import SEEDS_ALONE, SEEDS_AND_PATIENTS, Population

FEWEST_SEEDS = 5
"""In common with the best row: with fewer no row is said to be worse."""


@dataclass(frozen=True)
class Standing:
    """A row's place in a column.

    Attributes:
        is_best: whether no mean of the column is better; of equal means each is best.
        p_to_best: two-sided, that it is not different from the first of the best rows, adjusted by Holm for
            all pairs of the column's rows, since the data say which row is best; None of the best rows, and
            where it is not tested.
    """

    is_best: bool = False
    p_to_best: float | None = None


def standings(column: Mapping[str, ColumnScores], sign: int) -> dict[str, Standing]:
    """Returns the standing of each row that has a value; none where there is a single one.

    Args:
        column: what each row scores. With the units of both rows a test is over seeds and patients, else over
            seeds.
        sign: 1 where a higher value is better, −1 where a lower one is.
    """
    scored = {label: row for label, row in column.items() if row.by_seed}
    means = {label: math.fsum(row.values) / len(row.values) * sign for label, row in scored.items()}
    if len(means) < 2:
        return {}
    best = max(means, key=lambda label: means[label])
    others = [label for label in means if means[label] < means[best]]
    raw = [_p_of(scored[best], scored[label]) for label in others]
    num_pairs = math.comb(sum(len(row.by_seed) >= FEWEST_SEEDS for row in scored.values()), 2)
    found = {
        label: Standing(p_to_best=None if math.isnan(p) else p)
        for label, p in zip(others, holm(raw, family=num_pairs), strict=True)
    }
    return {label: found.get(label, Standing(is_best=True)) for label in means}


def scored_cell(scores: ColumnScores, expected: int, standing: Standing, decimals: int) -> Cell:
    """Returns what a row scores in a column, of `expected` seeds; a hole without any."""
    if not scores.by_seed:
        return Cell(None, expected=expected)
    return Cell.of_mean(
        scores.recorded,
        expected=expected,
        trial_ids=scores.trial_ids,
        is_best=standing.is_best,
        p_to_best=standing.p_to_best,
        decimals=decimals,
    )


def _p_of(best: ColumnScores, other: ColumnScores) -> float:
    difference = best.minus(other)
    if difference is None or len(difference.by_seed) < FEWEST_SEEDS:
        return math.nan
    return difference.decision[0]


def standing_caption(where: str, population: Population) -> str:
    """Returns what bold and the dagger mean.

    Args:
        where: the means are compared, e.g. "a column".
        population: whom the test speaks of.
    """
    how = {
        SEEDS_AND_PATIENTS: "paired by seed and patient, over other seeds and other patients",
        SEEDS_ALONE: "paired by seed, over other seeds and these images",
    }[population]
    return (
        f"Bold: the best mean of {where}, perhaps by chance. †: shown to be worse than that one (p < .05, "
        f"{how}, Holm over all pairs of rows, {FEWEST_SEEDS} seeds or more). Without †: not shown to differ."
    )
