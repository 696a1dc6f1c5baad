"""ChestX-Det (Lian et al. 2021): polygons of 13 findings by three radiologists on images of ChestX-ray14.

Expected below the data root, or below ``chestx_det/`` in it: ChestX_Det_train.json and
ChestX_Det_test.json, gzipped or not, and PNGs of the names that they give, in train_data/, test_data/, or
folders in these. Outlines are in px of 1024 × 1024. The images are ChestX-ray14's under other names:
neither patients nor which of them are in its training part is published; `bench.data.sources.nih_origin`
takes a table of them.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, FiniteFloat

from bench.data.dataset import DataContext
from bench.data.sources.image_files import files_below, find_root, in_order, match_files, only_file
from bench.data.sources.json_files import read_json
from bench.data.sources.masks import Mark, as_rows, damaged, from_polygons, outlined
from bench.data.sources.nih_origin import read_origin
from bench.data.sources.source import DataSource, one_frame
from bench.data.sources.splits import list_files, split_official
from bench.data.sources.tables import finding_names, match_rows, require_finding, require_name
from bench.errors import DataError
from bench.suite.dataset_specs import ChestXDetSpec
from bench.suite.findings import CHESTX_DET_FINDINGS
from bench.suite.keys import IMAGE_ENDINGS, Names

TRAIN_FILES = ("ChestX_Det_train.json", "ChestX_Det_train.json.gz")
TEST_FILES = ("ChestX_Det_test.json", "ChestX_Det_test.json.gz")
FRAME_PX = 1024


class _Record(BaseModel):
    file_name: str
    syms: list[str]
    polygons: list[list[tuple[FiniteFloat, FiniteFloat]]]


def read_chestx_det(spec: ChestXDetSpec, context: DataContext) -> DataSource:
    """Returns what the download says.

    Raises:
        DataError: the data root is not given, or files are missing, unreadable or contradict each other.
    """
    root = find_root("chestx_det", "ChestX-Det", TRAIN_FILES, context.data_root)
    paths = (only_file(TRAIN_FILES, root), only_file(TEST_FILES, root))
    pool, test = (read_outlines(path) for path in paths)
    labels = pd.concat([pool[0], test[0]])
    names = labels.index.tolist()
    if not labels.index.is_unique:
        name = labels.index[labels.index.duplicated()][0]
        raise DataError(f"image {name} is in both files, or twice in one", place=root, value=name)
    known, findings = Names(names), finding_names(CHESTX_DET_FINDINGS)
    marks = [
        match_rows(rows, known, findings, path) for (_, rows), path in zip((pool, test), paths, strict=True)
    ]
    boxes = marks[0].with_others(marks[1])
    parts = split_official(
        spec.split, spec.split_seed, pool[0].index.tolist(), test[0].index.tolist(), context.files, root
    )
    images = [
        path
        for folder in (root / "train_data", root / "test_data")
        for path in files_below(folder, IMAGE_ENDINGS, deep=True)
    ]
    origin = read_origin(names, root, context.data_root)
    return DataSource(
        name="chestx_det",
        root=root,
        findings=CHESTX_DET_FINDINGS,
        parts=parts,
        files=match_files(names, in_order(images), root),
        labels=labels,
        patients=origin.patients,
        boxes=boxes.boxes,
        empty_masks=boxes.empty,
        trained_by_nih=origin.trained_by_nih(parts["test"]),
        frames=lambda names, _sizes: one_frame(names, FRAME_PX),
        tables=(*paths, *origin.tables, *list_files(spec.split, context.files)),
        is_official=spec.split == "official",
        has_one_size=True,
    )


def read_outlines(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns labels, indexed by image, and rows of masks in px of 1024 × 1024, by the file's names.

    Raises:
        DataError: the file is no such JSON, names another finding, or holds a polygon that is none.
    """
    records = read_json(path, list[_Record])
    if not records:
        raise DataError("lists no image", place=path)
    known = finding_names(CHESTX_DET_FINDINGS)
    present = np.zeros((len(records), len(CHESTX_DET_FINDINGS)), dtype=np.uint8)
    for index, record in enumerate(records):
        require_name(record.file_name, f"{path}: {index}.file_name", "the file's name ")
        for name in record.syms:
            finding = require_finding(name, known, f"{path}: {index}.syms")
            present[index, CHESTX_DET_FINDINGS.index(finding)] = 1
    names = [record.file_name for record in records]
    labels = pd.DataFrame(present, index=names, columns=list(CHESTX_DET_FINDINGS))
    return labels, as_rows(_marks(records, path))


def _marks(records: list[_Record], path: Path) -> Iterator[Mark]:
    for index, record in enumerate(records):
        if len(record.syms) != len(record.polygons):
            raise DataError(
                f"has {len(record.syms)} findings (syms), and {len(record.polygons)} polygons",
                place=f"{path}: {index}",
                value=record.file_name,
            )
        for position, (finding, polygon) in enumerate(zip(record.syms, record.polygons, strict=True)):
            where = f"{index}.polygons.{position}"
            try:
                corners = [number for corner in polygon for number in corner]
                pixels = from_polygons([corners], FRAME_PX, FRAME_PX)
            except ValueError as error:
                raise damaged(error, f"{path}: {where}") from None
            yield outlined(where, record.file_name, finding, pixels, (FRAME_PX, FRAME_PX))
