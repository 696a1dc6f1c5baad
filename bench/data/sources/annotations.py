"""Other annotations of a data set's images: a second reading, in any of the formats that are read here.

- ChestX-Det's JSON: a list of images with syms and polygons, in px of 1024 × 1024;
- COCO's JSON, with boxes, polygons or run lengths, in px of the sizes that it gives;
- a folder with a PNG for each image and finding, ``<finding>/<image>.png``;
- NIH's table of boxes, in px of 1024 × 1024;
- a table with columns image, finding and the sides of a box, as own folders have it, in px of the frame that
  the data set's own boxes are in.

Images and findings may be written in another case or with another ending. Those that the data set does not
have are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.data.sources.chestx_det import FRAME_PX, read_outlines
from bench.data.sources.coco import read_coco
from bench.data.sources.folder import BOX_COLUMNS, read_box_rows, read_pngs
from bench.data.sources.nih import BOX_FRAME_PX, read_official_rows
from bench.data.sources.source import one_frame
from bench.data.sources.tables import BoxTable, finding_names, match_rows, names_in, read_csv
from bench.errors import DataError, listing
from bench.suite.findings import CHESTX_DET_FINDINGS
from bench.suite.keys import Names
from bench.suite.text_table import read_text


@dataclass(frozen=True)
class Annotation:
    """The content of an annotation's file, with the file's own names.

    Attributes:
        path: the file, or the folder of masks.
        rows: columns image, finding, x, y, w, h, and maybe mask and is_ignored, indexed by where each stands.
        images: that were read, whether anything was marked or not, as far as the file says so.
        findings: that could be marked, likewise.
        sizes: columns rows and columns, the size in px of the frame of each image, by its name; None if it
            is that of the data set's own boxes.
    """

    path: Path
    rows: pd.DataFrame
    images: tuple[str, ...]
    findings: tuple[str, ...]
    sizes: pd.DataFrame | None

    def of(self, images: Sequence[str], findings: Sequence[str]) -> "MatchedAnnotation":
        """Returns what it says of some images and findings of a data set, each once."""
        known, classes = Names(images), finding_names(findings)
        read = dict.fromkeys(found for name in self.images if (found := known.find(name)) is not None)
        sizes = self.sizes
        if sizes is not None:
            sizes = sizes.set_axis([known.find(name) or "" for name in sizes.index])
            sizes = sizes[(sizes.index != "") & ~sizes.index.duplicated()]
        return MatchedAnnotation(
            marks=match_rows(self.rows, known, classes, self.path),
            images=tuple(read),
            findings=tuple(name for name in findings if name in set(map(classes.find, self.findings))),
            others=tuple(name for name in self.findings if classes.find(name) is None),
            sizes=sizes,
        )


@dataclass(frozen=True)
class MatchedAnnotation:
    """What an annotation says of images and findings of a data set, by the names that these have.

    Attributes:
        marks: boxes and masks, in px of the annotation's frames.
        images: that it has read.
        findings: that it could mark, in the order of the data set.
        others: findings of its own that the data set does not have.
        sizes: see `Annotation`.
    """

    marks: BoxTable
    images: tuple[str, ...]
    findings: tuple[str, ...]
    others: tuple[str, ...]
    sizes: pd.DataFrame | None


def read_annotation(path: Path) -> Annotation:
    """Returns what a file, or a folder of masks, says.

    Raises:
        DataError: it cannot be read, is of none of the formats, or is damaged.
    """
    if path.is_dir():
        return _of_outlines(path, *read_pngs(path))
    begins_with = read_text(path).lstrip()[:1]
    if begins_with == "[":
        labels, rows = read_outlines(path)
        images = tuple(labels.index)
        frames = one_frame(images, FRAME_PX)
        return Annotation(path, rows, images, CHESTX_DET_FINDINGS, frames)
    if begins_with == "{":
        return _of_outlines(path, *read_coco(path))
    return _of_table(path)


def _of_outlines(
    path: Path, rows: pd.DataFrame, sizes: pd.DataFrame, findings: Sequence[str] = ()
) -> Annotation:
    known = tuple(dict.fromkeys([*findings, *rows["finding"]]))
    return Annotation(path, rows, tuple(sizes.index), known, sizes)


def _of_table(path: Path) -> Annotation:
    table = read_csv(path, (), ("image", "finding"))
    if {"image", "finding"} <= set(table.columns):
        columns = next((own for own in BOX_COLUMNS.values() if set(own) <= set(table.columns)), None)
        if columns is None:
            wanted = " or ".join(listing(own) for own in BOX_COLUMNS.values())
            raise DataError(f"no box has its sides in columns {wanted}", place=path)
        rows, images, sizes = read_box_rows(path, columns), names_in(table, "image", path), None
    elif "Image Index" in table.columns:
        rows = read_official_rows(path)
        images, sizes = rows["image"], one_frame(tuple(rows["image"].unique()), BOX_FRAME_PX)
    else:
        raise DataError(
            "is no annotation that is known: JSON of COCO or ChestX-Det, NIH's table of boxes, or a table "
            f"with columns image and finding; it has {listing(table.columns, 8)}",
            place=path,
        )
    return Annotation(path, rows, tuple(dict.fromkeys(images)), tuple(dict.fromkeys(rows["finding"])), sizes)
