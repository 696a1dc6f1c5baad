"""Parts of figures within a page: lanes along a common scale, whose text keeps its size at any width.

A lane is an SVG as wide as the page lets it be, with places in percent and sizes in px: no viewBox scales
what is in it. Colours are the page's variables, so that figures are dark where the page is.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

SHAPES = (
    "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z",
    "M-4 -4H4V4H-4Z",
    "M0 -6L5.5 0L0 6L-5.5 0Z",
    "M0 -5.5L5.5 4.5H-5.5Z",
    "M0 5.5L5.5 -4.5H-5.5Z",
    "M-1.7 -5.5H1.7V-1.7H5.5V1.7H1.7V5.5H-1.7V1.7H-5.5V-1.7H-1.7Z",
    "M-5.5 0L-2.75 -4.8H2.75L5.5 0L2.75 4.8H-2.75Z",
)
"""Marks of models in their order: disc, square, diamond, triangles, cross, hexagon."""

_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)
_MOST_STEPS = 6

COLOURS = ("#0072b2", "#d55e00", "#00855f", "#b5508a", "#8a6d00", "#2f8fc4", "#5f5f5f")
"""Of models in their order, on white: told apart without seeing red or green."""

_VARIABLES = " ".join(f"--m{i}: {colour};" for i, colour in enumerate(COLOURS))

STYLE = (
    f":root {{ {_VARIABLES} }}\n"
    + """\
@media screen and (prefers-color-scheme: dark) { :root { --m0: #56b4e9; --m1: #f0883e; --m2: #2cc295;
  --m3: #e39bc3; --m4: #e8d44d; --m5: #9ad0f5; --m6: #b8b8b8; } }
.plot { margin: 1.5rem 0 2rem; max-width: 56rem; }
.plot figcaption { font-weight: 600; margin-bottom: .35rem; }
.plot .explained { font-size: .875rem; color: var(--soft); margin: .5rem 0 0; max-width: 80ch; }
.lanes { display: grid; grid-template-columns: fit-content(14rem) minmax(0, 1fr) max-content;
  align-items: center;
  grid-auto-flow: dense;   column-gap: 1rem; font-size: .9rem; font-variant-numeric: tabular-nums; }
.lanes .name { grid-column: 1; } .lanes .value { grid-column: 3; text-align: right; white-space: nowrap; }
.lanes svg.lane { grid-column: 2; display: block; width: 100%; overflow: visible; }
.lane text { font-size: 12px; fill: var(--soft); }
.lane .grid { stroke: var(--line); }
.lane .axis { stroke: var(--soft); }
.lane .control { stroke: var(--soft); stroke-dasharray: 3 3; }
.lane .wide { stroke: var(--ink); stroke-width: 1.25; } .lane .cap { stroke: var(--ink); stroke-width: 1.25; }
.lane .narrow { stroke: var(--m0); stroke-width: 5; stroke-opacity: .45; }
.lane .mean { fill: var(--m0); }
.lane .published { fill: var(--page); stroke: var(--ink); stroke-width: 1.5; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.25rem; font-size: .9rem; margin-bottom: .4rem; }
.legend svg { width: 14px; height: 14px; vertical-align: -2px; margin-right: .3rem; overflow: visible; }
.lane .interval { stroke-width: 2; stroke-opacity: .6; }
@media (max-width: 36rem) { .lanes { grid-template-columns: 1fr max-content; row-gap: .1rem; }
  .lanes .value { grid-column: 2; } .lanes svg.lane { grid-column: 1 / -1; } }
@media print { .plot { break-inside: avoid; } }
"""
)


@dataclass(frozen=True)
class Scale:
    """A linear scale of values along the width of a lane.

    Attributes:
        low: value at its left end.
        high: value at its right end.
        step: between two ticks.
    """

    low: float
    high: float
    step: float

    def at(self, value: float) -> str:
        """Returns the place of a value, ``"12.34%"``; values beyond the ends are at the ends."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(max(share, 0.0), 1.0):.2f}%"

    @property
    def ticks(self) -> tuple[float, ...]:
        """The values of ticks, both ends among them."""
        return tuple(self.low + i * self.step for i in range(round((self.high - self.low) / self.step) + 1))


def scale_of(values: Iterable[float]) -> Scale:
    """Returns the scale within [0, 1] from the round number below all of the values to the one above.

    Args:
        values: shares, at least one.
    """
    found = [min(max(value, 0.0), 1.0) for value in values]
    least, most = min(found), max(found)
    for step in _STEPS:
        low = min(math.floor(least / step + 1e-9), round(1 / step) - 1)
        high = max(math.ceil(most / step - 1e-9), low + 1)
        if high - low <= _MOST_STEPS:
            break
    return Scale(low * step, high * step, step)


def lane(height_px: float, *parts: str) -> str:
    """Returns a lane that holds the parts."""
    return f'<svg class="lane" height="{height_px:g}" aria-hidden="true">{"".join(parts)}</svg>'


def across(scale: Scale, low: float, high: float, y: float, kind: str, style: str = "") -> str:
    """Returns a line from a value to another, at a height in px."""
    x1, x2 = scale.at(low), scale.at(high)
    return f'<line class="{kind}" x1="{x1}" x2="{x2}" y1="{y:g}" y2="{y:g}"{_styled(style)}/>'


def upright(scale: Scale, value: float, top: float, bottom: float, kind: str) -> str:
    """Returns a line at a value, from a height in px to another."""
    return (
        f'<line class="{kind}" x1="{scale.at(value)}" x2="{scale.at(value)}" y1="{top:g}" y2="{bottom:g}"/>'
    )


def mark(scale: Scale, value: float, y: float, shape: str, kind: str, style: str = "") -> str:
    """Returns a mark at a value, centred at a height in px."""
    path = f'<path class="{kind}" d="{shape}"{_styled(style)}/>'
    return f'<svg x="{scale.at(value)}" y="{y:g}" overflow="visible">{path}</svg>'


def words(scale: Scale, value: float, y: float, text: str, anchor: str = "middle") -> str:
    """Returns text at a value, its baseline at a height in px."""
    return f'<text x="{scale.at(value)}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def axis(scale: Scale) -> str:
    """Returns the lane of the ticks and their values."""
    decimals = 2 if scale.step < 0.1 else 1
    marks = [upright(scale, tick, 0, 5, "axis") for tick in scale.ticks]
    marks += [words(scale, tick, 18, f"{tick:.{decimals}f}") for tick in scale.ticks]
    return lane(24, across(scale, scale.low, scale.high, 0.5, "axis"), *marks)


def _styled(style: str) -> str:
    return f' style="{style}"' if style else ""
