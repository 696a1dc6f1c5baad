"""Plans as text and as JSON: the graph of a suite's trials, their time, and many suites with a line each."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.amounts import count, rough, rough_duration, size
from bench.api.planning import SuitePlan
from bench.cli.columns import wrap
from bench.errors import listing
from bench.planning.cost import Left, PlanCost, total
from bench.planning.graph import PlanRow
from bench.planning.machine import CPU
from bench.suite.cam import NATIVE
from bench.suite.schema import title_of

_NAMED = 8
"""Trials that a sentence names before it counts the rest."""

_IN_THE_ID = ("data set", "px", "seed")
"""Columns that a narrow terminal does without."""

_LEAST_HOURS = 0.5
"""Device-hours that are worth a word."""

_ALL = "all, each trial once"

WIDEST = 110
"""Characters of a line of sentences where the terminal would take more."""


def driver_sentences(rows: Sequence[PlanRow]) -> tuple[str, ...]:
    """Returns a sentence for each driver that runs some of the trials: which."""
    by_driver: dict[str, list[str]] = {}
    for trial_id, driver in {row.point.trial.id: row.driver for row in rows}.items():
        if driver is not None:
            by_driver.setdefault(driver, []).append(trial_id)
    return tuple(f"{driver} runs {listing(ids, _NAMED)}" for driver, ids in by_driver.items())


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
    widths = {name: max(map(len, (name, *words))) for name, words in columns.items()}
    if sum(widths.values()) + 2 * (len(widths) - 1) > width:
        columns = {name: words for name, words in columns.items() if name not in _IN_THE_ID}
    lines = [tuple(columns), *zip(*columns.values(), strict=True)]
    table = "\n".join(
        "  ".join(word.ljust(widths[name]) for name, word in zip(columns, line, strict=True)).rstrip()
        for line in lines
    )
    return f"{table}\n\n{_count_of(rows)}"


def _count_of(rows: Sequence[PlanRow]) -> str:
    """Returns how many trials and maps there are, where from, and in which states."""
    trials = {row.point.trial.id: row for row in rows}
    maps = f", {len(rows)} maps" if len(rows) > len(trials) else ""
    others = Counter(row.suite for row in trials.values() if row.suite is not None)
    origins = "".join(f", {number} of them of {suite}" for suite, number in others.items())
    return f"{count(len(trials), 'trial')}{origins}{maps}: {_tally(row.state for row in rows)}"


def cost_lines(cost: PlanCost, suite: str, width: int) -> Iterator[str]:
    """Yields the time that is left and what is free of the disk, as lines of at most `width` characters."""
    if cost.num_trials == 0:
        return
    if timed := cost.num_trials - cost.num_unknown:
        times = _times(cost.wall_s, cost.device_hours, cost.device)
        yield from wrap(f"Time left, {count(timed, 'trial')} on {_where(cost)}: {times}.", width)
    for sentence in (*_basis([cost]), *_untimed([cost], suite), _disk(cost)):
        yield from wrap(sentence, width)


def _where(cost: PlanCost) -> str:
    at_once = f"{cost.num_slots} at once" if cost.num_slots > 1 else "one at a time"
    return f"{'the CPU' if cost.device == CPU else cost.device}, {at_once}"


def _unit(device: str) -> str:
    return "CPU-hours" if device == CPU else "GPU-hours"


def _times(wall_s: Left, device_hours: Left, device: str) -> str:
    """Returns the time, and device-hours where there are some."""
    hours = (
        f"; {_between(device_hours, hours_word, _unit(device))}" if device_hours.most >= _LEAST_HOURS else ""
    )
    return f"{_between(wall_s, rough_duration)}{hours}"


def _between(left: Left, word: Callable[[float], str], unit: str = "") -> str:
    """Returns what is expected and, in brackets, between which values it is: about 3 h (1 h to 9 h)."""
    fewest, expected, most = word(left.fewest), word(left.expected), word(left.most)
    about = f"about {expected} {unit}".rstrip()
    return about if fewest == most else f"{about} ({fewest} to {most})"


def _basis(costs: Sequence[PlanCost]) -> Iterator[str]:
    """Yields what times rest on: of how many trials speed and number of epochs are from where."""
    speeds, epochs = (
        Counter(source for cost in costs for source in getattr(cost, name).elements())
        for name in ("sources", "epochs")
    )
    if speeds:
        yield f"Speed: {_tally(speeds.elements())}. Epochs: {_tally(epochs.elements())}."
    if "assumed" in epochs:
        yield "Assumed is the geometric mean of the fewest and the most epochs."


def _tally(words: Iterable[str]) -> str:
    """Returns how many there are of each."""
    return listing(f"{number} {word}" for word, number in Counter(words).items())


def _untimed(costs: Sequence[PlanCost], suite: str) -> Iterator[str]:
    """Yields of how many trials the time is not known, and what helps."""
    without_counts = sum(cost.num_unknown_data for cost in costs)
    if number := sum(cost.num_unknown for cost in costs) - without_counts:
        yield f"Never timed here: {count(number, 'trial')}; `bench probe {suite}` does that in a few steps."
    if without_counts:
        yield (
            f"Not known: the time of {count(without_counts, 'trial')} on data whose number of images is "
            "not known before one of them has trained."
        )


def _disk(cost: PlanCost) -> str:
    each = "" if cost.finished_bytes is None else f"; a finished trial here takes {size(cost.finished_bytes)}"
    return f"Disk: {size(cost.free_bytes)} are free{each}."


def hours_word(hours: float) -> str:
    """Returns hours to two significant digits and two decimals at most."""
    return "<0.01" if 0 < hours < 0.005 else rough(round(hours, 2))


def cost_json(cost: PlanCost) -> Mapping[str, Any]:
    """Returns the value of the plan's key "cost": `PlanCost`, with "unit" of the device-hours beside it."""
    counts = {"sources": dict(cost.sources), "epochs": dict(cost.epochs)}
    return {"unit": _unit(cost.device)} | asdict(cost) | counts


def all_lines(plans: Sequence[SuitePlan], width: int) -> Iterator[str]:
    """Yields what each suite and all together have done and what is left, each as lines of this width."""
    costs = [plan.own_cost for plan in plans]
    entries = [(plan.name, plan.states, [plan.cost]) for plan in plans] + [(_ALL, _together(plans), costs)]
    for name, states, own in entries:
        parts = [f"{name}: {count(len(states), 'trial')}, {_tally(states.values())}"]
        wall = total(cost.wall_s for cost in own)
        if wall.most:
            parts.append(_times(wall, total(cost.device_hours for cost in own), costs[0].device))
        if unknown := sum(cost.num_unknown for cost in own):
            parts.append(f"{unknown} of unknown time")
        yield from wrap("; ".join(parts), width)
    yield ""
    if not any(cost.num_trials for cost in costs):
        yield "Nothing is left that can be run."
        return
    text = f"Time left on {_where(costs[0])}, all suites one after the other."
    for sentence in (text, *_basis(costs), *_untimed(costs, "SUITE"), _disk(costs[0])):
        yield from wrap(sentence, width)


def _together(plans: Sequence[SuitePlan]) -> dict[str, str]:
    """Returns the state of each trial by its id, each once."""
    return {key: state for plan in plans for key, state in plan.states.items()}


def all_json(plans: Sequence[SuitePlan]) -> str:
    """Returns the plans as a JSON document: {"suites", "all"}.

    Each of "suites" has "suite", "states" (trials by state) and "cost", as of a plan of one; "all" has
    "states", and "unit", "device_hours" and "wall_s", of one suite after the other, each trial counted once.
    """
    suites = [
        {"suite": plan.name, "states": Counter(plan.states.values()), "cost": cost_json(plan.cost)}
        for plan in plans
    ]
    costs = [plan.own_cost for plan in plans]
    together = {
        "states": Counter(_together(plans).values()),
        "num_unknown": sum(cost.num_unknown for cost in costs),
        "unit": _unit(costs[0].device),
        "device_hours": asdict(total(cost.device_hours for cost in costs)),
        "wall_s": asdict(total(cost.wall_s for cost in costs)),
    }
    return json.dumps({"suites": suites, "all": together}, indent=2)
