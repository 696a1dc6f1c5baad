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
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.errors import BenchError
from bench.execution.context import CHECKPOINT_EVERY_S

if TYPE_CHECKING:
    from bench.cli.gallery_drawing import ImageReader
    from bench.execution.event_log import EventLog
    from bench.execution.executor import Executor
    from bench.results.store import ResultsStore
    from bench.suite.grid import Grid
    from bench.suite.load import LoadedSuite
    from bench.tracking.tracker import Tracker

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
    """Adds what to run, where and how: the arguments of all verbs that run trials."""
    shared.add_suite(parser)
    shared.add_shard(parser)
    shared.add_results_dir(parser)
    shared.add_reports_dir(parser)
    shared.add_data_dirs(parser)
    parser.add_argument(
        "--serial", action="store_true", help="run trials one by one in this process, without Ray"
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
        help="start no trial after so many hours, fractions allowed; what runs then ends",
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
        type=float,
        default=CHECKPOINT_EVERY_S,
        metavar="SECONDS",
        help="time between checkpoints within an epoch, for machines that are taken away (default: "
        f"{CHECKPOINT_EVERY_S:g})",
    )
    parser.add_argument("--no-mlflow", action="store_true", help="do not mirror trials to MLflow")
    parser.add_argument(
        "--json", action="store_true", help="print what happens as JSON, an object per line, and no table"
    )


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 <= hours < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: give hours, such as 11.5")
    return hours


def execute(arguments: argparse.Namespace) -> int:
    """Runs what is selected of the suite, reports on all of it; 0 if all that is selected is finished."""
    loaded = load(arguments)
    selected = shared.select(arguments, loaded)
    return run_selected(arguments, loaded, selected, retry_failed=arguments.retry_failed)


def load(arguments: argparse.Namespace) -> "LoadedSuite":
    """Returns the suite to run: that of the arguments, or a smoke test of it."""
    loaded = shared.load(arguments)
    if arguments.limit_batches is None:
        return loaded
    from bench.suite.smoke import limited

    return limited(loaded, arguments.limit_batches)


def open_store(arguments: argparse.Namespace) -> "ResultsStore":
    """Returns the store that the trials go to: smoke tests have one of their own."""
    from bench.results.store import ResultsStore

    return ResultsStore(_own_folder(arguments, arguments.results_dir.resolve()))


def _own_folder(arguments: argparse.Namespace, folder: Path) -> Path:
    from bench.suite.smoke import FOLDER

    return folder if arguments.limit_batches is None else folder / FOLDER


def run_selected(
    arguments: argparse.Namespace, loaded: "LoadedSuite", selected: "Grid", *, retry_failed: bool
) -> int:
    """Runs `selected`, writes the tables of `loaded`, prints them; 0 if all that was selected is finished."""
    from bench.cli.run_report import write_run_report
    from bench.execution.driver import trials_to_run
    from bench.execution.event_log import EventLog
    from bench.reporting.current import current_page
    from bench.reporting.references import require_references

    store, reports_dir = open_store(arguments), _own_folder(arguments, arguments.reports_dir)
    require_references(loaded.suite.references, store.root)
    events = EventLog() if arguments.json else None
    todo = trials_to_run(selected, store, retry_failed=retry_failed)
    is_late = False
    if todo or not _is_mirrored(arguments, loaded, selected, store):
        page, is_late = _run(
            arguments, loaded, selected, store, reports_dir, events, retry_failed=retry_failed
        )
    else:
        page = current_page(loaded, store, reports_dir) or write_run_report(
            loaded, store, _images(arguments, loaded), reports_dir
        )
    left = trials_to_run(selected, store, retry_failed=False) if is_late else ()
    failures = _failures(selected, store)
    code, folder = 1 if failures or left else 0, reports_dir / loaded.suite.name
    if events is not None:
        events.write("ended", report=str(folder), exit_code=code)
        return code
    print(page)
    print(f"tables: {folder}   trials: {store.root / 'trials'}   browse: bench ui", file=sys.stderr)
    for sentence in failures:
        print(sentence, file=sys.stderr)
    if failures and not retry_failed:
        print("--retry-failed runs what failed, and then what it blocks", file=sys.stderr)
    if left:
        print(
            f"{len(left)} {_plural('trial', left)} not started, since {arguments.max_hours:g} h are over; "
            "the same command goes on",
            file=sys.stderr,
        )
    return code


def _run(
    arguments: argparse.Namespace,
    loaded: "LoadedSuite",
    selected: "Grid",
    store: "ResultsStore",
    reports_dir: Path,
    events: "EventLog | None",
    *,
    retry_failed: bool,
) -> tuple[str, bool]:
    """Runs the trials; returns the report's page, and whether the time to start any was over at the end."""
    from bench.cli.run_report import draw_trial, write_run_report
    from bench.execution.context import RunContext
    from bench.execution.driver import Driver, run_grid
    from bench.execution.gpus import decide_gpu
    from bench.execution.live import Display
    from bench.execution.recording import recorded

    resources, executor, hours = loaded.suite.resources, _executor(arguments), arguments.max_hours
    context = RunContext(
        results_dir=store.root,
        data_root=shared.data_root(arguments),
        cache_dir=shared.cache_dir(arguments),
        files=dict(loaded.grid.files),
        use_gpu=decide_gpu(resources, executor, cpu_only=arguments.cpu),
        checkpoint_every_s=arguments.checkpoint_every,
        start_until_s=None if hours is None else time.monotonic() + hours * 3600,
    )
    command = ("run", *_words(arguments))
    with (
        closing(_tracker(arguments, store.root)) as tracker,
        recorded(loaded.narrowed(selected), command, store, tracker) as recording,
    ):
        images = _images(arguments, loaded)
        illustrate = partial(draw_trial, store=store, images=images)
        driver = Driver(store, tracker, events or Display(store), illustrate=illustrate)
        run_grid(selected, resources, context, executor, driver, retry_failed=retry_failed)
        page = write_run_report(loaded, store, images, reports_dir)
        recording.report = reports_dir / loaded.suite.name
    return page, context.start_until_s is not None and time.monotonic() >= context.start_until_s


def _images(arguments: argparse.Namespace, loaded: "LoadedSuite") -> "ImageReader":
    from bench.cli.gallery_drawing import ImageReader
    from bench.data.dataset import DataContext

    root, cache = shared.data_root(arguments), shared.cache_dir(arguments)
    return ImageReader(DataContext(root, cache, dict(loaded.grid.files)))


def _failures(selected: "Grid", store: "ResultsStore") -> list[str]:
    """Says which trials failed or are blocked, which maps failed, and what files tell why."""
    from bench.results.blocked import blocked_sentences

    trials = (*selected.required, *selected.trials)
    failed = [trial.id for trial in trials if store.state(trial.id) == "failed"]
    maps = [
        f"cams/{point.cam}.json of {point.trial.id}"
        for point in selected.points
        if point.trial.id not in failed and store.state(point.trial.id, point.cam) == "failed"
    ]
    sentences = {
        f"{len(failed)} {_plural('trial', failed)} failed, see record.json of {', '.join(failed)}": failed,
        f"{len(maps)} {_plural('evaluation', maps)} of maps failed, see {', '.join(maps)}": maps,
    }
    told = [sentence for sentence, concerned in sentences.items() if concerned]
    return [*told, *blocked_sentences(trials, store)]


def _plural(word: str, concerned: Sequence[object]) -> str:
    return word if len(concerned) == 1 else f"{word}s"


def _executor(arguments: argparse.Namespace) -> "Executor":
    if arguments.serial:
        for given, name in ((arguments.address, "--address"), (arguments.max_concurrent, "--max-concurrent")):
            if given is not None:
                raise BenchError(f"{name}: is for Ray; leave it or --serial out")
        from bench.execution.serial import SerialExecutor

        return SerialExecutor()
    from bench.execution.ray_tune import RayExecutor

    return RayExecutor(arguments.address, arguments.max_concurrent)


def _words(arguments: argparse.Namespace) -> list[str]:
    """Returns what the command line said that decides which trials there are, for people."""
    seeds = [f"--seeds={arguments.seeds}"] if arguments.seeds is not None else []
    only = [f"--only={condition}" for condition in arguments.only]
    return [str(arguments.suite), *only, *seeds, *(f"--set={one}" for one in arguments.overrides)]


def _tracker(arguments: argparse.Namespace, results_dir: Path) -> "Tracker":
    from bench.tracking.tracker import NullTracker

    if arguments.no_mlflow:
        return NullTracker()
    from bench.tracking.mlflow import MlflowTracker

    return MlflowTracker(results_dir)


def _is_mirrored(
    arguments: argparse.Namespace, loaded: "LoadedSuite", selected: "Grid", store: "ResultsStore"
) -> bool:
    """Whether MLflow knows all that has ended of what is selected; asked without importing it."""
    from bench.tracking.mirrored import is_mirrored, mirrored_tags

    if arguments.no_mlflow:
        return True
    tags = mirrored_tags(store.root, loaded.suite.name)
    records = ((trial.id, store.record(trial.id)) for trial in selected.trials)
    return all(
        is_mirrored(record, store.folder(trial_id), tags.get(trial_id, {}))
        for trial_id, record in records
        if record is not None
    )
