"""Check a data set: files, sizes, labels, boxes, duplicates, patients and counts.

Reads every file once and keeps a manifest of them in the cache, so that the next time takes seconds. Runs of
suites check their data sets likewise. Exits with 1 if anything was found that is not accepted.
"""

import argparse
from functools import partial

from bench.cli import arguments as shared

EXAMPLES = """\
examples:
  bench data check nih --data-root ~/nih
  bench data check nih --data-root ~/nih --accept patients_shared_train_val --json
"""

EXIT_VIOLATED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subverb's own arguments."""
    parser.add_argument("--json", action="store_true", help="print JSON, with everything that is concerned")
    parser.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="KIND",
        help="let pass what this check finds, as a suite's key accept does; repeatable",
    )
    parser.add_argument(
        "--reread", action="store_true", help="read files again that the stored manifest knows"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints what every check says."""
    from bench.cli.integrity_listing import to_json, to_text
    from bench.data.checks.integrity import check
    from bench.data.loading import read_source
    from bench.execution.live import Display

    accepted = _acceptable(arguments.accept)
    spec, context = shared.dataset_of(arguments)
    source = read_source(spec, context)
    display = Display(shared.open_store(arguments))
    progress = partial(display.preparing, f"check {spec.name}")
    integrity = check(source, context.cache_dir, progress, reread=arguments.reread)
    if arguments.json:
        print(to_json(source, integrity, accepted))
    else:
        print(to_text(source, integrity, accepted, shared.terminal_width()))
    return EXIT_VIOLATED if integrity.refused(accepted) else 0


def _acceptable(kinds: list[str]) -> frozenset[str]:
    from bench.errors import SuiteError, listing, nearest
    from bench.suite.violation import ACCEPTABLE

    for kind in kinds:
        if kind not in ACCEPTABLE:
            raise SuiteError(
                f"--accept {kind!r}: no such check, or one that cannot be accepted; allowed: "
                f"{listing(ACCEPTABLE)}{nearest(kind, ACCEPTABLE)}"
            )
    return frozenset(kinds)
