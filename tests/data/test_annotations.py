"""Annotations beside a data set's own boxes: formats are read alike, and what is none is one sentence."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
from extracts import NIH_EXTRACT, WHOLE

from bench.data.sources.annotations import read_annotation
from bench.errors import DataError
from bench.metrics.regions import MASK, decode
from bench.suite.findings import CHESTX_DET_FINDINGS, NIH_FINDINGS

IMAGES = ("a.png", "b.png", "c.png")
FINDINGS = ("Mass", "Nodule", "Pleural_Thickening")
SIDES = ["x", "y", "w", "h"]
REAL = WHOLE / "data" / "second_reading" / "chestxdet_on_our_nih.json"

needs_second_reading = pytest.mark.skipif(not REAL.exists(), reason="its licence is not known")


def table_of(folder, text: str):
    path = folder / "second.csv"
    path.write_text(text)
    return path


def xywh(folder):
    return table_of(
        folder, "image,finding,x,y,width,height\na,mass,4,6,8,10\nB.PNG,Nodule,1,2,3,4\nz,Mass,1,1,1,1\n"
    )


def corners(folder):
    return table_of(
        folder,
        "finding,image,x_min,y_min,x_max,y_max\nMass,a.png,4,6,12,16\nNodule,b.png,1,2,4,6\nMass,z.png,1,1,2,2\n",
    )


def nih(folder):
    return table_of(
        folder,
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
        "a.png,Mass,4,6,8,10\nb.png,Nodule,1,2,3,4\nz.png,Mass,1,1,1,1\n",
    )


def coco(folder):
    document = {
        "images": [
            {"id": i, "file_name": f"f/{n}.png", "width": 40, "height": 30} for i, n in enumerate("abz")
        ],
        "categories": [{"id": 1, "name": "Mass"}, {"id": 2, "name": "Nodule"}],
        "annotations": [
            {"image_id": 0, "category_id": 1, "bbox": [4, 6, 8, 10]},
            {"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]},
            {"image_id": 2, "category_id": 1, "bbox": [1, 1, 1, 1]},
        ],
    }
    path = folder / "second.json"
    path.write_text(json.dumps(document))
    return path


def chestx_det(folder):
    def square(x, y, w, h):
        return [[x, y], [x + w - 1, y], [x + w - 1, y + h - 1], [x, y + h - 1]]

    records = [
        {"file_name": "a.png", "syms": ["Mass"], "polygons": [square(4, 6, 8, 10)], "boxes": []},
        {"file_name": "b.png", "syms": ["Nodule"], "polygons": [square(1, 2, 3, 4)]},
        {"file_name": "z.png", "syms": ["Mass"], "polygons": [square(1, 1, 2, 2)]},
    ]
    path = folder / "second.json"
    path.write_text(json.dumps(records))
    return path


def pngs(folder):
    for name, (x, y, w, h) in {
        "Mass/a": (4, 6, 8, 10),
        "Nodule/b": (1, 2, 3, 4),
        "Mass/z": (1, 1, 1, 1),
    }.items():
        pixels = np.zeros((30, 40), np.uint8)
        pixels[y : y + h, x : x + w] = 255
        (folder / "masks" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "masks" / f"{name}.png"), pixels)
    return folder / "masks"


@pytest.mark.parametrize("write", [xywh, corners, nih, coco, chestx_det, pngs])
def test_every_format_says_the_same(tmp_path, write):
    found = read_annotation(write(tmp_path)).of(IMAGES, FINDINGS)
    boxes = found.marks.boxes
    assert boxes[["image", "finding"]].to_numpy().tolist() == [["a.png", "Mass"], ["b.png", "Nodule"]]
    assert boxes[SIDES].to_numpy().tolist() == [[4, 6, 8, 10], [1, 2, 3, 4]]
    assert set(found.images) == {"a.png", "b.png"}
    assert found.findings[:2] == ("Mass", "Nodule")
    sizes = {xywh: None, corners: None, nih: 1024, chestx_det: 1024, coco: 30, pngs: 30}
    if sizes[write] is None:
        assert found.sizes is None
    else:
        assert found.sizes.loc[["a.png", "b.png"], "rows"].tolist() == [sizes[write]] * 2


def test_masks_stay_masks(tmp_path):
    (text, _) = read_annotation(pngs(tmp_path)).of(IMAGES, FINDINGS).marks.boxes[MASK]
    assert decode(text, 40, 30).sum() == 80
    assert decode(text, 40, 30)[6:16, 4:12].all()


def test_an_image_without_a_mark_is_read_where_the_file_says_so(tmp_path):
    document = json.loads(coco(tmp_path).read_text())
    document["annotations"] = document["annotations"][:1]
    (tmp_path / "second.json").write_text(json.dumps(document))
    assert read_annotation(tmp_path / "second.json").of(IMAGES, FINDINGS).images == ("a.png", "b.png")
    path = table_of(tmp_path, "image,finding,reader,x,y,width,height\na,Mass,r,1,1,2,2\nc,,r,,,,\n")
    found = read_annotation(path).of(IMAGES, FINDINGS)
    assert (found.images, len(found.marks.boxes)) == (("a.png", "c.png"), 1)


def test_findings_are_those_that_could_be_marked_and_others_are_told(tmp_path):
    document = json.loads(coco(tmp_path).read_text())
    document["categories"] += [{"id": 3, "name": "pleural thickening"}, {"id": 4, "name": "Fracture"}]
    (tmp_path / "second.json").write_text(json.dumps(document))
    found = read_annotation(tmp_path / "second.json").of(IMAGES, FINDINGS)
    assert (found.findings, found.others) == (FINDINGS, ("Fracture",))


def test_a_region_to_ignore_leaves_its_unit_open(tmp_path):
    document = json.loads(coco(tmp_path).read_text())
    document["annotations"][0]["iscrowd"] = 1
    (tmp_path / "second.json").write_text(json.dumps(document))
    marks = read_annotation(tmp_path / "second.json").of(IMAGES, FINDINGS).marks
    assert marks.ignored == (("a.png", "Mass"),)
    assert marks.boxes["image"].tolist() == ["b.png"]


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        ("image,finding,left,top\na,Mass,1,2\n", "x, y, width, height or x_min, y_min, x_max, y_max"),
        ("name,class\na,Mass\n", "no annotation that is known.*name, class"),
        ("", "is empty"),
        ("[]", "lists no image"),
        ('[{"file_name": "a.png"}]', "syms"),
        ('{"images": []}', "categories"),
        ('[{"file_name": "a.png", "syms": ["Masss"], "polygons": [[]]}]', "did you mean 'Mass'"),
        ("image,finding,x,y,width,height\na,Mass,1,2,0,4\n", "no extent"),
        ("Image Index,Finding Label,x\na,Mass,1\n", "six columns"),
    ],
)
def test_what_is_no_annotation_is_one_sentence(tmp_path, content, fact):
    path = table_of(tmp_path, content)
    with pytest.raises(DataError, match=fact) as error:
        read_annotation(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_and_an_empty_folder_are_one_sentence(tmp_path):
    for path in (tmp_path / "nothing.csv", tmp_path):
        with pytest.raises(DataError) as error:
            read_annotation(path)
        assert error.value.place == str(path)


@needs_second_reading
def test_the_real_second_reading_has_its_images_and_units():
    annotation = read_annotation(REAL)
    assert len(annotation.images) == 232
    assert len(annotation.rows.drop_duplicates(["image", "finding"])) == 419
    assert annotation.findings == CHESTX_DET_FINDINGS
    own = read_annotation(NIH_EXTRACT / "BBox_List_2017.csv")
    found = annotation.of(own.images, NIH_FINDINGS)
    assert set(found.others) == {"Calcification", "Diffuse Nodule", "Fracture"}
    given = pd.DataFrame(json.loads(REAL.read_text())).set_index("file_name")
    for row in found.marks.boxes.itertuples():  # the bounds of outlines are the boxes beside them
        x, y, right, bottom = np.array(given.loc[row.image, "boxes"], float).T
        apart = (
            np.abs(x - row.x)
            + np.abs(y - row.y)
            + np.abs(right - row.x - row.w)
            + np.abs(bottom - row.y - row.h)
        )
        assert apart.min() <= 8, row
