"""Show what runs in a results folder, from a second terminal or another machine.

Running trials with epoch, step, loss, images/s and the time that each takes at most, below who runs them;
what ended last; how many finished and failed; what is free of the disk. Read from files alone: nothing is
asked of who runs them. With a suite only its trials, and those that it starts from.

--json: {"running", "last_ended", "num_finished", "num_failed", "unreadable", "free_bytes", "remarks"}; each
that runs has id, model, driver, phase, fraction, step, num_steps, loss, learning_rate, images_per_s, silent_s
and left_s, null where it is not known; each that ended has id, model, status, ended_at, point_accuracy and
reason; "unreadable" has a sentence for each record that is damaged or of a newer bench.
"""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.execution.status import FolderStatus

EXAMPLES = """\
examples:
  bench status --watch
  bench status suites/nih_256.yaml --only model=pylon --results-dir /mnt/results
"""

WATCH_S = 1.0
WIDTH = 100
"""Characters, where the output is no terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser, is_optional=True)
    shared.add_shard(parser)
    shared.add_results_dir(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--watch", action="store_true", help="keep showing it, until Ctrl-C")
    how.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the status once, or on and on."""
    import shutil

    from rich.console import Console

    from bench.cli.status_listing import to_json, to_renderable
    from bench.execution.status import read_status

    store, ids = shared.open_store(arguments), _ids(arguments)

    def read() -> "FolderStatus":
        return read_status(store, ids)

    if arguments.json:
        print(to_json(read()))
        return 0
    if arguments.watch and not sys.stdout.isatty():
        raise BenchError("bench status: --watch needs a terminal; --json is for programs")
    if arguments.watch:
        _watch(read)
        return 0
    console = Console(width=shutil.get_terminal_size((WIDTH, 0)).columns, highlight=False)
    console.print(to_renderable(read(), console.width))
    return 0


def _watch(read: "Callable[[], FolderStatus]") -> None:
    from rich.console import Console
    from rich.live import Live

    from bench.cli.status_listing import to_renderable

    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False) as live, suppress(KeyboardInterrupt):
        while True:
            live.update(to_renderable(read(), console.width), refresh=True)
            time.sleep(WATCH_S)


def _ids(arguments: argparse.Namespace) -> set[str] | None:
    """Returns the ids of the trials that are asked for; None is all."""
    if arguments.suite is None:
        shared.refuse_narrowing(arguments, "bench status")
        return None
    grid = shared.select(arguments, shared.load(arguments))
    return {trial.id for trial in (*grid.required, *grid.trials)}
