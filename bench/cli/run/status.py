"""Show what runs in a results folder, what ended, and what failed why.

Running trials have epoch, step, loss, images/s and the most time that each can take, below the driver that
runs them. The status is read from files alone: it can be shown from a second terminal or another machine.
With a suite it covers only the suite's trials and those that they start from.

--failures: everything that failed, failures of one cause together; tracebacks with --full, and for a trial
that is named with --trial. `bench run --only-failed` runs failed trials again.

--json: {"running", "last_ended", "num_finished", "num_failed", "unreadable", "free_bytes", "remarks"}. Each
running trial has id, model, driver, phase, fraction, step, num_steps, loss, learning_rate, images_per_s,
silent_s and left_s, null where it is not known; each ended one has id, model, status, ended_at,
point_accuracy and reason; "unreadable" has a sentence for each record that is damaged or of a newer bench.

--failures --json: {"failures", "unreadable"}. Each failure has id, cam, reason, place (file:line in function,
or null), error, ended_at and cause, a number that failures of one cause share.
"""

import argparse
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from bench.amounts import count, duration, size
from bench.cli import arguments as shared
from bench.cli.render import Column, Sentence, Table, show, show_json
from bench.errors import BenchError, SuiteError
from bench.suite.metrics import PRIMARY, WEIGHTED

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

    from bench.execution.progress_table import TrialRow
    from bench.execution.status import FolderStatus, RunningTrial
    from bench.results.failures import Failure
    from bench.results.record import Record
    from bench.results.store import ResultsStore

EXAMPLES = """\
examples:
  bench status --watch
  bench status nih_256 --only model=pylon --results-dir /mnt/results
  bench status --failures nih_256
  bench status --failures --trial pylon-nih-256px-s0    its traceback; an id or its beginning
"""

_WATCH_S = 1.0

_SILENT_S = 60.0
"""A trial whose progress is older counts as silent: steps, batches and images take far less."""

_TABLE_WIDTH = 60
"""Narrower terminals show sentences: a table would cut the names of running trials."""

_WIDEST = 200
"""Characters of the table of running trials, which fills the width."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser, is_optional=True)
    shared.add_shard(parser)
    shared.add_results_dir(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--watch", action="store_true", help="keep showing it, until Ctrl-C")
    shared.add_json(how)
    failures = parser.add_argument_group("failures")
    failures.add_argument("--failures", action="store_true", help="show what failed and why")
    failures.add_argument("--trial", metavar="ID", help="only of this trial, with its traceback")
    failures.add_argument("--full", action="store_true", help="with whole tracebacks")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the status or the failures, once or on and on; 0 also if something failed."""
    if arguments.suite is None:
        shared.refuse_narrowing(arguments, "bench status")
    if arguments.failures:
        return _failures(arguments)
    for name in ("trial", "full"):
        if getattr(arguments, name):
            raise BenchError(f"bench status: --{name} needs --failures")
    from bench.execution.status import read_status

    store, ids = shared.open_store(arguments), _suite_ids(arguments)
    if arguments.json:
        show_json(_status_json(read_status(store, ids)))
    elif not arguments.watch:
        show(_StatusView(read_status(store, ids)))
    elif sys.stdout.isatty():
        _watch(store, ids)
    else:
        raise BenchError("bench status: --watch needs a terminal; --json is for programs")
    return 0


def _suite_ids(arguments: argparse.Namespace) -> tuple[str, ...] | None:
    """Returns the ids of the suite's trials and those that they start from; None without a suite."""
    if arguments.suite is None:
        return None
    grid = shared.select(arguments, shared.load(arguments))
    return tuple(dict.fromkeys(trial.id for trial in (*grid.required, *grid.trials)))


def _watch(store: "ResultsStore", ids: Sequence[str] | None) -> None:
    from rich.console import Console
    from rich.live import Live

    from bench.execution.status import read_status

    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False) as live, suppress(KeyboardInterrupt):
        while True:
            live.update(_StatusView(read_status(store, ids)), refresh=True)
            time.sleep(_WATCH_S)


class _StatusView:
    """Shows running trials, a table for each driver, then those that ended last, and the disk."""

    def __init__(self, status: "FolderStatus") -> None:
        self._status = status

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        status, width = self._status, min(options.max_width, _WIDEST)
        for driver in dict.fromkeys(str(one.driver) for one in status.running):
            rows = [_row(one) for one in status.running if str(one.driver) == driver]
            yield Sentence(f"{driver}:")
            yield from _progress(rows, width)
            yield ""
        if not status.running:
            yield Sentence("nothing runs")
        if status.last_ended:
            yield ""
            yield _ended_table(status)
            yield ""
        failed = f"{status.num_failed} failed: `bench status --failures` says why"
        yield Sentence(f"{status.num_finished} finished, {failed if status.num_failed else 'none failed'}")
        yield Sentence(f"{size(status.free_bytes)} of the disk are free")
        yield from map(Sentence, (*status.unreadable, *status.remarks))


def _row(one: "RunningTrial") -> "TrialRow":
    from bench.execution.progress_table import TrialRow

    title = one.trial.title(one.trial.label)
    if one.progress is not None and one.silent_s > _SILENT_S:
        return TrialRow(title, f"silent for {duration(one.silent_s)}")
    return TrialRow(title, "starting", one.progress, one.left_s)


def _progress(rows: "Sequence[TrialRow]", width: int) -> "Iterator[RenderableType]":
    from rich.constrain import Constrain

    from bench.execution.progress_table import progress_line, progress_table

    if width >= _TABLE_WIDTH:
        yield Constrain(progress_table(rows, width, ""), width)
    else:
        yield from (Sentence(progress_line(row)) for row in rows)


def _ended_table(status: "FolderStatus") -> Table:
    records = status.last_ended

    def outcome(record: "Record") -> str:
        if record.outcome is None:
            return f"{record.status}: {record.reason}"
        value = _primary(record, status)
        accuracy = "" if value is None else f", {PRIMARY.phrase} {value:.3f}"
        return f"{record.status} in {duration(record.outcome.duration_s)}{accuracy}"

    ids = Column("last ended", [record.trial.id for record in records])
    return Table([ids], text=Column("state", [outcome(record) for record in records]))


def _primary(record: "Record", status: "FolderStatus") -> float | None:
    return status.metrics[record.trial.id].get(PRIMARY.key(WEIGHTED))


def _status_json(status: "FolderStatus") -> dict[str, object]:
    return {
        "running": [_running_json(one) for one in status.running],
        "last_ended": [
            {
                "id": record.trial.id,
                "model": record.trial.label,
                "status": record.status,
                "ended_at": record.ended_at,
                PRIMARY.name: _primary(record, status),
                "reason": record.reason or None,
            }
            for record in status.last_ended
        ],
        "num_finished": status.num_finished,
        "num_failed": status.num_failed,
        "unreadable": list(status.unreadable),
        "free_bytes": status.free_bytes,
        "remarks": status.remarks,
    }


def _running_json(one: "RunningTrial") -> dict[str, object]:
    shown = ("phase", "fraction", "step", "num_steps", "loss", "learning_rate", "images_per_s")
    progress = {name: getattr(one.progress, name) if one.progress else None for name in shown}
    times = {"silent_s": one.silent_s if one.progress else None, "left_s": one.left_s}
    return {"id": one.trial.id, "model": one.trial.label, "driver": str(one.driver), **progress, **times}


def _failures(arguments: argparse.Namespace) -> int:
    from bench.results.failures import all_failures, failures_of, failures_of_trial, recorded_ids
    from bench.results.store import find_trial

    if arguments.watch:
        raise BenchError("bench status: --watch shows no failures; leave out --failures")
    if arguments.suite is not None and arguments.trial is not None:
        raise SuiteError("bench status --failures: give a suite or --trial, not both")
    store = shared.open_store(arguments)
    found: Sequence[Failure]
    ids: Sequence[str]
    if arguments.trial is not None:
        trial_id = find_trial(store, arguments.trial).path.name
        found, whose, ids = tuple(failures_of_trial(trial_id, store)), trial_id, [trial_id]
    elif arguments.suite is not None:
        loaded, grid, _ = shared.opened(arguments)
        found, whose, ids = failures_of(grid, store), loaded.suite.name, _suite_ids(arguments) or ()
    else:
        found, whose, ids = all_failures(store), str(store.root), recorded_ids(store)
    unreadable = [sentence for trial_id in ids for sentence in store.problems(trial_id)]
    if arguments.json:
        show_json(_failures_json(found, unreadable))
        return 0
    show(*_failure_parts(found, is_full=arguments.full or arguments.trial is not None), *unreadable)
    if not (found or unreadable):
        show(f"nothing of {whose} failed")
    elif found and arguments.suite is not None:
        show(f"`bench run --only-failed {arguments.suite}` runs failed trials again")
    return 0


def _failure_parts(failures: "Sequence[Failure]", *, is_full: bool) -> "Iterator[RenderableType]":
    """Yields, for each cause, its reason and then a row per failure, with the whole error if `is_full`."""
    from rich.text import Text

    from bench.results.failures import by_cause
    from bench.suite.cam import NATIVE, cam_title
    from bench.suite.dataset_specs import title_of

    for group in by_cause(failures):
        trials = sum(failure.cam == NATIVE for failure in group)
        numbers = {"trial": trials, "map": len(group) - trials}
        counts = " and ".join(count(number, noun) for noun, number in numbers.items() if number)
        yield Sentence(f"{counts} failed: {group[0].reason or 'no reason is known'}")
        if group[0].place is not None:
            yield Sentence(f"at {group[0].place}", indent=2)
        for rows in [[failure] for failure in group] if is_full else [group]:
            labels = [
                one.trial.label if one.cam == NATIVE else f"{one.trial.label}, {cam_title(one.cam)}"
                for one in rows
            ]
            columns = [
                Column("", [one.trial.id for one in rows]),
                Column("", labels, is_optional=True),
                Column("", [title_of(one.trial.dataset) for one in rows], is_optional=True),
                Column("", [one.ended_at for one in rows], is_optional=True),
            ]
            yield Table(columns, indent=2, has_heading=False)
            if is_full:
                yield Text(textwrap.indent(rows[0].error.rstrip(), "    "))
        yield ""


def _failures_json(failures: "Sequence[Failure]", unreadable: Sequence[str]) -> dict[str, object]:
    from bench.results.failures import by_cause

    causes = {failure.cause: number for number, (failure, *_) in enumerate(by_cause(failures), start=1)}
    entries = [
        {
            "id": failure.trial.id,
            "cam": failure.cam,
            "reason": failure.reason,
            "place": failure.place,
            "error": failure.error,
            "ended_at": failure.ended_at,
            "cause": causes[failure.cause],
        }
        for failure in failures
    ]
    return {"failures": entries, "unreadable": list(unreadable)}
