"""Readers scored against each other: by hand, by brute force, and VinDr-CXR's real readers."""

import csv
import gzip
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from extracts import WHOLE, needs_vindr
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.sources.vindr import read_readings_of
from bench.metrics.readers import READER_COLUMNS, score_readers

COLUMNS = ["image", "reader", "finding", "x", "y", "w", "h"]
Box = tuple[float, float, float, float]


def score(*rows: tuple[object, ...]) -> pd.DataFrame:
    """Scores rows of image, reader, and of a box finding and x, y, w, h."""
    padded = [(*row, *[None] * (len(COLUMNS) - len(row))) for row in rows]
    readings = pd.DataFrame(padded, columns=COLUMNS)
    return score_readers(readings.astype(dict.fromkeys("xywh", float)))


def of_reader(tasks: pd.DataFrame, reader: str) -> pd.Series:
    (row,) = (row for _, row in tasks[tasks["reader"] == reader].iterrows())
    return row


def test_each_reader_is_compared_with_the_others_and_never_with_own_boxes() -> None:
    tasks = score(("i", "a", "Mass", 0, 0, 4, 4), ("i", "b", "Mass", 1, 1, 4, 4), ("i", "c"))
    assert tasks["reader"].tolist() == ["a", "b", "c"]
    assert tasks["marked"].tolist() == [True, True, False]
    assert tasks["hit"].tolist() == [True, True, False]
    assert tasks["iobb"].tolist() == pytest.approx([9 / 16, 9 / 16, 0])
    assert tasks["iou"].tolist() == pytest.approx([9 / 23, 9 / 23, 0])
    assert tasks["box_iou"].tolist() == pytest.approx([9 / 23, 9 / 23, np.nan], nan_ok=True)


def test_what_a_reader_marks_alone_is_a_task_of_the_others_only() -> None:
    tasks = score(("i", "a", "Mass", 0, 0, 4, 4), ("i", "b", "Nodule", 0, 0, 4, 4), ("i", "c"))
    pairs = list(zip(tasks["finding"], tasks["reader"], strict=True))
    assert pairs == [("Mass", "b"), ("Mass", "c"), ("Nodule", "a"), ("Nodule", "c")]
    assert not tasks["marked"].any()
    assert not tasks["hit"].any()


def test_who_has_not_read_an_image_has_no_task_there() -> None:
    tasks = score(("i", "a", "Mass", 0, 0, 4, 4), ("i", "b"), ("j", "c"))
    assert tasks["reader"].tolist() == ["b"]


@pytest.mark.parametrize(
    "rows", [[], [("i", "a"), ("i", "b")], [("i", "a", "Mass", 0, 0, 1, 1), ("j", "b", "Mass", 0, 0, 1, 1)]]
)
def test_without_a_shared_image_there_are_no_tasks(rows) -> None:
    tasks = score(*rows)
    assert tasks.empty
    assert tuple(tasks.columns) == READER_COLUMNS


def test_a_reader_points_at_the_centre_of_the_largest_box_and_of_equal_ones_the_first() -> None:
    small, large = (0, 0, 2, 2), (10, 10, 4, 4)
    other = ("i", "b", "Mass", 10, 10, 4, 4)
    assert of_reader(score(("i", "a", "Mass", *small), ("i", "a", "Mass", *large), other), "a")["hit"]
    same = (20, 20, 4, 4)
    assert of_reader(score(("i", "a", "Mass", *large), ("i", "a", "Mass", *same), other), "a")["hit"]
    assert not of_reader(score(("i", "a", "Mass", *same), ("i", "a", "Mass", *large), other), "a")["hit"]


def test_a_point_on_the_edge_of_a_box_is_a_hit() -> None:
    assert of_reader(score(("i", "a", "Mass", 0, 0, 8, 8), ("i", "b", "Mass", 4, 0, 9, 9)), "a")["hit"]
    assert of_reader(score(("i", "a", "Mass", 0, 0, 8, 8), ("i", "b", "Mass", 0, 0, 4, 4)), "a")["hit"]
    assert not of_reader(score(("i", "a", "Mass", 0, 0, 8, 8), ("i", "b", "Mass", 0, 0, 3.9, 4)), "a")["hit"]


def test_boxes_that_overlap_each_other_count_once() -> None:
    twice = [("i", "a", "Mass", 0, 0, 4, 2), ("i", "a", "Mass", 2, 0, 4, 2)]
    task = of_reader(score(*twice, ("i", "b", "Mass", 0, 0, 3, 2), ("i", "c", "Mass", 1, 0, 2, 2)), "a")
    assert task["iobb"] == pytest.approx(6 / 12)
    assert task["iou"] == pytest.approx(6 / 12)


def test_who_copies_another_reader_agrees_in_everything() -> None:
    boxes = [(f"i{i}", finding, 7.3 * i, 3.1, 0.3 + i, 12.7) for i in range(9) for finding in ("A", "B")]
    tasks = score(*((image, reader, *box) for image, *box in boxes for reader in ("a", "b")))
    assert len(tasks) == 36
    assert tasks[["marked", "hit"]].all(axis=None)
    assert tasks[["iobb", "iou", "box_iou"]].to_numpy() == pytest.approx(1)


def _reference(readings: list[tuple[str, str, str | None, Box | None]]) -> list[tuple[object, ...]]:
    """Every task with marked, hit, iobb, iou and box_iou, one by one, from corners of whole px."""
    readers, boxes = defaultdict(set), defaultdict(lambda: defaultdict(list))
    for image, reader, finding, box in readings:
        readers[image].add(reader)
        if finding is not None:
            boxes[image, finding][reader].append(box)
    found = []
    for (image, finding), by_reader in sorted(boxes.items()):
        for reader in sorted(readers[image]):
            own = by_reader.get(reader, [])
            others = [box for other, drawn in by_reader.items() if other != reader for box in drawn]
            if others:
                found.append((image, finding, reader, bool(own), *_compared(own, others)))
    return found


def _compared(own: list[Box], others: list[Box]) -> tuple[bool, float, float, float | None]:
    if not own:
        return False, 0.0, 0.0, None
    largest = max(own, key=_area)
    column, row = (largest[0] + largest[2]) / 2, (largest[1] + largest[3]) / 2
    hit = any(left <= column <= right and top <= row <= bottom for left, top, right, bottom in others)
    mine, theirs = (set().union(*map(_pixels, boxes)) for boxes in (own, others))
    ious = [len(_pixels(largest) & _pixels(box)) / len(_pixels(largest) | _pixels(box)) for box in others]
    both = len(mine & theirs)
    return hit, both / len(mine), both / len(mine | theirs), max(ious)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _pixels(box: Box) -> set[tuple[int, int]]:
    left, top, right, bottom = map(int, box)
    return {(x, y) for x in range(left, right) for y in range(top, bottom)}


sides = st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(1, 6), st.integers(1, 6))
marks = st.tuples(st.sampled_from("ij"), st.sampled_from("abc"), st.sampled_from("MN"), sides)


@settings(max_examples=60, deadline=None)
@given(st.lists(marks, max_size=14), st.sets(st.tuples(st.sampled_from("ij"), st.sampled_from("abcd"))))
def test_any_readings_are_scored_as_by_brute_force(drawn, seen) -> None:
    corners = [
        (image, reader, finding, (x, y, x + w, y + h)) for image, reader, finding, (x, y, w, h) in drawn
    ]
    nothing = sorted(seen - {(image, reader) for image, reader, *_ in drawn})
    expected = _reference([*corners, *((*pair, None, None) for pair in nothing)])
    tasks = score(*((image, reader, finding, *box) for image, reader, finding, box in drawn), *nothing)
    found = list(tasks.itertuples(index=False, name=None))
    assert [row[:5] for row in found] == [row[:5] for row in expected]
    numbers = [[np.nan if one is None else one for one in row[5:]] for row in expected]
    assert np.array([row[5:] for row in found]) == pytest.approx(np.array(numbers), nan_ok=True)


@pytest.fixture(scope="module")
def vindr(tmp_path_factory) -> tuple[pd.DataFrame, list[tuple[object, ...]]]:
    """The tasks of VinDr-CXR's readers; and of each, read from the file again, what is known of the point."""
    table = WHOLE / "data" / "meta" / "vindr" / "vinbigdata-train.csv.gz"
    folder = tmp_path_factory.mktemp("vindr")
    (folder / "train.csv.gz").symlink_to(table)
    readers, boxes = defaultdict(set), defaultdict(lambda: defaultdict(list))
    with gzip.open(table, "rt") as stream:
        for row in csv.DictReader(stream):
            readers[row["image_id"]].add(row["rad_id"])
            if row["class_name"] != "No finding":
                box = tuple(float(row[side]) for side in ("x_min", "y_min", "x_max", "y_max"))
                boxes[row["image_id"], row["class_name"]][row["rad_id"]].append(box)
    found = []
    for (image, finding), by_reader in boxes.items():
        for reader in readers[image]:
            others = [box for other, drawn in by_reader.items() if other != reader for box in drawn]
            if others:
                found.append((image, finding, reader, *_pointed(by_reader.get(reader), others)))
    return score_readers(read_readings_of(folder)), sorted(found)


def _pointed(own: list[Box] | None, others: list[Box]) -> tuple[bool, bool]:
    if own is None:
        return False, False
    left, top, right, bottom = max(own, key=_area)
    x, y = (left + right) / 2, (top + bottom) / 2
    return True, any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for box in others)


@needs_vindr
def test_the_real_readers_are_scored_as_by_brute_force(vindr) -> None:
    tasks, expected = vindr
    assert len(tasks) == 39_555
    found = tasks[["image", "finding", "reader", "marked", "hit"]].itertuples(index=False, name=None)
    assert list(found) == expected


@needs_vindr
def test_the_real_readers_agree_as_is_known(vindr) -> None:
    tasks, _ = vindr
    assert tasks["marked"].mean() == pytest.approx(0.58, abs=0.005)
    assert tasks["hit"][tasks["marked"]].mean() == pytest.approx(0.93, abs=0.005)
    assert tasks["hit"].mean() == pytest.approx(0.54, abs=0.005)
    by_finding = tasks.groupby("finding")
    hits = by_finding["hit"].mean()
    for finding, known in {"Cardiomegaly": 0.77, "Nodule/Mass": 0.43, "Pleural thickening": 0.34}.items():
        assert hits[finding] == pytest.approx(known, abs=0.005)
    medians = by_finding["box_iou"].median()
    assert (medians.min(), medians.max()) == pytest.approx((0.49, 0.84), abs=0.005)
