"""What a data set holds: images, patients, boxes and their areas by finding and part, and what co-occurs.

All of it comes from text files; no image is decoded. An image counts for a part if the part's list names it,
a box if its image counts. A unit is an image and a finding that has a box there, however many boxes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.data.sources.source import Source
from bench.errors import DataError

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
    """What a data set holds.

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
        """Whether any patient has several images; otherwise counts of patients say nothing more."""
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


def describe(source: Source) -> DatasetStatistics:
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
    together = source.labels.loc[list(parts[ALL]), list(source.findings)].to_numpy(np.int64)
    return DatasetStatistics(
        findings=source.findings,
        parts=tuple(parts),
        of_part=of_part,
        of_finding=of_finding,
        boxed_images={part: boxes.loc[boxes["image"].isin(parts[part]), "image"].nunique() for part in parts},
        areas=_by_part(source, boxes.dropna(subset="area")),
        area_reason=reason,
        unmatched_boxes=len(source.unmatched_boxes),
        without_patient=sum(name in source.without_patient for name in parts[ALL]),
        co_occurrence=together.T @ together,
    )


def _with_areas(source: Source, names: Sequence[str]) -> tuple[pd.DataFrame, str | None]:
    """Returns the boxes of `names` with a column area, NaN if it cannot be known, and then why."""
    boxes = source.boxes[source.boxes["image"].isin(names)]
    try:
        frames = source.frames(sorted(set(boxes["image"])), source.header_sizes)
    except DataError as error:
        return boxes.assign(area=np.nan), str(error)
    own = frames.loc[list(boxes["image"])].set_axis(boxes.index)
    return boxes.assign(area=boxes["w"] * boxes["h"] / (own["rows"] * own["columns"])), None


def _count(source: Source, images: Sequence[str], boxes: pd.DataFrame) -> Counts:
    area = boxes["area"].mean() if len(boxes) else np.nan
    return Counts(
        images=len(images),
        patients=source.patients.loc[list(images)].nunique(),
        units=len(boxes[["image", "finding"]].drop_duplicates()),
        boxes=len(boxes),
        box_area=None if np.isnan(area) else float(area),
    )


def _by_part(source: Source, boxes: pd.DataFrame) -> pd.DataFrame:
    part_of = {name: part for part, names in source.parts.items() for name in names}
    table = boxes.assign(part=boxes["image"].map(part_of))
    return table[["part", "finding", "area"]].reset_index(drop=True)
