"""The plans of many suites, a line each, and of all together with each trial counted once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from bench.api.planning import SuitePlan
from bench.cli import cost_listing
from bench.cli.columns import Group, flow, wrap
from bench.execution.durations import rough_duration
from bench.execution.machine import CPU
from bench.execution.span import Span, total

_STATES = ("todo", "interrupted", "running", "waiting", "blocked", "failed", "unreadable", "finished")
ALL = "all, each trial once"
_WIDEST = 110
"""Characters of a line of text."""


def to_lines(plans: Sequence[SuitePlan], width: int) -> Iterator[str]:
    """Yields a line per suite and one for all, columns below each other where the terminal is too narrow."""
    together = {key: state for plan in plans for key, state in plan.states.items()}
    counts = [Counter(plan.states.values()) for plan in plans] + [Counter(together.values())]
    hours = total(plan.own_cost.device_hours for plan in plans)
    wall = total(plan.own_cost.wall_s for plan in plans)
    columns = [("trials", *(str(count.total()) for count in counts))]
    columns += [
        (state, *(str(count[state]) for count in counts))
        for state in _STATES
        if any(count[state] for count in counts)
    ]
    unit = cost_listing.hours_of(plans[0].cost.device)
    unknown = sum(plan.own_cost.num_unknown for plan in plans)
    all_hours = [(plan.cost.device_hours, plan.cost.num_unknown) for plan in plans]
    all_walls = [(plan.cost.wall_s, plan.cost.num_unknown) for plan in plans]
    groups = [
        Group("", tuple(columns)),
        Group(unit, _columns([*all_hours, (hours, unknown)], cost_listing.hours_word)),
        Group("wall clock", _columns([*all_walls, (wall, unknown)], rough_duration)),
    ]
    labels = [*(plan.name for plan in plans), ALL]
    yield from flow(labels, groups, width)
    for position, sentence in enumerate(_remarks(plans)):
        yield from wrap(sentence, min(width, _WIDEST), is_indented=position > 0)


def _columns(spans: Sequence[tuple[Span, int]], word: Callable[[float], str]) -> tuple[tuple[str, ...], ...]:
    """Returns the columns of spans of which so many trials are unknown: expected, least and most."""
    cells = [_cells(span, num_unknown, word) for span, num_unknown in spans]
    return tuple(zip(("about", "least", "most"), *cells, strict=True))


def _cells(span: Span, num_unknown: int, word: Callable[[float], str]) -> tuple[str, str, str]:
    """Returns the span; — where nothing is left, ? for what is unknown."""
    if span.most == 0:
        return ("?" if num_unknown else "—", "", "")
    more = " + ?" if num_unknown else ""
    return word(span.expected) + more, word(span.fewest), word(span.most)


def _remarks(plans: Sequence[SuitePlan]) -> Iterator[str]:
    sources, epochs = Counter[str](), Counter[str]()
    for plan in plans:
        sources.update(plan.own_cost.sources)
        epochs.update(plan.own_cost.epochs)
    if not any(plan.own_cost.num_trials for plan in plans):
        yield "Nothing is left that can be run."
        return
    first = plans[0].own_cost
    where = "the CPU" if first.device == CPU else first.device
    slots = f", {first.num_slots} trials at once" if first.num_slots > 1 else ""
    yield f"Time left on {where}{slots}, all suites one after the other; least and most by epochs and speed."
    if sources:
        yield cost_listing.basis(sources, epochs, first.device)
    num_data = sum(plan.own_cost.num_unknown_data for plan in plans)
    yield from cost_listing.unknown(sum(plan.own_cost.num_unknown for plan in plans) - num_data, num_data)
    kept = cost_listing.size(sum(plan.own_cost.disk.kept for plan in plans))
    yield f"Their results take {kept} of the disk; {cost_listing.size(first.free_bytes)} are free."


def to_json(plans: Sequence[SuitePlan]) -> str:
    """Returns the plans as a JSON document: {"suites", "all"}.

    Each of "suites" has "suite", "states" (trials by state) and "cost", as of a plan of one; "all" has
    "states", and "unit", "device_hours" and "wall_s", of one suite after the other, each trial counted once.
    """
    together = {key: state for plan in plans for key, state in plan.states.items()}
    hours = total(plan.own_cost.device_hours for plan in plans)
    wall = total(plan.own_cost.wall_s for plan in plans)
    document = {
        "suites": [
            {
                "suite": plan.name,
                "states": Counter(plan.states.values()),
                "cost": cost_listing.to_json(plan.cost),
            }
            for plan in plans
        ],
        "all": {
            "states": Counter(together.values()),
            "num_unknown": sum(plan.own_cost.num_unknown for plan in plans),
            "unit": cost_listing.hours_of(plans[0].cost.device),
            "device_hours": asdict(hours),
            "wall_s": asdict(wall),
        },
    }
    return json.dumps(document, indent=2)
