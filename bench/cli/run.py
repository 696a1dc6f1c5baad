"""Run a suite: train and score what is not done yet, then write its tables.

With --json stdout has an object per line: "event" and "time", and by event: preparing (what, done, total);
notice (text); planned (trials); started (id); epoch (id, epoch, max_epochs, losses, images_per_s and so on);
finished (id, metrics, best_epoch, num_epochs, duration_s); failed (id, error, and cam if only that map has);
evaluated (id, cam, metrics); and last ended (report, exit_code).

Exit codes: 0 all that is selected is finished; 1 something failed, or --max-hours were over before all was
started.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.cli.run_arguments import add_run_arguments
from bench.cli.run_outcome import failure_hint, failure_sentences, late_sentence

if TYPE_CHECKING:
    from bench.results.store import ResultsStore
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
    from bench.cli.run_trials import image_reader, is_all_mirrored, run_trials
    from bench.execution.driver import trials_to_run
    from bench.execution.event_log import EventLog
    from bench.reporting.current import current_page
    from bench.reporting.references import require_references
    from bench.results.differences import require_same_data
    from bench.results.invocation import Invocations

    store, reports_dir = open_store(arguments), _own_folder(arguments, arguments.reports_dir)
    folder = shared.report_folder(reports_dir, loaded)
    Invocations(store).require_own(loaded)
    require_references(loaded.suite.references, store.root)
    require_same_data(loaded.points, store, loaded.grid.accepted)
    events, is_late = EventLog() if arguments.json else None, False
    todo = trials_to_run(selected, store, retry_failed=retry_failed)
    if todo or not is_all_mirrored(arguments, loaded, selected, store):
        page, is_late = run_trials(
            arguments, loaded, selected, store, reports_dir, events, retry_failed=retry_failed
        )
    else:
        page = current_page(loaded, store, reports_dir) or write_run_report(
            loaded, store, image_reader(arguments, loaded), reports_dir
        )
    left = trials_to_run(selected, store, retry_failed=False) if is_late else ()
    failures = failure_sentences(selected, store)
    code = 1 if failures or left else 0
    if events is not None:
        events.write("ended", report=str(folder), exit_code=code)
        return code
    print(page)
    print(f"tables: {folder}   trials: {store.root / 'trials'}   browse: bench ui", file=sys.stderr)
    last = [late_sentence(left, arguments.max_hours)] if left else []
    hint = [failure_hint(arguments)] if failures and not retry_failed else []
    for sentence in (*failures, *hint, *last, *Invocations(store).problems(loaded.suite.name)):
        print(sentence, file=sys.stderr)
    return code
