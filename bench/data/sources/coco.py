"""Annotations in COCO's JSON: images, categories, and boxes, polygons or run lengths.

Source: cocodataset.org, "Data format", Object Detection.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, NamedTuple

import pandas as pd
from pydantic import BaseModel, Field, FiniteFloat, NonNegativeInt, PositiveInt

from bench.data.sources.json_files import read_json
from bench.data.sources.masks import Mark, as_rows, coco_counts, damaged, from_counts, from_polygons, outlined
from bench.errors import DataError
from bench.metrics.regions import Patch


class Runs(BaseModel):
    """Run lengths down one column after the other, as numbers or as COCO's compressed text."""

    size: tuple[PositiveInt, PositiveInt]
    """Rows and columns."""
    counts: str | list[NonNegativeInt]

    def pixels(self) -> Patch:
        """Returns the pixels.

        Raises:
            ValueError: the lengths are damaged, or not those of all px.
        """
        height, width = self.size
        counts = coco_counts(self.counts) if isinstance(self.counts, str) else self.counts
        if sum(counts) != width * height:
            raise ValueError(f"runs add up to {sum(counts)} px, and the mask has {width} × {height}")
        return from_counts(counts, width, height)


class _Image(BaseModel):
    id: int | str
    file_name: Annotated[str, Field(min_length=1)]
    width: PositiveInt
    height: PositiveInt


class _Category(BaseModel):
    id: int
    name: str


class _Annotation(BaseModel):
    image_id: int | str
    category_id: int
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None = None
    segmentation: Runs | list[list[FiniteFloat]] | None = None
    iscrowd: bool = False


class _File(BaseModel):
    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation]


class CocoTable(NamedTuple):
    """What a file says.

    Attributes:
        rows: columns image, finding, x, y, w, h, mask; indexed by where they stand; names are not looked up.
        sizes: columns rows and columns, px, of each image of the file, by its name without folders.
        findings: the categories, whether they occur or not.
    """

    rows: pd.DataFrame
    sizes: pd.DataFrame
    findings: tuple[str, ...]


def read_coco(path: Path) -> CocoTable:
    """Returns the boxes and masks of a file.

    An annotation with an outline is a mask; its box is not used. One with iscrowd is a region to ignore.

    Raises:
        DataError: the file is no such JSON, contradicts itself, or holds a box or a mask that is none.
    """
    found = read_json(path, _File)
    for what, ids in (("images", found.images), ("categories", found.categories)):
        twice = [str(one) for one, times in Counter(entry.id for entry in ids).items() if times > 1]
        if twice:
            raise DataError(f"{len(twice)} ids of {what} occur twice: {twice[0]}", place=path, value=twice[0])
    names = [PurePosixPath(image.file_name.replace("\\", "/")).name for image in found.images]
    if len(set(names)) < len(names):
        name = next(name for name, times in Counter(names).items() if times > 1)
        raise DataError(f"two images have the file name {name}", place=path, value=name)
    sizes = pd.DataFrame(
        {
            "rows": [image.height for image in found.images],
            "columns": [image.width for image in found.images],
        },
        index=names,
        dtype=float,
    )
    findings = tuple(category.name for category in found.categories)
    return CocoTable(as_rows(_marks(found, names, path)), sizes, findings)


def _marks(found: _File, names: list[str], path: Path) -> Iterator[Mark]:
    images = {image.id: (name, image) for name, image in zip(names, found.images, strict=True)}
    findings = {category.id: category.name for category in found.categories}
    for index, annotation in enumerate(found.annotations):
        where = f"annotations.{index}"
        place = f"{path}: {where}"
        if annotation.image_id not in images:
            raise DataError(
                f"no image has the id {annotation.image_id!r}", place=place, value=annotation.image_id
            )
        if annotation.category_id not in findings:
            raise DataError(
                f"no category has the id {annotation.category_id}", place=place, value=annotation.category_id
            )
        name, image = images[annotation.image_id]
        finding = findings[annotation.category_id]
        if annotation.segmentation:
            size = (image.width, image.height)
            try:
                pixels = _pixels(annotation.segmentation, *size)
            except ValueError as error:
                raise damaged(error, place) from None
            yield outlined(where, name, finding, pixels, size)._replace(is_ignored=annotation.iscrowd)
        elif annotation.bbox is None:
            raise DataError("has neither a segmentation nor a bbox", place=place)
        elif min(annotation.bbox[2:]) <= 0:
            raise DataError("the box has no extent", place=place, value=annotation.bbox)
        else:
            yield Mark(where, name, finding, annotation.bbox, is_ignored=annotation.iscrowd)


def _pixels(segmentation: Runs | list[list[float]], width: int, height: int) -> Patch:
    if not isinstance(segmentation, Runs):
        return from_polygons(segmentation, width, height)
    if segmentation.size != (height, width):
        rows, columns = segmentation.size
        raise ValueError(f"it has {columns} × {rows} px, and its image {width} × {height}")
    return segmentation.pixels()
