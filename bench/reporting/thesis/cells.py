"""Cells of the thesis' tables: ours, published, and how they differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from string import ascii_lowercase

from scipy import stats

from bench.reporting.published import NUM_SEEDS, PublishedCell
from bench.reporting.tables.table import Cell, Footnote, Reproduction
from bench.reporting.thesis.layout import Slot
from bench.reporting.thesis.measured import SlotMeasurement
from bench.statistics.equivalence import equivalence_to_published, is_wide
from bench.statistics.student import CONFIDENCE

_ROUNDING = 1e-9

HIGH_DEVIATION = 0.12
"""Standard deviation across seeds above which variance is called high; of five seeds a half-width of .15."""

_WIDE_MARGIN = (
    "The margin is more than a third of the published value, or of what that lacks of 1, so that "
    "reproduced says little."
)

EMPTY = Cell(None, text="")
_NO_BREAK = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Compared:
    """A difference from a published mean.

    Attributes:
        difference: ours − published; None if one is missing.
        verdict: see `compare_means` and `compare_fact`.
        has_wide_margin: whether the margin is wide for the published mean (`bench.statistics.equivalence`).
    """

    difference: float | None
    verdict: Reproduction
    has_wide_margin: bool = False


def compare_means(values: Sequence[float], published: PublishedCell | None, margin: float) -> Compared:
    """Returns how ours differ from the published mean.

    reproduced: the 95% interval of the difference lies within the margin. higher, lower: it lies beyond the
    margin. inconclusive: neither, or fewer than two seeds, or no spread to judge by.
    missing: no value of ours or none published.

    Args:
        values: of our seeds.
        published: what the thesis prints.
        margin: largest difference that still counts as none.
    """
    if not values or published is None:
        return Compared(None, "missing")
    test = equivalence_to_published(values, published.value, margin)
    verdict: Reproduction = "inconclusive"
    if test.verdict == "equivalent":
        verdict = "reproduced"
    elif test.verdict == "different":
        verdict = "higher" if test.difference > 0 else "lower"
    return Compared(test.difference, verdict, is_wide(margin, published.value.mean))


def compare_fact(value: float | None, published: PublishedCell | None) -> Compared:
    """Returns how a number without chance differs from the printed one: reproduced if it rounds to it."""
    if value is None or published is None:
        return Compared(None, "missing")
    difference = value - published.value.mean
    if abs(difference) <= 0.5 * 10.0**-published.decimals + _ROUNDING:
        return Compared(difference, "reproduced")
    return Compared(difference, "higher" if difference > 0 else "lower")


def compared(slot: Slot, measured: SlotMeasurement) -> Compared:
    """Returns how ours differs from what the thesis prints; of areas by rounding."""
    if slot.source.kind == "area":
        return compare_fact(measured.area, slot.published)
    return compare_means(measured.values, slot.published, measured.margin)


class Footnotes:
    """Gives sentences letters, equal ones the same."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}

    def mark(self, text: str) -> str:
        """Returns the letter of a sentence: a to z, then aa to zz."""
        index = len(self._marks)
        letter = ascii_lowercase[index % 26] * (1 + index // 26)
        return self._marks.setdefault(text, letter)

    @property
    def all(self) -> tuple[Footnote, ...]:
        """Those that were given, in order."""
        return tuple(Footnote(mark, text) for text, mark in self._marks.items())


def our_cell(slot: Slot, measured: SlotMeasurement, footnotes: Footnotes) -> Cell:
    """Returns our mean and interval, expected of five seeds; a hole has a footnote that says why."""
    if slot.is_empty:
        return EMPTY
    if measured.hole:
        expected = NUM_SEEDS if slot.source.kind == "model" else 0
        return Cell(None, expected=expected, marks=footnotes.mark(measured.hole))
    if measured.area is not None:
        return Cell(measured.area)
    assert measured.scores is not None
    return Cell.of_mean(
        measured.scores.recorded,
        expected=NUM_SEEDS,
        trial_ids=measured.scores.trial_ids,
        decimals=slot.quantity.decimals,
    )


def their_cell(slot: Slot, footnotes: Footnotes) -> Cell:
    """Returns what the thesis prints, as it prints it."""
    if slot.is_empty:
        return EMPTY
    printed = slot.published
    if printed is None:
        return Cell(None, marks=footnotes.mark("Not reported."))
    spread = f"{_NO_BREAK}±{_NO_BREAK}{printed.half_width}" if printed.half_width else ""
    value = printed.value
    n = NUM_SEEDS if value.half_width is not None else 0
    return Cell(value.mean, value.half_width, n, n, text=f"{printed.mean}{spread}", decimals=printed.decimals)


def difference_cell(slot: Slot, measured: SlotMeasurement, footnotes: Footnotes) -> Cell:
    """Returns ours − published with its verdict; a dash where one of them is missing."""
    if slot.is_empty:
        return EMPTY
    cell = Cell(
        compared(slot, measured).difference,
        n=len(measured.values),
        expected=NUM_SEEDS if measured.values else 0,
        decimals=slot.quantity.decimals,
        is_signed=True,
    )
    return with_verdict(cell, slot, measured, footnotes)


def with_verdict(cell: Cell, slot: Slot, measured: SlotMeasurement, footnotes: Footnotes) -> Cell:
    """Returns the cell with its verdict; one by a margin that is wide for the published value is marked."""
    result = compared(slot, measured)
    mark = footnotes.mark(_WIDE_MARGIN) if result.has_wide_margin else ""
    return replace(cell, verdict=result.verdict, marks=cell.marks + mark)


def underlined(cell: Cell) -> Cell:
    """Returns the cell, underlined if its standard deviation across seeds is above `HIGH_DEVIATION`."""
    if cell.half_width is None or cell.n < 2:
        return cell
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, cell.n - 1))
    deviation = cell.half_width * math.sqrt(cell.n) / quantile
    return replace(cell, is_underlined=deviation > HIGH_DEVIATION)
