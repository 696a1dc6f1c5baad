"""The scores of readers as rows: of all together, for other readers and other patients, and of each alone."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.metrics.measure import measure_of
from bench.statistics.interval import Interval, logit_interval, wilson_interval
from bench.statistics.scores import FEWEST_PATIENTS
from bench.statistics.spread import Spread, Term
from bench.statistics.unit_scores import MeanScores, Units
from bench.suite.metrics import MACRO, WEIGHTED, Average

RADIOLOGISTS = "Radiologists"
"""The row of all readers together."""


@dataclass(frozen=True, eq=False)
class ReaderScores:
    """What readers score in their tasks, or a single reader in theirs.

    Attributes:
        scores: [n] in [0, 1], of each task, at least one.
        readers: [n] whose task it is.
        units: [n] image, patient and finding of each; several readers have the same.
    """

    scores: NDArray[np.float64]
    readers: NDArray[np.object_]
    units: Units

    @property
    def num_readers(self) -> int:
        """Number of readers with a task."""
        return len(set(self.readers))

    def interval(self, average: Average = WEIGHTED) -> Interval:
        """Returns the mean over tasks, or over findings, with its 95% interval over readers and patients.

        That of a single reader is over patients. There is none below `FEWEST_PATIENTS`. Where every task is
        scored 0, or every one 1, nothing varies: Wilson's interval stands in, of as many proportions as there
        are readers, or patients of a single reader. The interval is taken on the logit scale, as
        `bench.statistics.bootstrap.interval_of_spread` does.
        """
        mean = float(self._clustered(self.units.patients).values(average)[0])
        num_patients = len(set(self.units.patients))
        if num_patients < FEWEST_PATIENTS:
            return Interval(mean, None, None, num_patients, 1)
        spread = spread_of_readers(self, average)
        if spread.varies:
            return Interval(mean, *logit_interval(mean, float(spread.half_width())), num_patients, 1)
        if mean not in (0, 1):
            return Interval(mean, None, None, num_patients, 1)
        num_independent = num_patients if self.num_readers == 1 else min(num_patients, self.num_readers)
        edge = wilson_interval(round(mean) * num_independent, num_independent)
        return replace(edge, num_patients=num_patients)

    def _clustered(self, clusters: NDArray[np.object_]) -> MeanScores:
        """Returns the scores, to be resampled by clusters in place of patients."""
        return MeanScores(self.scores[:, None], self.units._replace(patients=clusters))

    def variance(self, clusters: NDArray[np.object_], average: Average) -> float:
        """Returns the jackknife's variance of the mean, for other clusters of tasks; at least two."""
        without = self._clustered(clusters).without_a_patient(average)[:, 0]
        return float((len(without) - 1) * without.var())


def spread_of_readers(scores: ReaderScores, average: Average = WEIGHTED) -> Spread:
    """Returns the spread of the mean for other readers and other patients; of one reader, other patients.

    A task depends on its reader and on its patient, so that variances are those of two-way clusters: by
    patient, plus by reader, less by both, which is in either. Each is the jackknife's, which is not too small
    where clusters are few and of different sizes. Readers have the degrees of freedom of as many equal ones
    as they amount to, (Σn)²/Σn² of their tasks, less one, and at least one: VinDr-CXR's eleven with tasks
    amount to 3.3, since three of them have 95% of the tasks. The interval is never shorter than that over
    readers alone. In simulations with three to ten readers of 150 patients it covers 92 to 99%.

    Whose boxes a reader is compared with counts as given, as the boxes of a test set do for a model.

    Source: A. C. Cameron, J. B. Gelbach, D. L. Miller, J. Bus. Econ. Stat. 29 (2011) 238–249, for two-way
        clusters; J. G. MacKinnon, M. Ø. Nielsen, M. D. Webb, J. Appl. Econom. 38 (2023) 671–694, for the
        jackknife.
    """
    patients, num_patients = scores.units.patients, len(set(scores.units.patients))
    by_patient = Term(scores.variance(patients, average), num_patients - 1)
    if scores.num_readers == 1:
        return Spread((by_patient,))
    both = pd.factorize(pd.MultiIndex.from_arrays([patients, scores.readers]))[0].astype(object)
    by_reader, by_both = scores.variance(scores.readers, average), scores.variance(both, average)
    num_tasks = np.unique(scores.readers.astype(str), return_counts=True)[1]
    df = max(float(num_tasks.sum() ** 2 / np.square(num_tasks).sum()) - 1, 1.0)
    return Spread((by_patient, Term(max(by_reader - by_both, 0), df)), floor=Term(by_reader, df))


def reader_scores(tasks: pd.DataFrame, scores: NDArray[np.float64]) -> ReaderScores:
    """Returns what readers score in their tasks.

    Args:
        tasks: as `bench.metrics.readers.score_readers` gives them, with a column patient; at least one.
        scores: of each, in [0, 1].
    """
    names = (tasks[column].to_numpy(object) for column in ("image", "patient", "finding"))
    return ReaderScores(scores, tasks["reader"].to_numpy(object), Units(*names))


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
