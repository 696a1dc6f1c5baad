"""Original sizes of VinDr-CXR's images: the frames that its boxes are in.

A DICOM says its own size. A converted PNG or JPEG does not, so that one of these tables has to be beside
train.csv, gzipped or not; if both are, the first counts:

- train_meta.csv with image_id, dim0 (rows), dim1 (columns), as in the resized mirrors at Kaggle;
- images_ratio.csv with image_id, resize_ratio, as the thesis' authors published it, for copies whose aspect
  ratio was kept: the original size is the copy's, divided by the ratio.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from bench.data.absent import what_is_there
from bench.data.dicom import is_dicom
from bench.data.download import as_numbers, names_in, only_file, read_csv, refuse_repeated
from bench.data.frames import header_sizes
from bench.errors import DataError, listing
from bench.suite.keys import Names

META_FILE, RATIO_FILE = "train_meta.csv", "images_ratio.csv"

_TABLES = {META_FILE: {"dim0": "rows", "dim1": "columns"}, RATIO_FILE: {"resize_ratio": "resize_ratio"}}
"""The tables' columns, and what they are called here."""


def original_sizes(
    names: Sequence[str], files: Mapping[str, Path], root: Path, cache_dir: Path
) -> pd.DataFrame:
    """Returns columns rows and columns, in px, above 0, of the original of each of `names`, their index.

    Args:
        names: ids of images, each once.
        files: the file of each, a DICOM, PNG or JPEG; an image may be without one if a table says its size.
        root: where the tables of sizes are.
        cache_dir: where sizes from headers are kept.

    Raises:
        DataError: a header cannot be read or is needed of an image without a file, or no table says the size
            of a copy's original.
    """
    stored = [name for name in names if name in files and is_dicom(files[name])]
    converted = [name for name in names if name not in files or not is_dicom(files[name])]
    found = [header_sizes(stored, files, cache_dir)]
    if converted:
        table = _find_table(root)
        known = Names(table.index)
        own = {name: known.find(name) for name in converted}
        missing = [name for name in converted if own[name] is None]
        if missing:
            raise DataError(
                f"{root}: {len(missing)} converted images have no original size: {listing(missing[:5])}"
                f"{known.hint(missing[0])}"
            )
        given = table.loc[[own[name] for name in converted]].set_axis(converted)
        if "resize_ratio" in given.columns:
            given = header_sizes(converted, files, cache_dir).div(given["resize_ratio"], axis=0)
        found.append(given)
    return pd.concat(found).loc[list(names)]


def _find_table(root: Path) -> pd.DataFrame:
    """The first table of sizes in `root`, by image: rows and columns, or resize_ratio."""
    for file, columns in _TABLES.items():
        path = only_file((file, f"{file}.gz"), root)
        if path.is_file():
            return _read_table(path, columns)
    raise DataError(
        f"{root}: boxes are in px of the original images, and a PNG or JPEG does not say how large its "
        f"original was; expected {META_FILE} (image_id, dim0, dim1) or {RATIO_FILE} (image_id, resize_ratio)"
        f"{what_is_there(tuple(_TABLES), root)}"
    )


def _read_table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    table = as_numbers(read_csv(path, ("image_id", *columns)), columns, path, "a size")
    names = names_in(table, "image_id", path)
    refuse_repeated(names, path)
    wrong = names[(table[list(columns)] <= 0).any(axis=1)]
    if len(wrong):
        raise DataError(
            f"{path}:{wrong.index[0]}: {len(wrong)} sizes are not positive numbers: {listing(wrong[:5])}"
        )
    return table[list(columns)].rename(columns=columns).set_index(pd.Index(names, name="image_id"))
