"""Show a suite's trials, which are done, and what the rest takes.

Each trial stands below the one that it starts from, also if that belongs to another suite. Its state is todo;
running, by any driver on this results folder; interrupted (it goes on from its last epoch); waiting (for the
trial that it starts from); blocked (that one failed); failed; or finished.

The time and device-hours left follow from trials that ran here, else from bench probe: the expected value
and, in brackets, the values for the fewest and the most epochs. Trials that were never timed are counted
apart. Decoding of images is not counted. Maps beside the native one have a table of their own: a pass per
unit is a forward pass of its image through the model, or the time of one. Last, the plan shows what
its seeds can detect: the smallest difference found with 80% probability in one comparison, and how likely
each claim (bench verify) is supported.

--all: a row for each suite, and a last one for all of them, where each trial counts once.

--json: {"suite", "trials", "cost", "one_comparison", "claims", "remarks", "maps"}. Each trial has id, state,
model, dataset, resolution, seed, cam, starts_from (an id or null), suite (its own) and driver (that runs it,
or null), with one entry for each map that it is scored on. cost has num_trials, num_unknown and
num_unknown_data (part of num_unknown), device, num_slots, unit, device_hours and wall_s (each fewest,
expected and most), sources and epochs (trials by the source of their speed and number of epochs),
finished_bytes (of the disk, for a finished trial, or null) and free_bytes. one_comparison has metric,
num_seeds, margin and spreads, each with source, standard_deviation, smallest_difference_paired,
seeds_for_margin_paired and so on. Each claim has statement, num_comparisons, margin, probability and
seeds_needed, or null. remarks are sentences about differences between finished trials, or about test images
that were seen before. Each of maps has cam, num_left, passes, num_units, num_unknown, device_s.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.amounts import count, rough, rough_duration, size
from bench.cli import arguments as shared
from bench.cli.render import DASH, Column, Table, coloured, show, show_json
from bench.cli.run.run import failure_hint, same_suite
from bench.errors import MOST_NAMED, SuiteError, listing
from bench.suite.metrics import PRIMARY, WEIGHTED

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bench.api.planning import SuitePlan
    from bench.planning.cost import Left, PlanCost
    from bench.planning.graph import PlanRow
    from bench.reporting.power import SeedPower

EXAMPLES = """\
examples:
  bench plan nih_mini --only model=pylon --seeds 0-2
  bench plan --all                    every suite in suites/, and all of them together
"""


_LEAST_HOURS = 0.5
"""Device-hours that are worth a word."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser, is_optional=True)
    shared.add_shard(parser)
    shared.add_all(parser, "plan every suite in the folder of suites")
    shared.add_results_dir(parser)
    shared.add_json(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Prints a row per trial, or per trial and map if a suite asks for other maps than the native one."""
    if arguments.all:
        return _plan_all(arguments)
    if arguments.suite is None:
        raise SuiteError("bench plan: give a suite, e.g. demo, or --all")

    from bench.planning.checks import checks_left
    from bench.planning.cost import Budget
    from bench.planning.graph import collect, left_to_run
    from bench.planning.machine import CPU
    from bench.planning.map_cost import cost_table, map_costs
    from bench.planning.speed import probes_problem
    from bench.reporting.power import seed_power
    from bench.results.changed_sources import changed_source_sentences
    from bench.results.differences import difference_remarks
    from bench.results.failures import blocked_sentences, unreadable_sentences

    loaded, grid, store = shared.opened(arguments)
    rows = collect(grid, store)
    budget = Budget(store)
    cost = budget.cost(left_to_run(rows), loaded.suite.resources, grid.files)
    maps = map_costs(grid.points, store, budget, use_gpu=cost.device != CPU)
    power = seed_power(loaded.narrowed(grid), store)
    remarks = (
        *difference_remarks(loaded, store),
        *changed_source_sentences(grid, store),
        *dict.fromkeys(line for _, line in grid.exposures(lambda _: None)),
    )
    if arguments.json:
        trials = [row.values(loaded.suite.name) for row in rows]
        document = {"suite": loaded.suite.name, "trials": trials, "cost": _cost_json(cost)}
        show_json(document | _power_json(power) | {"remarks": remarks, "maps": list(map(asdict, maps))})
        return 0
    planned = [row.point.trial for row in rows]
    show(
        _trials_table(rows), "", _count_of(rows), *_driver_sentences(rows), *blocked_sentences(planned, store)
    )
    show(*unreadable_sentences(planned, store), *probes_problem(store.root), *remarks)
    if any(row.state == "failed" for row in rows):
        show(failure_hint(arguments))
    if cost.num_trials:
        show("", *_time_left(cost), *_basis(cost), *_untimed(cost, same_suite(arguments)), _disk(cost))
        show(*_refusals(cost))
    if maps:
        show("", *_map_parts(cost_table(maps, cost.num_slots)))
    show(*checks_left(grid, store), *_power_parts(power))
    return 0


def _plan_all(arguments: argparse.Namespace) -> int:
    shared.refuse_with_all(arguments, "bench plan")

    from bench.api.planning import plan_all, together
    from bench.results.differences import difference_remarks
    from bench.suite.find import every_suite
    from bench.suite.load import load_suite

    suites = [load_suite(path, with_claims=False) for path in every_suite(arguments.suites_dir).values()]
    store = shared.open_store(arguments)
    plans = plan_all(suites, store)
    whole = together(plans, "all, each trial once")
    if arguments.json:
        show_json(_all_json(plans, whole))
        return 0
    cost = whole.cost
    show(_suites_table([*plans, whole]), "")
    if cost.num_trials:
        machine = f"Time left on {_where(cost)}, all suites one after the other."
        show(machine, *_basis(cost), *_untimed(cost, "SUITE"), _disk(cost), *_refusals(cost))
    else:
        show("Nothing is left that can be run.")
    for loaded in suites:
        show(*(f"{loaded.suite.name}: {sentence}" for sentence in difference_remarks(loaded, store)))
    return 0


def _trials_table(rows: "Sequence[PlanRow]") -> Table:
    from bench.suite.cam import NATIVE
    from bench.suite.dataset_specs import title_of

    trials, cams = [row.point.trial for row in rows], [row.point.cam for row in rows]
    models = [f"{row.lead}{row.point.label}{f' of {row.suite}' if row.suite else ''}" for row in rows]
    columns = [
        Column("state", [coloured(row.state) for row in rows]),
        Column("model", models),
        Column("data set", [title_of(trial.dataset) for trial in trials], is_optional=True),
        Column("px", [str(trial.resolution) for trial in trials], is_optional=True),
        Column(
            "seed",
            [DASH if trial.subject is not None else str(trial.seed) for trial in trials],
            is_optional=True,
        ),
    ]
    if set(cams) != {NATIVE}:
        columns.append(Column("cam", cams))
    return Table(columns, text=Column("trial", [trial.id for trial in trials]))


def _count_of(rows: "Sequence[PlanRow]") -> str:
    """Returns how many trials and maps there are, of which suites, and in which states."""
    trials = {row.point.trial.id: row for row in rows}
    maps = f", {len(rows)} maps" if len(rows) > len(trials) else ""
    others = Counter(row.suite for row in trials.values() if row.suite is not None)
    origins = "".join(f", {number} of them of {suite}" for suite, number in others.items())
    return f"{count(len(trials), 'trial')}{origins}{maps}: {_tally(row.state for row in rows)}"


def _driver_sentences(rows: "Sequence[PlanRow]") -> Iterator[str]:
    by_driver: dict[str, list[str]] = {}
    for trial_id, driver in {row.point.trial.id: row.driver for row in rows}.items():
        if driver is not None:
            by_driver.setdefault(driver, []).append(trial_id)
    for driver, ids in by_driver.items():
        yield f"{driver} runs {listing(ids, MOST_NAMED)}"


def _suites_table(plans: "Sequence[SuitePlan]") -> Table:
    states = dict.fromkeys(state for plan in plans for state in plan.states.values())
    tallies = [Counter(plan.states.values()) for plan in plans]
    columns = [
        Column("suite", [plan.name for plan in plans]),
        Column("trials", [str(len(plan.states)) for plan in plans], is_number=True),
        *(Column(state, [str(tally[state]) for tally in tallies], is_number=True) for state in states),
        Column("never timed", [str(plan.cost.num_unknown) for plan in plans], is_number=True),
    ]
    if not any(plan.cost.wall_s.most for plan in plans):
        return Table(columns)
    return Table(columns, text=Column("time left", [_times(plan.cost) for plan in plans]))


def _time_left(cost: "PlanCost") -> Iterator[str]:
    if timed := cost.num_trials - cost.num_unknown:
        yield f"Time left, {count(timed, 'trial')} on {_where(cost)}: {_times(cost)}."


def _map_parts(rows: Sequence[dict[str, str]]) -> "Iterator[RenderableType]":
    yield "Maps that are left, beside the native ones:"
    numbers = [Column(key, [row[key] for row in rows], is_number=True) for key in list(rows[0])[1:-1]]
    columns = [Column("map", [row["map"] for row in rows]), *numbers]
    yield Table(columns, text=Column("time", [row["time"] for row in rows]))


def _where(cost: "PlanCost") -> str:
    from bench.planning.machine import CPU

    at_once = f"{cost.num_slots} at once" if cost.num_slots > 1 else "one at a time"
    return f"{'the CPU' if cost.device == CPU else cost.device}, {at_once}"


def _unit(cost: "PlanCost") -> str:
    from bench.planning.machine import CPU

    return "CPU-hours" if cost.device == CPU else "GPU-hours"


def _times(cost: "PlanCost") -> str:
    """Returns the time, and the device-hours if there are enough of them; empty if nothing was timed."""
    if not cost.wall_s.most:
        return ""
    has_hours = cost.device_hours.most >= _LEAST_HOURS
    hours = f"; {_between(cost.device_hours, hours_word, _unit(cost))}" if has_hours else ""
    return f"{_between(cost.wall_s, rough_duration)}{hours}"


def _between(left: "Left", word: Callable[[float], str], unit: str = "") -> str:
    """Returns the expected value and, in brackets, the least and the most: about 3 h (1 h to 9 h)."""
    fewest, expected, most = word(left.fewest), word(left.expected), word(left.most)
    about = f"about {expected} {unit}".rstrip()
    return about if fewest == most else f"{about} ({fewest} to {most})"


def _basis(cost: "PlanCost") -> Iterator[str]:
    """Yields the sources of speeds and numbers of epochs, with the number of trials of each."""
    if cost.sources:
        yield f"Speed: {_tally(cost.sources.elements())}. Epochs: {_tally(cost.epochs.elements())}."
    if "assumed" in cost.epochs:
        yield "Assumed is the geometric mean of the fewest and the most epochs."


def _tally(words: Iterable[str]) -> str:
    """Returns how many there are of each."""
    return listing(f"{number} {word}" for word, number in Counter(words).items())


def _untimed(cost: "PlanCost", suite: str) -> Iterator[str]:
    if number := cost.num_unknown - cost.num_unknown_data:
        yield f"Never timed here: {count(number, 'trial')}; `bench probe {suite}` does that in a few steps."
    if cost.num_unknown_data:
        yield (
            f"Not known: the time of {count(cost.num_unknown_data, 'trial')}; the number of their images is "
            "known when one of them has trained."
        )


def _refusals(cost: "PlanCost") -> Iterator[str]:
    """Yields a sentence if the plan is for GPUs that torch cannot use; torch is not imported without any."""
    from bench.planning.machine import CPU

    if cost.device != CPU:
        from bench.execution.usable_gpus import usable_gpus

        _, problem = usable_gpus()
        if problem:
            yield f"bench run refuses this: the machine {problem}; --cpu goes without."


def _disk(cost: "PlanCost") -> str:
    each = "" if cost.finished_bytes is None else f"; a finished trial here takes {size(cost.finished_bytes)}"
    return f"Disk: {size(cost.free_bytes)} are free{each}."


def hours_word(hours: float) -> str:
    """Returns hours to two significant digits and two decimals at most."""
    return "<0.01" if 0 < hours < 0.005 else rough(round(hours, 2))


def _power_parts(power: "SeedPower") -> "Iterator[RenderableType]":
    """Yields what the seeds detect in one comparison, and how likely they support each claim."""
    from bench.reporting.power import MOST_SEEDS
    from bench.statistics.power import MOST_SEEDS as MOST_SEEDS_OF_ONE

    if power.num_seeds < 2:
        yield ""
        yield "One seed has no spread, so no difference can be tested. Two are the least, five are usual."
    if spreads := power.spreads:
        yield ""
        yield (
            "Smallest difference in weighted point accuracy that a t test by seed (p < .05, not adjusted) of "
            f"{power.num_seeds} seeds finds with 80% probability, and the seeds that find {power.margin:g}, "
            "the suite's margin:"
        )

        def numbers(heading: str, values: Iterable[float]) -> Column:
            return Column(heading, [f"{value:.3f}" for value in values], is_number=True)

        def seeds(counts: Iterable[int | None]) -> Column:
            return Column("seeds", [_seeds(one, MOST_SEEDS_OF_ONE) for one in counts], is_number=True)

        yield Table(
            [
                numbers("paired", (one.smallest_difference_paired for one in spreads)),
                seeds(one.seeds_for_margin_paired for one in spreads),
                numbers("unpaired", (one.smallest_difference_unpaired for one in spreads)),
                seeds(one.seeds_for_margin_unpaired for one in spreads),
                numbers("s", (one.spread.standard_deviation for one in spreads)),
                numbers("s of diff.", (one.spread.standard_deviation_of_differences for one in spreads)),
            ],
            text=Column("if seeds spread as in", [one.spread.source for one in spreads]),
        )
    if claims := power.claims:
        yield ""
        yield (
            f"Probability that {power.num_seeds} seeds support each claim, and the seeds for 80%, by tests "
            "over seeds (bench verify tests over patients too, which is stricter): all comparisons of the "
            "claim, after Holm over the suite's, if each true difference is the margin, and 0 where rows are "
            "to be alike. Assumed: rows and findings are independent, the averages of a row are not, and "
            "seeds spread as in this suite's finished trials, else as the authors' do."
        )
        chances = [_chance(one.probability) for one in claims]
        needed = ["" if c.probability is None else _seeds(c.seeds_needed, MOST_SEEDS) for c in claims]
        yield Table(
            [Column("probability", chances, is_number=True), Column("seeds", needed, is_number=True)],
            text=Column("claim", [one.statement for one in claims]),
        )


def _chance(probability: float | None) -> str:
    if probability is None:
        return "not known"
    return f"{probability:.0%}" if probability >= 0.01 else "below 1%"


def _seeds(count: int | None, most: int) -> str:
    return f"over {most:,}" if count is None else f"{count}"


def _cost_json(cost: "PlanCost") -> dict[str, Any]:
    """Returns the value of the plan's key "cost": `PlanCost`, with "unit" of the device-hours beside it."""
    counts = {"sources": dict(cost.sources), "epochs": dict(cost.epochs)}
    return {"unit": _unit(cost)} | asdict(cost) | counts


def _power_json(power: "SeedPower") -> dict[str, object]:
    """Returns the plan's keys "one_comparison" and "claims"."""
    document = asdict(power)
    claims = document.pop("claims")
    spreads = [spread.pop("spread") | spread for spread in document.pop("spreads")]
    one = {"metric": PRIMARY.key(WEIGHTED)} | document | {"spreads": spreads}
    return {"one_comparison": one, "claims": claims}


def _all_json(plans: "Sequence[SuitePlan]", whole: "SuitePlan") -> dict[str, object]:
    """Returns {"suites", "all"}; "all" counts each trial once."""
    suites = [
        {"suite": plan.name, "states": Counter(plan.states.values()), "cost": _cost_json(plan.cost)}
        for plan in plans
    ]
    cost = whole.cost
    together = {
        "states": Counter(whole.states.values()),
        "num_unknown": cost.num_unknown,
        "unit": _unit(cost),
        "device_hours": asdict(cost.device_hours),
        "wall_s": asdict(cost.wall_s),
    }
    return {"suites": suites, "all": together}
