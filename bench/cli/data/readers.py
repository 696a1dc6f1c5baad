"""Score the readers of a data set against each other, from annotations alone.

Given that another reader of an image marks a finding: does a reader mark it too, and in the same place?
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.cli.render import DASH, Column, Table, show, show_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bench.statistics.interval import Interval
    from bench.statistics.readers import ReaderPanel, ReaderRow

EXAMPLES = """\
examples:
  bench data readers vindr --data-root ~/vindr
  bench data readers vindr --data-root ~/vindr --part test --json
"""

_ALL = "all"
_SHARES = {
    "marked": "marks it too",
    "hit_if_marked": "then hits",
    "point_accuracy": "point accuracy",
    "iobb_accuracy": "overlap",
}
"""Headings of the shares of `ReaderRow`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subverb's own arguments."""
    shared.add_json(parser, "print JSON")
    parser.add_argument(
        "--part",
        choices=(_ALL, "train", "val", "test"),
        default=_ALL,
        help=f"part of the split (default: {_ALL})",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints what readers score by finding, and each reader of all findings."""
    from bench.api.readers import read_panel
    from bench.data.sources.splits import PARTS

    spec, context = shared.dataset_of(arguments)
    panel = read_panel(spec, context, PARTS if arguments.part == _ALL else (arguments.part,))
    if arguments.json:
        show_json(_json(panel, arguments.part))
    else:
        show(*_parts(panel))
    return 0


def _parts(panel: "ReaderPanel") -> "Iterator[RenderableType]":
    """Yields the table by finding, that by reader, and what the numbers are."""
    from bench.suite.metrics import column_title

    yield (
        f"{panel.dataset}: {panel.num_images:,} images by {panel.num_readers} readers; "
        f"{len(panel.tasks):,} tasks on {panel.num_units:,} units"
    )
    yield ""
    rows = panel.by_column()
    yield _table("", rows, [column_title(row.name) for row in rows])
    yield ""
    by_reader = panel.by_reader()
    yield _table("", by_reader, [row.name for row in by_reader])
    yield ""
    yield "task: a reader, and a unit (image and finding) that another reader of the image marks"
    yield "marks it too: share of the tasks in which the reader has a box of the finding"
    yield "then hits: of those, the centre of the reader's largest box lies in a box of the other readers"
    yield "point accuracy: share of all tasks in which it does; what is not marked is a miss"
    yield "overlap: share of all tasks in which IoBB of the reader's boxes and the others' is above 0.5"
    yield "IoU: median of the largest box and the other readers' box that it overlaps most, where marked"
    yield (
        "in brackets 95% intervals: over other readers and other patients, of a single reader over other "
        f"patients; {DASH} of too few patients"
    )


def _table(heading: str, rows: "Sequence[ReaderRow]", names: Sequence[str]) -> Table:
    def shares(attribute: str) -> Iterator[Column]:
        intervals: list[Interval | None] = [getattr(row, attribute) for row in rows]
        means = [DASH if one is None else f"{one.mean:.2f}" for one in intervals]
        yield Column("", means, is_number=True, group=_SHARES[attribute])
        yield Column("", [_ends(one) for one in intervals], group=_SHARES[attribute])

    iou = [DASH if row.median_iou is None else f"{row.median_iou:.2f}" for row in rows]
    return Table(
        [
            Column(heading, names),
            Column("tasks", [f"{row.num_tasks:,}" for row in rows], is_number=True),
            *(column for attribute in _SHARES for column in shares(attribute)),
            Column("IoU", iou, is_number=True),
        ]
    )


def _ends(interval: "Interval | None") -> str:
    if interval is None or interval.low is None:
        return DASH
    return f"[{interval.low:.2f}, {interval.high:.2f}]"


def _json(panel: "ReaderPanel", part: str) -> dict[str, object]:
    """Returns all rows; a share has "mean", "low" and "high", its ends null of too few patients."""

    def row_json(row: "ReaderRow") -> dict[str, object]:
        document = asdict(row)
        for share in _SHARES:
            if document[share] is not None:
                del document[share]["num_seeds"]
        return document

    return {
        "dataset": panel.dataset,
        "part": part,
        "images": panel.num_images,
        "readers": panel.num_readers,
        "units": panel.num_units,
        "tasks": len(panel.tasks),
        "by_finding": [row_json(row) for row in panel.by_column()],
        "by_reader": [row_json(row) for row in panel.by_reader()],
    }
