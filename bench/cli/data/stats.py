"""Count images, patients, findings and boxes, from text files alone."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.cli.render import DASH, Column, Table, note, show, show_json
from bench.errors import listing

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bench.data.checks.statistics import DatasetStatistics

EXAMPLES = """\
examples:
  bench data stats phantom
  bench data stats nih --data-root ~/nih --set split=patient -o nih.png
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subverb's own arguments."""
    shared.add_json(parser, "print JSON, with counts of findings that occur together")
    parser.add_argument(
        "-o", "--output", type=shared.path, metavar="FILE", help="draw a figure as well: .png, .pdf or .svg"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints the statistics, and draws them if --output is given."""
    from bench.data.checks.statistics import describe
    from bench.data.sources.registry import read_source
    from bench.reporting.figures.files import check_figure_path

    if arguments.output is not None:
        check_figure_path(arguments.output)
    spec, context = shared.dataset_of(arguments)
    statistics = describe(read_source(spec, context))
    if arguments.json:
        show_json(_json(spec.name, statistics))
    else:
        show(*_parts(spec.name, statistics))
    if arguments.output is not None:
        from bench.reporting.figures.data_set import draw_statistics
        from bench.reporting.figures.files import save

        save(draw_statistics(spec.name, statistics), arguments.output)
        note(f"figure: {arguments.output}")
    return 0


def _parts(name: str, statistics: "DatasetStatistics") -> "Iterator[RenderableType]":
    """Yields counts and areas, then findings that occur together, each with its legend."""
    findings = statistics.findings
    yield f"{name}: {statistics.summary()}"
    yield ""
    yield Table([Column("", [*findings, "every image"]), *_count_columns(name, statistics)])
    yield ""
    yield from _legend(name, statistics)
    yield ""
    yield "Of the images with the finding of the row, % that also have finding …"
    yield ""
    columns = []
    for j in range(len(findings)):
        shares = statistics.shares_together(j)
        cells = [DASH if share is None else f"{share:.0%}".rstrip("%") for share in shares]
        cells[j] = "·"
        columns.append(Column(str(j + 1), cells, is_number=True))
    numbered = [f"{number:>2} {finding}" for number, finding in enumerate(findings, start=1)]
    yield Table([Column("", numbered), *columns])


def _count_columns(name: str, statistics: "DatasetStatistics") -> Iterator[Column]:
    from bench.data.checks.statistics import ALL

    boxed = _boxed_parts(statistics)

    def columns(counted: str, parts: Sequence[str]) -> Iterator[Column]:
        for part in parts:
            counts = [statistics.of_finding[finding, part] for finding in statistics.findings]
            cells = [f"{getattr(one, counted):,}" for one in (*counts, statistics.of_part[part])]
            yield Column(part, cells, is_number=True, group=counted)

    yield from columns("images", statistics.parts)
    if statistics.has_patients:
        yield from columns("patients", statistics.parts)
    if boxed:
        parts = boxed if len(boxed) == 1 else (*boxed, ALL)
        yield from columns("units", parts)
        yield from columns("boxes", parts)
        yield from _area_columns(name, statistics)


def _boxed_parts(statistics: "DatasetStatistics") -> list[str]:
    from bench.data.checks.statistics import ALL

    return [part for part in statistics.parts if part != ALL and statistics.boxed_images[part]]


def _area_columns(name: str, statistics: "DatasetStatistics") -> Iterator[Column]:
    from bench.data.checks.statistics import ALL
    from bench.reporting.published import AREA_TABLES, area_difference, area_differs, published_area

    def column(heading: str, values: Sequence[float | None], spec: str) -> Column:
        cells = [DASH if value is None else format(value, spec).replace("-", "−") for value in values]
        return Column(heading, cells, is_number=True, group="box area")

    areas = {finding: statistics.area(finding) for finding in statistics.findings}
    yield column("mean", [*areas.values(), statistics.of_part[ALL].box_area], ".3f")
    if name in AREA_TABLES:
        yield column("thesis", [*(published_area(name, finding) for finding in areas), None], ".2f")
        gaps = [area_difference(name, finding, area) for finding, area in areas.items()]
        yield column("apart", [*gaps, None], "+.3f")
        marks = ["*" if area_differs(name, finding, area) else "" for finding, area in areas.items()]
        if any(marks):
            yield Column("", [*marks, ""], group="box area")


def _legend(name: str, statistics: "DatasetStatistics") -> Iterator[str]:
    from bench.data.checks.statistics import ALL
    from bench.reporting.published import AREA_TABLES, area_differs

    counted = "images, patients" if statistics.has_patients else "images"
    yield f"{counted}: with the finding; every image: with any finding or none"
    if not statistics.has_patients:
        yield "patients: as many as images"
    if statistics.without_patient:
        yield f"{statistics.without_patient:,} images have no patient; each counts as one of its own"
    if statistics.unmatched_boxes:
        yield (
            f"{statistics.unmatched_boxes:,} rows of boxes belong to no image or finding of the labels and "
            f"are not counted; bench data check {name} names them"
        )
    if not statistics.boxed_images[ALL]:
        yield "no image has a box"
        return
    parts = listing(_boxed_parts(statistics))
    yield f"units: pairs of an image and a finding with a box; boxes are in {parts}"
    yield "box area: mean over all boxes of a finding of box area / image area"
    if name in AREA_TABLES:
        yield f"thesis: its Table {AREA_TABLES[name]}; apart: mean less that"
        if any(area_differs(name, finding, statistics.area(finding)) for finding in statistics.findings):
            yield "* rounded to two decimals this is not what the thesis prints"
    if statistics.area_reason is not None:
        yield f"{DASH} areas are not known: {statistics.area_reason}"


def _json(name: str, statistics: "DatasetStatistics") -> dict[str, object]:
    """Returns everything; areas that are not known are null, with "area_reason"."""
    from bench.reporting.published import AREA_TABLES, area_difference, area_differs, published_area

    findings = [
        {
            "name": finding,
            "parts": {part: asdict(statistics.of_finding[finding, part]) for part in statistics.parts},
            "published_area": published_area(name, finding),
            "area_difference": area_difference(name, finding, statistics.area(finding)),
            "area_differs": area_differs(name, finding, statistics.area(finding)),
        }
        for finding in statistics.findings
    ]
    return {
        "dataset": name,
        "parts": {
            part: asdict(statistics.of_part[part]) | {"boxed_images": statistics.boxed_images[part]}
            for part in statistics.parts
        },
        "findings": findings,
        "published_table": AREA_TABLES.get(name),
        "area_reason": statistics.area_reason,
        "unmatched_boxes": statistics.unmatched_boxes,
        "without_patient": statistics.without_patient,
        "co_occurrence": statistics.co_occurrence.tolist(),
    }
