"""Scoring: logits that are not finite, and maps however many are held at a time."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from bench.data.dataset import Dataset, ImageSet
from bench.evaluation import held_maps
from bench.evaluation.localize import localize_units
from bench.evaluation.score import score
from bench.metrics.regions import COLUMNS, FRAME
from bench.models.blocks import CamOutput
from bench.suite.schema import Recipe


class Given(torch.nn.Module):
    """Returns the logits that it is given, whatever it sees, and maps of 4 × 4 that are equal to them."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: torch.Tensor) -> CamOutput:
        return CamOutput(self.logits[:, :, None, None].expand(-1, -1, 4, 4), self.logits)


def scored(logits: list[tuple[float, float]]):
    """Four images; A is in the last two, B in the last, which has a box of each."""
    labels = np.array([[0, 0], [0, 0], [1, 0], [1, 1]], np.uint8)
    boxes = pd.DataFrame([(3, f, 0, 0, 8, 8, 16, 16) for f in (0, 1)], columns=[*COLUMNS, *FRAME])
    names = tuple("abcd")
    test = ImageSet(np.zeros((4, 16, 16), np.uint8), labels, names, names, boxes)
    data = Dataset(("A", "B"), test, test, test)
    place = Recipe(), torch.device("cpu"), lambda *_: None
    return score(Given(torch.tensor(logits)), data, *place).of_model


def test_an_infinite_logit_has_its_place_in_the_order():
    found = scored([(-math.inf, 0.1), (0.1, 0.2), (0.2, 0.3), (math.inf, 0.4)])
    assert found.metrics["auroc/A"] == 1
    assert not any("AUROC" in note for note in found.notes)


def test_logits_that_are_no_number_are_counted_and_every_finding_is_in_the_means():
    found = scored([(0.0, 0.1), (0.1, math.nan), (0.2, 0.3), (math.nan, 0.4)])
    assert found.metrics["auroc/A"] == pytest.approx(1 / 2)
    assert found.metrics["auroc/B"] == pytest.approx(2 / 3)
    assert found.metrics["auroc/macro"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    (note,) = [note for note in found.notes if "AUROC" in note]
    assert note.startswith("2 of 8 logits")


class Drawn(torch.nn.Module):
    """Returns maps of 4 × 4 that are functions of the first pixels of each image alone."""

    def forward(self, images: torch.Tensor) -> CamOutput:
        maps = torch.stack([images[:, 0, :4, :4], images[:, 0, 4:8, :4]], dim=1) * 3
        return CamOutput(maps, maps.amax(dim=(2, 3)))


def some_with_boxes(boxed: tuple[int, ...]) -> Dataset:
    """Eleven images of noise; those named have a box of each finding, in an order that is not theirs."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (11, 16, 16), dtype=np.uint8)
    rows = [(i, f, *random.uniform(0, 9, 4), 16, 16) for i in reversed(boxed) for f in (1, 0)]
    boxes = pd.DataFrame(rows, columns=[*COLUMNS, *FRAME])
    labels = random.integers(0, 2, (11, 2), dtype=np.uint8)
    names = tuple("abcdefghijk")
    test = ImageSet(pixels, labels, names, names, boxes)
    return Dataset(("A", "B"), test, test, test)


def scored_maps(data: Dataset, batch_size: int) -> tuple[pd.DataFrame, list[np.ndarray]]:
    kept = []
    recipe = Recipe(batch_size=batch_size)
    found = score(Drawn(), data, recipe, torch.device("cpu"), lambda *_: None, kept.append)
    return found.of_map.units, kept


@pytest.mark.parametrize("boxed", [(), (3,), (0, 1, 5, 10), tuple(range(11))])
@pytest.mark.parametrize("held", [2**25, 40])
def test_maps_are_scored_alike_however_many_are_held(monkeypatch, boxed, held):
    """As those of images that are scored two at a time, whatever batches have no boxes."""
    data = some_with_boxes(boxed)
    expected, expected_maps = scored_maps(data, batch_size=2)
    monkeypatch.setattr(held_maps, "_VALUES", held)
    found, maps = scored_maps(data, batch_size=4)
    pd.testing.assert_frame_equal(found, expected)
    assert found[["image", "finding"]].to_numpy().tolist() == [
        ["abcdefghijk"[i], f] for i in boxed for f in "AB"
    ]
    assert [one.tobytes() for one in maps] == [one.tobytes() for one in expected_maps]
    assert len(maps) == 2 * len(boxed)


def test_boxed_images_are_localized_together_and_no_more_are_held_than_said(monkeypatch):
    counts = []

    def counted(maps: torch.Tensor, *rest, **how) -> pd.DataFrame:
        counts.append(len(maps))
        return localize_units(maps, *rest, **how)

    monkeypatch.setattr(held_maps, "localize_units", counted)
    scored_maps(some_with_boxes((0, 1, 5, 10)), batch_size=2)
    assert counts == [8]
    counts.clear()
    monkeypatch.setattr(held_maps, "_VALUES", 4 * 16)
    scored_maps(some_with_boxes((0, 1, 5, 10)), batch_size=2)
    assert counts == [4, 4]
