"""What scoring says of logits that are not finite."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from bench.data.dataset import Dataset, ImageSet
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
    of_model, _ = score(Given(torch.tensor(logits)), data, Recipe(), torch.device("cpu"), lambda *_: None)
    return of_model


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
