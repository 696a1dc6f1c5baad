"""Scoring stored maps again: of a folder made by hand, so that every number is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bench.errors import ResultsError
from bench.evaluation.localize import localize
from bench.evaluation.rescore import measure_sensitivity, rescore
from bench.metrics.iobb_accuracy import MEASURE as OVERLAP
from bench.metrics.protocol import THESIS, VARIANTS
from bench.metrics.regions import COLUMNS, FRAME
from bench.metrics.units import unit_columns
from bench.results import units as unit_files
from bench.results.store import TrialFolder
from bench.results.stored_maps import maps_of_trial
from bench.results.units import BOX_COLUMNS, FRAME_COLUMNS, write_table, writing_maps

SIZE_PX = 16
PROTOCOLS = {"default": THESIS} | VARIANTS["point_accuracy"]
CUTS = {"default": THESIS} | VARIANTS["iobb_accuracy"]


def fill(path: Path, logits: torch.Tensor, boxes: pd.DataFrame) -> TrialFolder:
    """Writes what scoring leaves of images 0, 1, … and findings 0, 1, …, whose names are their numbers."""
    folder = TrialFolder(path)
    found = localize(logits, boxes, SIZE_PX)
    named = found.assign(image=found["image_index"].astype(str), finding=found["class_index"].astype(str))
    write_table(
        folder.cam_units("native"), named.assign(patient=named["image"])[list(unit_columns())], unit_columns()
    )
    columns = (*BOX_COLUMNS, *FRAME_COLUMNS)
    own = boxes.assign(image=boxes["image_index"].astype(str), finding=boxes["class_index"].astype(str))
    write_table(folder.boxes, own[list(columns)], columns)
    with writing_maps(folder.cam_maps("native")) as keep:
        for image, finding in found[["image_index", "class_index"]].to_numpy():
            keep(logits[image, finding].numpy())
    return folder


@pytest.fixture
def example() -> tuple[torch.Tensor, pd.DataFrame]:
    random = np.random.default_rng(1)
    logits = torch.from_numpy(random.normal(0, 4, (9, 2, 4, 4)).astype(np.float32))
    logits[0, 0] = 30.0  # saturated
    logits[1, 0, 0, 0] = torch.nan
    rows = [(i, c, *random.uniform(0, 10, 2), *random.uniform(1, 6, 2)) for i in range(9) for c in (0, 1, 1)]
    boxes = pd.DataFrame([(*row, 40.0 + 8 * (row[0] % 2), 30.0) for row in rows], columns=[*COLUMNS, *FRAME])
    return logits, boxes.sample(frac=1, random_state=0)  # boxes are in any order


def test_every_protocol_gives_what_the_heatmaps_themselves_give(tmp_path, example, monkeypatch):
    monkeypatch.setattr(unit_files, "_VALUES_AT_A_TIME", 5 * 16)
    told = []
    again = rescore(
        maps_of_trial(fill(tmp_path, *example), SIZE_PX), PROTOCOLS, lambda *done: told.append(done)
    )
    assert told == [(5, 18), (10, 18), (15, 18), (18, 18)]
    for name, protocol in PROTOCOLS.items():
        expected = localize(*example, SIZE_PX, protocol=protocol)
        columns = list(expected.columns[2:])
        pd.testing.assert_frame_equal(again[name][columns], expected[columns])
        assert again[name]["image"].tolist() == expected["image_index"].astype(str).tolist()


def test_sensitivity_is_accuracy_by_each_choice(tmp_path, example):
    sensitivity = measure_sensitivity(fill(tmp_path, *example), SIZE_PX)
    accuracies = sensitivity.metrics["point_accuracy"]
    assert list(accuracies) == list(PROTOCOLS)
    assert sensitivity.num_units == 18
    for name, protocol in PROTOCOLS.items():
        found = localize(*example, SIZE_PX, protocol=protocol)
        by_class = [found["hit"][found["class_index"] == c].mean() for c in (0, 1)]
        assert accuracies[name]["weighted"] == pytest.approx(found["hit"].mean())
        assert accuracies[name]["macro"] == pytest.approx(np.mean(by_class))


def test_sensitivity_of_overlap_parts_the_least_iobb_from_the_cut_of_the_map(tmp_path, example):
    overlaps = measure_sensitivity(fill(tmp_path, *example), SIZE_PX).metrics["iobb_accuracy"]
    assert list(overlaps) == list(CUTS)
    for name, protocol in CUTS.items():
        found = localize(*example, SIZE_PX, protocol=protocol)
        assert overlaps[name]["weighted"] == pytest.approx(OVERLAP.statistic(found, protocol).mean())
    weighted = [overlaps[name]["weighted"] for name in ("iobb_10", "iobb_25", "default")]
    assert weighted == sorted(weighted, reverse=True)
    assert overlaps["iobb_10"] != overlaps["threshold_10"]


def test_native_grid_that_is_the_input_is_no_choice(tmp_path, example):
    logits, boxes = example
    found = measure_sensitivity(fill(tmp_path, logits, boxes.assign(width_px=16.0, height_px=16.0)), SIZE_PX)
    assert set(PROTOCOLS) - set(found.metrics["point_accuracy"]) == {"native_grid"}


def test_no_units_have_no_accuracy(tmp_path, example):
    logits, boxes = example
    folder = fill(tmp_path, logits, boxes.head(0))
    assert rescore(maps_of_trial(folder, SIZE_PX), {"default": THESIS})["default"].empty
    sensitivity = measure_sensitivity(folder, SIZE_PX)
    assert sensitivity.metrics == {}


@pytest.mark.parametrize("count", [0, 17, 19])
def test_maps_of_other_units_are_refused(tmp_path, example, count):
    folder = fill(tmp_path, *example)
    with writing_maps(folder.cam_maps("native")) as keep:
        for _ in range(count):
            keep(np.zeros((4, 4), np.float16))
    with pytest.raises(ResultsError, match=r"native\.parquet") as error:
        rescore(maps_of_trial(folder, SIZE_PX), {"default": THESIS})
    assert error.value.place == str(folder.cam_maps("native"))


def test_missing_maps_are_one_sentence(tmp_path, example):
    folder = fill(tmp_path, *example)
    folder.cam_maps("native").unlink()
    with pytest.raises(ResultsError, match=r"native\.npz: not readable maps"):
        rescore(maps_of_trial(folder, SIZE_PX), {"default": THESIS})
