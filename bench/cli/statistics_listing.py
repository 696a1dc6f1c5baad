"""Statistics of a data set as text for a terminal, and as JSON."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from bench.cli.columns import Group, flow, wrap
from bench.data.checks.statistics import ALL, Counts, DatasetStatistics
from bench.errors import listing
from bench.reporting.published import AREA_TABLES, published_area
from bench.reporting.tables.table import DASH, format_number

_EVERY_IMAGE = "every image"
_DIFFERS = "*"
_ITSELF = "·"


def to_json(name: str, statistics: DatasetStatistics) -> str:
    """Returns everything as a JSON document; areas that are not known are null, with "area_reason"."""
    findings = [
        {
            "name": finding,
            "parts": {part: asdict(statistics.of_finding[finding, part]) for part in statistics.parts},
            "published_area": published_area(name, finding),
            "area_difference": area_difference(name, finding, statistics),
            "area_differs": area_differs(name, finding, statistics),
        }
        for finding in statistics.findings
    ]
    document = {
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
    return json.dumps(document, indent=2)


def to_text(name: str, statistics: DatasetStatistics, width: int) -> str:
    """Returns counts and areas, then what occurs together, each with its legend.

    Args:
        name: what a suite calls the data set.
        statistics: what it holds.
        width: of the terminal, in characters; groups of columns that are too many for it go below the others.
    """
    lines = [f"{name}: {statistics.summary()}", ""]
    lines += flow((*statistics.findings, _EVERY_IMAGE), _groups(name, statistics), width)
    lines += [line for note in _legend(name, statistics) for line in wrap(note, width)]
    numbered = [f"{i:>2} {finding}" for i, finding in enumerate(statistics.findings, start=1)]
    lines += ["", *wrap("Of the images with the finding of the row, % that also have finding …", width), ""]
    return "\n".join([*lines, *flow(numbered, _together(statistics), width)]).rstrip()


def area_difference(name: str, finding: str, statistics: DatasetStatistics) -> float | None:
    """Returns the average box area less the thesis'; None where there is only one of them."""
    area, published = statistics.area(finding), published_area(name, finding)
    return None if area is None or published is None else area - published


def area_differs(name: str, finding: str, statistics: DatasetStatistics) -> bool:
    """Returns whether the average box area, rounded as the thesis' is, is another value than that."""
    area, published = statistics.area(finding), published_area(name, finding)
    return area is not None and published is not None and format_number(area) != format_number(published)


def _groups(name: str, statistics: DatasetStatistics) -> list[Group]:
    boxed = _boxed_parts(statistics)

    def group(heading: str, parts: Sequence[str], count: Callable[[Counts], int]) -> Group:
        return Group(heading, tuple(_column(statistics, part, count) for part in parts))

    groups = [group("images", statistics.parts, lambda counts: counts.images)]
    if statistics.has_patients:
        groups.append(group("patients", statistics.parts, lambda counts: counts.patients))
    units = group("units", (*boxed, ALL), lambda counts: counts.units)
    boxes = group("boxes", (*boxed, ALL), lambda counts: counts.boxes)
    match boxed:
        case []:
            return groups
        case [part]:
            both = (("units", *units.columns[0][1:]), ("boxes", *boxes.columns[0][1:]))
            return [*groups, Group(f"in {part}", both), _areas(name, statistics)]
        case _:
            return [*groups, units, boxes, _areas(name, statistics)]


def _boxed_parts(statistics: DatasetStatistics) -> list[str]:
    return [part for part in statistics.parts if part != ALL and statistics.boxed_images[part]]


def _column(statistics: DatasetStatistics, part: str, count: Callable[[Counts], int]) -> tuple[str, ...]:
    of_findings = (statistics.of_finding[finding, part] for finding in statistics.findings)
    return part, *(f"{count(counts):,}" for counts in (*of_findings, statistics.of_part[part]))


def _areas(name: str, statistics: DatasetStatistics) -> Group:
    findings, mean = statistics.findings, statistics.of_part[ALL].box_area
    here = ("mean", *(_area(value) for value in (*map(statistics.area, findings), mean)))
    if name not in AREA_TABLES:
        return Group("box area", (here,))
    published = [published_area(name, finding) for finding in findings]
    differences = [area_difference(name, finding, statistics) for finding in findings]
    marks = [_DIFFERS if area_differs(name, finding, statistics) else "" for finding in findings]
    thesis = ("thesis", *(DASH if value is None else format_number(value) for value in published), DASH)
    apart = ("apart", *(DASH if value is None else _signed(value) for value in differences), DASH)
    marked = ("", *marks, "")
    return Group("average box area", (here, thesis, apart, *([marked] if any(marks) else [])))


def _area(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _together(statistics: DatasetStatistics) -> list[Group]:
    """One column per finding, each by itself, so that they may be broken anywhere."""
    counts = statistics.co_occurrence
    columns = []
    for j in range(len(counts)):
        shares = (counts[i, j] / counts[i, i] if counts[i, i] else None for i in range(len(counts)))
        cells = [DASH if share is None else f"{100 * share:.0f}" for share in shares]
        cells[j] = _ITSELF
        columns.append(Group("", ((str(j + 1), *cells),)))
    return columns


def _legend(name: str, statistics: DatasetStatistics) -> Iterator[str]:
    counted = "images, patients" if statistics.has_patients else "images"
    yield f"{counted}: with the finding; {_EVERY_IMAGE}: whatever they have"
    if not statistics.has_patients:
        yield "patients: as many as images"
    if statistics.without_patient:
        yield f"{statistics.without_patient:,} images have no patient; each counts as one of its own"
    if statistics.unmatched_boxes:
        yield (
            f"{statistics.unmatched_boxes:,} rows of boxes are of no image or finding of the labels and "
            f"not counted; bench data check {name} names them"
        )
    if not statistics.boxed_images[ALL]:
        yield "no image has a box"
        return
    parts = listing(_boxed_parts(statistics))
    yield f"units: pairs of an image and a finding with a box; boxes are in {parts}"
    yield "average box area: mean over all boxes of a finding of box area / image area"
    if name in AREA_TABLES:
        yield f"thesis: its Table {AREA_TABLES[name]}; apart: mean less that"
        if any(area_differs(name, finding, statistics) for finding in statistics.findings):
            yield f"{_DIFFERS} rounded to two decimals this is not what the thesis prints"
    if statistics.area_reason is not None:
        yield f"{DASH} areas are not known: {statistics.area_reason}"
