"""Reads a suite's results: as frames, two of its rows compared, its maps scored by another protocol."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api.choices import protocol_of
from bench.api.suites import Seeds, SuiteLike, as_loaded, open_store, select
from bench.errors import SuiteError
from bench.reporting import pairwise
from bench.reporting.pairwise import Comparison, Side, find_side, require_one_table
from bench.results.differences import require_same_data
from bench.results.frame import Results
from bench.suite.grid import Grid, Point
from bench.suite.metrics import METRICS, PRIMARY

if TYPE_CHECKING:
    from bench.api.rescoring import Rescored


def read_results(
    suite: SuiteLike,
    results_dir: str | Path = "results",
    *,
    only: str | Sequence[str] = (),
    seeds: Seeds = None,
) -> Results:
    """Returns the results of a suite's finished trials as frames; docs/python-api.md says what is in them.

    Args:
        suite: a file, or a loaded suite.
        results_dir: where trials are.
        only: conditions such as ``model=pylon``.
        seeds: only these, e.g. ``"0-2"`` or ``range(3)``.

    Raises:
        SuiteError: the suite or the selection is not usable.
        ResultsError: a table is missing or damaged.
    """
    return Results(select(as_loaded(suite), only, seeds), open_store(results_dir))


def compare(
    suite: SuiteLike,
    first: str,
    second: str,
    metric: str = PRIMARY.name,
    *,
    only: str | Sequence[str] = (),
    seeds: Seeds = None,
    results_dir: str | Path = "results",
) -> Comparison:
    """Returns how two rows of a suite differ, first − second, unit by unit on the same images.

    Args:
        suite: a file, or a loaded suite.
        first: a row's label, a model that only one row has, or a reference of `bench reference list`.
        second: likewise.
        metric: its scores are compared.
        only: conditions that leave one data set and resolution, e.g. ``resolution=256``.
        seeds: only these.
        results_dir: where trials are.

    Raises:
        SuiteError: there is no such row or metric, or there are several data sets or resolutions.
        ResultsError: a row has no finished trial, or the two share no unit or seed.
    """
    if metric not in METRICS:
        raise SuiteError(f"no metric {metric!r}", place="--metric", value=metric, allowed=METRICS)
    grid, store = select(as_loaded(suite), only, seeds), open_store(results_dir)
    require_one_table(grid)
    results = Results(grid, store)
    one, other = (find_side(name, grid, results, METRICS[metric]) for name in (first, second))
    is_same = (one.label, one.is_reference) == (other.label, other.is_reference)
    if is_same and (not one.is_reference or first == second):
        raise SuiteError("cannot be compared with itself", place=one.label, value=second)
    require_same_data(compared_points(grid, one, other), store, grid.accepted)
    return pairwise.compare(one, other, METRICS[metric])


def compared_points(grid: Grid, *sides: Side) -> tuple[Point, ...]:
    """Returns the points of the sides that are rows of the grid."""
    rows = {side.label for side in sides if not side.is_reference}
    return tuple(point for point in grid.points if point.row in rows)


def rescore(
    suite: SuiteLike,
    *,
    only: str | Sequence[str] = (),
    seeds: Seeds = None,
    results_dir: str | Path = "results",
    **choices: Any,
) -> "Rescored":
    """Returns the scores of a suite's stored maps by another protocol, by the thesis', and their difference.

    Needs no data, model or GPU. Writes a trial's table of single choices if that is missing.

    Args:
        suite: a file, or a loaded suite.
        only: conditions such as ``model=pylon``.
        seeds: only these.
        results_dir: where trials are.
        choices: fields of `LocalizationProtocol`, e.g. ``iobb=0.1``; docs/protocol.md says what each does.

    Raises:
        SuiteError: there is no such choice, or it cannot be that; or the suite is not usable.
        ResultsError: tables or maps of all trials are damaged, or of different data.
    """
    from bench.api.rescoring import rescore_grid

    protocol = protocol_of(choices)
    grid, store = select(as_loaded(suite), only, seeds), open_store(results_dir)
    return rescore_grid(grid, Results(grid, store), protocol, lambda _what, _done, _total: None)
