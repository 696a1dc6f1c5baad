"""Counts of a data set by finding and part, and beside those of the published data set.

All of it comes from text files; no image is decoded. An image counts for a part if the part's list names it,
a box if its image counts. A unit is an image and a finding that has a box there, however many boxes.

expected_counts.csv was counted from the official text files: BBox_List_2017.csv, Data_Entry_2017_v2020.csv
and the official lists of ChestX-ray14; train.csv of VinDr-CXR at Kaggle. A part that is drawn at random of a
pool (train and val; of VinDr-CXR all parts) has no expected count of its own: its pool has.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.data.sources.source import DataSource
from bench.errors import DataError
from bench.metrics.regions import MASK, num_pixels

ALL = "all"
"""The parts together: an image or patient of several parts counts once."""


@dataclass(frozen=True)
class Counts:
    """Counts of one finding, or of whatever finding, in one part.

    Attributes:
        images: images that have it.
        patients: patients of these images.
        units: pairs of an image and a finding with at least one box.
        boxes: boxes.
        box_area: mean over the boxes of box area / image area; None without boxes or without their frames.
    """

    images: int
    patients: int
    units: int
    boxes: int
    box_area: float | None


@dataclass(frozen=True)
class DatasetStatistics:
    """Counts of a data set, by part and finding.

    Attributes:
        findings: the c classes.
        parts: train, val, test and all.
        of_part: counts of each part, whatever its images have.
        of_finding: counts by (finding, part).
        boxed_images: number of images with a box in each part.
        areas: columns part, finding, area: share of the image of each box; empty if frames are unknown.
        area_reason: why areas are unknown; None if they are not.
        unmatched_boxes: number of rows of boxes that match no image or finding of the labels; not counted.
        without_patient: number of images that the labels give no patient; each counts as one of its own.
        co_occurrence: int64 [c, c], images of all parts with both findings; the diagonal has those with one.
    """

    findings: tuple[str, ...]
    parts: tuple[str, ...]
    of_part: dict[str, Counts]
    of_finding: dict[tuple[str, str], Counts]
    boxed_images: dict[str, int]
    areas: pd.DataFrame
    area_reason: str | None
    unmatched_boxes: int
    without_patient: int
    co_occurrence: npt.NDArray[np.int64]

    @property
    def has_patients(self) -> bool:
        """Returns whether any patient has several images; otherwise counts of patients say nothing more."""
        return self.of_part[ALL].patients < self.of_part[ALL].images

    def summary(self) -> str:
        """Returns one line: how many images, of how many patients if that says anything, and boxes."""
        whole = self.of_part[ALL]
        of_patients = f" of {whole.patients:,} patients" if self.has_patients else ""
        boxes = f"{whole.boxes:,} boxes on {self.boxed_images[ALL]:,} images" if whole.boxes else "no boxes"
        return f"{whole.images:,} images{of_patients}; {boxes}"

    def shares_together(self, j: int) -> list[float | None]:
        """Returns, for each finding, the share of its images that also have finding `j`; None without any."""
        pairs = zip(self.co_occurrence[:, j], self.co_occurrence.diagonal(), strict=True)
        return [float(both / own) if own else None for both, own in pairs]

    def area(self, finding: str) -> float | None:
        """Returns the average box area of the finding over all parts."""
        return self.of_finding[finding, ALL].box_area


def describe(source: DataSource) -> DatasetStatistics:
    """Returns the statistics of the images that the parts name."""
    parts = dict(source.parts)
    parts[ALL] = tuple(dict.fromkeys(name for names in parts.values() for name in names))
    boxes, reason = _with_areas(source, parts[ALL])
    of_part: dict[str, Counts] = {}
    of_finding: dict[tuple[str, str], Counts] = {}
    for part, names in parts.items():
        labels, own = source.labels.loc[list(names)], boxes[boxes["image"].isin(names)]
        of_part[part] = _count(source, names, own)
        for finding in source.findings:
            positive = list(labels.index[labels[finding] == 1])
            of_finding[finding, part] = _count(source, positive, own[own["finding"] == finding])
    part_of = {name: part for part, names in source.parts.items() for name in names}
    areas = boxes.dropna(subset="area").assign(part=lambda table: table["image"].map(part_of))
    together = source.labels.loc[list(parts[ALL]), list(source.findings)].to_numpy(np.int64)
    return DatasetStatistics(
        findings=source.findings,
        parts=tuple(parts),
        of_part=of_part,
        of_finding=of_finding,
        boxed_images={part: boxes.loc[boxes["image"].isin(parts[part]), "image"].nunique() for part in parts},
        areas=areas[["part", "finding", "area"]].reset_index(drop=True),
        area_reason=reason,
        unmatched_boxes=len(source.unmatched_boxes),
        without_patient=sum(name in source.without_patient for name in parts[ALL]),
        co_occurrence=together.T @ together,
    )


def _with_areas(source: DataSource, names: Sequence[str]) -> tuple[pd.DataFrame, str | None]:
    """Returns the boxes of `names` with a column area, NaN if it cannot be known, and then why."""
    boxes = source.boxes[source.boxes["image"].isin(names)]
    try:
        frames = source.frames(sorted(set(boxes["image"])), source.header_sizes)
    except DataError as error:
        return boxes.assign(area=np.nan), str(error)
    own = frames.loc[list(boxes["image"])].set_axis(boxes.index)
    covered = boxes["w"] * boxes["h"]
    if MASK in boxes:
        is_mask = boxes[MASK].notna()
        covered = covered.mask(is_mask, boxes.loc[is_mask, MASK].map(num_pixels).astype(float))
    return boxes.assign(area=covered / (own["rows"] * own["columns"])), None


def _count(source: DataSource, images: Sequence[str], boxes: pd.DataFrame) -> Counts:
    area = boxes["area"].mean() if len(boxes) else np.nan
    return Counts(
        images=len(images),
        patients=source.patients.loc[list(images)].nunique(),
        units=len(boxes[["image", "finding"]].drop_duplicates()),
        boxes=len(boxes),
        box_area=None if np.isnan(area) else float(area),
    )


EVERY = "every image"
"""In place of a finding: images whatever they have."""

COUNTS = ("images", "boxes", "boxed_images")


@dataclass(frozen=True)
class ComparedCount:
    """One count beside the published one.

    Attributes:
        parts: the parts of the split that are counted together, joined by "+".
        finding: which images, or `EVERY`.
        what: one of `COUNTS`.
        found: the count.
        expected: the published one.
    """

    parts: str
    finding: str
    what: str
    found: int
    expected: int

    def __str__(self) -> str:
        where, what = self.parts.replace("+", ", "), self.what.replace("_", " ")
        return f"{self.finding} in {where}: {self.found:,} {what}, not {self.expected:,}"


@lru_cache
def expected_counts(name: str) -> pd.DataFrame:
    """Returns columns `COUNTS`, indexed by (part, finding); no rows for a data set that is not published.

    A part is what is counted together: "train+val", "test" or "train+val+test".
    """
    with resources.files("bench.data").joinpath("expected_counts.csv").open(encoding="utf-8") as stream:
        table = pd.read_csv(stream)
    own = table[table["dataset"] == name]
    return own.set_index(["part", "finding"])[list(COUNTS)]


def count(source: DataSource, parts: str) -> pd.DataFrame:
    """Returns columns `COUNTS`, indexed by finding, `EVERY` last, of all `parts`, joined by "+", together."""
    names = [name for part in parts.split("+") for name in source.parts[part]]
    boxes = source.boxes_of(names)
    by_finding = boxes.groupby("finding")["image"]
    found = pd.DataFrame(
        {
            "images": source.labels.loc[names, list(source.findings)].sum(),
            "boxes": by_finding.size(),
            "boxed_images": by_finding.nunique(),
        },
        index=list(source.findings),
    )
    found.loc[EVERY] = [len(names), len(boxes), boxes["image"].nunique()]
    return found.fillna(0).astype(int)


def compared_counts(source: DataSource) -> Iterator[ComparedCount]:
    """Yields every count of a published data set beside the expected one; nothing of any other."""
    if not source.is_official:
        return
    expected = expected_counts(source.name)
    for parts in expected.index.unique("part"):
        found = count(source, parts)
        wanted = expected.loc[parts].reindex(found.index)
        for finding in found.index:
            for what in COUNTS:
                came, due = int(found.loc[finding, what]), int(wanted.loc[finding, what])
                yield ComparedCount(parts, finding, what, came, due)
