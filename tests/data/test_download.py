"""What every data set that is read from files says of tables and files that are not as they should be.

One little data set is written in the layout of each: twelve images, three of them boxed.
"""

import gzip
import re
import tarfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.data.checks.integrity import Integrity, check
from bench.data.checks.statistics import describe
from bench.data.dataset import DataContext
from bench.data.loading import load_source, read_source
from bench.data.sources.source import DataSource
from bench.errors import DataError
from bench.suite.dataset_specs import DatasetSpec, FolderSpec, NihSpec, SplitLists, VindrSpec
from bench.suite.identity import file_digest

NUM_IMAGES = 12
PARTS = {"train": range(6), "val": range(6, 8), "test": range(8, 12)}
BOXED = (9, 11, 1)
SIDE = 64
OWN = {"images": "images", "labels": "labels", "boxes": "boxes"}
"""What a folder's specification names, in place of digests."""


@dataclass(frozen=True)
class Layout:
    """One data set's files.

    Attributes:
        root: the folder of all of them, the lists of its split too.
        spec: the class of its specification.
        names: of its images.
        images: the folder of these.
        labels: table of labels.
        boxes: table of boxes.
        finding: of each box.
        numbers: of each box, as the table has them.
        sides: what the table calls them.
    """

    root: Path
    spec: type
    names: list[str]
    images: Path
    labels: Path
    boxes: Path
    finding: str
    numbers: str
    sides: tuple[str, ...]

    def source(self) -> DataSource:
        files = {file_digest(self.root / f"{part}.txt"): self.root / f"{part}.txt" for part in PARTS}
        split = SplitLists(**dict(zip(PARTS, files, strict=True)))
        files |= {"images": self.images, "labels": self.labels, "boxes": self.boxes}
        spec: DatasetSpec = self.spec(split=split, **(OWN if self.spec is FolderSpec else {}))
        return read_source(spec, DataContext(self.root, self.root / "cache", files))

    def check(self) -> Integrity:
        return check(self.source(), self.root / "cache")

    def refusal(self) -> str:
        with pytest.raises(DataError) as caught:
            self.check()
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def file_of(self, index: int) -> Path:
        return self.images / f"{stem(self.names[index])}.png"


def stem(name: str) -> str:
    return name.removesuffix(".png")


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def nih(root: Path) -> Layout:
    names = [f"{i // 2 + 1:08d}_{i:03d}.png" for i in range(NUM_IMAGES)]
    rows = [f"{name},{'Mass' if i % 2 else 'No Finding'},{i // 2 + 1}" for i, name in enumerate(names)]
    labels = write(root / "Data_Entry_2017.csv", "Image Index,Finding Labels,Patient ID", *rows)
    numbers = "64,128,256,512"
    rows = [f"{names[i]},Mass,{numbers}" for i in BOXED]
    boxes = write(root / "BBox_List_2017.csv", "Image Index,Finding Label,Bbox [x,y,w,h],,,", *rows)
    images = root / "images_001" / "images"
    return Layout(root, NihSpec, names, images, labels, boxes, "Mass", numbers, ("x", "y", "w", "h"))


def vindr(root: Path) -> Layout:
    names = [f"{i:032x}" for i in range(NUM_IMAGES)]
    sides, numbers = ("x_min", "y_min", "x_max", "y_max"), "4,8,20,40"
    rows = [
        f"{name},R1,Nodule/Mass,{numbers}" if i in BOXED else f"{name},R1,No finding,,,,"
        for i, name in enumerate(names)
    ]
    labels = write(root / "train.csv", f"image_id,rad_id,class_name,{','.join(sides)}", *rows)
    write(root / "train_meta.csv", "image_id,dim0,dim1", *(f"{name},{SIDE},{SIDE}" for name in names))
    return Layout(root, VindrSpec, names, root / "train", labels, labels, "Nodule/Mass", numbers, sides)


def folder(root: Path) -> Layout:
    names = [f"x{i:03d}" for i in range(NUM_IMAGES)]
    rows = [f"{name},{i // 2 + 1},{i % 2},0" for i, name in enumerate(names)]
    labels = write(root / "labels.csv", "image,patient,Mass,Pleural effusion", *rows)
    sides, numbers = ("x", "y", "width", "height"), "4,8,16,32"
    rows = [f"{names[i]},Mass,{numbers}" for i in BOXED]
    boxes = write(root / "boxes.csv", f"image,finding,{','.join(sides)}", *rows)
    return Layout(root, FolderSpec, names, root / "images", labels, boxes, "Mass", numbers, sides)


LAYOUTS = {"nih": nih, "vindr": vindr, "folder": folder}


@pytest.fixture
def layout(request, tmp_path) -> Layout:
    made = LAYOUTS[request.param](tmp_path)
    made.images.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for i in range(NUM_IMAGES):
        cv2.imwrite(str(made.file_of(i)), random.integers(0, 255, (SIDE, SIDE), dtype=np.uint8))
    for part, chosen in PARTS.items():
        write(tmp_path / f"{part}.txt", *(made.names[i] for i in chosen))
    return made


of = pytest.mark.parametrize
every = of("layout", LAYOUTS, indirect=True)
with_patients = with_box_table = of("layout", ["nih", "folder"], indirect=True)


def kinds(found: Integrity) -> list[str]:
    return [violation.kind for violation in found.violations]


@every
def test_a_data_set_as_it_should_be_has_no_violation(layout):
    assert kinds(layout.check()) == []
    assert len(layout.source().boxes) == 3


@every
def test_blanks_marks_and_line_ends_around_names_change_nothing(layout):
    before = layout.check()
    for path in {layout.labels, layout.boxes, *layout.root.glob("*.txt")}:
        text = path.read_text()
        for name in layout.names:
            text = text.replace(name, f" {name}\u00a0")
        path.write_bytes(f"\ufeff{text}".replace("\n", "\r\n").encode())
    after = layout.check()
    assert (kinds(after), after.digest) == ([], before.digest)


@every
def test_lists_and_boxes_may_write_names_with_other_endings_and_case(layout):
    before = layout.check()
    for path in {layout.boxes, *layout.root.glob("*.txt")} - {layout.labels}:
        for name in layout.names:
            path.write_text(path.read_text().replace(name, f"{stem(name).upper()}.PNG"))
    after = layout.check()
    assert (kinds(after), after.digest) == ([], before.digest)


@every
def test_findings_are_the_same_in_another_case(layout):
    before = layout.check()
    edit(layout.boxes, f"{layout.finding},", f" {layout.finding.upper()} ,")
    after = layout.check()
    assert (kinds(after), after.digest) == ([], before.digest)


@every
def test_an_image_that_a_part_or_the_labels_name_in_two_ways_is_refused(layout):
    again = f"{stem(layout.names[0])}.PNG"
    path, rows = layout.root / "train.txt", layout.root.joinpath("train.txt").read_text()
    path.write_text(f"{rows}{again}\n")
    assert repr(again) in layout.refusal()
    path.write_text(rows)
    edit(layout.labels, f"{layout.names[1]},", f"{layout.names[0]} ,")
    if layout.spec is not VindrSpec:  # its table has several rows of an image
        assert layout.names[0] in layout.refusal()


@every
def test_an_image_in_two_parts_is_found_however_it_is_written(layout):
    path = layout.root / "val.txt"
    path.write_text(f"{path.read_text()}{stem(layout.names[0]).upper()}.JPG\n")
    assert "in both train and val" in layout.refusal()


def without_zeros(name: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", name)


@with_box_table
def test_boxes_whose_names_have_lost_their_zeros_are_told_row_by_row(layout):
    for name in layout.names:
        layout.boxes.write_text(layout.boxes.read_text().replace(name, without_zeros(name)))
    (violation,) = layout.check().violations
    assert violation.kind == "boxes_unmatched"
    assert len(violation.examples) == 3
    assert f"{layout.boxes.name}:2" in violation.text
    assert repr(layout.names[9]) in violation.text
    assert "zeros" in violation.text
    assert describe(layout.source()).unmatched_boxes == 3


@with_box_table
def test_a_box_of_an_unknown_finding_is_told_and_the_others_count(layout):
    edit(layout.boxes, f"{layout.names[11]},Mass", f"{layout.names[11]},Masss")
    (violation,) = layout.check().violations
    assert violation.kind == "boxes_unmatched"
    assert f"{layout.boxes.name}:3" in violation.text
    assert "did you mean 'Mass'" in violation.text
    assert len(layout.source().boxes) == 2


@every
@of("changed", ["labels", "lists"])
def test_labels_or_lists_that_have_lost_zeros_are_told_with_what_is_meant(layout, changed):
    for path in [layout.labels] if changed == "labels" else layout.root.glob("*.txt"):
        for name in layout.names:
            path.write_text(path.read_text().replace(name, without_zeros(name)))
    said = layout.refusal()
    assert "no labels" in said
    assert layout.names[0] in said
    assert without_zeros(layout.names[0]) in said


@every
@of("cell", ["nan", "inf", "-inf", "", "left", "1_0", "0x10"])
def test_a_coordinate_that_is_no_finite_number_is_told_with_its_place(layout, cell):
    line = next(i for i, row in enumerate(layout.boxes.read_text().splitlines(), 1) if layout.numbers in row)
    for position, side in enumerate(layout.sides):
        text = layout.boxes.read_text()
        numbers = layout.numbers.split(",")
        numbers[position] = cell
        layout.boxes.write_text(text.replace(layout.numbers, ",".join(numbers), 1))
        said = layout.refusal()
        assert f"{layout.boxes}:{line}: column {side!r} is {cell!r}" in said
        layout.boxes.write_text(text)


@every
def test_a_box_without_extent_is_told_with_its_place(layout):
    line = next(i for i, row in enumerate(layout.boxes.read_text().splitlines(), 1) if layout.numbers in row)
    x, y, *far = layout.numbers.split(",")
    wrong = [x, "1"] if layout.sides[-1] == "y_max" else ["0", "-5"]
    for numbers in ([x, y, wrong[0], far[1]], [x, y, far[0], wrong[1]]):
        text = layout.boxes.read_text()
        layout.boxes.write_text(text.replace(layout.numbers, ",".join(numbers), 1))
        assert f"{layout.boxes}:{line}: 1 boxes have no extent" in layout.refusal()
        layout.boxes.write_text(text)


@every
def test_a_box_that_reaches_outside_is_a_violation(layout):
    x, y, *far = layout.numbers.split(",")
    edit(layout.boxes, layout.numbers, ",".join([x, y, far[0], "2000"]))
    assert kinds(layout.check()) == ["boxes_outside"]


@every
@of("which", ["labels", "boxes"])
def test_a_column_that_stands_twice_and_a_ragged_row_are_told_with_their_place(layout, which):
    path = getattr(layout, which)
    text = path.read_text()
    header, *rows = text.splitlines()
    first = header.split(",")[0]
    write(path, f"{header.rstrip(',')},{first.upper()} ", *(f"{row},x" for row in rows))
    assert f"{path}:1: columns 1 and " in layout.refusal()
    write(path, header, f"{rows[0]},,,,", rows[1], f"{rows[2]},,,x", *rows[3:])
    assert f"{path}:4: " in layout.refusal()
    write(path, header, rows[0], rows[1].rpartition(",")[0], *rows[2:])
    assert f"{path}:3: " in layout.refusal()
    path.write_text(text.replace("\n", ",,,\n").replace(header + ",,,", header))
    assert kinds(layout.check()) == []


@every
@of("encoding", ["utf-16", "latin-1"])
def test_a_table_of_another_encoding_is_told_with_the_cure(layout, encoding):
    for path in {layout.labels, layout.boxes, layout.root / "train.txt"}:
        content = path.read_bytes()
        path.write_bytes(f"{content.decode()}\nJürgen".encode(encoding))
        said = layout.refusal()
        assert said.startswith(str(path))
        assert "UTF-8" in said
        path.write_bytes(content)


@every
def test_labels_that_list_nothing_are_told(layout):
    write(layout.labels, layout.labels.read_text().splitlines()[0])
    assert str(layout.labels) in layout.refusal()
    layout.labels.write_text("")
    assert "is empty" in layout.refusal()


def patient_cells(layout: Layout, **cells: str) -> None:
    """Sets the patients of images by their index."""
    column = {NihSpec: 2, FolderSpec: 1}[layout.spec]
    header, *rows = layout.labels.read_text().splitlines()
    cut = [row.split(",") for row in rows]
    for index, cell in cells.items():
        cut[int(index[1:])][column] = cell
    write(layout.labels, header, *(",".join(row) for row in cut))


@with_patients
def test_a_patient_with_a_blank_is_the_same_one(layout):
    patient_cells(layout, i11="1 ")
    assert kinds(layout.check()) == ["patients_shared_train_test"]


@with_patients
@of("cell", ["001", "1.0"])
def test_patients_that_may_be_one_are_told_and_not_merged(layout, cell):
    patient_cells(layout, i11=cell)
    (violation,) = layout.check().violations
    assert violation.kind == "patients_alike"
    assert cell in violation.text
    assert "'1'" in violation.text


@with_patients
@of("cell", ["", " ", "NaN", "None"])
def test_images_without_a_patient_are_told_with_their_lines_and_share_none(layout, cell):
    patient_cells(layout, i0=cell, i10=cell, i11=cell)
    (violation,) = layout.check().violations
    assert violation.kind == "patients_absent"
    assert violation.examples == tuple(f"{layout.names[i]} (line {i + 2})" for i in (0, 10, 11))
    patients = layout.source().patients
    assert patients.nunique() == 5 + 3
    assert describe(layout.source()).without_patient == 3


@with_patients
def test_a_split_by_patient_needs_all_patients(layout):
    patient_cells(layout, i3="")
    for name in ("train_val_list.txt", "test_list.txt"):
        write(layout.root / name, *(layout.names[:8] if "val" in name else layout.names[8:]))
    spec = layout.spec(split="patient", **(OWN if layout.spec is FolderSpec else {}))
    files = {"images": layout.images, "labels": layout.labels, "boxes": layout.boxes}
    with pytest.raises(DataError, match=rf"{layout.names[3]} \(line 5\)"):
        read_source(spec, DataContext(layout.root, layout.root / "cache", files))


@every
def test_files_are_found_whatever_the_case_and_unicode_form_of_their_names(layout):
    if layout.spec is not NihSpec:  # its names are numbers
        old, new = stem(layout.names[9]), "Jürgen_9"
        for path in {
            layout.labels,
            layout.boxes,
            *layout.root.glob("*.txt"),
            *layout.root.glob("train_meta.csv"),
        }:
            path.write_text(path.read_text().replace(old, new), encoding="utf-8")
        layout.file_of(9).rename(layout.images / f"{unicodedata.normalize('NFD', new)}.png")
    layout.file_of(0).rename(layout.file_of(0).with_suffix(".PNG"))
    assert kinds(layout.check()) == []


@every
def test_images_that_are_missing_are_told_with_what_is_there(layout):
    def told() -> str:
        (violation,) = layout.check().violations
        assert violation.kind == "images_missing"
        assert layout.names[0] in violation.text
        with pytest.raises(DataError) as caught:
            load_source(layout.source(), 64, 1.0, DataContext(layout.root, layout.root / "cache", {}))
        assert layout.names[0] in str(caught.value)
        return violation.text

    path = layout.file_of(0)
    content = path.read_bytes()
    path.rename(path.with_suffix(".tif"))
    assert f"{path.stem}.tif" in told()
    path.with_suffix(".tif").unlink()
    with tarfile.open(layout.images / "images_001.tar.gz", "w:gz"):
        pass
    assert "images_001.tar.gz" in told()
    (layout.images / "images_001.tar.gz").unlink()
    bare = path.with_name(f"{without_zeros(path.stem)}.png")
    bare.write_bytes(content)
    if layout.spec is not VindrSpec:  # 0 alone is too little to be the same
        assert bare.name in told()
        assert "zeros" in told()
    bare.unlink()
    if layout.spec is not FolderSpec:  # which looks in folders of any depth
        deeper = layout.images / "one" / "deeper" / path.name
        deeper.parent.mkdir(parents=True)
        deeper.write_bytes(content)
        assert "deeper" in told()


@of("layout", ["nih", "vindr"], indirect=True)
def test_a_root_that_is_elsewhere_is_told(layout):
    deep = layout.root / "a" / "b"
    deep.mkdir(parents=True)
    table = layout.labels.rename(deep / layout.labels.name)
    assert str(table.relative_to(layout.root)) in layout.refusal()
    table.rename(table.with_suffix(".CSV"))
    assert table.with_suffix(".CSV").name in layout.refusal()


@of("layout", ["nih", "vindr"], indirect=True)
def test_two_versions_of_a_table_that_differ_are_refused(layout):
    other = {"train.csv": "train.csv.gz", "Data_Entry_2017.csv": "Data_Entry_2017_v2020.csv"}[
        layout.labels.name
    ]
    content = layout.labels.read_bytes()
    pack = gzip.compress if other.endswith(".gz") else bytes
    (layout.root / other).write_bytes(pack(content))
    assert kinds(layout.check()) == []
    (layout.root / other).write_bytes(pack(content.replace(b"No ", b"no ", 1)))
    said = layout.refusal()
    assert layout.labels.name in said
    assert other in said


@of("layout", ["vindr"], indirect=True)
@of("cell", ["nan", "inf", "", "0", "-1", "tall"])
def test_sizes_are_positive_finite_numbers(layout, cell):
    table = layout.root / "train_meta.csv"
    edit(table, f"{layout.names[9]},{SIDE},{SIDE}", f"{layout.names[9]},{SIDE},{cell}")
    assert f"{table}:11: " in layout.refusal()


@of("layout", ["vindr"], indirect=True)
def test_jpegs_of_films_are_read_as_pngs_are(layout):
    before = layout.source()
    for i in range(NUM_IMAGES):
        image = cv2.imread(str(layout.file_of(i)), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(layout.file_of(i).with_suffix(".jpg")), image)
        layout.file_of(i).unlink()
    assert kinds(layout.check()) == []
    assert list(layout.source().files) == list(before.files)
