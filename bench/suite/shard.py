"""Parts of a selection for several machines: every trial in one part, with those that it starts from."""

import re
from dataclasses import dataclass

from bench.errors import SuiteError
from bench.suite.grid import Grid, Point

_FORM = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True)
class Shard:
    """One of several parts.

    Attributes:
        index: which, from 1.
        count: how many there are.
    """

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Returns what ``2/8`` means.

        Raises:
            SuiteError: it is no such text, or there is no such part.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise SuiteError(f"--shard {text!r}: give which part of how many, such as 2/8")
        shard = cls(*map(int, match.groups()))
        if not 1 <= shard.index <= shard.count:
            allowed = f"1/{shard.count} to {shard.count}/{shard.count}" if shard.count else "from 1/1 on"
            raise SuiteError(f"--shard {text!r}: there is no such part; parts are {allowed}")
        return shard

    def of(self, grid: Grid) -> Grid:
        """Returns the grid narrowed to this part of it.

        Trials that start, over however many others, from one and the same trial are a family, and a trial
        that starts from none is one with all that start from it. The first family goes to the first part, the
        second to the second and so on, in the order of the grid: the parts hold the grid, each trial once,
        are the same on every machine, and no two train the same trial first.

        Raises:
            SuiteError: there are fewer families than parts, and none for this one.
        """
        families = list(dict.fromkeys(map(_first_of, grid.points)))
        kept = set(families[self.index - 1 :: self.count])
        if not kept:
            raise SuiteError(
                f"--shard {self.index}/{self.count}: is empty; what is selected makes at most "
                f"{len(families)} parts, since trials stay with what they start from"
            )
        return grid.of(point for point in grid.points if _first_of(point) in kept)


def _first_of(point: Point) -> str:
    """Returns the id of the trial that the point's chain begins with."""
    first, *_ = (*point.trial.ancestors(), point.trial)
    return first.id
