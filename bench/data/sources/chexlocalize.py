"""CheXlocalize (Saporta et al. 2022): masks of ten findings on CheXpert's validation and test images.

Expected below the data root, or below ``chexlocalize/`` in it, as Stanford publishes them: for val and
test, gt_segmentations_<part>.json, COCO's compressed run lengths, or gt_annotations_<part>.json, polygons,
of which the first counts; and in CheXpert/ (or CheXpert-v1.0/, CheXpert-v1.0-small/, or beside them)
CheXpert's own train.csv, a table of labels of either part (val_labels.csv, valid.csv; test_labels.csv,
test.csv), and the images that their columns Path name, in train/, val/ or valid/, and test/.

An image is called patient<number>_study<number>_<view>, as in the files of masks, which have its size; a
patient is what the name begins with. A mask without a pixel says that the finding is absent.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd
from pydantic import BaseModel, FiniteFloat, PositiveInt

from bench.data.dataset import DataContext
from bench.data.sources.coco import Runs
from bench.data.sources.image_files import find_root
from bench.data.sources.json_files import read_json
from bench.data.sources.masks import Mark, as_rows, damaged, from_polygons, outlined
from bench.data.sources.source import DataSource
from bench.data.sources.splits import known_parts, list_files, read_lists
from bench.data.sources.tables import (
    BoxTable,
    as_labels,
    finding_names,
    match_rows,
    names_in,
    read_csv,
    refuse_repeated,
)
from bench.errors import DataError
from bench.suite.dataset_specs import ChexlocalizeSpec, SplitLists
from bench.suite.findings import CHEXLOCALIZE_FINDINGS, CHEXPERT_FINDINGS
from bench.suite.keys import Names

FOLDERS = ("CheXpert", "CheXpert-v1.0", "CheXpert-v1.0-small", ".")
LABEL_FILES = {
    "train": ("train.csv", "train.csv.gz"),
    "val": ("val_labels.csv", "valid.csv"),
    "test": ("test_labels.csv", "test.csv"),
}
MASK_FILES = ("gt_segmentations_val.json", "gt_annotations_val.json")

_UNCERTAIN = ("-1", "-1.0")

Corners = list[tuple[FiniteFloat, FiniteFloat]]


class _Part(NamedTuple):
    labels: pd.DataFrame
    files: dict[str, Path]
    path: Path


class _Masks(NamedTuple):
    boxes: BoxTable
    frames: pd.DataFrame
    path: Path


class _Film(BaseModel, extra="allow"):
    __pydantic_extra__: dict[str, list[Corners]]
    img_size: tuple[PositiveInt, PositiveInt]
    """Rows and columns."""


def read_chexlocalize(spec: ChexlocalizeSpec, context: DataContext) -> DataSource:
    """Returns what the download says.

    Raises:
        DataError: the data root is not given, or files are missing, unreadable or contradict each other.
    """
    root = find_root("chexlocalize", "CheXlocalize", MASK_FILES, context.data_root)
    parts = {part: _read_part(part, root, spec.uncertain) for part in LABEL_FILES}
    labels = pd.concat([part.labels for part in parts.values()])
    if not labels.index.is_unique:
        name = labels.index[labels.index.duplicated()][0]
        raise DataError(f"image {name} is in two tables", place=root, value=name)
    names = labels.index.tolist()
    masks = [_read_masks(part, root, Names(names)) for part in ("val", "test")]
    boxes = masks[0].boxes.with_others(masks[1].boxes)
    frames = pd.concat([own.frames for own in masks])
    given = {part: tuple(own.labels.index) for part, own in parts.items()}
    if isinstance(spec.split, SplitLists):
        given = dict(known_parts(read_lists(spec.split, context.files), names, root))
    return DataSource(
        name="chexlocalize",
        root=root,
        findings=CHEXPERT_FINDINGS,
        parts=given,
        files={name: file for part in parts.values() for name, file in part.files.items()},
        labels=labels,
        patients=pd.Series([name.partition("_")[0] for name in names], index=names, dtype=object),
        boxes=boxes.boxes,
        unmatched_boxes=boxes.unmatched,
        frames=lambda names, _sizes: frames.loc[list(names)],
        tables=(
            *(part.path for part in parts.values()),
            *(own.path for own in masks),
            *list_files(spec.split, context.files),
        ),
    )


def image_name(path: str) -> str:
    """Returns the name of an image in the files of masks, from its path in a table of labels."""
    return "_".join((*PurePosixPath(path).parts[-3:-1], PurePosixPath(path).stem))


def _read_part(part: str, root: Path, uncertain: str) -> _Part:
    places = [root / folder / name for folder in FOLDERS for name in LABEL_FILES[part]]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise DataError(
            f"no table of labels of the {part} images; expected {' or '.join(LABEL_FILES[part])} here or in "
            f"{FOLDERS[0]}/",
            place=root,
            value=part,
        )
    entries = read_csv(path, ("Path", *CHEXPERT_FINDINGS))
    if entries.empty:
        raise DataError("lists no image", place=path)
    names = names_in(entries, "Path", path).map(image_name)
    refuse_repeated(names, path)
    replaced = dict.fromkeys(("", *_UNCERTAIN), "0")
    if uncertain == "ones":
        replaced |= dict.fromkeys(_UNCERTAIN, "1")
    findings = list(CHEXPERT_FINDINGS)
    entries[findings] = entries[findings].apply(lambda column: column.str.strip().replace(replaced))
    labels = as_labels(entries.assign(image=names), findings, path).set_index(pd.Index(names))
    found = {image_name(file.as_posix()): file for file in _images(part, path.parent)}
    return _Part(labels, {name: found[name] for name in names if name in found}, path)


def _images(part: str, folder: Path) -> Iterator[Path]:
    """Yields the images of a part, wherever its table says that they are."""
    for name in ("val", "valid") if part == "val" else (part,):
        yield from (folder / name).glob("patient*/study*/*.jpg")


def _read_masks(part: str, root: Path, images: Names) -> _Masks:
    """Returns the masks that have a pixel, and columns rows and columns of their images, in px."""
    runs, polygons = (root / name.replace("val", part) for name in MASK_FILES)
    path = runs if runs.is_file() else polygons
    sizes: dict[str, tuple[int, int]] = {}
    marks = list((_runs if runs.is_file() else _polygons)(path, sizes))
    drawn = as_rows(mark for mark in marks if mark.sides[2] > 0)
    boxes = match_rows(drawn, images, finding_names(CHEXLOCALIZE_FINDINGS), path)
    frames = pd.DataFrame(list(sizes.values()), columns=["rows", "columns"], dtype=float)
    own = [images.find(name) or name for name in sizes]
    return _Masks(boxes, frames.set_index(pd.Index(own, dtype=object)), path)


def _runs(path: Path, sizes: dict[str, tuple[int, int]]) -> Iterator[Mark]:
    """Yields the masks of run lengths, and notes the rows and columns of each image in `sizes`."""
    for image, masks in read_json(path, dict[str, dict[str, Runs]]).items():
        for finding, own in masks.items():
            rows, columns = sizes.setdefault(image, own.size)
            where = f"{image}.{finding}"
            try:
                if own.size != (rows, columns):
                    raise ValueError(f"it has {own.size} px, and another mask of its image {(rows, columns)}")
                pixels = own.pixels()
            except ValueError as error:
                raise damaged(error, f"{path}: {where}") from None
            yield outlined(where, image, finding, pixels, (columns, rows))


def _polygons(path: Path, sizes: dict[str, tuple[int, int]]) -> Iterator[Mark]:
    """Yields the masks of polygons, and notes the rows and columns of each image in `sizes`."""
    for image, film in read_json(path, dict[str, _Film]).items():
        rows, columns = sizes[image] = film.img_size
        for finding, polygons in film.__pydantic_extra__.items():
            where = f"{image}.{finding}"
            try:
                numbers = [[number for corner in polygon for number in corner] for polygon in polygons]
                pixels = from_polygons(numbers, columns, rows)
            except ValueError as error:
                raise damaged(error, f"{path}: {where}") from None
            yield outlined(where, image, finding, pixels, (columns, rows))
