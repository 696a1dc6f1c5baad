"""Original sizes of VinDr-CXR's images: the frames that its boxes are in.

A DICOM says its own size. A converted PNG does not, so that one of these tables has to be beside train.csv,
gzipped or not; if both are, the first counts:

- train_meta.csv with image_id, dim0 (rows), dim1 (columns), as in the resized mirrors at Kaggle;
- images_ratio.csv with image_id, resize_ratio, as the thesis' authors published it, for PNGs whose aspect
  ratio was kept: the original size is the PNG's, divided by the ratio.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bench.data.dicom import is_dicom
from bench.data.download import as_numbers, read_csv
from bench.data.frames import header_sizes
from bench.errors import DataError, listing

META_FILE, RATIO_FILE = "train_meta.csv", "images_ratio.csv"

_TABLES = {META_FILE: {"dim0": "rows", "dim1": "columns"}, RATIO_FILE: {"resize_ratio": "resize_ratio"}}
"""The tables' columns, and what they are called here."""


def original_sizes(
    names: Sequence[str], files: Mapping[str, Path], root: Path, cache_dir: Path
) -> pd.DataFrame:
    """Returns columns rows and columns, in px, above 0, of the original of each of `names`, their index.

    Args:
        names: ids of images, each once.
        files: the file of each, a DICOM or a PNG; an image may be without one if a table says its size.
        root: where the tables of sizes are.
        cache_dir: where sizes from headers are kept.

    Raises:
        DataError: a header cannot be read or is needed of an image without a file, or no table says the size
            of a PNG's original.
    """
    stored = [name for name in names if name in files and is_dicom(files[name])]
    converted = [name for name in names if name not in files or not is_dicom(files[name])]
    found = [header_sizes(stored, files, cache_dir)]
    if converted:
        table = _find_table(root)
        missing = [name for name in converted if name not in table.index]
        if missing:
            raise DataError(
                f"{root}: {len(missing)} converted images have no original size: {listing(missing[:5])}"
            )
        given = table.loc[converted]
        if "resize_ratio" in given.columns:
            given = header_sizes(converted, files, cache_dir).div(given["resize_ratio"], axis=0)
        found.append(given)
    return pd.concat(found).loc[list(names)]


def _find_table(root: Path) -> pd.DataFrame:
    """The first table of sizes in `root`, by image: rows and columns, or resize_ratio."""
    for file, columns in _TABLES.items():
        for path in (root / file, root / f"{file}.gz"):
            if path.is_file():
                return _read_table(path, columns)
    raise DataError(
        f"{root}: boxes are in px of the original images, and a PNG does not say how large its original was; "
        f"expected {META_FILE} (image_id, dim0, dim1) or {RATIO_FILE} (image_id, resize_ratio)"
    )


def _read_table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    table = as_numbers(read_csv(path, ("image_id", *columns)), columns, path, "a size")
    table = table.set_index("image_id")[list(columns)].rename(columns=columns)
    twice = table.index[table.index.duplicated()]
    if len(twice):
        raise DataError(f"{path}: {len(twice)} images stand twice: {listing(twice[:5])}")
    values = table.to_numpy()
    wrong = table.index[~(np.isfinite(values) & (values > 0)).all(axis=1)]
    if len(wrong):
        raise DataError(f"{path}: {len(wrong)} sizes are not positive numbers: {listing(wrong[:5])}")
    return table
