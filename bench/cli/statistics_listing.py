"""Statistics of a data set as text for a terminal, and as JSON."""

import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from bench.data.statistics import ALL, Counts, DatasetStatistics
from bench.errors import listing
from bench.reporting.published import AREA_TABLES, published_area
from bench.reporting.table import DASH, format_number

_GAP = "  "
_EVERY_IMAGE = "every image"
_DIFFERS = "*"
_ITSELF = "·"


@dataclass(frozen=True)
class _Group:
    """Columns under one heading, which may be empty; of each column its heading, then one cell per row."""

    heading: str
    columns: tuple[tuple[str, ...], ...]

    def lines(self) -> list[str]:
        """Returns heading and rows, all of one width."""
        widths = [max(map(len, column)) for column in self.columns]
        rows = [
            _GAP.join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in zip(*self.columns, strict=True)
        ]
        heading = f"─ {self.heading} ─" if self.heading else ""
        width = max(len(heading), len(rows[0]))
        return [heading.center(width, "─" if heading else " "), *(row.rjust(width) for row in rows)]


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
        "co_occurrence": statistics.co_occurrence.tolist(),
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def to_text(name: str, statistics: DatasetStatistics, width: int) -> str:
    """Returns counts and areas, then what occurs together, each with its legend.

    Args:
        name: what a suite calls the data set.
        statistics: what it holds.
        width: of the terminal, in characters; groups of columns that are too many for it go below the others.
    """
    lines = [f"{name}: {statistics.summary()}", ""]
    lines += _flow((*statistics.findings, _EVERY_IMAGE), _groups(name, statistics), width)
    lines += [line for note in _legend(name, statistics) for line in _wrap(note, width)]
    numbered = [f"{i:>2} {finding}" for i, finding in enumerate(statistics.findings, start=1)]
    lines += ["", *_wrap("Of the images with the finding of the row, % that also have finding …", width), ""]
    return "\n".join([*lines, *_flow(numbered, _together(statistics), width)]).rstrip()


def area_difference(name: str, finding: str, statistics: DatasetStatistics) -> float | None:
    """Returns the average box area less the thesis'; None where there is only one of them."""
    area, published = statistics.area(finding), published_area(name, finding)
    return None if area is None or published is None else area - published


def area_differs(name: str, finding: str, statistics: DatasetStatistics) -> bool:
    """Returns whether the average box area, rounded as the thesis' is, is another value than that."""
    area, published = statistics.area(finding), published_area(name, finding)
    return area is not None and published is not None and format_number(area) != format_number(published)


def _groups(name: str, statistics: DatasetStatistics) -> list[_Group]:
    boxed = _boxed_parts(statistics)

    def group(heading: str, parts: Sequence[str], count: Callable[[Counts], int]) -> _Group:
        return _Group(heading, tuple(_column(statistics, part, count) for part in parts))

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
            return [*groups, _Group(f"in {part}", both), _areas(name, statistics)]
        case _:
            return [*groups, units, boxes, _areas(name, statistics)]


def _boxed_parts(statistics: DatasetStatistics) -> list[str]:
    return [part for part in statistics.parts if part != ALL and statistics.boxed_images[part]]


def _column(statistics: DatasetStatistics, part: str, count: Callable[[Counts], int]) -> tuple[str, ...]:
    of_findings = (statistics.of_finding[finding, part] for finding in statistics.findings)
    return part, *(f"{count(counts):,}" for counts in (*of_findings, statistics.of_part[part]))


def _areas(name: str, statistics: DatasetStatistics) -> _Group:
    findings, mean = statistics.findings, statistics.of_part[ALL].box_area
    here = ("mean", *(_area(value) for value in (*map(statistics.area, findings), mean)))
    if name not in AREA_TABLES:
        return _Group("box area", (here,))
    published = [published_area(name, finding) for finding in findings]
    differences = [area_difference(name, finding, statistics) for finding in findings]
    marks = [_DIFFERS if area_differs(name, finding, statistics) else "" for finding in findings]
    thesis = ("thesis", *(DASH if value is None else format_number(value) for value in published), DASH)
    apart = ("apart", *(DASH if value is None else _signed(value) for value in differences), DASH)
    marked = ("", *marks, "")
    return _Group("average box area", (here, thesis, apart, *([marked] if any(marks) else [])))


def _area(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _together(statistics: DatasetStatistics) -> list[_Group]:
    """One column per finding, each by itself, so that they may be broken anywhere."""
    counts = statistics.co_occurrence
    columns = []
    for j in range(len(counts)):
        shares = (counts[i, j] / counts[i, i] if counts[i, i] else None for i in range(len(counts)))
        cells = [DASH if share is None else f"{100 * share:.0f}" for share in shares]
        cells[j] = _ITSELF
        columns.append(_Group("", ((str(j + 1), *cells),)))
    return columns


def _flow(labels: Sequence[str], groups: Sequence[_Group], width: int) -> Iterator[str]:
    """Yields lines of as many groups side by side as the width allows, then those of the others below."""
    label_width = max(map(len, labels))
    stub = [" " * label_width] * 2 + [label.ljust(label_width) for label in labels]
    blocks: list[list[list[str]]] = []
    used = width
    for group in groups:
        lines = group.lines()
        used += len(_GAP) + len(lines[0])
        if used > width:
            blocks.append([stub])
            used = label_width + len(_GAP) + len(lines[0])
        blocks[-1].append(lines)
    for block in blocks:
        rows = [_GAP.join(parts).rstrip() for parts in zip(*block, strict=True)]
        yield from rows if rows[0] else rows[1:]
        yield ""


def _legend(name: str, statistics: DatasetStatistics) -> Iterator[str]:
    counted = "images, patients" if statistics.has_patients else "images"
    yield f"{counted}: with the finding; {_EVERY_IMAGE}: whatever they have"
    if not statistics.has_patients:
        yield "patients: as many as images"
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


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=_GAP)
