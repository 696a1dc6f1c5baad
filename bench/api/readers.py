"""The readers of a data set scored against each other, from annotations alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.data.dataset import DataContext
from bench.data.loading import read_source
from bench.errors import DataError
from bench.metrics.measure import measure_of
from bench.metrics.readers import score_readers
from bench.statistics.interval import Interval
from bench.statistics.readers import reader_scores
from bench.suite.metrics import MACRO, WEIGHTED, Average
from bench.suite.schema import DatasetSpec

RADIOLOGISTS = "Radiologists"
"""The row of all readers together."""


@dataclass(frozen=True)
class ReaderRow:
    """What readers score in some of their tasks; see `bench.metrics.readers`.

    Attributes:
        name: of a finding, an average or a reader.
        num_tasks: how many tasks.
        marked: share that the reader marks too.
        hit_if_marked: of those, the share whose point is a hit; None without any.
        point_accuracy: share whose point is a hit; what is not marked is a miss.
        iobb_accuracy: share that is a hit by overlap, likewise.
        median_iou: of the largest box and the other readers' box that it overlaps most, where marked; None
            of the macro average, and without any.
    """

    name: str
    num_tasks: int
    marked: Interval
    hit_if_marked: Interval | None
    point_accuracy: Interval
    iobb_accuracy: Interval
    median_iou: float | None


@dataclass(frozen=True, eq=False)
class ReaderPanel:
    """The readers of a data set.

    Attributes:
        dataset: its name.
        num_images: images that have been read.
        num_readers: who have read them.
        findings: that have tasks, in the order of the data set.
        tasks: as `bench.metrics.readers.score_readers` gives them, with a column patient; at least one.
    """

    dataset: str
    num_images: int
    num_readers: int
    findings: tuple[str, ...]
    tasks: pd.DataFrame

    @property
    def num_units(self) -> int:
        """Pairs of an image and a finding that have tasks."""
        return len(self.tasks[["image", "finding"]].drop_duplicates())

    @property
    def readers(self) -> tuple[str, ...]:
        """Those with tasks, most tasks first."""
        num_tasks = self.tasks.groupby("reader").size()
        return tuple(num_tasks.sort_values(ascending=False, kind="stable").index)

    def by_column(self) -> list[ReaderRow]:
        """Returns a row of all readers for each finding, then for the weighted and the macro average."""
        rows = [self.row(finding, self.tasks[self.tasks["finding"] == finding]) for finding in self.findings]
        return [*rows, *(self.row(average, self.tasks, average) for average in (WEIGHTED, MACRO))]

    def by_reader(self) -> list[ReaderRow]:
        """Returns the row of all readers together, `RADIOLOGISTS`, then one for each; of all findings."""
        pooled = self.row(RADIOLOGISTS, self.tasks)
        return [
            pooled,
            *(self.row(reader, self.tasks[self.tasks["reader"] == reader]) for reader in self.readers),
        ]

    @staticmethod
    def row(name: str, tasks: pd.DataFrame, average: Average = WEIGHTED) -> ReaderRow:
        """Returns what readers score in these tasks, at least one."""
        marked = tasks[tasks["marked"]]

        def interval(own: pd.DataFrame, scores: "pd.Series | np.ndarray") -> Interval:
            return reader_scores(own, np.asarray(scores, dtype=np.float64)).interval(average)

        def accuracy(metric: str) -> Interval:
            return interval(tasks, measure_of(metric).statistic(tasks)[:, 0])

        return ReaderRow(
            name=name,
            num_tasks=len(tasks),
            marked=interval(tasks, tasks["marked"]),
            hit_if_marked=interval(marked, marked["hit"]) if len(marked) else None,
            point_accuracy=accuracy("point_accuracy"),
            iobb_accuracy=accuracy("iobb_accuracy"),
            median_iou=float(marked["box_iou"].median()) if len(marked) and average == WEIGHTED else None,
        )


def read_panel(spec: DatasetSpec, context: DataContext, parts: Sequence[str]) -> ReaderPanel:
    """Returns the readers of the images in these parts of a data set, scored against each other.

    Raises:
        DataError: the data set cannot be read, does not say who marked what, or no reader marks a finding of
            an image that another has read.
    """
    source = read_source(spec, context)
    if source.readings is None:
        raise DataError(
            f"{spec.name} does not say who marked what; VinDr-CXR does, and so does a folder whose table of "
            "boxes has a column reader",
            value=spec.name,
        )
    images = {name for part in parts for name in source.parts[part]}
    readings = source.readings()
    own = readings[readings["image"].isin(images)]
    tasks = score_readers(own)
    if tasks.empty:
        raise DataError(f"{spec.name} has no finding that one reader marks in an image that another has read")
    tasks["patient"] = tasks["image"].map(source.patients)
    found = set(tasks["finding"])
    return ReaderPanel(
        dataset=spec.name,
        num_images=own["image"].nunique(),
        num_readers=own["reader"].nunique(),
        findings=tuple(finding for finding in source.findings if finding in found),
        tasks=tasks,
    )
