"""A folder of one's own: drawn PNGs, JPEGs and DICOMs of different sizes, and tables by hand."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from facts import require_facts
from PIL import Image

from bench.data.checks.integrity import check
from bench.data.dataset import DataContext
from bench.data.images.decoding import header_size
from bench.data.loading import load_dataset, load_source, read_source
from bench.data.sources.folder import read_folder
from bench.data.sources.splits import read_list, split_in_three, split_in_three_by_patient
from bench.errors import DataError
from bench.metrics.regions import COLUMNS, FRAME
from bench.suite.dataset_specs import FolderSpec, SplitLists
from bench.suite.identity import file_digest

NAMES = [f"x{i}" for i in range(10)]
SIZES = {"x0": (60, 40), "x1": (50, 80), "x2": (64, 64)}
"""Rows and columns; 48 × 32 for the others."""

LABELS = """\
image,Mass,patient,Pleural effusion,split
x0,1,p0,0,test
x1,1,p0,1,test
x2,0,p1,0,test
x3,1,p2,0,val
x4,0,p2,1,val
x5,1,p3,0,train
x6,0,p3,1,train
x7,1,p4,0,train
x8,0,p4,1,train
x9,0,p5,0,train
"""
BOXES = """\
image,finding,x,y,width,height
x1,Pleural effusion,8,5,40,25
x0,Mass,10,15,20,30
x0,Mass,0,0,4,6
x5,Mass,16,12,8,6
"""


@pytest.fixture
def root(tmp_path, write_dicom):
    """A PNG, a DICOM, a JPEG in a folder below, and seven PNGs more; labels and boxes beside them."""
    random = np.random.default_rng(0)
    for name in NAMES:
        pixels = random.integers(0, 255, SIZES.get(name, (48, 32)), dtype=np.uint8)
        if name == "x1":
            write_dicom(tmp_path / "images" / "x1.dcm", pixels.astype(np.uint16))
        else:
            path = tmp_path / "images" / ("more/x2.JPG" if name == "x2" else f"{name}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), pixels)
    (tmp_path / "labels.csv").write_text(LABELS)
    (tmp_path / "boxes.csv").write_text(BOXES)
    return tmp_path


def load_folder(spec, resolution, context):
    return load_source(read_folder(spec, context), resolution, spec.oversize, context)


def load(root: Path, side_px: int = 64, boxes: str | None = "boxes.csv", **keys):
    """Loads as the grid would have it: files by digest."""
    spec, files = described(root, boxes, **keys)
    return load_folder(spec, side_px, DataContext(None, root / "cache", files))


def described(root: Path, boxes: str | None = "boxes.csv", **keys):
    files = {"images": root / "images", "labels": root / "labels.csv"}
    if boxes is not None:
        files["boxes"] = root / boxes
    return FolderSpec(**{key: key for key in files}, **keys), files


def test_parts_findings_labels_and_patients(root):
    data = load(root)
    assert data.findings == ("Mass", "Pleural effusion")
    assert data.train.names == ("x5", "x6", "x7", "x8", "x9")
    assert data.val.names == ("x3", "x4")
    assert data.test.names == ("x0", "x1", "x2")
    assert data.test.patients == ("p0", "p0", "p1")
    assert data.test.labels.tolist() == [[1, 0], [1, 1], [0, 0]]
    assert data.train.pixels.shape == (5, 80, 80)
    assert data.test.pixels.shape == (3, 64, 64)


def test_pixels_are_those_of_the_files(root):
    gray = cv2.imread(str(root / "images" / "x0.png"), cv2.IMREAD_GRAYSCALE)
    expected = cv2.resize(gray, (64, 64), interpolation=cv2.INTER_CUBIC)
    assert (load(root).test.pixels[0] == expected).all()


def test_registry_loads_it_and_reads_it_without_decoding(root):
    spec, files = described(root)
    assert load_dataset(spec, 64, DataContext(None, root / "cache", files)).findings[0] == "Mass"
    assert read_source(spec, DataContext(None, root / "cache", files)).findings[0] == "Mass"


EXPECTED = [
    # x1 of 50 rows and 80 columns to 96 × 96: x by 1.2, y by 1.92; x0 of 60 and 40: x by 2.4, y by 1.6
    [1, 1, 9.6, 9.6, 48.0, 48.0],
    [0, 0, 24.0, 24.0, 48.0, 48.0],
    [0, 0, 0.0, 0.0, 9.6, 9.6],
]


def test_boxes_are_scaled_from_the_frame_of_each_image(root):
    data = load(root, 96)
    assert data.test.boxes[list(COLUMNS)].round(6).to_numpy().tolist() == EXPECTED
    assert data.test.boxes[list(FRAME)].to_numpy().tolist() == [[80, 50], [40, 60], [40, 60]]
    # 48 rows and 32 columns to 120 × 120: x by 3.75, y by 2.5
    assert data.train.boxes.round(6).to_numpy().tolist() == [[0, 0, 60.0, 30.0, 30.0, 15.0, 32, 48]]


def test_corners_give_the_same_boxes(root):
    rows = [line.split(",") for line in BOXES.splitlines()[1:]]
    corners = [[*row[:4], str(int(row[2]) + int(row[4])), str(int(row[3]) + int(row[5]))] for row in rows]
    lines = ["finding,image,x_min,y_min,x_max,y_max,reader"]  # other columns do no harm
    lines += [",".join([finding, image, *numbers, "R1"]) for image, finding, *numbers in corners]
    (root / "boxes.csv").write_text("\n".join(lines) + "\n")
    boxes = load(root, 96, box_format="corners").test.boxes
    assert boxes[list(COLUMNS)].round(6).to_numpy().tolist() == EXPECTED


def test_boxes_of_a_common_frame_are_scaled_from_it_whatever_the_files_have(root):
    boxes = load(root, 96, box_frame=192).test.boxes
    assert boxes[["x", "y", "w", "h"]].to_numpy().tolist()[0] == [4.0, 2.5, 20.0, 12.5]


def test_names_may_have_their_endings(root):
    expected = load(root)
    (root / "labels.csv").write_text(LABELS.replace("x0,", "x0.png,").replace("x2,", "x2.JPG,"))
    (root / "boxes.csv").write_text(BOXES.replace("x0,", "x0.png,"))
    found = load(root)
    assert (found.test.pixels == expected.test.pixels).all()
    assert (found.test.boxes == expected.test.boxes).all(axis=None)


def test_a_name_without_ending_means_the_dicom_before_the_png(root):
    expected = load(root).test.pixels
    cv2.imwrite(str(root / "images" / "x1.png"), np.zeros((9, 9), np.uint8))
    assert (load(root).test.pixels == expected).all()


def test_byte_order_mark_windows_line_ends_and_decimals_do_no_harm(root):
    expected = load(root)
    labels = LABELS.replace(",1,", ",1.0,").replace(",0,", ", 0,")
    for name, text in (("labels.csv", labels), ("boxes.csv", BOXES)):
        (root / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    found = load(root)
    assert (found.train.labels == expected.train.labels).all()
    assert (found.test.boxes == expected.test.boxes).all(axis=None)


def test_without_patients_each_image_is_one(root):
    (root / "labels.csv").write_text(without(LABELS, "patient"))
    assert load(root).test.patients == ("x0", "x1", "x2")


def without(table: str, column: str) -> str:
    rows = [line.split(",") for line in table.splitlines()]
    index = rows[0].index(column)
    return "".join(",".join(row[:index] + row[index + 1 :]) + "\n" for row in rows)


def test_without_boxes_there_are_no_units(root):
    assert load(root, boxes=None).test.boxes.empty


def test_random_split_is_70_10_20_of_the_listed_images(root):
    data = load(root, split="random", split_seed=3)
    parts = {part: getattr(data, part).names for part in ("train", "val", "test")}
    assert parts == split_in_three(NAMES, 3)


def test_patient_split_parts_no_patient(root):
    data = load(root, split="patient", split_seed=1)
    patients = [set(part.patients) for part in (data.train, data.val, data.test)]
    assert sum(map(len, patients)) == len(set.union(*patients)) == 6


def test_patient_split_is_70_10_20_up_to_one_patient():
    names = [f"{i // 5:04d}_{i % 5}" for i in range(3000)]
    parts = split_in_three_by_patient(names, [name[:4] for name in names], 0)
    assert {part: len(chosen) for part, chosen in parts.items()} == {"train": 2100, "val": 300, "test": 600}
    assert sorted(name for chosen in parts.values() for name in chosen) == names
    backwards = split_in_three_by_patient(names[::-1], [name[:4] for name in names[::-1]], 0)
    assert backwards == parts
    assert split_in_three_by_patient(names, [name[:4] for name in names], 1) != parts


def test_lists_are_found_by_digest(root):
    spec, files = described(root)
    for part, chosen in {"train": "x4 x3", "val": "x5", "test": "x1 x0"}.items():
        (root / part).write_text(chosen.replace(" ", "\n"))
        files[file_digest(root / part)] = root / part
    lists = SplitLists(**{part: file_digest(root / part) for part in ("train", "val", "test")})
    data = load_folder(spec.model_copy(update={"split": lists}), 64, DataContext(None, root / "cache", files))
    assert data.train.names == ("x4", "x3")
    assert data.test.names == ("x1", "x0")


def test_names_may_hold_blanks(root):
    (root / "images" / "x0.png").rename(root / "images" / "x 0.png")
    for name in ("labels.csv", "boxes.csv"):
        (root / name).write_text((root / name).read_text().replace("x0", "x 0"))
    (root / "test").write_text("x 0\n\nx1\n")
    assert read_list(root / "test") == ("x 0", "x1")
    assert load(root).test.names[0] == "x 0"


def test_folders_with_files_of_the_same_names_and_sizes_share_no_cache(root, write_dicom):
    other = root / "other"
    first = load(root).test
    for name in ("images", "labels.csv", "boxes.csv"):
        (other / name).parent.mkdir(exist_ok=True)
        (root / name).rename(other / name)
    write_dicom(other / "images" / "x1.dcm", np.eye(50, 80, dtype=np.uint16))
    spec, files = described(other)
    second = load_folder(spec, 64, DataContext(None, root / "cache", files)).test
    assert (first.pixels[0] == second.pixels[0]).all()
    assert (first.pixels[1] != second.pixels[1]).any()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_sizes_from_headers_are_those_of_decoded_images(tmp_path, suffix, orientation):
    path = tmp_path / f"turned{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.arange(20 * 30, dtype=np.uint16).astype(np.uint8).reshape(20, 30)).save(
        path, exif=exif
    )
    assert header_size(path) == cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).shape


def edit(name: str, old: str, new: str):
    def act(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new, 1))

    return act


DAMAGES = {
    "no folder": (lambda r: (r / "images").rename(r / "gone"), ("images", None)),
    "no image column": (
        edit("labels.csv", "image,", "Images,"),
        ("labels.csv", "image"),
    ),
    "no images": (lambda r: (r / "labels.csv").write_text("image,Mass\n"), ("labels.csv", None)),
    "image without a name": (edit("labels.csv", "x4,", ","), ("labels.csv:6", "")),
    "image twice": (edit("labels.csv", "x4,", "x3,"), ("labels.csv", "x3")),
    "image twice by its file": (
        edit("labels.csv", "x4,", "x3.png,"),
        ("images/x3.png", "x3.png"),
    ),
    "no findings": (
        lambda r: (r / "labels.csv").write_text("image,split\nx0,train\n"),
        ("labels.csv", None),
    ),
    "a number that is no label": (
        edit("labels.csv", "x3,1", "x3,-1"),
        ("labels.csv:5", "-1"),
    ),
    "empty label": (edit("labels.csv", "x3,1", "x3,"), ("labels.csv:5", "")),
    "finding with a forbidden name": (
        edit("labels.csv", "Mass", "Mass (large)"),
        ("labels.csv", "Mass (large)"),
    ),
    "finding called as a mean": (edit("labels.csv", "Mass", "macro"), ("labels.csv", "macro")),
    "no split column": (
        edit("labels.csv", "split", "splits"),
        ("labels.csv:2", "test"),
    ),
    "split absent": (
        lambda r: (r / "labels.csv").write_text(without(LABELS, "split")),
        ("labels.csv", "split"),
    ),
    "split misspelt": (
        edit("labels.csv", "1,val", "1,vall"),
        ("labels.csv:6", "vall"),
    ),
    "split empty": (
        edit("labels.csv", "1,val", "1,"),
        ("labels.csv:6", ""),
    ),
    "empty part": (
        lambda r: (r / "labels.csv").write_text(LABELS.replace("val", "train")),
        ("labels.csv", "val"),
    ),
    "missing image": (
        lambda r: (r / "images" / "x0.png").unlink(),
        ("images", "x0"),
    ),
    "two files of one name": (
        lambda r: (r / "images" / "more" / "x0.png").write_bytes(b""),
        ("images", "x0"),
    ),
    "unreadable image": (
        lambda r: (r / "images" / "x3.png").write_bytes(b"\0" * 99),
        r"x3\.png",
    ),
    "unreadable header": (
        lambda r: (r / "images" / "x0.png").write_bytes(b"\0" * 99),
        r"x0\.png: is cut off, damaged or no image",
    ),
    "no coordinates": (
        edit("boxes.csv", "width", "w"),
        ("boxes.csv", "width"),
    ),
    "coordinate is text": (edit("boxes.csv", "15", "left"), ("boxes.csv:3", "left")),
    "coordinate is not finite": (edit("boxes.csv", "15", "inf"), ("boxes.csv:3", "inf")),
    "box without extent": (
        edit("boxes.csv", "20,30", "20,0"),
        ("boxes.csv:3", None),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_sentence(root, damage):
    act, expected = DAMAGES[damage]
    act(root)
    with pytest.raises(DataError) as caught:
        load(root)
    require_facts(caught.value, expected)


def test_a_split_by_patient_needs_patients(root):
    (root / "labels.csv").write_text(without(LABELS, "patient"))
    with pytest.raises(DataError, match="column 'patient' is missing, which the split is made from"):
        load(root, split="patient")
    (root / "labels.csv").write_text(LABELS.replace("p5", ""))
    with pytest.raises(DataError, match=r"1 images have no patient.*: x9 \(line 11\)"):
        load(root, split="patient")


VIOLATIONS = {
    "boxes_without_label": (
        edit("boxes.csv", "x5,Mass", "x5,Pleural effusion"),
        "boxes or masks of a finding that the labels call absent from the image: Pleural effusion on x5",
    ),
    "boxes_outside": (
        edit("boxes.csv", "10,15,20,30", "10,15,31,30"),
        "images with boxes or masks that reach outside of them, read as box_format xywh and box_frame image: "
        "x0 in 40 × 60 px",
    ),
    "boxes_repeated": (
        edit("boxes.csv", "x0,Mass,0,0,4,6", "x0,Mass,10,15,20,30"),
        "boxes or masks that stand more than once: Mass on x0",
    ),
    "patients_shared_val_test": (
        edit("labels.csv", "x3,1,p2", "x3,1,p0"),
        "patients with images in val and in test: p0",
    ),
}


@pytest.mark.parametrize("kind", VIOLATIONS)
def test_what_contradicts_itself_is_a_violation(root, kind):
    def violations():
        given, files = described(root)
        return check(read_source(given, DataContext(None, root / "cache", files)), root / "cache").violations

    assert violations() == ()
    act, text = VIOLATIONS[kind]
    act(root)
    (violation,) = violations()
    assert (violation.kind, violation.text) == (kind, text)


def test_corners_read_as_width_and_height_are_told(root):
    (root / "boxes.csv").write_text("image,finding,x_min,y_min,x_max,y_max\nx0,Mass,30,15,10,45\n")
    with pytest.raises(DataError, match=r"1 boxes have no extent .* x_min, y_min, x_max, y_max: x0"):
        load(root, box_format="corners")
    with pytest.raises(DataError, match="column 'x' is missing; it has: image, finding, x_min"):
        load(root)


READERS = """\
image,finding,reader,x,y,width,height
x1,Pleural effusion,ann,8,5,40,25
x0,Mass,ann,10,15,20,30
x0.png,mass,Bob,11,15,20,30
x1,,Bob,,,,
x0,,Bob,,,,
"""


def test_readings_have_readers_who_marked_nothing(root):
    (root / "readers.csv").write_text(READERS)
    spec, files = described(root, "readers.csv")
    source = read_folder(spec, DataContext(None, root / "cache", files))
    assert source.boxes[["image", "finding", "x"]].to_numpy().tolist() == [
        ["x1", "Pleural effusion", 8], ["x0", "Mass", 10], ["x0", "Mass", 11],
    ]  # fmt: skip
    readings = source.readings().fillna({"finding": ""})
    assert sorted(map(tuple, readings[["image", "reader", "finding"]].to_numpy())) == [
        ("x0", "Bob", "Mass"), ("x0", "ann", "Mass"), ("x1", "Bob", ""), ("x1", "ann", "Pleural effusion"),
    ]  # fmt: skip


@pytest.mark.parametrize("row", ["x1,,Bob,1,2,3,4", "x1,Mass,Bob,,,,", "x1,,,,,,"])
def test_half_a_row_of_a_reader_is_refused(root, row):
    (root / "readers.csv").write_text(READERS.replace("x1,,Bob,,,,", row))
    with pytest.raises(DataError, match=r"readers\.csv:5: "):
        load(root, boxes="readers.csv")


def test_an_empty_row_is_refused_where_no_reader_is_named(root):
    (root / "boxes.csv").write_text(f"{BOXES}x2,,,,,\n")
    with pytest.raises(DataError, match=r"boxes\.csv:6: "):
        load(root)


def test_readings_need_a_reader_in_every_row(root):
    (root / "readers.csv").write_text(READERS.replace("Bob,11", ",11"))
    spec, files = described(root, "readers.csv")
    source = read_folder(spec, DataContext(None, root / "cache", files))
    assert len(source.boxes) == 3
    with pytest.raises(DataError, match=r"readers\.csv:4: column 'reader' is empty"):
        source.readings()
