"""The plan of a suite as a graph: every trial below the one that it starts from, as text or JSON."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from bench.api.planning import PlanRow
from bench.errors import listing
from bench.suite.cam import NATIVE
from bench.suite.schema import title_of

_NAMED = 8
"""Trials that a sentence names before it counts the rest."""

_IN_THE_ID = ("data set", "px", "seed")
"""Columns that a narrow terminal does without."""


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
    """Returns the document that `bench plan --help` describes, in the order of `rows`."""
    document = {
        "suite": suite,
        "trials": [row.values(suite) for row in rows],
        "cost": cost,
        "one_comparison": one_comparison,
        "remarks": remarks,
    }
    return json.dumps(document, indent=2)


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
