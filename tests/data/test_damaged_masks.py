"""Damaged masks and annotation files: each is one sentence, or one finding of the check of the data set."""

import copy
import json

import cv2
import numpy as np
import pytest
from facts import require_facts

from bench.data.checks.integrity import check
from bench.data.dataset import DataContext
from bench.data.loading import read_source
from bench.errors import DataError
from bench.suite.dataset_specs import FolderSpec, SiimSpec

WIDTH, HEIGHT = 40, 30
LABELS = """\
image,split,Mass
a,train,1
b,val,0
c,test,1
"""
GOOD = {
    "images": [
        {"id": i, "file_name": f"{name}.png", "width": WIDTH, "height": HEIGHT}
        for i, name in enumerate("abc")
    ],
    "categories": [{"id": 1, "name": "Mass"}],
    "annotations": [
        {"image_id": 0, "category_id": 1, "segmentation": [[4, 4, 12, 4, 12, 9, 4, 9]]},
        {"image_id": 2, "category_id": 1, "bbox": [4, 4, 12, 9]},
    ],
}
ANNOTATION = ("annotations", 0)
SEGMENTATION = (*ANNOTATION, "segmentation")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "images").mkdir()
    random = np.random.default_rng(0)
    for name in "abc":
        cv2.imwrite(str(tmp_path / f"images/{name}.png"), random.integers(0, 255, (HEIGHT, WIDTH), np.uint8))
    (tmp_path / "labels.csv").write_text(LABELS)
    (tmp_path / "coco.json").write_text(json.dumps(GOOD))
    for name in "ac":
        write_png(tmp_path, f"Mass/{name}.png", mask())
    return tmp_path


def mask(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    pixels = np.zeros((height, width), np.uint8)
    pixels[5:9, 10:14] = 255
    return pixels


def write_png(root, name, pixels):
    path = root / "masks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)


def integrity_of(root, masks):
    context = DataContext(
        None, root / "cache", {name: root / name for name in ("images", "labels.csv", masks)}
    )
    source = read_source(FolderSpec(images="images", labels="labels.csv", masks=masks), context)
    return check(source, context.cache_dir)


@pytest.mark.parametrize("masks", ["coco.json", "masks"])
def test_nothing_is_wrong_before(root, masks):
    assert integrity_of(root, masks).violations == ()


def put(keys, value):
    """Sets what stands at `keys`, a new entry of a list included."""

    def act(content):
        *way, last = keys
        for key in way:
            content = content[key]
        if isinstance(content, list) and last == len(content):
            content.append(value)
        else:
            content[last] = value

    return act


def drop(*keys):
    def act(content):
        *way, last = keys
        for key in way:
            content = content[key]
        del content[last]

    return act


def runs(counts, size=(HEIGHT, WIDTH)):
    return put(SEGMENTATION, {"size": list(size), "counts": counts})


SENTENCES = {
    "no annotations": (drop("annotations"), ("coco.json", "annotations")),
    "no categories": (drop("categories"), ("coco.json", "categories")),
    "an image without height": (drop("images", 1, "height"), ("coco.json", "images.1.height")),
    "an image without extent": (put(("images", 1, "width"), 0), ("coco.json", "images.1.width")),
    "a box of three numbers": (put((*ANNOTATION, "bbox"), [1, 2, 3]), ("coco.json", "annotations.0.bbox.3")),
    "a box that is not finite": (put((*ANNOTATION, "bbox"), [1, 2, float("nan"), 3]), r"annotations.*finite"),
    "a box without extent": (put(("annotations", 1, "bbox"), [1, 2, 0, 3]), ("annotations.1", (1, 2, 0, 3))),
    "an image that is not there": (put((*ANNOTATION, "image_id"), 9), ("annotations.0", 9)),
    "a category that is not there": (put((*ANNOTATION, "category_id"), 9), ("annotations.0", 9)),
    "two images of one id": (put(("images", 1, "id"), 0), ("coco.json", "0")),
    "two images of one name": (put(("images", 1, "file_name"), "x/a.png"), ("coco.json", "a.png")),
    "neither box nor outline": (drop(*SEGMENTATION), ("annotations.0", None)),
    "a polygon of two corners": (put(SEGMENTATION, [[1, 1, 2, 2]]), "annotations.0.*2 corners"),
    "a polygon of seven numbers": (put(SEGMENTATION, [[1, 1, 2, 2, 3, 3, 4]]), "annotations.0.*7 numbers"),
    "a polygon far away": (put(SEGMENTATION, [[1, 1, 9e9, 1, 1, 9e9]]), "annotations.0.*whole image outside"),
    "runs of another size": (runs([9, 9, 1182], (HEIGHT, 39)), "annotations.0.*39 × 30 px"),
    "rows for columns": (runs([9, 9, 1182], (WIDTH, HEIGHT)), "annotations.0.*30 × 40 px"),
    "too few runs": (runs([9, 9]), "annotations.0.*18 px"),
    "too many runs": (runs([9, 9, 1183]), "annotations.0.*1201 px"),
    "a negative run": (runs([9, -9, 1200]), "is not as expected in annotations.0"),
    "text that is cut off": (runs("9o"), "annotations.0.*end within a number"),
    "text of another kind": (runs("9 9"), "annotations.0.*' ' is no letter"),
}


@pytest.mark.parametrize("damage", SENTENCES)
def test_what_cannot_be_read_is_one_sentence(root, damage):
    act, expected = SENTENCES[damage]
    content = copy.deepcopy(GOOD)
    act(content)
    (root / "coco.json").write_text(json.dumps(content))
    with pytest.raises(DataError) as caught:
        integrity_of(root, "coco.json")
    require_facts(caught.value, expected)


FILES = {
    "cut off": ('{"images": [', "(?i)json"),
    "a list": ("[]", "is not as expected"),
    "empty": ("", "(?i)json"),
    "a web page": ("<html>", "web page"),
    "a table": ("image,finding\na,Mass\n", "(?i)json"),
}


@pytest.mark.parametrize("damage", FILES)
def test_a_file_that_is_no_such_json_is_one_sentence(root, damage):
    text, expected = FILES[damage]
    (root / "coco.json").write_text(text)
    with pytest.raises(DataError) as caught:
        integrity_of(root, "coco.json")
    require_facts(caught.value, expected)


def two_sizes(root):
    (root / "labels.csv").write_text("image,split,Mass,Node\na,train,1,1\nb,val,0,0\nc,test,1,0\n")
    write_png(root, "Node/a.png", mask(60, 80))


def no_masks(root):
    for path in (root / "masks").rglob("*.png"):
        path.unlink()


PNGS = {
    "gray values": (
        lambda root: write_png(root, "Mass/a.png", np.arange(1200).reshape(30, 40) % 250),
        "gray values",
    ),
    "two sizes": (two_sizes, ("a.png", None)),
    "damaged": (lambda root: (root / "masks/Mass/a.png").write_bytes(b"\x89PNG no more"), ("a.png", None)),
    "in no folder": (lambda root: write_png(root, "a.png", mask()), ("a.png", None)),
    "none": (no_masks, ("masks", None)),
}


@pytest.mark.parametrize("damage", PNGS)
def test_a_folder_of_masks_that_cannot_be_read_is_one_sentence(root, damage):
    act, expected = PNGS[damage]
    act(root)
    with pytest.raises(DataError) as caught:
        integrity_of(root, "masks")
    require_facts(caught.value, expected)


def again(content):
    content["annotations"].append(content["annotations"][0])


def other_size(content):
    content["images"][0]["height"] = 40


FINDINGS = {
    "empty": (runs([WIDTH * HEIGHT]), "masks_empty", "Mass on a (coco.json:annotations.0)"),
    "outside": (put(SEGMENTATION, [[30, 4, 45, 4, 45, 9]]), "boxes_outside", "a in 40 × 30 px"),
    "a box outside": (put(("annotations", 1, "bbox"), [30, 4, 12, 9]), "boxes_outside", "c in 40 × 30 px"),
    "repeated": (again, "boxes_repeated", "Mass on a"),
    "of an image without it": (put((*ANNOTATION, "image_id"), 1), "boxes_without_label", "Mass on b"),
    "of another proportion": (other_size, "masks_misfit", "a 40 × 40 px on an image of 40 × 30 px"),
    "of another image": (
        put(("images", 0, "file_name"), "z.png"),
        "boxes_unmatched",
        "coco.json:annotations.0",
    ),
    "of another finding": (
        put(("categories", 0, "name"), "Nodule"),
        "boxes_unmatched",
        "coco.json:annotations.0",
    ),
}


@pytest.mark.parametrize("damage", FINDINGS)
def test_masks_that_contradict_their_images_are_one_finding(root, damage):
    act, kind, example = FINDINGS[damage]
    content = copy.deepcopy(GOOD)
    act(content)
    (root / "coco.json").write_text(json.dumps(content))
    (violation,) = integrity_of(root, "coco.json").violations
    assert violation.kind == kind
    assert violation.examples[0].startswith(example)


PNG_FINDINGS = {
    "empty": (lambda root: write_png(root, "Mass/a.png", 0 * mask()), "masks_empty"),
    "stretched": (lambda root: write_png(root, "Mass/a.png", mask(30, 30)), "masks_misfit"),
    "of no finding": (lambda root: write_png(root, "Nodule/a.png", mask()), "boxes_unmatched"),
    "of no image": (lambda root: write_png(root, "Mass/z.png", mask()), "boxes_unmatched"),
    "absent": (lambda root: write_png(root, "Mass/b.png", mask()), "boxes_without_label"),
}


@pytest.mark.parametrize("damage", PNG_FINDINGS)
def test_pngs_that_contradict_their_images_are_one_finding(root, damage):
    act, kind = PNG_FINDINGS[damage]
    act(root)
    assert [violation.kind for violation in integrity_of(root, "masks").violations] == [kind]


SIIM_ROWS = {
    "a start without a length": ("5 5 5", "3 numbers"),
    "beyond the image": ("1048000 1000", "1049000 px"),
    "a negative start": ("5 5 -9 5", "-9 px"),
    "a word": ("5 five", "five"),
    "nothing": ("", "0 numbers"),
    "none as well": ("5 5\nx,-1", "both a mask and none"),
}


@pytest.mark.parametrize("damage", SIIM_ROWS)
def test_siim_s_damaged_rows_are_one_sentence(tmp_path, damage):
    text, expected = SIIM_ROWS[damage]
    (tmp_path / "train-rle.csv").write_text(f"ImageId, EncodedPixels\nx,{text}\n")
    with pytest.raises(DataError) as caught:
        read_source(SiimSpec(), DataContext(tmp_path, tmp_path, {}))
    require_facts(caught.value, expected)
