"""Train and score a suite's trials that are not done, then write its tables.

Failed trials, and failed evaluations of maps, stay as they are unless --retry-failed or --only-failed is
given. --only-failed runs nothing else: failed trials of other suites that this one starts from are run too,
the trials that those block are left to the next run.

With --json stdout has an object per line: "event" and "time", and by event: preparing (what, done, total);
notice (text); planned (trials); started (id); epoch (id, epoch, max_epochs, losses, images_per_s and so on);
finished (id, metrics, best_epoch, num_epochs, duration_s); failed (id, error, and cam if only that map
failed); evaluated (id, cam, metrics); and last ended (report, exit_code).

Exit codes: 0 the whole selection is finished; 1 something failed, or --max-hours ended before every trial was
started.
"""

import argparse
import math
import shlex
from dataclasses import fields

from bench.amounts import count
from bench.cli import arguments as shared
from bench.cli.render import note, show
from bench.execution.context import CHECKPOINT_EVERY_S
from bench.suite.find import suite_word

EXAMPLES = """\
examples:
  bench run demo
  bench run nih_mini --data-root ~/nih --set weights=resnet18.safetensors --seeds 0-1
  bench run nih_256 --data-root ~/nih --only-failed
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
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
        help="run trials one by one in this process, on one GPU at most, without Ray",
    )
    parser.add_argument(
        "--address",
        metavar="ADDRESS",
        help="run on an existing Ray cluster: auto for this machine's, or HOST:PORT (default: start one)",
    )
    parser.add_argument(
        "--max-concurrent",
        type=shared.positive,
        metavar="N",
        help="run at most N trials at once (default: as many as there is room for)",
    )
    parser.add_argument(
        "--cpu",
        action="store_true",
        help="train on the CPU, even if the suite asks for a GPU or there is one",
    )
    parser.add_argument(
        "--max-hours",
        type=_hours,
        metavar="H",
        help="start no trial after H hours (fractions allowed); running trials may finish",
    )
    parser.add_argument(
        "--limit-batches",
        type=shared.positive,
        metavar="N",
        help="smoke test, not a result: N batches of images, one epoch, into smoke/ of the results and "
        "reports folders",
    )
    parser.add_argument(
        "--checkpoint-every",
        dest="checkpoint_every_s",
        type=float,
        default=CHECKPOINT_EVERY_S,
        metavar="SECONDS",
        help=f"least time between a trial's checkpoints (default: {CHECKPOINT_EVERY_S:g})",
    )
    parser.add_argument(
        "--no-mlflow", action="store_false", dest="mlflow", help="do not mirror trials to MLflow"
    )
    parser.add_argument(
        "--tracker",
        action="append",
        default=[],
        dest="trackers",
        metavar="NAME",
        help="tell this tracker of the run, too: module:class, or one of `bench list trackers`; repeatable",
    )
    failed = parser.add_mutually_exclusive_group()
    failed.add_argument("--retry-failed", action="store_true", help="run failed trials again, too")
    failed.add_argument("--only-failed", action="store_true", help="run failed trials again, and no others")
    shared.add_json(parser, "print events as JSON, an object per line, and no table")


def execute(arguments: argparse.Namespace) -> int:
    """Runs the selection and prints the tables of the whole suite; 0 if the whole selection is finished."""
    from bench.api.running import RunOptions, run_selected
    from bench.execution.event_log import EventLog
    from bench.execution.live import Display
    from bench.results.failures import failed_grid
    from bench.results.invocation import Invocations

    arguments.retry_failed |= arguments.only_failed
    options = RunOptions(**{field.name: getattr(arguments, field.name) for field in fields(RunOptions)})
    loaded, store = options.suite(shared.load(arguments)), options.store
    selected = options.select(loaded)
    if arguments.only_failed:
        failed = failed_grid(selected, store)
        if failed is None:
            show(f"no selected trial of {loaded.suite.name} failed")
            return 0
        selected = failed
    events = EventLog() if arguments.json else None
    ended = run_selected(loaded, selected, options, events or Display(store))
    code = 1 if ended.failures or ended.left else 0
    if events is not None:
        events.write("ended", report=str(ended.folder), exit_code=code)
        return code
    print(ended.page)
    note(f"tables: {ended.folder}   trials: {store.root / 'trials'}   browse: bench ui", *ended.failures)
    if ended.failures and not options.retry_failed:
        note(failure_hint(arguments))
    if ended.left:
        late = f"{count(len(ended.left), 'trial')} not started, since {arguments.max_hours:g} h are over"
        note(f"{late}; the same command goes on")
    note(*Invocations(store).problems(loaded.suite.name))
    return code


def failure_hint(arguments: argparse.Namespace) -> str:
    """Returns the commands that help after a failure in the suite of the arguments."""
    from bench.suite.load import SMOKE_FOLDER

    if getattr(arguments, "limit_batches", None) is not None:
        return f"`bench status --failures --results-dir {arguments.results_dir / SMOKE_FOLDER}` says why"
    same = same_suite(arguments)
    return (
        f"`bench status --failures {same}` says why, `bench run --only-failed {same}` runs that again, "
        f"`bench run --retry-failed {same}` also the trials that it blocks"
    )


def same_suite(arguments: argparse.Namespace) -> str:
    """Returns the words that name the suite, its changes and its results folder to another verb."""
    words = [
        shlex.quote(suite_word(arguments.suite)),
        *(f"--set={shlex.quote(one)}" for one in arguments.overrides),
    ]
    if str(arguments.results_dir) != shared.results_dir_default():
        words.append(f"--results-dir={shlex.quote(str(arguments.results_dir))}")
    return " ".join(words)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 <= hours < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: give hours, such as 11.5")
    return hours
