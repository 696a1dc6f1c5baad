"""Two readings side by side: counted by hand, against a brute force, and in the real second reading."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from extracts import NIH_EXTRACT, WHOLE

from bench.data.sources.annotations import Annotation, read_annotation
from bench.evaluation.localize import localize
from bench.evaluation.rescore import rescore
from bench.evaluation.second_reading import FindingCount, second_reading
from bench.metrics.protocol import THESIS
from bench.metrics.regions import UNIT
from bench.metrics.units import unit_columns
from bench.results.stored_maps import StoredMaps
from bench.results.units import BOX_COLUMNS, FRAME_COLUMNS, write_table, writing_maps
from bench.suite.findings import NIH_FINDINGS

REAL = WHOLE / "data" / "second_reading" / "chestxdet_on_our_nih.json"

FINDINGS = ("Mass", "Nodule", "Effusion", "Edema")
IMAGES = ("a", "b", "c")
OWN = pd.DataFrame(
    [
        ("a", "Mass", 0, 0, 10, 10),
        ("a", "Nodule", 20, 20, 4, 4),
        ("b", "Mass", 0, 0, 10, 10),
        ("b", "Effusion", 0, 0, 10, 10),
        ("c", "Mass", 0, 0, 10, 10),  # not read a second time
    ],
    columns=["image", "finding", "x", "y", "w", "h"],
).assign(width_px=80.0, height_px=40.0)


def annotation(rows, **changes) -> Annotation:
    table = pd.DataFrame(rows, columns=["image", "finding", "x", "y", "w", "h"])
    found = Annotation(
        path=Path("second.csv"),
        rows=table,
        images=("a", "b"),
        findings=("Mass", "Nodule", "Edema", "Fracture"),
        sizes=None,
    )
    return replace(found, **changes)


def test_units_are_counted_by_who_marks_them():
    rows = [
        ("a", "Mass", 0, 0, 20, 10),  # of 80 × 40: in a square of 40 it is 10 × 10 at the corner
        ("a", "Nodule", 0, 0, 4, 4),
        ("b", "Nodule", 0, 0, 4, 4),
        ("b", "Edema", 0, 0, 4, 4),
        ("b", "Fracture", 0, 0, 4, 4),
        ("z", "Mass", 0, 0, 4, 4),
    ]
    found = second_reading(annotation(rows), "ward", OWN, IMAGES, FINDINGS, 40)
    counts = found.counts
    assert counts.findings == (
        FindingCount("Mass", both=1, only_own=1, only_other=0),
        FindingCount("Nodule", both=1, only_own=0, only_other=1),
        FindingCount("Effusion", both=None, only_own=1, only_other=None),
        FindingCount("Edema", both=None, only_own=None, only_other=1),
    )
    assert (counts.name, counts.num_images) == ("ward", 2)
    assert (counts.both, counts.only_own, counts.only_other) == (2, 1, 1)
    assert (counts.centre_in_own, counts.centre_in_other) == (1, 1)  # of the mass, not of the nodule
    assert counts.median_iou == pytest.approx(0.5)  # 1 and 0
    assert found.others == ("Fracture",)
    mass = found.boxes.iloc[0]
    assert mass[["x", "y", "w", "h", "width_px", "height_px"]].tolist() == [0, 0, 10, 10, 80, 40]


def test_frames_of_the_annotation_are_its_own_where_it_has_some():
    sizes = pd.DataFrame({"rows": [400.0, 400.0], "columns": [100.0, 100.0]}, index=["a.png", "b"])
    found = second_reading(
        annotation([("a", "Mass", 50, 100, 25, 100)], sizes=sizes), "", OWN, IMAGES, FINDINGS, 40
    )
    assert found.boxes[["x", "y", "w", "h", "width_px"]].to_numpy().tolist() == [[20, 10, 10, 10, 100]]


def test_a_unit_that_is_left_open_is_counted_by_neither():
    rows = annotation([("a", "Mass", 0, 0, 4, 4), ("b", "Mass", 0, 0, 4, 4)]).rows.assign(
        is_ignored=[True, False]
    )
    counts = second_reading(replace(annotation([]), rows=rows), "", OWN, IMAGES, FINDINGS, 40).counts
    assert counts.findings[0] == FindingCount("Mass", both=1, only_own=0, only_other=0)


def test_readings_that_share_nothing_have_no_agreement():
    counts = second_reading(annotation([]), "", OWN, IMAGES, FINDINGS, 40).counts
    assert (counts.both, counts.only_own, counts.only_other, counts.median_iou) == (0, 3, 0, None)


def test_maps_are_scored_by_the_boxes_and_masks_that_are_given(tmp_path):
    random = np.random.default_rng(3)
    logits = torch.from_numpy(random.normal(size=(3, 1, 5, 5)).astype(np.float32))
    units = pd.DataFrame({"image": list("abc"), "patient": list("abc"), "finding": "Mass"})
    whole = units.assign(peak_row=0, peak_column=0, score=0.0, num_ties=1, finite=True)
    whole = whole.reindex(columns=list(unit_columns()), fill_value=0)
    write_table(tmp_path / "units.parquet", whole, unit_columns())
    own = OWN[OWN["finding"] == "Mass"]
    write_table(tmp_path / "boxes.parquet", own, (*BOX_COLUMNS, *FRAME_COLUMNS))
    with writing_maps(tmp_path / "maps.npz") as keep:
        for unit_map in logits[:, 0].numpy():
            keep(unit_map)
    stored = StoredMaps(
        *(tmp_path / f"{name}" for name in ("units.parquet", "maps.npz", "boxes.parquet")), 40, False
    )
    text = " ".join(map(str, [0, 1600, 1600]))  # the upper half of 80 × 40
    second = pd.DataFrame(
        [("c", "Mass", 10.0, 10.0, 20.0, 20.0, None), ("a", "Mass", 0.0, 0.0, 40.0, 20.0, text)],
        columns=["image", "finding", "x", "y", "w", "h", "mask"],
    ).assign(width_px=80.0, height_px=40.0)
    found = rescore(stored, {"thesis": THESIS}, boxes=second)["thesis"]
    assert found["image"].tolist() == ["a", "c"]
    numbered = second.assign(image_index=[1, 0], class_index=0)
    expected = localize(logits[[0, 2]], numbered, 40)
    columns = [column for column in expected.columns if column not in UNIT]
    pd.testing.assert_frame_equal(found[columns], expected[columns])
    none = rescore(stored, {"thesis": THESIS}, boxes=second.assign(image="z"))["thesis"]
    assert none.empty


@pytest.fixture(scope="module")
def official() -> pd.DataFrame:
    own = read_annotation(NIH_EXTRACT / "BBox_List_2017.csv")
    boxes = own.of(own.images, NIH_FINDINGS).marks.boxes
    return boxes.assign(width_px=1024.0, height_px=1024.0)


@pytest.mark.skipif(not REAL.exists(), reason="its licence is not known")
def test_the_second_readers_do_not_mark_17_of_37_units_that_nih_has_boxes_of(official):
    images = official["image"].unique().tolist()
    counts = second_reading(read_annotation(REAL), "nih", official, images, NIH_FINDINGS, 1024).counts
    assert (counts.num_images, counts.both, counts.only_own) == (77, 20, 17)
    assert (counts.centre_in_own, counts.centre_in_other) == (18, 17)
    assert counts.median_iou == pytest.approx(0.45, abs=0.005)
    assert counts.only_other == only_second(official) == 73
    unknown = {row.finding for row in counts.findings if row.only_other is None}
    assert unknown == {"Infiltration", "Pneumonia"}


def only_second(official: pd.DataFrame) -> int:
    """Counts, from the file itself, units that NIH has no box of, of its findings on its images."""
    own = set(zip(official["image"], official["finding"], strict=True))
    images = set(official["image"])
    marked = {(one["file_name"], name) for one in json.loads(REAL.read_text()) for name in one["syms"]}
    return sum(
        unit not in own and unit[0] in images and unit[1] in set(official["finding"]) for unit in marked
    )
