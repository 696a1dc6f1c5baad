"""What the seeds of a plan can show, as text or for JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from textwrap import wrap

from bench.reporting.power import MOST_SEEDS, SeedPower
from bench.statistics import power
from bench.suite.metrics import PRIMARY, WEIGHTED

_ONE_SEED = (
    "One seed has no spread: no difference between models can be tested. Two are the least, five are usual."
)


def to_lines(found: SeedPower, width: int) -> Iterator[str]:
    """Yields what the seeds find, in one comparison and of each claim, as lines of at most `width`."""
    if found.num_seeds < 2:
        yield from wrap(_ONE_SEED, width)
    if found.spreads:
        sentence = (
            f"What {found.num_seeds} seeds find with 80% probability in one comparison by seed (t test, "
            "p < .05, not adjusted): differences in weighted point accuracy from these on; in brackets the "
            f"seeds that find {found.margin:g}, the suite's margin:"
        )
        yield from wrap(sentence, width)
    for item in found.spreads:
        values, differences = item.spread.standard_deviation, item.spread.standard_deviation_of_differences
        paired = _seeds(item.seeds_for_margin_paired, power.MOST_SEEDS)
        unpaired = _seeds(item.seeds_for_margin_unpaired, power.MOST_SEEDS)
        sentence = (
            f"  {item.smallest_difference_paired:.3f} paired ({paired}), "
            f"{item.smallest_difference_unpaired:.3f} unpaired ({unpaired}); "
            f"seeds s {values:.3f}, their differences {differences:.3f} ({item.spread.source})"
        )
        yield from wrap(sentence, width, subsequent_indent="    ", break_on_hyphens=False)
    if found.claims:
        sentence = (
            f"How likely {found.num_seeds} seeds support each claim, in brackets the seeds for 80%: all of "
            "its comparisons, after Holm for all of the suite's, if each true difference is the margin, and "
            "0 where rows are to be alike. Assumed: rows and findings independent, the averages of a "
            "row not; seeds as far apart as those of this suite that have finished, else as the authors'. By "
            "seed: over patients too, as bench verify tests, it is less likely:"
        )
        yield from wrap(sentence, width)
    for one in found.claims:
        chance = "not known"
        if one.probability is not None:
            rounded = f"{one.probability:.0%}" if one.probability >= 0.01 else "below 1%"
            chance = f"{rounded} ({_seeds(one.seeds_needed, MOST_SEEDS)})"
        yield from wrap(f"  {chance}: {one.statement}", width, subsequent_indent="    ")


def _seeds(count: int | None, most: int) -> str:
    return f"over {most:,}" if count is None else f"{count}"


def to_json(found: SeedPower) -> dict[str, object]:
    """Returns the plan's keys "one_comparison" and "claims"."""
    document = asdict(found)
    claims = document.pop("claims")
    spreads = [spread.pop("spread") | spread for spread in document.pop("spreads")]
    return {
        "one_comparison": {"metric": PRIMARY.key(WEIGHTED)} | document | {"spreads": spreads},
        "claims": claims,
    }
