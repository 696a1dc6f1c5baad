"""What so many seeds find in one comparison: the smallest differences, for known seed spreads."""

import csv
import functools
import itertools
import math
from dataclasses import dataclass
from importlib.resources import files
from statistics import median, stdev

from bench.results.frame import Results, native
from bench.results.store import ResultsStore
from bench.statistics.power import seeds_needed, smallest_difference
from bench.suite.grid import Grid
from bench.suite.metrics import PRIMARY, WEIGHTED, column_title
from bench.suite.schema import FolderSpec

METRIC = PRIMARY.key(WEIGHTED)

_AUTHORS_SEEDS = "authors_seeds_pylon_nih256.csv"


@dataclass(frozen=True)
class Spread:
    """How far seeds lie apart in weighted point accuracy, as standard deviations.

    Attributes:
        source: where the figures are from.
        of_values: across the seeds of a model; positive.
        of_differences: across the differences of two models, seed by seed; positive.
    """

    source: str
    of_values: float
    of_differences: float


@dataclass(frozen=True)
class Detectable:
    """What a number of seeds shows of two models with 80% probability, by one t test at .05, not adjusted.

    Attributes:
        spread: what is assumed of seeds.
        paired: smallest difference that is found, seeds paired.
        unpaired: the same, seeds not paired.
        seeds_for_margin_paired: seeds that find a difference as large as the suite's margin, paired; None for
            more than a million.
        seeds_for_margin_unpaired: the same, not paired.
    """

    spread: Spread
    paired: float
    unpaired: float
    seeds_for_margin_paired: int | None
    seeds_for_margin_unpaired: int | None


def detectable(spread: Spread, num_seeds: int, margin: float) -> Detectable:
    """Returns what `num_seeds` seeds of each model show, and how many would show a difference of `margin`.

    Args:
        spread: of seeds.
        num_seeds: at least 2.
        margin: a difference, positive.
    """
    values, differences = spread.of_values, spread.of_differences
    return Detectable(
        spread=spread,
        paired=smallest_difference(num_seeds, differences, paired=True),
        unpaired=smallest_difference(num_seeds, values, paired=False),
        seeds_for_margin_paired=_seeds_for(margin, differences, paired=True),
        seeds_for_margin_unpaired=_seeds_for(margin, values, paired=False),
    )


def _seeds_for(margin: float, deviation: float, *, paired: bool) -> int | None:
    try:
        return seeds_needed(margin, deviation, paired=paired)
    except ValueError:  # the deviation is positive, so that it is the number of seeds
        return None


def localizes(grid: Grid) -> bool:
    """Returns whether any data set of the grid has boxes to score localization with."""
    datasets = [trial.dataset for trial in grid.trials]
    return any(not isinstance(dataset, FolderSpec) or dataset.boxes is not None for dataset in datasets)


@functools.cache
def published_spread() -> Spread:
    """Returns the spread of the five seeds of PYLON on NIH at 256 px whose results the authors once posted.

    They posted one model, so that of differences nothing is known: they are taken as those of independent
    seeds, √2 times as far apart. What seeds have in common makes them smaller.
    """
    text = files("bench.reporting").joinpath("published", _AUTHORS_SEEDS).read_text(encoding="utf-8")
    values = [
        float(row["value"])
        for row in csv.DictReader(text.splitlines())
        if (row["metric"], row["column"]) == (PRIMARY.name, column_title(WEIGHTED))
    ]
    deviation = stdev(values)
    source = f"the authors' {len(values)} seeds of PYLON, NIH 256 px; differences as if independent"
    return Spread(source, deviation, math.sqrt(2) * deviation)


def seen_spread(grid: Grid, store: ResultsStore) -> Spread | None:
    """Returns the median spread of the rows of the grid that have two finished seeds; None without any.

    Differences are those of all pairs of such rows on one data set and resolution; of a single row, as in
    `published_spread`. None too if rows do not vary at all.

    Raises:
        ResultsError: a record cannot be read.
    """
    conditions = _values_by_row(grid, store)
    rows = [values for group in conditions for values in group if len(values) >= 2]
    of_values = [stdev(values.values()) for values in rows]
    of_differences = [
        stdev(first[seed] - second[seed] for seed in common)
        for group in conditions
        for first, second in itertools.combinations(group, 2)
        if len(common := first.keys() & second.keys()) >= 2
    ]
    if not of_values or median(of_values) == 0:
        return None
    deviation, what = median(of_values), f"medians of {len(rows)} rows and {_pairs(len(of_differences))}"
    if not of_differences or median(of_differences) == 0:
        what = f"median of {len(rows)} {'row' if len(rows) == 1 else 'rows'}; differences as if independent"
        of_differences = [math.sqrt(2) * deviation]
    source = f"finished trials of this suite, {what}"
    return Spread(source, deviation, median(of_differences))


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count} pairs"


def _values_by_row(grid: Grid, store: ResultsStore) -> list[list[dict[int, float]]]:
    """Returns by data set and resolution, then by row, the value of each seed, of native maps."""
    results = Results({point.trial.id: native(point) for point in grid.points}.values(), store)
    return [
        [
            {seed: one.value for seed, one in results.values(points, PRIMARY, WEIGHTED).items()}
            for points in place.rows(PRIMARY).values()
        ]
        for place in results.places
    ]
