"""VinDr-CXR: a folder laid out like the download, from drawn DICOMs or PNGs, and the real annotations."""

import gzip
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pydicom
import pytest
from extracts import WHOLE, needs_vindr
from facts import require_facts

from bench.data.checks.integrity import check
from bench.data.dataset import DataContext
from bench.data.images.decoding import read_gray
from bench.data.loading import load_dataset, load_source
from bench.data.sources.splits import split_in_three
from bench.data.sources.vindr import read_tables, read_vindr
from bench.errors import DataError
from bench.suite.dataset_specs import SplitLists, VindrSpec
from bench.suite.findings import VINDR_FINDINGS
from bench.suite.identity import file_digest

META = WHOLE / "data" / "meta" / "vindr"

NUM_IMAGES = 20
NAMES = [f"{i:032x}" for i in range(NUM_IMAGES)]
ROWS, COLUMNS = 60, 40
HEADER = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"
MARKS = f"""\
{NAMES[1]},Cardiomegaly,3,R1,10,15,30,45
{NAMES[1]},Cardiomegaly,3,R2,12.5,16,30,45
{NAMES[1]},Nodule/Mass,8,R2,0,0,40,60
{NAMES[2]},Pleural thickening,11,R9,4,6,8,12
"""


def annotations() -> str:
    """Three radiologists: of image 1 the third, of image 2 two see nothing; of the others all."""
    marked = {NAMES[1]: ["R3"], NAMES[2]: ["R8", "R10"]}
    empty = [
        f"{name},No finding,14,{reader},,,,"
        for name in NAMES
        for reader in marked.get(name, ["R1", "R2", "R3"])
    ]
    return "\n".join([HEADER, *empty[:5], MARKS.strip(), *empty[5:]]) + "\n"


@pytest.fixture(scope="module")
def written(tmp_path_factory, write_dicom):
    folder = tmp_path_factory.mktemp("written")
    random = np.random.default_rng(0)
    for i, name in enumerate(NAMES):
        kind = "MONOCHROME1" if i % 5 == 0 else "MONOCHROME2"
        pixels = random.integers(0, 4096, (ROWS, COLUMNS), dtype=np.uint16)
        write_dicom(folder / "train" / f"{name}.dicom", pixels, kind=kind, bits=12)
    (folder / "train.csv").write_text(annotations())
    return folder


@pytest.fixture
def root(tmp_path, written):
    """Twenty DICOMs of 60 rows and 40 columns and their annotations."""
    return shutil.copytree(written, tmp_path / "download")


def convert(root: Path, folder: str = "train", size: tuple[int, int] | None = None) -> None:
    """Replaces the DICOMs by the PNGs that they are read as, or by black ones of a size."""
    (root / folder).mkdir(exist_ok=True)
    for path in list(root.glob("train/*.dicom")):
        image = read_gray(path) if size is None else np.zeros(size, np.uint8)
        cv2.imwrite(str(root / folder / f"{path.stem}.png"), image)
        path.unlink()


def write_sizes(root: Path, rows: int = ROWS, columns: int = COLUMNS) -> None:
    lines = [f"{name},{rows},{columns}" for name in NAMES]
    (root / "train_meta.csv").write_text("\n".join(["image_id,dim0,dim1", *lines]) + "\n")


def write_ratios(root: Path) -> None:
    lines = [f"{name},{1024 / ROWS}" for name in NAMES]
    (root / "images_ratio.csv").write_text("\n".join(["image_id,resize_ratio", *lines]) + "\n")


def load_vindr(spec, resolution, context):
    return load_source(read_vindr(spec, context), resolution, spec.oversize, context)


def context(root, tmp_path, files=None, cache="cache"):
    return DataContext(root, tmp_path / cache, files or {})


def lists(tmp_path, **parts):
    """A split as lists and the files that it names: the first and the last images train and validate."""
    chosen = {"train": NAMES[3:5], "val": NAMES[19:], "test": [NAMES[2], NAMES[1], NAMES[0]]} | parts
    files, digests = {}, {}
    for part, names in chosen.items():
        path = tmp_path / f"{part}.txt"
        path.write_text("\n".join(names))
        digests[part] = file_digest(path)
        files[digests[part]] = path
    return VindrSpec(split=SplitLists(**digests)), files


def test_parts_and_sizes(root, tmp_path):
    data = load_vindr(VindrSpec(), 64, context(root, tmp_path))
    assert data.findings == VINDR_FINDINGS
    assert (len(data.train), len(data.val), len(data.test)) == (14, 2, 4)
    assert data.train.pixels.shape[1:] == (80, 80)  # a quarter larger, for random crops
    assert data.test.pixels.shape[1:] == (64, 64)
    assert data.test.labels.shape == (4, 15)
    assert data.test.patients == data.test.names


def test_registry_loads_it(root, tmp_path):
    assert load_dataset(VindrSpec(), 64, context(root, tmp_path)).findings == VINDR_FINDINGS


def test_one_radiologist_is_enough_and_no_finding_is_the_complement(root, tmp_path):
    spec, files = lists(tmp_path)
    test = load_vindr(spec, 64, context(root, tmp_path, files)).test
    found = [{VINDR_FINDINGS[c] for c in np.flatnonzero(row)} for row in test.labels]
    assert found == [{"Pleural thickening"}, {"Cardiomegaly", "Nodule/Mass"}, {"No finding"}]


def test_boxes_are_scaled_from_each_images_own_frame(root, tmp_path):
    # 60 rows and 40 columns to 96 × 96: x by 2.4, y by 1.6.
    spec, files = lists(tmp_path)
    boxes = load_vindr(spec, 96, context(root, tmp_path, files)).test.boxes
    assert boxes.columns.tolist() == [
        "image_index", "class_index", "x", "y", "w", "h", "width_px", "height_px"
    ]  # fmt: skip
    assert (boxes[["width_px", "height_px"]] == [40, 60]).all(axis=None)
    assert boxes.iloc[:, :6].round(6).to_numpy().tolist() == [
        [1, 3, 24.0, 24.0, 48.0, 48.0],
        [1, 3, 30.0, 25.6, 42.0, 46.4],  # another radiologist's: an alternative
        [1, 8, 0.0, 0.0, 96.0, 96.0],
        [0, 11, 9.6, 9.6, 9.6, 9.6],
    ]


def test_boxes_of_training_images_are_in_px_of_their_larger_side(root, tmp_path):
    spec, files = lists(tmp_path, train=[NAMES[2]], test=[NAMES[1]])
    boxes = load_vindr(spec, 96, context(root, tmp_path, files)).train.boxes
    assert boxes.round(6).to_numpy().tolist() == [[0, 11, 12.0, 12.0, 12.0, 12.0, 40, 60]]


def test_no_finding_never_has_boxes(root, tmp_path):
    text = annotations().replace("No finding,14,R1,,,,", "No finding,14,R1,0,0,1,1")
    (root / "train.csv").write_text(text)
    _, boxes = read_tables(root)
    assert set(boxes["finding"]) == {"Cardiomegaly", "Nodule/Mass", "Pleural thickening"}


def test_pixels_are_the_cubic_resize_of_the_converted_dicom(root, tmp_path):
    data = load_vindr(VindrSpec(), 64, context(root, tmp_path))
    for part, side in ((data.train, 80), (data.test, 64)):
        for i, name in enumerate(part.names):
            image = read_gray(root / "train" / f"{name}.dicom")
            expected = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
            assert (part.pixels[i] == expected).all()


@pytest.mark.parametrize(
    "layout", ["dcm", "below vindr", "gzipped", "png in train", "png in images", "ratio"]
)
def test_other_layouts_give_the_same(root, tmp_path, layout):
    spec, files = lists(tmp_path)
    expected = load_vindr(spec, 64, context(root, tmp_path, files))
    if layout == "dcm":
        for path in list(root.glob("train/*.dicom")):
            path.rename(path.with_suffix(".dcm"))
    elif layout == "below vindr":
        (tmp_path / "all").mkdir()
        root = root.rename(tmp_path / "all" / "vindr").parent
    elif layout == "gzipped":
        (root / "train.csv.gz").write_bytes(gzip.compress((root / "train.csv").read_bytes()))
        (root / "train.csv").unlink()
    else:
        convert(root, "images" if layout == "png in images" else "train")
        (write_ratios if layout == "ratio" else write_sizes)(root)
    found = load_vindr(spec, 64, context(root, tmp_path, files, "other_cache"))
    assert (found.test.pixels == expected.test.pixels).all()
    assert (found.test.labels == expected.test.labels).all()
    # A ratio tells the shorter side only to a px of the converted image: 682 of 682.7, off by 0.1%.
    tolerance = 0.07 if layout == "ratio" else 1e-9
    pd.testing.assert_frame_equal(found.test.boxes, expected.test.boxes, rtol=0, atol=tolerance)


def test_square_pngs_with_original_sizes_give_the_same_boxes(root, tmp_path):
    spec, files = lists(tmp_path)
    expected = load_vindr(spec, 64, context(root, tmp_path, files)).test.boxes
    convert(root, size=(64, 64))
    write_sizes(root)
    found = load_vindr(spec, 64, context(root, tmp_path, files, "other_cache"))
    pd.testing.assert_frame_equal(found.test.boxes, expected)


def test_a_dicom_goes_before_its_png(root, tmp_path):
    expected = load_vindr(VindrSpec(), 64, context(root, tmp_path))
    (root / "images").mkdir()
    for name in NAMES:
        cv2.imwrite(str(root / "images" / f"{name}.png"), np.zeros((8, 8), np.uint8))
    found = load_vindr(VindrSpec(), 64, context(root, tmp_path, cache="other_cache"))
    assert (found.test.pixels == expected.test.pixels).all()


@pytest.mark.parametrize("kind", ["dicom", "png"])
def test_cache_is_built_once_and_read_again(root, tmp_path, monkeypatch, kind):
    spec, files = lists(tmp_path)
    if kind == "png":
        convert(root)
        write_ratios(root)
    first = load_vindr(spec, 64, context(root, tmp_path, files))
    monkeypatch.setattr("bench.data.images.cache.decode_each", lambda *_: pytest.fail("decodes again"))
    again = load_vindr(spec, 64, context(root, tmp_path, files))
    assert (again.test.pixels == first.test.pixels).all()
    assert isinstance(again.test.pixels, np.memmap)
    pd.testing.assert_frame_equal(again.test.boxes, first.test.boxes)


def test_sizes_of_other_files_are_read_anew(root, tmp_path, write_dicom):
    spec, files = lists(tmp_path)
    before = load_vindr(spec, 64, context(root, tmp_path, files)).test.boxes
    write_dicom(root / "train" / f"{NAMES[2]}.dicom", np.eye(120, 80, dtype=np.uint16))
    after = load_vindr(spec, 64, context(root, tmp_path, files)).test.boxes
    assert after["w"].tolist()[:3] == before["w"].tolist()[:3]
    assert after["w"][3] == before["w"][3] / 2


def test_random_split_is_70_10_20_and_follows_from_the_seed():
    parts = split_in_three(NAMES, 0)
    assert {part: len(names) for part, names in parts.items()} == {"train": 14, "val": 2, "test": 4}
    assert sorted(name for names in parts.values() for name in names) == NAMES
    assert split_in_three(NAMES[::-1], 0) == parts
    assert split_in_three(NAMES, 1) != parts


def test_split_seed_of_the_suite_is_used(root, tmp_path):
    first, second = (load_vindr(VindrSpec(split_seed=s), 64, context(root, tmp_path)) for s in (0, 1))
    assert first.test.names == split_in_three(NAMES, 0)["test"]
    assert second.test.names == split_in_three(NAMES, 1)["test"]


def test_explicit_lists_are_found_by_digest(root, tmp_path):
    spec, files = lists(tmp_path)
    data = load_vindr(spec, 64, context(root, tmp_path, files))
    assert data.train.names == tuple(NAMES[3:5])
    assert data.val.names == tuple(NAMES[19:])
    assert data.test.names == (NAMES[2], NAMES[1], NAMES[0])


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def as_pngs(then):
    def act(root):
        convert(root, size=(9, 6))
        write_sizes(root)
        then(root)

    return act


TABLE, SIZES = "train.csv", "train_meta.csv"
DAMAGES = {
    "no data root": (lambda _: None, ("data set vindr", None)),
    "no annotations": (
        lambda r: (r / TABLE).unlink(),
        ("download", "vindr"),
    ),
    "missing column": (
        lambda r: edit(r / TABLE, "class_name", "class"),
        ("train.csv", "class_name"),
    ),
    "unknown class": (
        lambda r: edit(r / TABLE, "Pleural thickening", "Pleural thikening"),
        ("train.csv:10", "Pleural thikening"),
    ),
    "coordinate is text": (
        lambda r: edit(r / TABLE, "12.5", "left"),
        ("train.csv:8", "left"),
    ),
    "finding without a box": (
        lambda r: edit(r / TABLE, "4,6,8,12", ",,,"),
        ("train.csv:10", ""),
    ),
    "box ends before it begins": (
        lambda r: edit(r / TABLE, "4,6,8,12", "8,6,4,12"),
        ("train.csv:10", None),
    ),
    "missing image": (
        lambda r: (r / "train" / f"{NAMES[0]}.dicom").unlink(),
        ("download", NAMES[0]),
    ),
    "no DICOM": (
        lambda r: (r / "train" / f"{NAMES[0]}.dicom").write_bytes(b"\0" * 500),
        rf"{NAMES[0]}\.dicom: is no DICOM file",
    ),
    "unlabelled image": (
        lambda r: edit(r / TABLE, NAMES[0], "f" * 32),
        ("download", NAMES[0]),
    ),
    "truncated gzip": (
        lambda r: (
            (r / "train.csv.gz").write_bytes(gzip.compress((r / TABLE).read_bytes())[:100]),
            (r / TABLE).unlink(),
        ),
        r"train\.csv\.gz: cannot be read",
    ),
    "PNGs without sizes": (
        lambda r: convert(r, size=(9, 6)),
        ("download", None),
    ),
    "PNG without a size": (
        as_pngs(lambda r: edit(r / SIZES, NAMES[2], "f" * 32)),
        ("download", NAMES[2]),
    ),
    "size given twice": (
        as_pngs(lambda r: edit(r / SIZES, NAMES[2], NAMES[1])),
        ("train_meta.csv", NAMES[1]),
    ),
    "size is text": (
        as_pngs(lambda r: edit(r / SIZES, f"{NAMES[2]},60", f"{NAMES[2]},")),
        ("train_meta.csv:4", ""),
    ),
    "size is 0": (
        as_pngs(lambda r: edit(r / SIZES, f"{NAMES[2]},60", f"{NAMES[2]},0")),
        ("train_meta.csv:4", NAMES[2]),
    ),
    "no PNG": (
        lambda r: (
            convert(r, size=(9, 6)),
            write_ratios(r),
            (r / "train" / f"{NAMES[1]}.png").write_bytes(b"GIF89a"),
        ),
        rf"{NAMES[1]}\.png: is cut off, damaged or no image",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_sentence(root, tmp_path, damage):
    act, expected = DAMAGES[damage]
    act(root)
    given = None if damage == "no data root" else root
    spec, files = lists(tmp_path)
    with pytest.raises(DataError) as caught:
        load_vindr(spec, 64, context(given, tmp_path, files))
    require_facts(caught.value, expected)
    assert not list(tmp_path.rglob(".*.partial"))


def test_exchanged_rows_and_columns_are_a_violation(root, tmp_path):
    convert(root)
    write_sizes(root, COLUMNS, ROWS)
    spec, files = lists(tmp_path)
    source = read_vindr(spec, context(root, tmp_path, files))
    (violation,) = check(source, tmp_path / "cache").violations
    assert violation.kind == "boxes_outside"
    assert violation.text.endswith(
        f"the given rows and columns may not be those of the originals: {NAMES[1]} in {ROWS} × {COLUMNS} px"
    )


def test_a_dicom_without_pixels_and_one_cut_off_are_violations(root, tmp_path):
    path = root / "train" / f"{NAMES[3]}.dicom"
    header = pydicom.dcmread(path)
    del header.PixelData
    header.save_as(path)
    cut = root / "train" / f"{NAMES[4]}.dicom"
    cut.write_bytes(cut.read_bytes()[:-100])
    spec, files = lists(tmp_path)
    (violation,) = check(read_vindr(spec, context(root, tmp_path, files)), tmp_path / "cache").violations
    assert violation.kind == "images_unreadable"
    assert violation.examples[0] == f"train/{NAMES[3]}.dicom has no pixels, or they are cut off"
    assert violation.examples[1].startswith(f"train/{NAMES[4]}.dicom is ")


def test_an_image_in_two_parts_is_refused(root, tmp_path):
    spec, files = lists(tmp_path, val=NAMES[:1])
    with pytest.raises(DataError, match=f"1 images are in both val and test: {NAMES[0]}"):
        load_vindr(spec, 64, context(root, tmp_path, files))


@pytest.fixture(scope="module")
def real_tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vindr")
    (folder / "train.csv.gz").symlink_to(META / "vinbigdata-train.csv.gz")
    return read_tables(folder)


@needs_vindr
def test_real_annotations_have_the_known_sizes(real_tables):
    labels, boxes = real_tables
    assert labels.shape == (15_000, 15)
    assert len(boxes) == 36_096
    assert boxes["image"].nunique() == 4_394
    assert labels["No finding"].sum() == 10_606


@needs_vindr
def test_real_labels_are_the_authors(real_tables):
    labels, _ = real_tables
    sizes = {}
    for part in ("train", "val", "test"):
        expected = pd.read_csv(META / f"vin_cls_v3_{part}.csv.gz").set_index("image_id")
        sizes[part] = len(expected)
        assert (labels.loc[expected.index] == expected[list(VINDR_FINDINGS)]).all(axis=None)
    parts = split_in_three(list(labels.index), 0)
    assert {part: len(names) for part, names in parts.items()} == sizes
    assert sizes == {"train": 10_500, "val": 1_500, "test": 3_000}


@needs_vindr
def test_authors_ratios_hold_the_real_boxes(real_tables):
    ratios = pd.read_csv(META / "images_ratio.csv.gz").set_index("image_id")["resize_ratio"]
    _, boxes = real_tables
    longest = 1024 / ratios.loc[boxes["image"]].to_numpy()
    reach = pd.concat([boxes["x"] + boxes["w"], boxes["y"] + boxes["h"]], axis=1).max(axis=1)
    assert (reach.to_numpy() <= longest).all()


def test_readings_are_those_of_every_radiologist_of_an_image(root, tmp_path):
    readings = read_vindr(VindrSpec(), context(root, tmp_path)).readings()
    read_by = readings.groupby("image")["reader"].unique().map(sorted)
    assert read_by[NAMES[0]] == ["R1", "R2", "R3"]
    assert read_by[NAMES[2]] == ["R10", "R8", "R9"]
    own = readings[readings["image"] == NAMES[1]].set_index("reader")
    assert own.loc["R1", ["finding", "x", "y", "w", "h"]].tolist() == ["Cardiomegaly", 10, 15, 20, 30]
    assert own.loc["R2", "finding"].tolist() == ["Cardiomegaly", "Nodule/Mass"]
    assert own.loc["R3"].isna().sum() == 5


def test_no_finding_beside_a_radiologists_box_says_nothing(root, tmp_path):
    with (root / "train.csv").open("a") as table:
        table.write(f"{NAMES[1]},No finding,14,R1,,,,\n")
    readings = read_vindr(VindrSpec(), context(root, tmp_path)).readings()
    own = readings[(readings["image"] == NAMES[1]) & (readings["reader"] == "R1")]
    assert own["finding"].tolist() == ["Cardiomegaly"]


def test_without_radiologists_only_readings_are_refused(root, tmp_path):
    (root / "train.csv").write_text(annotations().replace("rad_id", "radiologist"))
    source = read_vindr(VindrSpec(), context(root, tmp_path))
    assert len(source.boxes) == 4
    with pytest.raises(DataError) as caught:
        source.readings()
    require_facts(caught.value, ("train.csv", "rad_id"))
