"""What to run, where and how: the arguments of all verbs that run trials."""

import argparse
import math

from bench.cli import arguments as shared
from bench.execution.context import CHECKPOINT_EVERY_S


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds them to a verb's."""
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
