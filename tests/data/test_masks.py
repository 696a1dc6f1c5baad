"""Masks in every format, each against an independent reading of it, and folders that have them."""

import json

import cv2
import numpy as np
import pytest
from extracts import WHOLE, needs_mask_formats
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from bench.api.drawing import sheet_tiles, with_boxes
from bench.data.checks.integrity import check
from bench.data.checks.statistics import describe
from bench.data.dataset import DataContext
from bench.data.loading import load_dataset, read_source
from bench.data.sources.coco import Runs
from bench.data.sources.masks import coco_counts, from_counts, from_polygons, outlined
from bench.data.sources.source import choose_images, raw_images
from bench.metrics.regions import MASK, Patch, decode, encode, encode_patch, num_pixels, regions_of
from bench.suite.dataset_specs import FolderSpec
from bench.suite.load import load_suite

FORMATS = WHOLE / "data" / "formats"
MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=7))


def on_image(patch: Patch, width: int, height: int) -> np.ndarray:
    return decode(encode_patch(patch, width, height), width, height)


def run_lengths(mask: np.ndarray) -> list[int]:
    """Counts px one by one, down the columns."""
    lengths, value = [0], False
    for pixel in mask.T.ravel():
        if pixel != value:
            lengths.append(0)
            value = not value
        lengths[-1] += 1
    return lengths


def compressed(counts: list[int]) -> str:
    """Writes COCO's text of run lengths by shifting as its C code does."""
    text = ""
    for i, count in enumerate(counts):
        rest, goes_on = count - (counts[i - 2] if i > 2 else 0), True
        while goes_on:
            group = rest & 31
            rest >>= 5
            goes_on = rest != -1 if group & 16 else rest != 0
            text += chr(48 + (group | 32 * goes_on))
    return text


@given(MASKS)
def test_run_lengths_of_all_kinds_are_the_mask_they_were_counted_from(mask):
    counts, (height, width) = run_lengths(mask), mask.shape
    assert coco_counts(compressed(counts)) == counts
    for given_counts in (counts, compressed(counts)):
        assert (
            on_image(Runs(size=(height, width), counts=given_counts).pixels(), width, height) == mask
        ).all()
    without_end = counts if len(counts) % 2 == 0 else counts[:-1]
    assert (on_image(from_counts(without_end, width, height), width, height) == mask).all()


@given(MASKS)
def test_the_text_of_a_mask_is_canonical_wherever_its_pixels_are_kept(mask):
    height, width = mask.shape
    assert encode(mask) == " ".join(map(str, run_lengths(mask.T)))
    assert num_pixels(encode(mask)) == mask.sum()
    moved = Patch(-2, -3, np.pad(mask, ((2, 5), (3, 1)), constant_values=True))
    assert encode_patch(moved, width, height) == encode(mask)


def test_siim_s_starts_count_from_the_end_of_the_run_before():
    # rows 1 and 2 of the first column; then, 4 px on, the last of the second and the first of the third
    mask = on_image(from_counts([1, 2, 4, 2], 3, 4), 3, 4)
    assert mask.T.astype(int).tolist() == [[0, 1, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]]


def test_a_polygon_has_its_edges_and_several_are_one_mask():
    square = on_image(from_polygons([[1, 1, 3, 1, 3, 3, 1, 3]], 6, 5), 6, 5)
    assert np.argwhere(square).tolist() == [[y, x] for y in (1, 2, 3) for x in (1, 2, 3)]
    both = on_image(from_polygons([[1, 1, 3, 1, 3, 3, 1, 3], [3, 3, 5, 3, 5, 4, 3, 4]], 6, 5), 6, 5)
    assert both.sum() == 9 + 6 - 1


def test_pixels_outside_are_no_part_of_the_mask_but_of_its_bounds():
    mark = outlined("", "a", "A", from_polygons([[-2, 1, 3, 1, 3, 3, -2, 3]], 6, 5), (6, 5))
    assert mark.sides == (-2, 1, 6, 3)
    assert num_pixels(mark.mask) == 4 * 3


@needs_mask_formats
def test_polygons_and_run_lengths_of_chexlocalize_are_the_same_masks():
    runs = json.loads((FORMATS / "chexlocalize/gt_segmentations_val.json").read_text())
    polygons = json.loads((FORMATS / "chexlocalize/gt_annotations_val.json").read_text())
    areas = {}
    for image, masks in runs.items():
        for finding, own in masks.items():
            height, width = own["size"]
            mask = on_image(Runs(**own).pixels(), width, height)
            areas[image[7:12], finding] = int(mask.sum())
            corners = [np.ravel(one).tolist() for one in polygons[image].get(finding, [])]
            assert (on_image(from_polygons(corners, width, height), width, height) == mask).all()
    assert {key: area for key, area in areas.items() if area} == {
        ("64541", "Enlarged Cardiomediastinum"): 962_252,
        ("64541", "Cardiomegaly"): 867_107,
        ("64541", "Airspace Opacity"): 163_040,
        ("64542", "Support Devices"): 47_345,
    }


NAMES = [f"x{i}" for i in range(6)]
WIDTH, HEIGHT = 40, 30
SPLIT = {"x0": "train", "x1": "train", "x2": "val", "x3": "test", "x4": "test", "x5": "test"}


def ellipse() -> np.ndarray:
    return cv2.ellipse(np.zeros((HEIGHT, WIDTH), np.uint8), (20, 15), (9, 5), 0, 0, 360, 1, -1) > 0


ANNOTATIONS = {
    "images": [
        {"id": i, "file_name": f"deep/{name}.png", "width": WIDTH, "height": HEIGHT}
        for i, name in enumerate(NAMES)
    ],
    "categories": [{"id": 7, "name": "mass"}, {"id": 8, "name": "Effusion"}],
    "annotations": [
        {
            "image_id": 3,
            "category_id": 7,
            "segmentation": [[4, 4, 12, 4, 12, 9, 4, 9]],
            "bbox": [0, 0, 40, 30],
        },
        {"image_id": 3, "category_id": 7, "segmentation": [[20, 4, 22, 4, 22, 9, 20, 9]]},
        {"image_id": 3, "category_id": 8, "bbox": [1, 2, 10, 20]},
        {
            "image_id": 4,
            "category_id": 7,
            "segmentation": {"size": [HEIGHT, WIDTH], "counts": run_lengths(ellipse())},
        },
        {
            "image_id": 5,
            "category_id": 7,
            "segmentation": {"size": [HEIGHT, WIDTH], "counts": compressed(run_lengths(ellipse()))},
        },
    ],
}


@pytest.fixture
def root(tmp_path):
    """Six PNGs, the last three of them in test, each with a mass; x3 with an effusion too."""
    (tmp_path / "images").mkdir()
    random = np.random.default_rng(0)
    for name in NAMES:
        cv2.imwrite(str(tmp_path / f"images/{name}.png"), random.integers(0, 255, (HEIGHT, WIDTH), np.uint8))
    rows = [f"{name},{part},{int(part != 'val')},{int(name == 'x3')}" for name, part in SPLIT.items()]
    (tmp_path / "labels.csv").write_text("\n".join(["image,split,Mass,Effusion", *rows]))
    (tmp_path / "boxes.csv").write_text(
        "image,finding,x,y,width,height\nx3,Mass,30,20,5,5\nx4,Mass,0,0,3,3\n"
    )
    (tmp_path / "coco.json").write_text(json.dumps(ANNOTATIONS))
    for name, finding in (("x3", "Mass"), ("x4", "Mass"), ("x3", "Effusion")):
        (tmp_path / "masks" / finding).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "masks" / finding / f"{name}.png"), ellipse().astype(np.uint8) * 255)
    return tmp_path


def described(root, masks="coco.json", boxes=None):
    given = {"images": "images", "labels": "labels.csv", "masks": masks, "boxes": boxes}
    chosen = {key: name for key, name in given.items() if name is not None}
    return FolderSpec(**chosen), DataContext(
        None, root / "cache", {name: root / name for name in chosen.values()}
    )


def change(root, **changes):
    """Writes the annotations with other ones."""
    (root / "coco.json").write_text(json.dumps(ANNOTATIONS | changes))


def kinds(root, **given):
    spec, context = described(root, **given)
    return {
        violation.kind: violation.examples
        for violation in check(read_source(spec, context), context.cache_dir).violations
    }


def test_outlines_of_a_finding_on_an_image_are_one_region(root):
    spec, context = described(root)
    boxes = load_dataset(spec, 64, context).test.boxes
    assert boxes[["image_index", "class_index"]].to_numpy().tolist() == [
        [0, 0],
        [0, 0],
        [0, 1],
        [1, 0],
        [2, 0],
    ]
    assert boxes[MASK].notna().tolist() == [True, True, False, True, True]
    regions = regions_of(boxes, 64, (HEIGHT, WIDTH))  # on the masks' own pixels
    mass, _, runs, text = regions.rasterise()
    assert mass.sum() == 9 * 6 + 3 * 6
    assert (runs == ellipse()).all()
    assert (text == ellipse()).all()
    assert kinds(root) == {}


def test_boxes_and_masks_of_a_unit_are_one_region_too(root):
    spec, context = described(root, boxes="boxes.csv")
    table = load_dataset(spec, 64, context).test.boxes
    mass, _, other, _ = regions_of(table, 64, (HEIGHT, WIDTH)).rasterise()
    assert mass.sum() == 9 * 6 + 3 * 6 + 25
    assert other.sum() == ellipse().sum() + 9
    assert kinds(root, boxes="boxes.csv") == {}


def test_a_folder_of_pngs_gives_the_same_masks(root):
    spec, context = described(root, masks="masks")
    regions = regions_of(load_dataset(spec, 64, context).test.boxes, 64, (HEIGHT, WIDTH)).rasterise()
    assert len(regions) == 3
    assert (regions == ellipse()).all()
    assert kinds(root, masks="masks") == {}


def test_a_unit_with_a_region_to_ignore_is_not_scored_and_the_check_notes_it(root):
    crowd = {"image_id": 4, "category_id": 7, "bbox": [1, 1, 5, 5], "iscrowd": 1}
    change(root, annotations=[*ANNOTATIONS["annotations"], crowd])
    spec, context = described(root, boxes="boxes.csv")
    source = read_source(spec, context)
    assert "x4" not in set(source.boxes["image"])
    integrity = check(source, context.cache_dir)
    assert not integrity.violations
    assert any("Mass on x4" in note for note in integrity.notes)


def test_areas_are_those_of_masks_and_the_sheet_has_their_outlines(root):
    spec, context = described(root, masks="masks")
    source = read_source(spec, context)
    assert describe(source).area("Effusion") == pytest.approx(ellipse().mean())
    positions = choose_images(source, "test", 3, 0)
    tiles = with_boxes(
        source, sheet_tiles(source, "test", positions, raw_images(source, "test", positions, 64))
    )
    (effusion,) = [box for tile in tiles for box in tile.boxes if box.finding_index == 1]
    assert effusion.mask.mean() == pytest.approx(ellipse().mean(), abs=0.02)


def test_trials_depend_on_what_masks_hold_and_not_on_where_they_lie(root):
    def trial_id(name, masks):
        keys = "name: folder, images: images, labels: labels.csv"
        (root / name).write_text(
            f"models: [baseline]\ndatasets: [{{{keys}, masks: {masks}}}]\nresolutions: [64]\nseeds: [0]\n"
        )
        (trial,) = load_suite(root / name).grid.trials
        return trial.id

    first = trial_id("a.yaml", "masks")
    (root / "masks").rename(root / "moved")
    assert trial_id("b.yaml", "moved") == first
    assert trial_id("c.yaml", "coco.json") != first
    cv2.imwrite(str(root / "moved/Mass/x3.png"), np.ones((HEIGHT, WIDTH), np.uint8))
    assert trial_id("d.yaml", "moved") != first
