"""NIH ChestX-ray14: a folder laid out like the official download, from drawn images and from real ones."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from extracts import NIH_EXTRACT, WHOLE, lay_out_radiographs, needs_nih_labels, needs_radiographs
from facts import require_facts

from bench.data.dataset import DataContext
from bench.data.loading import load_source
from bench.data.sources.nih import find_images, read_nih, read_tables
from bench.data.sources.splits import NUM_TRAIN, NUM_VAL, split_by_image, split_by_patient
from bench.errors import DataError
from bench.suite.dataset_specs import NihSpec, SplitLists
from bench.suite.findings import NIH_FINDINGS
from bench.suite.identity import file_digest

NUM_IMAGES = 24


@pytest.fixture
def root(tmp_path):
    """Twenty-four images of twelve patients over two archives; the last four are the test list, two boxed."""
    folder = tmp_path / "download"
    random = np.random.default_rng(0)
    names = [f"{i // 2:08d}_{i % 2:03d}.png" for i in range(NUM_IMAGES)]
    for i, name in enumerate(names):
        archive = folder / f"images_{1 + i // 12:03d}" / "images"
        archive.mkdir(parents=True, exist_ok=True)
        image = random.integers(0, 255, (128, 128), dtype=np.uint8)
        if i == 3:  # a few of the official files are RGBA
            image = np.dstack([image] * 3 + [np.full_like(image, 255)])
        cv2.imwrite(str(archive / name), image)
    labels = ["No Finding", "Mass|Nodule", "Pleural_Thickening", "Infiltration"] * 6
    lines = ["Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age"]
    lines += [f"{n},{labels[i]},0,{i // 2},50" for i, n in enumerate(names)]
    (folder / "Data_Entry_2017.csv").write_text("\n".join(lines) + "\n")
    (folder / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
        f"{names[21]},Nodule,512.0,256.0,64.0,32.0\n"
        f"{names[21]},Mass,10.5,20.5,300.0,200.0\n"
        f"{names[23]},Infiltrate,0.0,0.0,512.0,512.0\n"
    )
    (folder / "train_val_list.txt").write_text("\n".join(names[:20]))
    (folder / "test_list.txt").write_text("\n".join(names[20:]))
    return folder


def load_nih(spec, resolution, context):
    return load_source(read_nih(spec, context), resolution, spec.oversize, context)


def context(root, tmp_path, files=None):
    return DataContext(root, tmp_path / "cache", files or {})


def test_parts_labels_and_sizes(root, tmp_path):
    data = load_nih(NihSpec(), 64, context(root, tmp_path))
    assert data.findings == NIH_FINDINGS
    assert (len(data.train), len(data.val), len(data.test)) == (18, 2, 4)
    assert data.train.pixels.shape[1:] == (80, 80)  # a quarter larger, for random crops
    assert data.test.pixels.shape[1:] == (64, 64)
    assert data.test.pixels.dtype == np.uint8
    labelled = {
        name: set(np.flatnonzero(row)) for name, row in zip(data.test.names, data.test.labels, strict=True)
    }
    assert labelled["00000010_001.png"] == {4, 5}
    assert labelled["00000010_000.png"] == set()


def test_boxes_are_scaled_from_the_1024_frame_whatever_the_files_have(root, tmp_path):
    boxes = load_nih(NihSpec(), 64, context(root, tmp_path)).test.boxes
    nodule = boxes[boxes["class_index"] == NIH_FINDINGS.index("Nodule")]
    assert nodule[["image_index", "x", "y", "w", "h"]].to_numpy().tolist() == [[1, 32.0, 16.0, 4.0, 2.0]]
    assert set(boxes["class_index"]) == {3, 4, 5}


def test_pixels_are_opencvs_cubic_resize_of_the_gray_file(root, tmp_path):
    data = load_nih(NihSpec(), 64, context(root, tmp_path))
    for part, side in ((data.train, 80), (data.test, 64)):
        for i, name in enumerate(part.names):
            (path,) = root.glob(f"images_*/images/{name}")
            gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            expected = cv2.resize(gray, (side, side), interpolation=cv2.INTER_CUBIC)
            assert (part.pixels[i] == expected).all()


@pytest.mark.parametrize("layout", ["flat", "root", "below nih"])
def test_other_layouts_give_the_same(root, tmp_path, layout):
    expected = load_nih(NihSpec(), 64, context(root, tmp_path))
    for path in list(root.glob("images_*/images/*.png")):
        target = root / "images" if layout == "flat" else root
        target.mkdir(exist_ok=True)
        path.rename(target / path.name)
    if layout == "below nih":
        (tmp_path / "all").mkdir()
        root = root.rename(tmp_path / "all" / "nih").parent
    found = load_nih(NihSpec(), 64, DataContext(root, tmp_path / "other_cache", {}))
    assert (found.train.pixels == expected.train.pixels).all()


def move(root: Path, folder: str, suffix: str = ".png", side_px: int | None = None) -> None:
    """Moves the images to one folder, as files of another kind or size if need be."""
    (root / folder).mkdir(parents=True, exist_ok=True)
    for path in list(root.glob("images_*/images/*.png")):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        path.unlink()
        resized = image if side_px is None else cv2.resize(image, (side_px, side_px))
        cv2.imwrite(str(root / folder / f"{path.stem}{suffix}"), resized)


def as_kaggle(root: Path) -> None:
    """Twelve columns, the last without a name, where the official v2020 has eleven."""
    header, *rows = (root / "Data_Entry_2017.csv").read_text().splitlines()
    wide = [
        f"{header},Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
    ]
    wide += [f"{row},M,PA,2682,2749,0.143,0.143," for row in rows]
    (root / "Data_Entry_2017.csv").write_text("\n".join(wide) + "\n")


def as_mirror_of_224(root: Path) -> None:
    move(root, "images-224/images-224", side_px=64)
    (root / "BBox_List_2017.csv").rename(root / "BBox_List_2017_Official_NIH.csv")
    for name in ("train_val_list", "test_list"):
        (root / f"{name}.txt").rename(root / f"{name}_NIH.txt")


LAYOUTS = {
    "archives": lambda _: None,
    "2020 labels": lambda r: (r / "Data_Entry_2017.csv").rename(r / "Data_Entry_2017_v2020.csv"),
    "kaggle": as_kaggle,
    "one folder": lambda r: move(r, "images"),
    "images in archives' folders": lambda r: move(r, "images_001"),
    "archives below images": lambda r: move(r, "images/images_001"),
    "mirror of 224 px": as_mirror_of_224,
    "flat mirror": lambda r: move(r, "images-512", side_px=64),
    "mirror as jpg": lambda r: move(r, "images_256", ".jpg", 64),
    "mirror as JPEG": lambda r: move(r, "images-256/images-256", ".JPEG", 64),
    "root": lambda r: move(r, "."),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_the_same_images_labels_and_boxes(root, tmp_path, layout):
    expected = load_nih(NihSpec(), 64, context(root, tmp_path))
    LAYOUTS[layout](root)
    found = load_nih(NihSpec(), 64, DataContext(root, tmp_path / "other_cache", {}))
    for part in ("train", "val", "test"):
        ours, theirs = getattr(found, part), getattr(expected, part)
        assert ours.names == theirs.names
        assert ours.patients == theirs.patients
        assert (ours.labels == theirs.labels).all()
        pd.testing.assert_frame_equal(ours.boxes, theirs.boxes)


def test_of_an_image_in_two_folders_the_official_one_counts(root):
    (root / "images-224").mkdir()
    name = "00000000_000.png"
    (root / "images-224" / name).write_bytes(b"resized")
    (root / "images_001" / "images" / "00000000_000.jpg").write_bytes(b"converted")
    assert find_images(root, [name])[name] == root / "images_001" / "images" / name


def test_rgba_with_opaque_alpha_gives_the_pixels_of_its_gray_version(root, tmp_path):
    (path,) = root.glob("images_*/images/00000001_001.png")
    assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape == (128, 128, 4)
    as_rgba = load_nih(NihSpec(), 64, context(root, tmp_path))
    cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[:, :, 0])
    as_gray = load_nih(NihSpec(), 64, DataContext(root, tmp_path / "other_cache", {}))
    assert (as_gray.train.pixels == as_rgba.train.pixels).all()
    assert (as_gray.val.pixels == as_rgba.val.pixels).all()


def test_cache_is_built_once_and_read_again(root, tmp_path, monkeypatch):
    first = load_nih(NihSpec(), 64, context(root, tmp_path))
    monkeypatch.setattr("bench.data.images.cache.decode_each", lambda *_: pytest.fail("decodes again"))
    again = load_nih(NihSpec(), 64, context(root, tmp_path))
    assert (again.test.pixels == first.test.pixels).all()
    assert isinstance(again.test.pixels, np.memmap)


def test_split_by_image_has_the_authors_sizes_on_the_full_list():
    names = [f"{i:08d}_000.png" for i in range(NUM_TRAIN + NUM_VAL)]
    train, val = split_by_image(names, 0)
    assert (len(train), len(val)) == (78_484, 8_040)
    assert set(train).isdisjoint(val)
    assert set(train) | set(val) == set(names)
    assert split_by_image(list(reversed(names)), 0) == (train, val)
    assert split_by_image(names, 1) != (train, val)


def test_split_by_patient_shares_none():
    names = [f"{i // 5:08d}_{i % 5:03d}.png" for i in range(2000)]
    train, val = split_by_patient(names, [name[:8] for name in names], 0)
    assert {name[:8] for name in train}.isdisjoint(name[:8] for name in val)
    assert set(train) | set(val) == set(names)
    assert len(val) == pytest.approx(2000 * NUM_VAL / (NUM_TRAIN + NUM_VAL), abs=5)


def test_patient_split_is_offered_by_the_suite(root, tmp_path):
    data = load_nih(NihSpec(split="patient"), 64, context(root, tmp_path))
    assert set(data.train.patients).isdisjoint(data.val.patients)


def test_explicit_lists_are_found_by_digest(root, tmp_path):
    names = (root / "train_val_list.txt").read_text().split() + (root / "test_list.txt").read_text().split()
    parts = {"train": names[:3], "val": names[3:5], "test": names[22:]}
    files, digests = {}, {}
    for part, chosen in parts.items():
        path = tmp_path / f"{part}.txt"
        path.write_text("\n".join(chosen))
        digests[part] = file_digest(path)
        files[digests[part]] = path
    data = load_nih(NihSpec(split=SplitLists(**digests)), 64, context(root, tmp_path, files))
    assert [list(p.names) for p in (data.train, data.val, data.test)] == list(parts.values())


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


DAMAGES = {
    "no data root": (lambda _: None, ("data set nih", None)),
    "no label file": (lambda r: (r / "Data_Entry_2017.csv").unlink(), ("download", "nih")),
    "no box file": (lambda r: (r / "BBox_List_2017.csv").unlink(), "BBox_List_2017.csv: cannot be read"),
    "no test list": (lambda r: (r / "test_list.txt").unlink(), "test_list.txt: cannot be read"),
    "empty list": (lambda r: (r / "test_list.txt").write_text(""), ("test_list.txt", None)),
    "missing image": (
        lambda r: (r / "images_001/images/00000001_000.png").unlink(),
        ("download", "00000001_000.png"),
    ),
    "truncated image": (
        lambda r: (r / "images_002/images/00000011_000.png").write_bytes(b"\x89PNG"),
        r"1 of \d+ images cannot be decoded: .*00000011_000.png",
    ),
    "unknown finding": (
        lambda r: edit(r / "Data_Entry_2017.csv", "Pleural_Thickening", "Pleural_Thikening"),
        ("Data_Entry_2017.csv:4", "Pleural_Thikening"),
    ),
    "missing column": (
        lambda r: edit(r / "Data_Entry_2017.csv", "Patient ID", "Patient"),
        ("Data_Entry_2017.csv", "Patient ID"),
    ),
    "image listed twice": (
        lambda r: edit(r / "Data_Entry_2017.csv", "00000000_001.png", "00000000_000.png"),
        ("Data_Entry_2017.csv", "00000000_000.png"),
    ),
    "image in two parts": (
        lambda r: edit(r / "test_list.txt", "00000011_001.png", "00000000_001.png"),
        (None, "00000000_001.png"),
    ),
    "box coordinate is text": (
        lambda r: edit(r / "BBox_List_2017.csv", "10.5", "left"),
        ("BBox_List_2017.csv:3", "left"),
    ),
    "too few box columns": (
        lambda r: (r / "BBox_List_2017.csv").write_text("Image Index,Finding Label\n"),
        ("BBox_List_2017.csv", None),
    ),
    "unlabelled image": (
        lambda r: edit(r / "test_list.txt", "00000011_001.png", "00000099_000.png"),
        ("download", "00000099_000.png"),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_sentence(root, tmp_path, damage):
    act, expected = DAMAGES[damage]
    act(root)
    given = None if damage == "no data root" else root
    with pytest.raises(DataError) as caught:
        load_nih(NihSpec(), 64, context(given, tmp_path))
    require_facts(caught.value, expected)
    assert not list(tmp_path.rglob(".*.partial"))


def test_unreadable_image_leaves_no_cache_behind(root, tmp_path):
    path = root / "images_002/images/00000011_000.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2][:8])
    with pytest.raises(DataError):
        load_nih(NihSpec(), 64, context(root, tmp_path))
    path.write_bytes(whole)
    assert len(load_nih(NihSpec(), 64, context(root, tmp_path)).test) == 4


def test_byte_order_mark_and_windows_line_ends_do_no_harm(root, tmp_path):
    expected = load_nih(NihSpec(), 64, context(root, tmp_path))
    for name in ("Data_Entry_2017.csv", "BBox_List_2017.csv", "test_list.txt", "train_val_list.txt"):
        text = (root / name).read_text()
        (root / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    found = load_nih(NihSpec(), 64, context(root, tmp_path))
    assert (found.test.labels == expected.test.labels).all()
    pd.testing.assert_frame_equal(found.test.boxes, expected.test.boxes)


@needs_radiographs
def test_real_radiographs_load(tmp_path):
    lay_out_radiographs(tmp_path / "nih", "--size", "256", "--limit", "40")
    data = load_nih(NihSpec(), 64, context(tmp_path / "nih", tmp_path))
    assert len(data.train) + len(data.val) + len(data.test) == 80
    assert len(data.test.boxes) >= 40
    boxed = data.test.boxes
    assert (data.test.labels[boxed["image_index"], boxed["class_index"]] == 1).all()
    assert (boxed[["x", "y"]] >= 0).all(axis=None)
    assert (boxed["x"] + boxed["w"] <= 64).all()
    means = data.train.pixels.reshape(len(data.train), -1).mean(axis=1)
    assert 60 < means.mean() < 190


def test_official_boxes_have_the_known_numbers_and_are_of_findings_of_their_images():
    tables = read_tables(NIH_EXTRACT)
    boxes = tables.boxes.boxes
    assert (len(boxes), boxes["image"].nunique(), tables.boxes.unmatched) == (984, 880, ())
    assert all(
        tables.labels.loc[image, finding] == 1
        for image, finding in zip(boxes["image"], boxes["finding"], strict=True)
    )


@needs_nih_labels
def test_official_tables_have_the_known_sizes(tmp_path):
    meta = WHOLE / "data" / "meta"
    shutil.copy(NIH_EXTRACT / "BBox_List_2017.csv", tmp_path)
    entries = pd.read_csv(meta / "Data_Entry_2017_v2020.csv.gz", dtype=str, keep_default_na=False)
    entries.to_csv(tmp_path / "Data_Entry_2017_v2020.csv", index=False)
    tables = read_tables(tmp_path)
    assert tables.labels.shape == (112_120, 14)
    assert len(tables.boxes.boxes) == 984
    assert not tables.boxes.unmatched
    assert tables.boxes.boxes["image"].nunique() == 880
    expected = pd.read_csv(meta / "nih_labels_splits.csv.gz").set_index("Image Index")[list(NIH_FINDINGS)]
    assert (tables.labels.loc[expected.index] == expected).all(axis=None)
