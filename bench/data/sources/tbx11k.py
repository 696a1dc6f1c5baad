"""TBX11K (Liu et al. 2020): boxes of tuberculosis on radiographs of 512 px.

Expected below the data root, or below ``tbx11k/`` in it: annotations/json/TBX11K_train.json and
TBX11K_val.json in COCO's format, and imgs/ with the PNGs that they name. An image has a finding if it has a
box of it. Labels of the published test images are not published, so the validation file is the test part
here. Patients are not published: each image counts as one of its own.
"""

import pandas as pd

from bench.data.dataset import DataContext
from bench.data.sources.coco import read_coco
from bench.data.sources.image_files import files_below, find_root, in_order, match_files
from bench.data.sources.source import DataSource
from bench.data.sources.splits import list_files, split_official
from bench.data.sources.tables import each_its_own, finding_names, match_rows
from bench.errors import DataError
from bench.suite.dataset_specs import Tbx11kSpec
from bench.suite.findings import TBX11K_FINDINGS
from bench.suite.keys import IMAGE_ENDINGS, Names

TRAIN_FILE, TEST_FILE = "annotations/json/TBX11K_train.json", "annotations/json/TBX11K_val.json"


def read_tbx11k(spec: Tbx11kSpec, context: DataContext) -> DataSource:
    """Returns what the download says.

    Raises:
        DataError: the data root is not given, or files are missing, unreadable or contradict each other.
    """
    root = find_root("tbx11k", "TBX11K", (TRAIN_FILE,), context.data_root)
    paths = (root / TRAIN_FILE, root / TEST_FILE)
    pool, test = (read_coco(path) for path in paths)
    sizes = pd.concat([pool.sizes, test.sizes])
    names = sizes.index.tolist()
    if not sizes.index.is_unique:
        name = sizes.index[sizes.index.duplicated()][0]
        raise DataError(f"image {name} is in both files", place=root, value=name)
    known, findings = Names(names), finding_names(TBX11K_FINDINGS)
    first, second = (
        match_rows(table.rows, known, findings, path) for table, path in zip((pool, test), paths, strict=True)
    )
    boxes = first.with_others(second)
    marked = pd.crosstab(boxes.boxes["image"], boxes.boxes["finding"]).clip(upper=1)
    labels = marked.reindex(index=names, columns=list(TBX11K_FINDINGS), fill_value=0)
    images = files_below(root / "imgs", IMAGE_ENDINGS, deep=True)
    return DataSource(
        name="tbx11k",
        root=root,
        findings=TBX11K_FINDINGS,
        parts=split_official(
            spec.split,
            spec.split_seed,
            pool.sizes.index.tolist(),
            test.sizes.index.tolist(),
            context.files,
            root,
        ),
        files=match_files(names, in_order(images), root),
        labels=labels.rename_axis(index=None, columns=None),
        patients=each_its_own(names).of_image,
        boxes=boxes.boxes,
        unmatched_boxes=boxes.unmatched,
        empty_masks=boxes.empty,
        ignored=boxes.ignored,
        frames=lambda names, _sizes: sizes.loc[list(names)],
        tables=(*paths, *list_files(spec.split, context.files)),
    )
