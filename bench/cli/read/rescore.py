"""Score stored maps by another protocol or annotation, without data, model or GPU.

For each metric of a model the value that is asked for stands beside the default and the paired difference,
each a mean over seeds with the half-width of its 95% Student-t interval, averaged over units (weighted) and
over findings (macro). The default is the thesis' protocol. Metrics that the choices do not move stand in one
table, others in one for each metric, or for each model where these are fewer. Rows are the suite's models
and maps, the references that it names, and those of --reference. docs/protocol.md explains each choice.

With --annotation the default is the own boxes by the same protocol, on the units that both readings have:
maps are kept of no others. How many units only one reading has is shown too, and, by the thesis' protocol,
the suite's claims about maps with a verdict by either reading.

If a trial lacks its table of single choices (sensitivity.json), that is computed too; nothing else is
written.

--json: {"suite", "protocol", "annotation", "rows", "readings", "claims", "notes"}. A row has dataset,
resolution, model, metric, column, trials (ids), reference (null of a model), expected (trials that the suite
asks for), num_units, and default, chosen and difference, each with mean, half_width (null of a single seed)
and n. A reading, one of each data set, has name, num_images (that both have read), both, only_own and
only_other (units of findings that both know), centre_in_own and centre_in_other (of both: units in which the
centre of the other reading's largest box lies in the own boxes, and the other way round), median_iou, and
findings, each with finding, both, only_own and only_other, null where a reading does not know it. A claim has
own and other, each as bench verify has it.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from bench.amounts import count
from bench.api.choices import CHOICES, checked, words_of
from bench.cli import arguments as shared
from bench.cli.read.rescore_tables import tables_of
from bench.cli.render import DASH, Column, Sentence, Table, coloured, heading, progress, show, show_json
from bench.errors import listing
from bench.metrics.protocol import THESIS, LocalizationProtocol

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bench.api.rescoring import Rescored
    from bench.evaluation.second_reading import ReadingCounts
    from bench.reporting.verdicts import ClaimVerdict
    from bench.reporting.verdicts_by_reading import ClaimByReading

EXAMPLES = """\
examples:
  bench rescore nih_256 --iobb 0.1 --tolerance 15
  bench rescore nih_mini --grid native --metric point_accuracy --json
  bench rescore nih_mini --annotation chestxdet=chestxdet.json
  bench rescore --reference mine --grid 64
"""

_OWN = "own boxes"

_HELP = {
    "sigmoid": ("", "apply the sigmoid before or after enlarging"),
    "align_corners": ("", "align corners when enlarging (default: not)"),
    "ties": ("", "peak among the pixels that share a maximum"),
    "tolerance_px": ("PX", "distance to a box within which a peak is a hit, px of the image's own frame"),
    "grid": ("|N", "enlarge maps to the network's input, the image's own frame, or N × N px"),
    "edges": ("", "whether right and bottom edges are in a box"),
    "boxes": ("", "coordinates of boxes, truncated to integers or not"),
    "threshold": ("SHARE", "for overlap: share of a map's maximum above which a pixel is predicted"),
    "iobb": ("T", "for overlap: a hit's IoBB exceeds T, T(IoBB) of the literature, e.g. 0.1"),
}
"""By choice: the name of a value that is none of its words, and the help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser, is_optional=True)
    shared.add_results_dir(parser)
    parser.add_argument(
        "--reference",
        action="append",
        default=[],
        metavar="NAME",
        help="the maps of a reference run, beside those of the suite or alone; may be repeated",
    )
    parser.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="NAME",
        help="only this metric of maps; may be repeated (default: all)",
    )
    parser.add_argument(
        "--annotation",
        metavar="NAME[=FILE]",
        help="in place of the own boxes: an annotation that the suite names, or a file (JSON of COCO or "
        "ChestX-Det, a table of boxes, a folder of masks)",
    )
    choices = parser.add_argument_group("choices, each by default as in the thesis")
    for name, (value, text) in _HELP.items():
        option, default = f"--{name.removesuffix('_px').replace('_', '-')}", getattr(THESIS, name)
        if CHOICES[name] is bool:
            choices.add_argument(option, action="store_true", help=text)
            continue
        shown = f"{default:g}" if isinstance(default, float) else default
        choices.add_argument(
            option,
            dest=name,
            type=partial(shared.given, partial(checked, name)),
            default=default,
            metavar="|".join(words_of(name)) + value,
            help=f"{text} (default: {shown})",
        )
    shared.add_json(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Scores and prints."""
    if arguments.suite is None:
        shared.refuse_narrowing(arguments, "bench rescore")

    from bench.api.rescoring import rescore_maps
    from bench.api.scoring import Scoring, named_annotation, named_metrics, named_references

    loaded, store = None, shared.open_store(arguments)
    if arguments.suite is not None:
        loaded = shared.load(arguments)
        loaded = loaded.narrowed(shared.select(arguments, loaded))
    word = arguments.annotation
    scoring = Scoring(
        LocalizationProtocol(**{name: getattr(arguments, name) for name in CHOICES}),
        named_metrics(arguments.metric),
        None if word is None else named_annotation(word, loaded),
    )
    references = named_references(loaded, arguments.reference, store.root)
    rescored = rescore_maps(loaded, references, store, scoring, _show_progress)
    annotation = None if word is None else word.partition("=")[0]
    if arguments.json:
        suite = None if loaded is None else loaded.suite.name
        document = {"suite": suite, "protocol": asdict(scoring.protocol), "annotation": annotation}
        show_json(document | _json(rescored))
    else:
        what = listing(arguments.reference) if loaded is None else loaded.suite.name
        show(*_parts(what, scoring.protocol, annotation, rescored))
    return 0


def _show_progress(name: str, done: int, total: int) -> None:
    progress(f"{name}: map {done}/{total}", is_last=done == total)


def _json(rescored: "Rescored") -> dict[str, object]:
    from bench.reporting.tables.claims import claim_facts, comparison_facts

    def facts(claim: "ClaimVerdict") -> dict[str, object]:
        return claim_facts(claim) | {"comparisons": [comparison_facts(one) for one in claim.comparisons]}

    return {
        "rows": [asdict(row) for row in rescored.rows],
        "readings": [asdict(reading) for reading in rescored.readings],
        "claims": [{"own": facts(claim.own), "other": facts(claim.other)} for claim in rescored.claims],
        "notes": rescored.notes,
    }


def _parts(
    what: str, protocol: LocalizationProtocol, annotation: str | None, rescored: "Rescored"
) -> "Iterator[RenderableType]":
    """Yields the changed choices, tables of each data set and resolution, readings, claims, and notes."""
    chosen, thesis = asdict(protocol), asdict(THESIS)
    changed = [f"{key.removesuffix('_px')} {chosen[key]}" for key in chosen if chosen[key] != thesis[key]]
    if annotation is not None:
        changed.append(f"annotation {annotation}")
    yield f"{what}: {listing(changed) if changed else 'the protocol of the thesis, nothing is changed'}"
    headings = ("default", "chosen") if annotation is None else (_OWN, annotation)
    unmoved = "not moved by these choices" if annotation is None else "the same by both readings"
    for place, rows in groupby(rescored.rows, key=lambda row: (row.dataset, row.resolution)):
        of_others = f": {unmoved}" if changed else ""
        yield from tables_of(f"{place[0]}, {place[1]} px", list(rows), headings, of_others)
    if not rescored.rows:
        yield ""
        yield "Nothing to score: nothing that is finished has stored maps."
    for reading in rescored.readings:
        yield from _reading_parts(reading, annotation or "")
    if rescored.claims:
        yield from _claim_parts(rescored.claims, annotation or "")
    if rescored.notes:
        yield ""
        yield from rescored.notes


def _reading_parts(reading: "ReadingCounts", annotation: str) -> "Iterator[RenderableType]":
    """Yields how many units both readings have, and only one of them."""

    def cells(attribute: str) -> list[str]:
        numbers = [getattr(row, attribute) for row in reading.findings]
        return [*(DASH if one is None else str(one) for one in numbers), str(getattr(reading, attribute))]

    yield ""
    yield heading(
        f"{reading.name}: {count(reading.num_images, 'image')} read by both, units by who marks them"
    )
    yield Table(
        [
            Column("", [*(row.finding for row in reading.findings), "of findings that both know"]),
            Column("both", cells("both"), is_number=True),
            Column(f"only {_OWN}", cells("only_own"), is_number=True),
            Column(f"only {annotation}", cells("only_other"), is_number=True),
        ]
    )
    if reading.median_iou is not None:
        yield (
            f"In {reading.centre_in_own} of the {reading.both} units of both, the centre of {annotation}'s "
            f"largest box lies in the own boxes, in {reading.centre_in_other} it is so the other way round; "
            f"the median IoU of the two is {reading.median_iou:.2f}."
        )


def _claim_parts(claims: "Sequence[ClaimByReading]", annotation: str) -> "Iterator[RenderableType]":
    """Yields each claim with its verdicts, and its comparisons by both readings."""
    from bench.reporting.tables.claims import (
        claim_heading,
        column_name,
        comparison_name,
        effect_text,
        interval_text,
    )

    yield ""
    yield heading("Claims, on the units that both readings have")
    for claim in claims:
        verdicts = f"{claim.own.verdict} by {_OWN}, {claim.other.verdict} by {annotation}"
        yield Sentence(f"{claim_heading(claim.own)}: {verdicts}")
        rows = [
            (reading, one)
            for both in zip(claim.own.comparisons, claim.other.comparisons, strict=True)
            for reading, one in zip((_OWN, annotation), both, strict=True)
        ]
        yield Table(
            [
                Column("", [comparison_name(claim.own, one) for _, one in rows]),
                Column("", [column_name(claim.own, one) for _, one in rows]),
                Column("", [reading for reading, _ in rows]),
                Column("effect", [effect_text(one.evidence.effect) for _, one in rows]),
                Column("95% interval", [interval_text(one) for _, one in rows]),
                Column("verdict", [coloured(one.verdict) for _, one in rows]),
            ],
            num_keys=3,
            indent=2,
        )
