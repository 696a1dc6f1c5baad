"""The plan of a suite as a graph: every trial below the one that it starts from, as text or JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.errors import listing
from bench.results.lease import holder
from bench.results.store import ResultsStore
from bench.suite.cam import NATIVE
from bench.suite.grid import Grid, Point
from bench.suite.schema import title_of
from bench.suite.trial import Trial

_NAMED = 8
"""Trials that a sentence names before it counts the rest."""

_IN_THE_ID = ("data set", "px", "seed")
"""Columns that a narrow terminal does without."""


@dataclass(frozen=True)
class PlanRow:
    """A trial, or one of the maps that it is scored on.

    Attributes:
        point: the trial with its label and map.
        state: todo, interrupted, running (a driver has it, here or elsewhere), waiting (for the trial that it
            starts from), blocked (that one has failed), failed, finished or unreadable.
        suite: the suite that the trial is from, if that is another one.
        lead: the lines that lead to it from the trial that it starts from.
        driver: who runs the trial, if somebody does.
    """

    point: Point
    state: str
    suite: str | None
    lead: str
    driver: str | None = None


def collect(grid: Grid, store: ResultsStore) -> tuple[PlanRow, ...]:
    """Returns the grid's trials and those that they start from, each after its parent, else in order."""
    own = {trial.id for trial in grid.trials}
    origins = {key: origin for key, origin in grid.origins.items() if key not in own}
    points: dict[str, list[Point]] = {trial_id: [] for trial_id in own}
    children: dict[str | None, list[str]] = {}
    for point in grid.points:
        points[point.trial.id].append(point)
        for trial in (*point.trial.ancestors(), point.trial):
            siblings = children.setdefault(_id_of(trial.init), [])
            if trial.id not in siblings:
                siblings.append(trial.id)
            if trial.id not in points:
                label = origins[trial.id].label if trial.id in origins else trial.label
                points[trial.id] = [Point(trial, label)]

    def rows_of(trial_id: str, lead: str, below: str) -> Iterator[PlanRow]:
        for position, point in enumerate(points[trial_id]):
            suite = origins[trial_id].suite if trial_id in origins else None
            state, driver = _state(point, store)
            yield PlanRow(point, state, suite, lead if position == 0 else below, driver)
        if trial_id in children:
            yield from rows_below(trial_id, below)

    def rows_below(parent: str, below: str) -> Iterator[PlanRow]:
        *others, last = children[parent]
        for child in others:
            yield from rows_of(child, f"{below}├─ ", f"{below}│  ")
        yield from rows_of(last, f"{below}└─ ", f"{below}   ")

    return tuple(row for root in children[None] for row in rows_of(root, "", ""))


def left_to_run(rows: Iterable[PlanRow]) -> tuple[Trial, ...]:
    """Returns the trials that are neither finished, nor failed, nor blocked, each once, in their order."""
    return tuple({row.point.trial.id: row.point.trial for row in rows if _is_left(row)}.values())


def _is_left(row: PlanRow) -> bool:
    return row.point.cam == NATIVE and row.state in ("todo", "interrupted", "running", "waiting")


def _state(point: Point, store: ResultsStore) -> tuple[str, str | None]:
    """Returns the state of the point's trial or map, and who runs it."""
    state = store.state(point.trial.id, point.cam)
    if store.state(point.trial.id) in ("finished", "failed", "unreadable"):
        return state, None
    if (lease := holder(store.folder(point.trial.id).path)) is not None:
        return "running", str(lease)
    if store.blocker(point.trial) is not None:
        return "blocked", None
    return "waiting" if store.unfinished_ancestors(point.trial) else state, None


def driver_sentences(rows: Sequence[PlanRow]) -> tuple[str, ...]:
    """Returns a sentence for each driver that runs some of the trials: which."""
    by_driver: dict[str, list[str]] = {}
    for trial_id, driver in {row.point.trial.id: row.driver for row in rows}.items():
        if driver is not None:
            by_driver.setdefault(driver, []).append(trial_id)
    return tuple(f"{driver} runs {listing(ids, _NAMED)}" for driver, ids in by_driver.items())


def to_json(
    suite: str,
    rows: Sequence[PlanRow],
    cost: Mapping[str, object],
    one_comparison: Mapping[str, object],
    remarks: Sequence[str],
) -> str:
    """Returns the plan as a JSON document, in the order of `rows`.

    "cost" is what is left to pay, "one_comparison" what the seeds find in one, "remarks" what is not the
    same for all finished trials.

    Each of "trials" has: "id"; "state", see `PlanRow`; "model", its label; "dataset"; "resolution" in px;
    "seed"; "cam", the map that localization is scored on; "starts_from", an id or null; "suite", that the
    trial is from; and "driver", who runs it, or null. A trial that is scored on several maps has an entry for
    each.
    """
    trials = [
        {
            "id": row.point.trial.id,
            "state": row.state,
            "model": row.point.label,
            "dataset": title_of(row.point.trial.dataset),
            "resolution": row.point.trial.resolution,
            "seed": row.point.trial.seed,
            "cam": row.point.cam,
            "starts_from": _id_of(row.point.trial.init),
            "suite": row.suite or suite,
            "driver": row.driver,
        }
        for row in rows
    ]
    document = {
        "suite": suite,
        "trials": trials,
        "cost": cost,
        "one_comparison": one_comparison,
        "remarks": remarks,
    }
    return json.dumps(document, indent=2)


def _id_of(trial: Trial | None) -> str | None:
    return None if trial is None else trial.id


def to_text(rows: Sequence[PlanRow], width: int) -> str:
    """Returns a line per row with aligned columns, and a last one that counts.

    Args:
        rows: the plan.
        width: of the terminal, in characters. Columns that a trial's id holds too are left out if they do not
            fit; ids are never cut.
    """
    columns: dict[str, list[str]] = {
        "state": [row.state for row in rows],
        "model": [f"{row.lead}{row.point.label}{f' of {row.suite}' if row.suite else ''}" for row in rows],
        "data set": [title_of(row.point.trial.dataset) for row in rows],
        "px": [str(row.point.trial.resolution) for row in rows],
        "seed": [str(row.point.trial.seed) for row in rows],
        "cam": [row.point.cam for row in rows],
        "trial": [row.point.trial.id for row in rows],
    }
    if set(columns["cam"]) == {NATIVE}:
        del columns["cam"]
    if _width_of(columns) > width:
        columns = {name: words for name, words in columns.items() if name not in _IN_THE_ID}
    widths = [max(map(len, (name, *words))) for name, words in columns.items()]
    lines = [tuple(columns), *zip(*columns.values(), strict=True)]
    table = "\n".join(
        "  ".join(word.ljust(size) for word, size in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    return f"{table}\n\n{_count(rows)}"


def _width_of(columns: dict[str, list[str]]) -> int:
    return sum(max(map(len, (name, *words))) + 2 for name, words in columns.items()) - 2


def _count(rows: Sequence[PlanRow]) -> str:
    """Returns how many trials and maps there are, where from, and in which states."""
    trials = {row.point.trial.id: row for row in rows}
    maps = f", {len(rows)} maps" if len(rows) > len(trials) else ""
    others = Counter(row.suite for row in trials.values() if row.suite is not None)
    origins = "".join(f", {count} of them of {suite}" for suite, count in others.items())
    states = ", ".join(f"{count} {state}" for state, count in Counter(row.state for row in rows).items())
    noun = "trial" if len(trials) == 1 else "trials"
    return f"{len(trials)} {noun}{origins}{maps}: {states}"
