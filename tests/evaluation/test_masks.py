"""Units that are outlined by masks: localized, stored and scored again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bench.data.dataset import Dataset, ImageSet
from bench.data.sources.source import DataSource, place_boxes
from bench.evaluation.rescore import measure_sensitivity, rescore
from bench.evaluation.score import named_boxes, score
from bench.metrics.protocol import THESIS, LocalizationProtocol
from bench.metrics.regions import MASK, bounds, encode
from bench.metrics.units import unit_columns
from bench.models.blocks import CamOutput
from bench.results.store import TrialFolder
from bench.results.stored_maps import maps_of_trial
from bench.results.units import write_table, writing_maps
from bench.suite.schema import Recipe

SIZE_PX, WIDTH, HEIGHT = 16, 40, 20


class Shown(torch.nn.Module):
    """Returns the maps that it is given, whatever it sees."""

    def __init__(self, maps: torch.Tensor) -> None:
        super().__init__()
        self.maps = maps

    def forward(self, images: torch.Tensor) -> CamOutput:
        return CamOutput(self.maps, self.maps.amax(dim=(2, 3)))


def ring() -> np.ndarray:
    """A frame of 20 × 10 px around the middle, of which a box holds the hole as well."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[5:15, 10:30] = True
    mask[8:12, 15:25] = False
    return mask


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    mask = ring()
    boxes = pd.DataFrame(
        [("a", "A", *bounds(mask), encode(mask)), ("b", "A", *bounds(mask), None)],
        columns=["image", "finding", "x", "y", "w", "h", MASK],
    )
    sizes = pd.DataFrame({"rows": HEIGHT, "columns": WIDTH}, index=["a", "b"])
    source = DataSource(
        name="outlined",
        root=tmp_path,
        findings=("A",),
        parts={"test": ("a", "b")},
        files={},
        labels=pd.DataFrame({"A": [1, 1]}, index=["a", "b"]),
        patients=pd.Series({"a": "p", "b": "q"}),
        boxes=boxes,
        frames=lambda names, _: sizes.loc[names],
    )
    placed = place_boxes(source, ("a", "b"), SIZE_PX)
    pixels, labels = np.zeros((2, SIZE_PX, SIZE_PX), np.uint8), np.ones((2, 1), np.uint8)
    test = ImageSet(pixels, labels, ("a", "b"), ("p", "q"), placed)
    return Dataset(("A",), test, test, test)


def test_a_trial_of_masks_is_localized_stored_and_rescored(data, tmp_path):
    """A peak in the middle is in the box around the ring, and not in the ring."""
    maps = torch.zeros(2, 1, SIZE_PX, SIZE_PX) - 4
    maps[:, :, 8, 8] = 4
    folder = TrialFolder(tmp_path / "trial")
    with writing_maps(folder.cam_maps("native")) as keep:
        found = score(Shown(maps), data, Recipe(), torch.device("cpu"), lambda *_: None, keep).of_map
    assert found.units["hit"].tolist() == [False, True]
    assert found.units["iobb"].tolist() == [0, 1]
    assert found.metrics["point_accuracy/A"] == 0.5
    write_table(folder.cam_units("native"), found.units, unit_columns())
    boxes = named_boxes(data.test, data.findings)
    write_table(folder.boxes, boxes, tuple(boxes.columns))
    near = LocalizationProtocol(tolerance_px=6.0)
    on_frames = LocalizationProtocol(grid="native")
    again = rescore(maps_of_trial(folder, SIZE_PX), {"default": THESIS, "near": near, "frames": on_frames})
    pd.testing.assert_frame_equal(
        again["default"][["hit", "iobb", "iou"]], found.units[["hit", "iobb", "iou"]]
    )
    assert again["near"]["hit"].tolist() == [True, True]
    assert again["frames"]["hit"].tolist() == [False, True]
    area = again["frames"]["iou"] * 0 + [ring().sum(), 200]
    assert (again["frames"]["iou"] * area < area).all()
    assert measure_sensitivity(folder, SIZE_PX).num_units == 2
