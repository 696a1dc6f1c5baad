"""Two readings of the same images side by side: the data set's own boxes, and another annotation.

Counted are images that both have read. A reading has a unit if it marks the finding on the image; only the
units of the own boxes have maps, so that by the other annotation those are scored that both have.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.data.sources.annotations import Annotation, MatchedAnnotation
from bench.data.sources.source import in_square
from bench.metrics.readers import score_readers

_SIDES = ["x", "y", "w", "h"]
_UNIT = ["image", "finding"]
_OWN, _OTHER = "own", "other"


@dataclass(frozen=True)
class FindingCount:
    """Units of a finding; None where a reading does not know the finding, so that it could not mark it.

    Attributes:
        finding: the finding.
        both: units that both readings have.
        only_own: units that only the own boxes have.
        only_other: units that only the other annotation has; of these no maps are kept.
    """

    finding: str
    both: int | None
    only_own: int | None
    only_other: int | None


@dataclass(frozen=True)
class ReadingCounts:
    """How far two readings of a data set's test images agree.

    Attributes:
        name: the data set, or the reference run whose images they are.
        num_images: that both have read.
        findings: that either knows, in the order of the data set.
        both: units that both have, of the findings that both know.
        only_own: of these findings, those that only the own boxes have.
        only_other: likewise those that only the other annotation has.
        centre_in_own: of `both`, units in which the centre of the other annotation's largest box lies in the
            own boxes; of a mask the box is its bounds.
        centre_in_other: of `both`, the same the other way round.
        median_iou: of `both`, of the other annotation's largest box and the own box that it overlaps most;
            None without any.
    """

    name: str
    num_images: int
    findings: tuple[FindingCount, ...]
    both: int
    only_own: int
    only_other: int
    centre_in_own: int
    centre_in_other: int
    median_iou: float | None


@dataclass(frozen=True, eq=False)
class SecondReading:
    """Another annotation of the images of a trial or a reference run. Equal to itself only.

    Attributes:
        boxes: its boxes and masks as a trial keeps its own, in px of the same square.
        counts: how far it agrees with the own boxes.
        others: findings of its own that the data set does not have.
    """

    boxes: pd.DataFrame
    counts: ReadingCounts
    others: tuple[str, ...]


def second_reading(
    annotation: Annotation,
    name: str,
    own: pd.DataFrame,
    images: Sequence[str],
    findings: Sequence[str],
    size_px: int,
) -> SecondReading:
    """Returns what an annotation says of the images beside the own boxes.

    Args:
        annotation: the other reading.
        name: of the data set.
        own: the boxes that maps were scored with: image, finding, x, y, w, h, width_px, height_px, and maybe
            mask, in px of a square of size_px.
        images: all that the own boxes are about, marked or not.
        findings: of the data set.
        size_px: side of the square that its boxes are wanted in, px.
    """
    matched = annotation.of(images, findings)
    boxes = in_square(*_with_frames(matched, own), size_px)
    units = _without(own[_UNIT].drop_duplicates(), matched.marks.ignored)
    counts = _counts(name, units, matched, own, boxes, findings)
    return SecondReading(boxes, counts, matched.others)


def _with_frames(matched: MatchedAnnotation, own: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the marks whose frame is known, and the frames: by default those of the own boxes."""
    boxes, frames = matched.marks.boxes, matched.sizes
    if frames is None:
        sizes = own.drop_duplicates("image").set_index("image")
        frames = pd.DataFrame({"rows": sizes["height_px"], "columns": sizes["width_px"]})
    return boxes[boxes["image"].isin(frames.index)].reset_index(drop=True), frames


def _counts(
    name: str,
    units: pd.DataFrame,
    matched: MatchedAnnotation,
    own: pd.DataFrame,
    placed: pd.DataFrame,
    findings: Sequence[str],
) -> ReadingCounts:
    read = set(matched.images)
    mine = set(units[units["image"].isin(read)].itertuples(index=False, name=None))
    theirs = set(matched.marks.boxes[_UNIT].itertuples(index=False, name=None))
    known, others = set(own["finding"]), set(matched.findings)
    counts = []
    for finding in findings:
        if finding not in known | others:
            continue
        first, second = ({unit for unit in found if unit[1] == finding} for found in (mine, theirs))
        are_known = finding in known, finding in others
        counts.append(
            FindingCount(
                finding,
                both=len(first & second) if all(are_known) else None,
                only_own=len(first - second) if are_known[0] else None,
                only_other=len(second - first) if are_known[1] else None,
            )
        )
    common = [count for count in counts if count.both is not None]
    tasks = _tasks(own, placed, mine & theirs)
    by_other, by_own = (tasks[tasks["reader"] == reader] for reader in (_OTHER, _OWN))
    return ReadingCounts(
        name=name,
        num_images=len(read),
        findings=tuple(counts),
        both=sum(count.both or 0 for count in common),
        only_own=sum(count.only_own or 0 for count in common),
        only_other=sum(count.only_other or 0 for count in common),
        centre_in_own=int(by_other["hit"].sum()),
        centre_in_other=int(by_own["hit"].sum()),
        median_iou=float(by_other["box_iou"].median()) if len(by_other) else None,
    )


def _tasks(own: pd.DataFrame, placed: pd.DataFrame, units: Collection[tuple[str, str]]) -> pd.DataFrame:
    """Returns what each reading scores by the other in the units of both, as two readers would."""
    tables = [
        table[[*_UNIT, *_SIDES]].assign(reader=reader) for reader, table in ((_OWN, own), (_OTHER, placed))
    ]
    readings = pd.concat(tables, ignore_index=True)
    is_common = [unit in units for unit in readings[_UNIT].itertuples(index=False, name=None)]
    return score_readers(readings[np.array(is_common, bool)])


def _without(units: pd.DataFrame, ignored: Collection[tuple[str, str]]) -> pd.DataFrame:
    """Returns the units but for those that the other annotation leaves open."""
    if not ignored:
        return units
    return units[~pd.MultiIndex.from_frame(units[_UNIT]).isin(list(ignored))]
