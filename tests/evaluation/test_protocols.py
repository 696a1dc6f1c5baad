"""Localization by other choices than the thesis': by hand, and against a loop over units and pixels."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from extracts import WHOLE, needs_authors_maps

from bench.evaluation.localize import localize, localize_units
from bench.metrics.protocol import THESIS, LocalizationProtocol
from bench.metrics.protocol import VARIANTS as BY_METRIC
from bench.metrics.regions import COLUMNS, FRAME, UNIT

VARIANTS = BY_METRIC["point_accuracy"]
SIZE_PX = 24
FRAMES = ((24, 24), (31, 47), (40, 20))
"""Width and height of images, px."""


def located(logits, box, protocol, size_px=4, frame=(4.0, 4.0)) -> pd.Series:
    maps = torch.tensor(logits, dtype=torch.float32)[None, None]
    boxes = pd.DataFrame([(0, 0, *box, *frame)], columns=[*COLUMNS, *FRAME])
    (row,) = (row for _, row in localize(maps, boxes, size_px, protocol=protocol).iterrows())
    return row


def test_sigmoid_after_enlargement_finds_another_peak_than_before():
    """Halfway between −30 and 30 a probability is 0.5 before and after; but after, all from 16.6 on are 1."""
    logits = np.array([[-30.0, 30.0, 0.0, 0.0]] * 4)
    before = located(logits, (0, 0, 4, 4), THESIS, 16)
    after = located(logits, (0, 0, 4, 4), replace(THESIS, sigmoid="after"), 16)
    assert before["num_ties"] < after["num_ties"]
    assert before["peak_column"] > after["peak_column"]


def test_aligned_corners_put_a_corner_cell_on_the_corner_alone():
    logits = np.zeros((3, 3))
    logits[2, 2] = 5.0
    apart = located(logits, (0, 0, 12, 12), THESIS, 12)
    aligned = located(logits, (0, 0, 12, 12), replace(THESIS, align_corners=True), 12)
    assert (apart["peak_row"], apart["peak_column"], apart["num_ties"]) == (10, 10, 4)
    assert (aligned["peak_row"], aligned["peak_column"], aligned["num_ties"]) == (11, 11, 1)


TIED = np.full((4, 4), -1.0)
TIED[0, 1] = TIED[1, 3] = TIED[3, 1] = TIED[3, 3] = 2.0


@pytest.mark.parametrize(
    ("ties", "box", "hit", "peak"),
    [
        ("first", (1, 0, 0, 0), 1, (0, 1)),
        ("last", (1, 0, 0, 0), 0, (3, 3)),
        ("last", (3, 3, 0, 0), 1, (3, 3)),
        ("mean", (1.9, 1.7, 0.2, 0.1), 1, (1.75, 2.0)),  # rows 0, 1, 3, 3 and columns 1, 3, 1, 3
        ("mean", (1, 0, 0, 0), 0, (1.75, 2.0)),
        ("any", (3, 1, 0, 0), 1, (0, 1)),
        ("any", (2, 2, 0, 0), 0, (0, 1)),
        ("fraction", (1, 0, 0, 3), 0.5, (0, 1)),
        ("fraction", (0, 0, 3, 3), 1, (0, 1)),
        ("fraction", (2, 2, 0, 0), 0, (0, 1)),
    ],
)
def test_each_rule_for_ties_by_hand(ties, box, hit, peak):
    found = located(TIED, box, replace(THESIS, ties=ties))
    assert (found["peak_row"], found["peak_column"], found["num_ties"]) == (*peak, 4)
    assert found["hit"] == hit


@pytest.mark.parametrize("ties", ["first", "last", "mean", "any", "fraction"])
def test_a_map_of_nan_is_a_miss_by_every_rule(ties):
    maps = torch.zeros(2, 1, 4, 4)
    maps[0, 0, 1, 1] = torch.nan
    boxes = pd.DataFrame([(0, 0, 0, 0, 4, 4), (1, 0, 0, 0, 4, 4)], columns=list(COLUMNS))
    found = localize(maps, boxes, 4, protocol=replace(THESIS, ties=ties))
    assert found["hit"].tolist() == [0, 1]
    assert found.loc[0, ["peak_row", "peak_column"]].tolist() == [-1, -1]


def test_native_grid_is_the_frame_of_each_image():
    """A cell in the middle of a map of 3 × 3: of a frame of 9 columns and 15 rows it is that of (7, 4)."""
    logits = np.zeros((3, 3))
    logits[1, 1] = 5.0
    box = (12 * 4 / 9, 12 * 7 / 15, 0, 0)
    found = located(logits, box, replace(THESIS, grid="native"), 12, (9.0, 15.0))
    assert (found["peak_row"], found["peak_column"], found["hit"]) == (7, 4, True)
    square = located(logits, (4, 4, 0, 0), replace(THESIS, grid=9), 9)
    assert (square["peak_row"], square["peak_column"], square["hit"]) == (4, 4, True)


def test_threshold_is_that_of_overlap_alone():
    logits = np.array(torch.logit(torch.tensor([[0.9, 0.3], [0.1, 0.1]])))
    strict = located(logits, (0, 0, 1, 1), THESIS, 2)
    loose = located(logits, (0, 0, 1, 1), replace(THESIS, threshold=0.25), 2)
    assert (strict["iobb"], loose["iobb"]) == (1, 0.5)
    assert strict["hit"] == loose["hit"]


def _reference_hit(logits: torch.Tensor, boxes, frame, protocol: LocalizationProtocol) -> float:
    """One unit: pixels of the enlarged map one by one; `boxes` in px of the frame."""
    width, height = frame
    side = protocol.grid if isinstance(protocol.grid, int) else SIZE_PX
    rows, columns = (height, width) if protocol.grid == "native" else (side, side)
    before, after = (
        torch.sigmoid if protocol.sigmoid == when else torch.clone for when in ("before", "after")
    )
    large = after(
        F.interpolate(
            before(logits)[None, None].double(),  # so that rounding to float32 leaves no tie broken
            (rows, columns),
            mode="bilinear",
            align_corners=protocol.align_corners,
        ).float()
    )[0, 0].numpy()
    tied = [(r, c) for r in range(rows) for c in range(columns) if large[r, c] == large.max()]

    def is_hit(row: float, column: float) -> bool:
        for x, y, w, h in boxes:
            # in px of the input first, as tables have them; rounded, since the fractions are not exact
            box = [
                round(value * side_px / of, 6)
                for value, side_px, of in zip(
                    (x, y, w, h), (columns, rows) * 2, (width, height) * 2, strict=True
                )
            ]
            left, top, wide, high = map(int, box) if protocol.boxes == "truncated" else box
            right, bottom = left + wide, top + high
            if protocol.tolerance_px:
                away = (column - min(max(column, left), right), row - min(max(row, top), bottom))
                if math.hypot(away[0] * width / columns, away[1] * height / rows) <= protocol.tolerance_px:
                    return True
            elif protocol.edges == "exclusive":
                if left <= column < right and top <= row < bottom:
                    return True
            elif left <= column <= right and top <= row <= bottom:
                return True
        return False

    hits = [is_hit(row, column) for row, column in tied]
    match protocol.ties:
        case "first":
            return hits[0]
        case "last":
            return hits[-1]
        case "any":
            return any(hits)
        case "fraction":
            return sum(hits) / len(hits)
        case "mean":
            return is_hit(sum(r for r, _ in tied) / len(tied), sum(c for _, c in tied) / len(tied))


COMBINATIONS = [
    LocalizationProtocol(*choices)
    for choices in itertools.product(
        ("before", "after"),
        (False, True),
        ("first", "last", "mean", "any", "fraction"),
        (0.0, 3.0),
        ("input", "native", 17),
        ("inclusive", "exclusive"),
        ("untruncated", "truncated"),
    )
]
PROTOCOLS = [THESIS, *VARIANTS.values(), *COMBINATIONS[::13]]
"""Of all combinations every thirteenth: each value of a choice meets each of any other."""


def test_every_combination_agrees_with_a_loop_over_units_and_pixels():
    """Images of three shapes; boxes of whole px, whose edges peaks meet; logits of few values, which tie."""
    random = np.random.default_rng(3)
    logits = torch.from_numpy(random.choice([-2.0, 0.5, 3.0, 25.0], (12, 2, 4, 4), p=[0.4, 0.3, 0.2, 0.1]))
    rows, units = [], {}
    for image, finding in itertools.product(range(12), range(2)):
        width, height = frame = FRAMES[image % 3]
        for _ in range(1 + (image + finding) % 2):
            x, y = (int(random.integers(0, side - 2)) for side in frame)
            w, h = (int(random.integers(1, side - start)) for side, start in zip(frame, (x, y), strict=True))
            units.setdefault((image, finding), (frame, []))[1].append((x, y, w, h))
            scale = np.array([SIZE_PX / width, SIZE_PX / height] * 2)
            rows.append((image, finding, *(np.array([x, y, w, h]) * scale), width, height))
    boxes = pd.DataFrame(rows, columns=[*COLUMNS, *FRAME])
    seen = set()
    for protocol in PROTOCOLS:
        found = localize(logits.float(), boxes, SIZE_PX, protocol=protocol)
        expected = [
            float(_reference_hit(logits[unit].float(), own, frame, protocol))
            for unit, (frame, own) in units.items()
        ]
        assert found["hit"].astype(float).tolist() == pytest.approx(expected, abs=1e-12), protocol
        seen.add(tuple(expected))
    assert len(seen) > len(PROTOCOLS) / 3  # choices matter here
    assert (found["num_ties"] > 1).any()


def test_units_alone_give_what_they_give_among_heatmaps():
    random = np.random.default_rng(5)
    logits = torch.from_numpy(random.normal(0, 3, (4, 3, 5, 5)).astype(np.float32))
    rows = [(i, c, *random.uniform(0, 15, 2), 6, 6, 20, 30) for i in range(4) for c in (0, 2, 2)]
    boxes = pd.DataFrame(rows, columns=[*COLUMNS, *FRAME])
    protocol = replace(THESIS, grid="native", ties="mean")
    together = localize(logits, boxes, 20, protocol=protocol)
    shuffled = together[UNIT].sample(frac=1, random_state=0)
    maps = torch.stack([logits[image, finding] for image, finding in shuffled.to_numpy()])
    alone = localize_units(maps, shuffled, boxes, 20, protocol=protocol)
    pd.testing.assert_frame_equal(alone.sort_values(UNIT, ignore_index=True), together)


@needs_authors_maps
@pytest.mark.slow
def test_native_grid_of_stored_boxes_gives_the_authors_hits():
    """Boxes in px of 256, as trials keep them: the native grid gives the printed hits, 256 px some others."""
    folder = WHOLE / "data" / "authors_pylon_seed0"
    shares = np.load(folder / "heatmaps_seed0_64x64_f16.npz")["heatmaps"].astype(np.float32)
    panels = pd.read_csv(folder / "panels_seed0.csv")
    logits = torch.logit(torch.from_numpy(0.05 + 0.9 * shares)).unsqueeze(1)
    boxes = panels.rename(columns={"n": "image_index"}).assign(class_index=0)[list(COLUMNS)]
    boxes = boxes.assign(**{side: boxes[side] / 4 for side in "xywh"}, width_px=1024.0, height_px=1024.0)
    printed = panels["point_acc"].to_numpy(bool)
    found = localize(logits, boxes, 256, protocol=VARIANTS["native_grid"])
    assert (found["hit"].to_numpy() == printed).sum() >= 982
    assert (localize(logits, boxes, 256)["hit"].to_numpy() == printed).sum() < 982
    tolerant = localize(logits, boxes, 256, protocol=VARIANTS["tolerance_15"])
    assert tolerant["hit"].sum() > found["hit"].sum() + 20
