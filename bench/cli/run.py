"""Run a suite: train and score what is not done yet, then write its tables.

With --json stdout has an object per line: "event" and "time", and by event: preparing (what, done, total);
notice (text); planned (trials); started (id); epoch (id, epoch, max_epochs, losses, images_per_s and so on);
finished (id, metrics, best_epoch, num_epochs, duration_s); failed (id, error, and cam if only that map has);
evaluated (id, cam, metrics); and last ended (report, exit_code).

Exit codes: 0 all that is selected is finished; 1 something failed, or --max-hours were over before all was
started.
"""

import argparse
import math
import shlex
import sys
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.execution.context import CHECKPOINT_EVERY_S

if TYPE_CHECKING:
    from bench.api.running import RunOptions
    from bench.suite.grid import Grid
    from bench.suite.load import LoadedSuite

EXAMPLES = """\
examples:
  bench run suites/demo.yaml
  bench run suites/nih_mini.yaml --data-root ~/nih --set weights=resnet18.safetensors --seeds 0-1
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    add_run_arguments(parser)
    parser.add_argument("--retry-failed", action="store_true", help="run failed trials again")


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of all verbs that run trials: what, where and how."""
    shared.add_suite(parser)
    shared.add_shard(parser)
    shared.add_results_dir(parser)
    shared.add_reports_dir(parser)
    shared.add_data_dirs(parser)
    parser.add_argument(
        "--serial",
        action="store_const",
        const="serial",
        default="ray",
        dest="executor",
        help="run trials one by one in this process, without Ray",
    )
    parser.add_argument(
        "--address",
        metavar="ADDRESS",
        help="run on a Ray cluster that is there: auto for this machine's, or HOST:PORT (default: start one)",
    )
    parser.add_argument(
        "--max-concurrent",
        type=shared.positive,
        metavar="N",
        help="trials that run at once at most (default: as many as there is room for)",
    )
    parser.add_argument(
        "--cpu", action="store_true", help="train on the CPU, whatever the suite asks for or the machine has"
    )
    parser.add_argument(
        "--max-hours",
        type=_hours,
        metavar="H",
        help="start no trial after so many hours, fractions allowed; trials that run by then are let finish",
    )
    parser.add_argument(
        "--limit-batches",
        type=shared.positive,
        metavar="N",
        help="smoke test: N batches of images, one epoch, into smoke/ of the results and reports folders; "
        "no result",
    )
    parser.add_argument(
        "--checkpoint-every",
        dest="checkpoint_every_s",
        type=float,
        default=CHECKPOINT_EVERY_S,
        metavar="SECONDS",
        help="time between checkpoints within an epoch, for machines that are taken away (default: "
        f"{CHECKPOINT_EVERY_S:g})",
    )
    parser.add_argument(
        "--no-mlflow", action="store_false", dest="mlflow", help="do not mirror trials to MLflow"
    )
    parser.add_argument(
        "--json", action="store_true", help="print what happens as JSON, an object per line, and no table"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Runs what is selected of the suite, reports on all of it; 0 if all that is selected is finished."""
    options = run_options(arguments)
    loaded = options.suite(shared.load(arguments))
    return run_and_print(arguments, options, loaded, options.select(loaded))


def run_and_print(
    arguments: argparse.Namespace, options: "RunOptions", loaded: "LoadedSuite", selected: "Grid"
) -> int:
    """Runs `selected`, prints the tables of `loaded`; 0 if all that was selected is finished."""
    from bench.amounts import count
    from bench.api.running import run_selected
    from bench.execution.event_log import EventLog
    from bench.execution.live import Display
    from bench.results.invocation import Invocations

    store, events = options.store, EventLog() if arguments.json else None
    ended = run_selected(loaded, selected, options, events or Display(store))
    code = 1 if ended.failures or ended.left else 0
    if events is not None:
        events.write("ended", report=str(ended.folder), exit_code=code)
        return code
    print(ended.page)
    print(f"tables: {ended.folder}   trials: {store.root / 'trials'}   browse: bench ui", file=sys.stderr)
    late = f"not started, since {arguments.max_hours or 0:g} h are over; the same command goes on"
    last = [f"{count(len(ended.left), 'trial')} {late}"] if ended.left else []
    hint = [failure_hint(arguments)] if ended.failures and not options.retry_failed else []
    for sentence in (*ended.failures, *hint, *last, *Invocations(store).problems(loaded.suite.name)):
        print(sentence, file=sys.stderr)
    return code


def failure_hint(arguments: argparse.Namespace) -> str:
    """Returns which commands help where something has failed of what the arguments of a verb select."""
    from bench.suite.load import SMOKE_FOLDER

    if getattr(arguments, "limit_batches", None) is not None:
        return f"bench failures --results-dir {arguments.results_dir / SMOKE_FOLDER} says why"
    same = same_suite(arguments)
    return (
        f"bench failures {same} says why, bench retry {same} runs that again; "
        "bench run --retry-failed also what it blocks"
    )


def run_options(arguments: argparse.Namespace) -> "RunOptions":
    """Returns what the arguments say: each is called as its option is."""
    from bench.api.running import RunOptions

    return RunOptions(**{name: getattr(arguments, name) for name in RunOptions.__dataclass_fields__})


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 <= hours < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: give hours, such as 11.5")
    return hours


def same_suite(arguments: argparse.Namespace) -> str:
    """Returns what names the suite of the arguments, its changes and its results folder to another verb."""
    given = [str(arguments.suite), *(f"--set={shlex.quote(one)}" for one in arguments.overrides)]
    if str(arguments.results_dir) != shared.results_dir_default():
        given.append(f"--results-dir={shlex.quote(str(arguments.results_dir))}")
    return " ".join(given)
