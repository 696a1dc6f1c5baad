"""The plans of many suites, a line each, and of all together with each trial counted once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.cli import cost_listing
from bench.cli.columns import Group, flow, wrap
from bench.cli.plan_listing import PlanRow, left_to_run
from bench.cli.plan_listing import collect as collect_rows
from bench.errors import listing
from bench.execution.plan_cost import Budget, PlanCost, Span
from bench.results.store import ResultsStore
from bench.suite.load import LoadedSuite

_STATES = ("todo", "interrupted", "running", "waiting", "blocked", "failed", "finished")
ALL = "all, each trial once"


@dataclass(frozen=True)
class SuitePlan:
    """What a suite has done and what it still takes.

    Attributes:
        name: of the suite.
        states: of its trials, those of other suites that it starts from included.
        cost: of all of them that are left.
        own_cost: of those that are left and that no suite before it has.
    """

    name: str
    states: Mapping[str, str]
    cost: PlanCost
    own_cost: PlanCost


def collect(
    suites: Sequence[LoadedSuite], store: ResultsStore, num_gpus: int | None = None
) -> tuple[SuitePlan, ...]:
    """Returns the plan of each suite, in their order; `num_gpus` as of `Budget`.

    Raises:
        ResultsError: a record or history cannot be read.
    """
    budget, seen, plans = Budget(store, num_gpus=num_gpus), set[str](), []
    for loaded in suites:
        rows, resources = collect_rows(loaded.grid, store), loaded.suite.resources
        left = left_to_run(rows)
        own = [trial for trial in left if trial.id not in seen]
        seen |= {trial.id for trial in left}
        files = loaded.grid.files
        costs = budget.cost(left, resources, files), budget.cost(own, resources, files)
        plans.append(SuitePlan(loaded.suite.name, _states(rows), *costs))
    return tuple(plans)


def _states(rows: Sequence[PlanRow]) -> dict[str, str]:
    return {row.point.trial.id: row.state for row in rows if row.point.cam == "native"} | {
        row.point.trial.id: row.state for row in rows if row.state not in ("finished", "failed")
    }


def to_lines(plans: Sequence[SuitePlan], width: int) -> Iterator[str]:
    """Yields a line per suite and one for all, columns below each other where the terminal is too narrow."""
    together = {key: state for plan in plans for key, state in plan.states.items()}
    counts = [Counter(plan.states.values()) for plan in plans] + [Counter(together.values())]
    hours = _sum([plan.own_cost.device_hours for plan in plans])
    wall = _sum([plan.own_cost.wall_s for plan in plans])
    columns = [("trials", *(str(count.total()) for count in counts))]
    columns += [
        (state, *(str(count[state]) for count in counts))
        for state in _STATES
        if any(count[state] for count in counts)
    ]
    unit = cost_listing.hours_of(plans[0].cost.device)
    unknown = sum(plan.own_cost.num_unknown for plan in plans)
    times = [
        (
            unit,
            *(_hours(plan.cost.device_hours, plan.cost.num_unknown) for plan in plans),
            _hours(hours, unknown),
        ),
        (
            "wall clock",
            *(_wall(plan.cost.wall_s, plan.cost.num_unknown) for plan in plans),
            _wall(wall, unknown),
        ),
    ]
    groups = [Group("", (column,)) for column in (*columns, *times)]
    labels = [*(plan.name for plan in plans), ALL]
    yield from flow(labels, groups, width)
    yield from wrap(_remark(plans), min(width, 110))


def _remark(plans: Sequence[SuitePlan]) -> str:
    unknown = sum(plan.own_cost.num_unknown for plan in plans)
    sources: Counter[str] = Counter()
    for plan in plans:
        sources.update(plan.own_cost.sources)
    words = [f"{count} {source}" for source, count in sources.items()]
    if unknown:
        words.append(f"{unknown} unknown and not counted (`bench probe` measures it)")
    first = plans[0].own_cost
    kept = cost_listing.size(sum(plan.own_cost.disk.kept for plan in plans))
    return (
        "Time left from the fewest to the most epochs, with as many as finished trials had in brackets; all "
        f"suites one after the other, on {first.device}. "
        f"Speed of trials: {listing(words) or 'none is left'}. "
        f"Their results take {kept} of the disk; {cost_listing.size(first.free_bytes)} are free."
    )


def _sum(spans: Sequence[Span]) -> Span:
    expected = [span.expected for span in spans]
    known = [value for value in expected if value is not None]
    total = sum(known) if len(known) == len(expected) else None
    return Span(sum(span.fewest for span in spans), sum(span.most for span in spans), total)


def _hours(span: Span, num_unknown: int) -> str:
    return _words(span, num_unknown, cost_listing.rough)


def _wall(span: Span, num_unknown: int) -> str:
    return _words(span, num_unknown, cost_listing.long)


def _words(span: Span, num_unknown: int, word: Callable[[float], str]) -> str:
    """Returns the span; — where nothing is left, ? for what is unknown."""
    if span.most == 0:
        return "?" if num_unknown else "—"
    fewest, most = word(span.fewest), word(span.most)
    words = most if fewest == most else f"{fewest} to {most}"
    if span.expected is not None and fewest != most:
        words += f" ({word(span.expected)})"
    return f"{words} + ?" if num_unknown else words


def to_json(plans: Sequence[SuitePlan]) -> str:
    """Returns the plans as a JSON document: {"suites", "all"}.

    Each of "suites" has "suite", "states" (trials by state) and "cost", as of a plan of one; "all" has
    "states", and "unit", "device_hours" and "wall_s", of one suite after the other, each trial counted once.
    """
    together = {key: state for plan in plans for key, state in plan.states.items()}
    hours = _sum([plan.own_cost.device_hours for plan in plans])
    wall = _sum([plan.own_cost.wall_s for plan in plans])
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
            "device_hours": vars(hours),
            "wall_s": vars(wall),
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False)
