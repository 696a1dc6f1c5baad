"""What the seeds of a plan can show in one comparison, as text or for JSON."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from bench.reporting.detectable import (
    METRIC,
    Detectable,
    detectable,
    localizes,
    published_spread,
    seen_spread,
)
from bench.results.store import ResultsStore
from bench.statistics.power import MOST_SEEDS
from bench.suite.grid import Grid

WIDEST = 110
"""Characters of a line where the terminal would take more."""

_ONE_SEED = (
    "One seed has no spread: no difference between models can be tested. Two are the least, five are usual."
)


def collect(grid: Grid, store: ResultsStore, margin: float) -> tuple[Detectable, ...]:
    """Returns what the grid's seeds can show, for each seed spread that is known; nothing for a single seed.

    Raises:
        ResultsError: a record cannot be read.
    """
    num_seeds = count_seeds(grid)
    if num_seeds < 2 or not localizes(grid):
        return ()
    spreads = [published_spread(), seen_spread(grid, store)]
    return tuple(detectable(spread, num_seeds, margin) for spread in spreads if spread is not None)


def count_seeds(grid: Grid) -> int:
    """Returns the number of different seeds."""
    return len({trial.seed for trial in grid.trials})


def to_lines(found: Sequence[Detectable], num_seeds: int, margin: float, width: int) -> Iterator[str]:
    """Yields what one comparison of so many seeds finds, for each spread, as lines of at most `width`."""
    if num_seeds < 2:
        yield from wrap(_ONE_SEED, width)
    elif found:
        sentence = (
            f"What {num_seeds} seeds find with 80% probability in one comparison by seed (t test, p < .05, "
            "not adjusted): differences in weighted point accuracy from these on; in brackets the seeds that "
            f"find {margin:g}, the suite's margin. A claim is supported less often: all of its comparisons "
            "have to be, over patients too, and adjusted for all of the suite's:"
        )
        yield from wrap(sentence, width)
    for item in found:
        spread = item.spread
        sentence = (
            f"  {item.paired:.3f} paired ({_seeds(item.seeds_for_margin_paired)}), "
            f"{item.unpaired:.3f} unpaired ({_seeds(item.seeds_for_margin_unpaired)}); "
            f"seeds s {spread.of_values:.3f}, their differences {spread.of_differences:.3f} ({spread.source})"
        )
        yield from wrap(sentence, width, subsequent_indent="    ", break_on_hyphens=False)


def _seeds(count: int | None) -> str:
    return f"over {MOST_SEEDS:,}" if count is None else f"{count}"


def to_json(found: Sequence[Detectable], num_seeds: int, margin: float) -> dict[str, object]:
    """Returns the value of the plan's key "one_comparison"."""
    return {
        "metric": METRIC,
        "num_seeds": num_seeds,
        "margin": margin,
        "spreads": [
            {
                "source": item.spread.source,
                "standard_deviation": item.spread.of_values,
                "standard_deviation_of_differences": item.spread.of_differences,
                "smallest_difference_paired": item.paired,
                "smallest_difference_unpaired": item.unpaired,
                "seeds_for_margin_paired": item.seeds_for_margin_paired,
                "seeds_for_margin_unpaired": item.seeds_for_margin_unpaired,
            }
            for item in found
        ],
    }
