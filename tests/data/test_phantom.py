"""Behaviour of the procedural chest radiographs."""

from pathlib import Path

import numpy as np
import pytest

from bench.data.dataset import DataContext
from bench.data.phantom.populations import POPULATIONS
from bench.data.phantom.render import Phantom, PhantomBox, phantom_truth, render_phantom
from bench.data.phantom.source import read_phantom
from bench.suite.dataset_specs import PhantomSpec
from bench.suite.findings import NIH_BOXED_FINDINGS

PHANTOM_FINDINGS = POPULATIONS["eight"].findings

SAMPLE_SIZE = 600
SAMPLE_PX = 64

# Average NIH box area as a share of the image, as the thesis prints it.
THESIS_AREAS = {
    "Atelectasis": 0.03,
    "Cardiomegaly": 0.18,
    "Effusion": 0.07,
    "Infiltration": 0.10,
    "Mass": 0.04,
    "Nodule": 0.01,
    "Pneumonia": 0.10,
    "Pneumothorax": 0.05,
}


@pytest.fixture(scope="module")
def sample() -> list[Phantom]:
    return [render_phantom(11, index, SAMPLE_PX) for index in range(SAMPLE_SIZE)]


def _inside(box: PhantomBox, size_px: int, margin: float = 0.0) -> np.ndarray:
    centres = np.arange(size_px) + 0.5
    columns = (centres >= box.x - margin) & (centres <= box.x + box.w + margin)
    rows = (centres >= box.y - margin) & (centres <= box.y + box.h + margin)
    return rows[:, None] & columns[None, :]


def _with_finding(finding: str, count: int, size_px: int) -> list[tuple[int, Phantom]]:
    position = PHANTOM_FINDINGS.index(finding)
    found: list[tuple[int, Phantom]] = []
    for index in range(500):
        phantom = render_phantom(5, index, size_px)
        if phantom.labels[position]:
            found.append((index, phantom))
        if len(found) == count:
            break
    return found


def test_findings_are_the_eight_boxed_nih_findings() -> None:
    assert tuple(NIH_BOXED_FINDINGS) == PHANTOM_FINDINGS == tuple(THESIS_AREAS)


def test_same_arguments_give_the_same_phantom_in_any_order() -> None:
    forward = [render_phantom(3, index, 64) for index in range(6)]
    backward = [render_phantom(3, index, 64) for index in reversed(range(6))][::-1]
    for first, second in zip(forward, backward, strict=True):
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.labels, second.labels)
        assert first.boxes == second.boxes


def test_global_random_state_is_neither_used_nor_changed() -> None:
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    first = render_phantom(3, 0, 64)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_equal(after, before)
    np.random.random(5)  # noqa: NPY002
    np.testing.assert_array_equal(first.image, render_phantom(3, 0, 64).image)


def test_another_index_or_seed_is_another_patient() -> None:
    images = [render_phantom(*pair, 64).image for pair in ((0, 0), (0, 1), (1, 0), (1, 1))]
    for position, image in enumerate(images):
        for other in images[position + 1 :]:
            assert np.abs(image.astype(float) - other).mean() > 3.0


@pytest.mark.parametrize("size_px", [64, 96, 128, 257])
def test_image_is_a_square_uint8_that_uses_the_range_without_clipping(size_px: int) -> None:
    for index in range(8):
        image = render_phantom(2, index, size_px).image
        assert image.shape == (size_px, size_px)
        assert image.dtype == np.uint8
        assert 0 < image.min() < 70
        assert 165 < image.max() < 255


@pytest.mark.parametrize("size_px", [96, 256])
def test_another_resolution_shows_the_same_patient_with_scaled_boxes(size_px: int) -> None:
    for index in range(20):
        small, large = render_phantom(7, index, 64), render_phantom(7, index, size_px)
        np.testing.assert_array_equal(small.labels, large.labels)
        factor = size_px / 64
        for first, second in zip(small.boxes, large.boxes, strict=True):
            assert first.finding_index == second.finding_index
            scaled = np.array([first.x, first.y, first.w, first.h]) * factor
            np.testing.assert_allclose([second.x, second.y, second.w, second.h], scaled)


def test_another_resolution_gives_the_same_picture_up_to_noise() -> None:
    for index in range(5):
        small, large = render_phantom(7, index, 64).image, render_phantom(7, index, 256).image
        averaged = large.reshape(64, 4, 64, 4).mean(axis=(1, 3))
        assert np.abs(averaged - small).mean() < 6.0
        assert np.corrcoef(averaged.ravel(), small.ravel())[0, 1] > 0.98


def test_truth_needs_no_rendering() -> None:
    for index in range(5):
        truth, phantom = phantom_truth(7, index, 96), render_phantom(7, index, 96)
        assert truth.boxes == phantom.boxes
        np.testing.assert_array_equal(truth.labels, phantom.labels)


def test_labels_agree_with_boxes(sample: list[Phantom]) -> None:
    for phantom in sample:
        assert phantom.labels.dtype == np.uint8
        assert phantom.labels.shape == (8,)
        boxed = {box.finding_index for box in phantom.boxes}
        assert set(np.flatnonzero(phantom.labels)) == boxed


def test_boxes_have_an_area_and_lie_in_the_image(sample: list[Phantom]) -> None:
    for box in (box for phantom in sample for box in phantom.boxes):
        assert min(box.w, box.h) > 2.0
        assert min(box.x, box.y) >= 0.0
        assert box.x + box.w <= SAMPLE_PX + 1e-9
        assert box.y + box.h <= SAMPLE_PX + 1e-9


def test_findings_are_common_and_some_patients_are_healthy(sample: list[Phantom]) -> None:
    labels = np.stack([phantom.labels for phantom in sample])
    assert np.all((labels.mean(axis=0) > 0.12) & (labels.mean(axis=0) < 0.38))
    assert 0.04 < np.mean(labels.sum(axis=1) == 0) < 0.25
    assert any(len(phantom.boxes) > phantom.labels.sum() for phantom in sample)


@pytest.mark.parametrize("finding", PHANTOM_FINDINGS)
def test_average_box_area_is_near_the_average_of_the_thesis(sample: list[Phantom], finding: str) -> None:
    position = PHANTOM_FINDINGS.index(finding)
    boxes = [box for phantom in sample for box in phantom.boxes if box.finding_index == position]
    area = np.mean([box.w * box.h for box in boxes]) / SAMPLE_PX**2
    assert area == pytest.approx(THESIS_AREAS[finding], rel=0.15)


def test_no_constant_point_hits_many_small_lesions(sample: list[Phantom]) -> None:
    for finding in ("Atelectasis", "Mass", "Nodule"):
        position = PHANTOM_FINDINGS.index(finding)
        masks = [
            np.any([_inside(b, SAMPLE_PX) for b in p.boxes if b.finding_index == position], axis=0)
            for p in sample
            if p.labels[position]
        ]
        assert np.mean(masks, axis=0).max() < 0.30


@pytest.mark.parametrize("finding", PHANTOM_FINDINGS)
def test_finding_changes_the_picture_inside_its_box(finding: str) -> None:
    position = PHANTOM_FINDINGS.index(finding)
    for index, phantom in _with_finding(finding, count=5, size_px=128):
        healthy = render_phantom(5, index, 128, with_lesions=False)
        assert not healthy.boxes
        assert not healthy.labels.any()
        change = np.abs(phantom.image.astype(float) - healthy.image)
        boxes = [box for box in phantom.boxes if box.finding_index == position]
        assert boxes
        for box in boxes:
            inside = change[_inside(box, 128)]
            assert np.percentile(inside, 90) > 12.0


def test_healthy_pixels_away_from_lesions_stay_as_they_are() -> None:
    position = PHANTOM_FINDINGS.index("Nodule")
    lone = [
        (index, phantom)
        for index, phantom in _with_finding("Nodule", count=60, size_px=64)
        if phantom.labels.sum() == 1 and phantom.labels[position]
    ]
    assert lone
    for index, phantom in lone:
        healthy = render_phantom(5, index, 64, with_lesions=False)
        outside = ~np.any([_inside(box, 64, margin=1.0) for box in phantom.boxes], axis=0)
        change = np.abs(phantom.image.astype(float) - healthy.image)
        assert change[outside].max() < 12.0


def test_exposure_does_not_give_the_labels_away(sample: list[Phantom]) -> None:
    # The rim shows background and exposure but no lesion.
    rim = np.array([p.image[:, [0, 1, -2, -1]].mean() for p in sample])
    for position in range(len(PHANTOM_FINDINGS)):
        labels = np.array([p.labels[position] for p in sample])
        assert abs(np.corrcoef(rim, labels)[0, 1]) < 0.15


def test_mean_brightness_does_not_give_the_labels_away(sample: list[Phantom]) -> None:
    brightness = np.array([phantom.image.mean() for phantom in sample])
    ranks = brightness.argsort().argsort()
    for position in range(len(PHANTOM_FINDINGS)):
        labels = np.array([phantom.labels[position] for phantom in sample], bool)
        above = np.mean(ranks[labels][:, None] > ranks[~labels][None, :])
        # Large bright lesions do raise the mean a little, as they should.
        assert 0.25 < above < 0.75


@pytest.mark.parametrize(("seed", "index", "size_px"), [(-1, 0, 64), (0, -1, 64), (0, 0, 63)])
def test_arguments_out_of_range_are_refused(seed: int, index: int, size_px: int) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        render_phantom(seed, index, size_px)


def test_a_source_can_be_limited_to_few_images_of_each_part_with_boxes_first():
    source = read_phantom(PhantomSpec(train=9, val=3, test=40), DataContext(None, Path(), {}))
    boxed = set(source.boxes["image"])
    with_boxes = [name for name in source.parts["test"] if name in boxed]
    without = [name for name in source.parts["test"] if name not in boxed]
    assert with_boxes
    assert without
    few = source.limited(4)
    assert [len(few.parts[part]) for part in ("train", "val", "test")] == [4, 3, 4]
    assert set(few.parts["test"]) <= boxed
    assert few.parts["test"] == tuple(with_boxes[:4])
