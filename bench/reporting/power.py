"""The power of a plan's seeds, for seed spreads that are known: in one comparison, and for each claim."""

import functools
import itertools
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, stdev

import pandas as pd

from bench.amounts import count
from bench.reporting.references import authors_seeds
from bench.results.grid_results import Results, native
from bench.results.store import ResultsStore
from bench.statistics.claim_power import PlannedComparison, claim_powers
from bench.statistics.power import POWER, seeds_needed, smallest_difference
from bench.suite.claims import Equivalent, LessVariable
from bench.suite.comparisons import ComparedRow, RowComparison, StatedClaim
from bench.suite.dataset_specs import FolderSpec
from bench.suite.grid import Grid
from bench.suite.load import LoadedSuite
from bench.suite.metrics import AVERAGES, METRICS, PRIMARY, WEIGHTED

MOST_SEEDS = 50
"""The most seeds that are tried for a claim."""


@dataclass(frozen=True)
class SeedSpread:
    """How far seeds lie apart in a column of a metric.

    Attributes:
        source: where the figures are from.
        standard_deviation: across the seeds of a model; positive.
        standard_deviation_of_differences: across the differences of two models, seed by seed; positive.
    """

    source: str
    standard_deviation: float
    standard_deviation_of_differences: float


@dataclass(frozen=True)
class OneComparison:
    """Differences that a number of seeds finds with 80% probability, by one t test at .05, not adjusted.

    Attributes:
        spread: what is assumed of seeds.
        smallest_difference_paired: that is found, seeds paired.
        smallest_difference_unpaired: the same, seeds not paired.
        seeds_for_margin_paired: seeds that find a difference as large as the suite's margin, paired; None for
            more than a million.
        seeds_for_margin_unpaired: the same, not paired.
    """

    spread: SeedSpread
    smallest_difference_paired: float
    smallest_difference_unpaired: float
    seeds_for_margin_paired: int | None
    seeds_for_margin_unpaired: int | None


@dataclass(frozen=True)
class ClaimPower:
    """How likely a claim comes out supported where the truth is as it says.

    Attributes:
        statement: the claim.
        num_comparisons: that it makes.
        margin: the claim's.
        probability: that all of its comparisons are found after Holm's adjustment, by seed alone, if each
            true difference is the margin, or 0 where it says that rows are alike; None where the spread of a
            column is not known, and for claims on spread.
        seeds_needed: of each row for a probability of 80%; None if it is not known, or above `MOST_SEEDS`.
    """

    statement: str
    num_comparisons: int
    margin: float
    probability: float | None
    seeds_needed: int | None


@dataclass(frozen=True)
class SeedPower:
    """The power of a plan's seeds.

    Attributes:
        num_seeds: different seeds.
        margin: largest difference in the primary metric that counts as none.
        spreads: one comparison, for each seed spread that is known; nothing for a single seed.
        claims: the suite's, likewise.
    """

    num_seeds: int
    margin: float
    spreads: tuple[OneComparison, ...] = ()
    claims: tuple[ClaimPower, ...] = ()


def seed_power(loaded: LoadedSuite, store: ResultsStore) -> SeedPower:
    """Returns the power of the seeds of the suite's grid, with the spread of its finished trials if any.

    Raises:
        ResultsError: a record cannot be read.
    """
    num_seeds = len({trial.seed for trial in loaded.grid.trials})
    margin = loaded.suite.margins.of(PRIMARY.name)
    if num_seeds < 2 or not localizes(loaded.grid):
        return SeedPower(num_seeds, margin)
    points = {point.trial.id: native(point) for point in loaded.grid.points}
    trials = Results(points.values(), store).trials
    spreads = [published_spread(), seen_spread(trials)]
    found = tuple(one_comparison(spread, num_seeds, margin) for spread in spreads if spread is not None)
    return SeedPower(num_seeds, margin, found, powers_of(loaded.claims, trials, num_seeds))


def one_comparison(spread: SeedSpread, num_seeds: int, margin: float) -> OneComparison:
    """Returns what `num_seeds` seeds of each model show, and how many would show a difference of `margin`.

    Args:
        spread: of seeds.
        num_seeds: at least 2.
        margin: a difference, positive.
    """
    values, differences = spread.standard_deviation, spread.standard_deviation_of_differences
    return OneComparison(
        spread,
        smallest_difference(num_seeds, differences, paired=True),
        smallest_difference(num_seeds, values, paired=False),
        _seeds_for(margin, differences, paired=True),
        _seeds_for(margin, values, paired=False),
    )


def _seeds_for(margin: float, deviation: float, *, paired: bool) -> int | None:
    try:
        return seeds_needed(margin, deviation, paired=paired)
    except ValueError:  # the deviation is positive, so that it is the number of seeds
        return None


def powers_of(claims: Sequence[StatedClaim], trials: pd.DataFrame, num_seeds: int) -> tuple[ClaimPower, ...]:
    """Returns the power of each claim; comparisons of which it is not known count as never found.

    Args:
        claims: all of the suite's, since Holm adjusts for them together.
        trials: finished ones, as `Results.trials`: seeds are spread as theirs, else as the authors'.
        num_seeds: of each row, at least 2.
    """
    planned = {
        stated.test_of(one): _planned(stated, one, trials) for stated in claims for one in stated.comparisons
    }
    tests = list(planned)
    parts = [[tests.index(stated.test_of(one)) for one in stated.comparisons] for stated in claims]

    @functools.cache
    def powers(seeds: int) -> list[float]:
        return claim_powers(list(planned.values()), parts, seeds)

    found = []
    for index, stated in enumerate(claims):
        probability, needed = None, None
        if all(planned[tests[test]] is not None for test in parts[index]):
            probability = powers(num_seeds)[index]
            counts = range(2, MOST_SEEDS + 1)
            position = bisect_left(counts, POWER, key=lambda seeds: powers(seeds)[index])
            needed = counts[position] if position < len(counts) else None
        found.append(ClaimPower(stated.statement, len(parts[index]), stated.margin, probability, needed))
    return tuple(found)


def _planned(
    stated: StatedClaim, comparison: RowComparison, trials: pd.DataFrame
) -> PlannedComparison | None:
    where = stated.claim.metric, comparison.column
    spread = seen_spread(trials, *where) or published_spread(*where)
    if spread is None or isinstance(stated.claim, LessVariable):
        return None

    def key(side: ComparedRow) -> tuple[object, ...]:
        """A row's averages move together across seeds (.99 in the authors'), findings do not (.25)."""
        column = None if comparison.column in AVERAGES else comparison.column
        return (stated.claim.metric, column, *((point.trial.id, point.cam) for point in side.points))

    is_alike = isinstance(stated.claim, Equivalent)
    return PlannedComparison(
        key(comparison.first),
        key(comparison.second),
        spread.standard_deviation_of_differences,
        difference=0.0 if is_alike else stated.margin,
        margin=stated.margin if is_alike else None,
    )


def localizes(grid: Grid) -> bool:
    """Returns whether any data set of the grid has boxes or masks to score localization with."""
    datasets = [trial.dataset for trial in grid.trials]
    return any(not isinstance(dataset, FolderSpec) or dataset.is_localized for dataset in datasets)


def published_spread(metric: str = PRIMARY.name, column: str = WEIGHTED) -> SeedSpread | None:
    """Returns the spread of the five seeds of PYLON on NIH at 256 px whose results the authors once posted.

    They posted one model, so nothing is known of differences: they are taken as those of independent seeds,
    √2 times as far apart; seeds that have something in common differ less. None for a column that they did
    not post, or in which their seeds do not differ.
    """
    key = METRICS[metric].key(column)
    values = [metrics[key] for metrics in authors_seeds().values() if key in metrics]
    if len(values) < 2 or stdev(values) == 0:
        return None
    source = f"the authors' {len(values)} seeds of PYLON, NIH 256 px; differences as if independent"
    return SeedSpread(source, stdev(values), math.sqrt(2) * stdev(values))


def seen_spread(
    trials: pd.DataFrame, metric: str = PRIMARY.name, column: str = WEIGHTED
) -> SeedSpread | None:
    """Returns the median spread of the rows that have two finished seeds; None without any.

    Differences are those of all pairs of such rows on one data set and resolution; of a single row, as in
    `published_spread`. None too if rows do not vary at all.

    Args:
        trials: as `Results.trials`.
        metric: which.
        column: of the metric.
    """
    own = trials[(trials["metric"] == metric) & (trials["column"] == column)]
    groups = [
        group.pivot_table(index="seed", columns="model", values="value", aggfunc="last")
        for _, group in own.groupby(["dataset", "resolution"])
    ]
    of_values = [one for group in groups for one in group.std() if not math.isnan(one)]
    pairs = [(group[a], group[b]) for group in groups for a, b in itertools.combinations(group, 2)]
    of_differences = [one for a, b in pairs if not math.isnan(one := (a - b).std())]
    if not of_values or median(of_values) == 0:
        return None
    what = f"medians of {count(len(of_values), 'row')} and {count(len(of_differences), 'pair')}"
    if not of_differences or median(of_differences) == 0:
        what = f"median of {count(len(of_values), 'row')}; differences as if independent"
        of_differences = [math.sqrt(2) * median(of_values)]
    return SeedSpread(f"finished trials of this suite, {what}", median(of_values), median(of_differences))
