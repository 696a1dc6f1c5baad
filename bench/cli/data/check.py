"""Check a data set: files, sizes, labels, boxes, duplicates, patients and counts.

Reads every file once and keeps a manifest of them in the cache, so that the next time takes seconds. `bench
run` checks its data sets likewise, but for one thing: this command also decodes every image once, to find
radiographs that are in two parts as different files, such as a JPEG beside a PNG. What it finds stops a run
too. Exits with 1 if a violation was found that is not accepted.
"""

import argparse
from collections.abc import Collection, Iterator
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.cli.render import Column, Sentence, Table, show, show_json
from bench.errors import SuiteError
from bench.suite.violation import ACCEPTABLE, ASKED_FOR, VIOLATIONS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bench.data.checks.integrity import Integrity
    from bench.data.checks.statistics import ComparedCount
    from bench.data.sources.source import DataSource

EXAMPLES = """\
examples:
  bench data check nih --data-root ~/nih
  bench data check nih --data-root ~/nih --accept patients_shared_train_val --json
  bench data check vindr --data-root ~/data --against nih
"""

EXIT_VIOLATED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subverb's own arguments."""
    shared.add_json(parser, "print JSON, with the names of all images concerned")
    parser.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="KIND",
        help="accept this kind of violation, as a suite's key accept does; repeatable",
    )
    parser.add_argument(
        "--against",
        metavar="OTHER",
        help="another data set: are test images among those that it trains or validates on?",
    )
    parser.add_argument(
        "--set-other",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change an option of the other data set",
    )
    parser.add_argument(
        "--reread", action="store_true", help="read files again that the stored manifest knows"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints the result of every check; 1 if a violation is not accepted."""
    from bench.data.checks.integrity import check, with_pairs_elsewhere
    from bench.data.checks.manifest import read_manifest
    from bench.data.checks.near_duplicates import find_near_duplicates, pairs_elsewhere
    from bench.data.loading import read_source
    from bench.execution.live import Display

    for kind in arguments.accept:
        if kind not in ACCEPTABLE:
            raise SuiteError(
                "no such check, or one that cannot be accepted",
                place=f"--accept {kind!r}",
                value=kind,
                allowed=ACCEPTABLE,
            )
    accepted = frozenset(arguments.accept)
    spec, context = shared.dataset_of(arguments)
    source = read_source(spec, context)
    display = Display(shared.open_store(arguments))
    checked = partial(display.preparing, f"check {spec.name}")
    manifest = read_manifest(source, context.cache_dir, checked, reread=arguments.reread)
    find_near_duplicates(source, manifest, context.cache_dir, display.preparing)
    integrity = check(source, context.cache_dir, checked)
    if arguments.against is not None:
        other = read_source(*shared.dataset_called(arguments.against, arguments.set_other, arguments))
        pairs = pairs_elsewhere(source, other, context.cache_dir, display.preparing)
        integrity = with_pairs_elsewhere(integrity, other.name, pairs)
    if arguments.json:
        show_json(_json(source, integrity, accepted))
    else:
        show(*_parts(source, integrity, accepted))
    return EXIT_VIOLATED if integrity.refused(accepted) else 0


def _parts(
    source: "DataSource", integrity: "Integrity", accepted: Collection[str]
) -> "Iterator[RenderableType]":
    """Yields the counts beside the expected ones, a line for each check, and whether a run would stop."""
    sizes = ", ".join(f"{len(names):,} {part}" for part, names in source.parts.items())
    yield f"{source.name}: {sum(map(len, source.parts.values())):,} images: {sizes}"
    yield ""
    yield from _counts_beside_expected(source)
    violated = {violation.kind: violation for violation in integrity.violations}
    for kind in VIOLATIONS:
        if kind in violated:
            yield Sentence(f"{kind}: {violated[kind].text}", lead="~ " if kind in accepted else "✗ ")
        elif kind not in ASKED_FOR:
            yield Sentence(kind, lead="✓ ")
    yield from (f"note: {sentence}" for sentence in integrity.notes)
    yield ""
    yield f"digest: {integrity.digest}"
    stopping = [one for one in integrity.refused(accepted) if one.kind not in ASKED_FOR]
    num_checks = len(VIOLATIONS) - len(ASKED_FOR)
    stop = f"{len(stopping)} of {num_checks} checks stop" if stopping else "nothing stops"
    yield f"{stop} a run of a suite"


def _counts_beside_expected(source: "DataSource") -> "Iterator[RenderableType]":
    """Yields a table of counts; nothing for a data set without official counts."""
    from bench.data.checks.statistics import EVERY, compared_counts

    groups: dict[tuple[str, str], list[ComparedCount]] = {}
    for pair in compared_counts(source):
        groups.setdefault((pair.parts, pair.what), []).append(pair)
    columns = []
    for (parts, counted), pairs in groups.items():
        differs = [pair.found != pair.expected for pair in pairs]
        if any(differs) or (counted != "boxed_images" and any(pair.expected for pair in pairs)):
            heading = f"{counted.replace('_', ' ')} in {parts.replace('+', ', ')}"
            number = partial(Column, is_number=True, group=heading)
            columns.append(number("found", [f"{pair.found:,}" for pair in pairs]))
            columns.append(number("expected", [f"{pair.expected:,}" for pair in pairs]))
            if any(differs):
                columns.append(number("", ["*" if one else "" for one in differs]))
    if columns:
        yield Table([Column("", [*source.findings, EVERY]), *columns])
        yield ""


def _json(source: "DataSource", integrity: "Integrity", accepted: Collection[str]) -> dict[str, object]:
    """Returns everything; "counts" is empty where none are expected."""
    from bench.data.checks.statistics import compared_counts

    return {
        "dataset": source.name,
        "root": str(source.root),
        "digest": integrity.digest,
        "images": {part: len(names) for part, names in source.parts.items()},
        "is_clean": not integrity.refused(accepted),
        "violations": [
            {
                "kind": violation.kind,
                "accepted": violation.kind in accepted,
                "count": len(violation.examples),
                "text": violation.text,
                "examples": violation.examples,
            }
            for violation in integrity.violations
        ],
        "notes": integrity.notes,
        "counts": [asdict(pair) for pair in compared_counts(source)],
    }
