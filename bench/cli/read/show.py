"""Show what stands behind a trial, or behind a cell of a report's table.

A trial: its settings, results, software, data and files. A cell: the trials behind it with their values, and
whether their records give the cell's value again; the exit code is 1 if they do not.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.amounts import count, duration, size
from bench.cli import arguments as shared
from bench.cli.render import DASH, Column, Sheet, Table, coloured, show, show_json
from bench.errors import ResultsError
from bench.suite.metrics import AVERAGES

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bench.reporting.cell_lineage import CellLineage

EXAMPLES = """\
examples:
  bench show pylon-phantom-128px-s0
  bench show reports/demo/point_accuracy-phantom-128px.csv --row PYLON --column Nodule
"""

EXIT_DIFFERS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument(
        "what",
        metavar="WHAT",
        help="a trial: its id, the beginning of one, or its folder; or a CSV file of a report",
    )
    parser.add_argument("--row", metavar="LABEL", help="row of the table")
    parser.add_argument("--column", metavar="NAME", help="column of the table, by its heading or name")
    parser.add_argument("--section", metavar="NAME", help="section of the row, if several have its label")
    parser.add_argument("--group", metavar="NAME", help="heading above the column, if several have its name")
    parser.add_argument(
        "--suites-dir",
        type=shared.path,
        metavar="DIR",
        help="show which suites of a folder ask for the trial",
    )
    shared.add_json(parser)
    shared.add_results_dir(parser)
    parser.add_argument(
        "--cache-dir",
        type=shared.path,
        metavar="DIR",
        help="where manifests of data sets are (default: cache/ in the results folder)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints the trial or the cell."""
    if arguments.what.lower().endswith(".csv"):
        return _show_cell(arguments)

    from bench.api.reading import describe_trial
    from bench.results.store import find_trial

    folder = find_trial(shared.open_store(arguments), arguments.what)
    trial = describe_trial(folder, shared.cache_dir(arguments), arguments.suites_dir)
    if arguments.json:
        show_json(trial)
    else:
        show(Sheet(list(_facts(trial))))
    return 0


def _show_cell(arguments: argparse.Namespace) -> int:
    from bench.reporting.cell_lineage import trace_cell
    from bench.suite.user_path import user_path

    if arguments.row is None or arguments.column is None:
        raise ResultsError(f"{arguments.what}: say which cell with --row and --column")
    cell = trace_cell(
        user_path(arguments.what),
        arguments.row,
        arguments.column,
        shared.open_store(arguments),
        arguments.section,
        arguments.group,
    )
    if arguments.json:
        trials = [asdict(trial) | {"agrees": trial.agrees} for trial in cell.trials]
        show_json(asdict(cell) | {"trials": trials, "agrees": cell.agrees})
    else:
        show(*_cell_parts(cell))
    return EXIT_DIFFERS if cell.is_contradicted else 0


def _cell_parts(cell: "CellLineage") -> "Iterator[RenderableType]":
    """Yields the cell, a row for each trial behind it, and whether their records agree with it."""
    yield f"{cell.table}: {cell.row}, {cell.column}"
    ends = "" if cell.low is None else f" [{_number(cell.low)}, {_number(cell.high)}]"
    expected = f" of {cell.expected} that the suite asks for" if cell.n < cell.expected else ""
    yield f"{_value(cell.mean, cell.half_width)}{ends}  (n = {cell.n}{expected})"
    if cell.trials:
        marks = ["" if one.agrees else f"units give {_number(one.from_units)}" for one in cell.trials]
        columns = [
            Column("", [one.trial_id for one in cell.trials]),
            Column("", [coloured(one.state) for one in cell.trials]),
            Column("", [_number(one.value) for one in cell.trials], is_number=True),
        ]
        yield ""
        yield Table([*columns, Column("", marks)] if any(marks) else columns, has_heading=False)
        yield ""
    yield from _agreement(cell)
    yield from cell.differences


def _agreement(cell: "CellLineage") -> Iterator[str]:
    if not cell.trials:
        yield "no trial of the row is finished" if cell.is_ours else f"{cell.kind}: no trial stands behind it"
    elif not cell.is_recorded:
        yield "computed from the units of these trials together: no record has it to compare with"
    elif cell.again is None:
        missing = sum(trial.value is None for trial in cell.trials)
        yield f"cannot be computed again: {missing} of {len(cell.trials)} trials have no such value here"
    elif cell.agrees:
        yield "the records of these trials give the same value again"
    else:
        again = _value(cell.again.mean, cell.again.half_width)
        yield f"the records of these trials give another value: {again} (n = {cell.again.n})"
    if any(trial.from_units is not None for trial in cell.trials):
        agrees = all(trial.agrees for trial in cell.trials)
        yield f"their tables of units {'give the same as' if agrees else 'contradict'} their records"


def _value(mean: float | None, half_width: float | None) -> str:
    return _number(mean) + ("" if half_width is None else f" ± {_number(half_width)}")


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.6f}"


def _facts(trial: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yields the facts of a trial as `describe_trial` returns it: their names and their lines."""
    from bench.suite.cam import NATIVE

    asked, outcome, provenance = trial["asked"], trial["outcome"], trial["provenance"]
    yield "trial", [trial["id"]]
    yield "state", [trial["state"] + (f", {trial['ended_at']}" if trial["ended_at"] else "")]
    if trial["error"]:
        yield "error", [trial["error"].strip().splitlines()[-1]]
    if trial["unreadable"]:
        yield "unreadable", trial["unreadable"]
    settings = [asked["label"], _flat(asked["options"])]
    encoder = f"encoder {asked['encoder']}, " if asked["encoder"] else ""
    settings += [f"{encoder}weights {asked['weights']}", _flat(asked["phase"])]
    yield "model", ["; ".join(filter(None, settings))]
    options = _flat({key: value for key, value in asked["dataset"].items() if key != "name"})
    dataset = asked["dataset"]["name"] + (f" ({options})" if options else "")
    seed = "" if asked["seed"] is None else f", seed {asked['seed']}"
    yield "data", [f"{dataset}; {asked['resolution']} px{seed}"]
    if (subject := asked["subject"]) is not None:
        yield "subject", [_flat({key: value for key, value in subject.items() if key != "config"})]
    yield "recipe", [_flat(asked["recipe"]) or "the defaults"]
    if trial["ancestors"]:
        yield "starts from", [f"{parent['id']} ({parent['state']})" for parent in trial["ancestors"]]
    if outcome is not None:
        native: Mapping[str, Any] = next((one for one in trial["maps"] if one["method"] == NATIVE), {})
        yield "metrics", _metrics(native.get("metrics", {}) | outcome["metrics"])
        epochs = f"best epoch {outcome['best_epoch']} of {outcome['num_epochs']}"
        skipped = outcome["num_skipped_steps"]
        overflows = (
            f"; {count(skipped, 'step')} skipped, where float16 gradients overflowed" if skipped else ""
        )
        yield "training", [f"{epochs}{overflows}" if outcome["num_epochs"] else "trained elsewhere"]
        phases = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in outcome["phases_s"].items())
        yield "time", [duration(outcome["duration_s"]) + (f": {phases}" if phases else "")]
        if notes := [*outcome["notes"], *native.get("notes", ())]:
            yield "notes", notes
    maps = [one for one in trial["maps"] if one["method"] != NATIVE]
    if maps:
        yield (
            "maps",
            [f"{one['method']} {one['status']}: {'; '.join(_metrics(one['metrics']))}" for one in maps],
        )
    if provenance:
        yield "made by", list(_provenance(provenance))
        yield "data digest", [provenance["data"] or "unknown: the data was not checked"]
    if trial["manifests"]:
        yield "manifest", [_manifest(entry) for entry in trial["manifests"]]
    yield "folder", [trial["folder"]]
    yield "files", [f"{name}  {size(num_bytes)}" for name, num_bytes in trial["files"].items()]
    if trial["suites"] is not None:
        yield "suites", [_suite(entry) for entry in trial["suites"]] or ["no suite asks for it"]


def _metrics(metrics: Mapping[str, float]) -> list[str]:
    lines = []
    for name in dict.fromkeys(key.partition("/")[0] for key in metrics):
        averages = {average: f"{name}/{average}" for average in AVERAGES}
        values = [f"{average} {metrics[key]:.3f}" for average, key in averages.items() if key in metrics]
        lines.append(f"{name} {', '.join(values)}")
    return lines


def _provenance(provenance: Mapping[str, Any]) -> Iterator[str]:
    yield f"bench {provenance['bench']}, commit {provenance['git_commit']}, python {provenance['python']}"
    yield ", ".join(f"{name} {version}" for name, version in provenance["packages"].items())
    machine = f"{provenance['num_threads']} thread(s), {provenance['platform']}"
    yield f"{provenance['device']}, {provenance['precision']}, {machine}"
    if provenance["arithmetic"] is not None:
        loose = provenance["arithmetic"]["nondeterministic"]
        yield f"without a deterministic algorithm: {', '.join(loose)}" if loose else "deterministic"


def _manifest(entry: Mapping[str, Any]) -> str:
    unreadable = f", {entry['unreadable']} not readable" if entry["unreadable"] else ""
    return f"{entry['images']:,} images, {size(entry['bytes'])}{unreadable}: {entry['path']}"


def _suite(entry: Mapping[str, Any]) -> str:
    if entry["error"]:
        return f"{entry['suite']}: cannot be read ({entry['error']})"
    return f"{entry['suite']}: {', '.join(entry['rows']) or 'other trials start from it'}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> str:
    """Returns ``key value`` of everything, with dots between levels."""
    parts = []
    for key, value in values.items():
        if isinstance(value, dict):
            parts.append(_flat(value, f"{prefix}{key}."))
        else:
            parts.append(f"{prefix}{key} {value if isinstance(value, str) else json.dumps(value)}")
    return ", ".join(filter(None, parts))
