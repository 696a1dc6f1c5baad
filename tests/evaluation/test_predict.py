"""Predictions of single images: what the model says, with the peaks that localization finds."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from bench.evaluation.localize import localize
from bench.evaluation.predict import enlarge, predict
from bench.metrics.regions import COLUMNS
from bench.models import build_model
from bench.models.blocks import CamOutput
from bench.suite.schema import Recipe

CPU = torch.device("cpu")
SIDE = 64
NUM_FINDINGS = 3


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE), dtype=np.uint8)


def tiny(name: str) -> nn.Module:
    torch.manual_seed(0)
    model = build_model(name, num_classes=NUM_FINDINGS, encoder="tu-test_resnet")
    model.train()
    with torch.no_grad():
        for _ in range(3):  # so that batch norms have statistics of their own
            model(torch.randn(4, 1, SIDE, SIDE))
    return model


@pytest.mark.parametrize("name", ["baseline", "pylon", "unet"])
def test_predictions_are_what_the_model_says(name):
    """Against the model alone, image by image, its maps enlarged and searched in numpy."""
    model, pixels = tiny(name), images(5)
    found = predict(model, pixels, Recipe(batch_size=2, mean=0.4, std=0.2), CPU)
    assert len(found) == 5
    assert not model.training
    for image, prediction in zip(pixels, found, strict=True):
        with torch.no_grad():
            output = model(torch.from_numpy((image / 255 - 0.4) / 0.2).float()[None, None])
        assert prediction.input_px == SIDE
        assert prediction.probabilities.dtype == prediction.heatmaps.dtype == np.float32
        assert prediction.probabilities == pytest.approx(torch.sigmoid(output.logits)[0].numpy(), abs=1e-5)
        assert prediction.heatmaps == pytest.approx(torch.sigmoid(output.heatmaps)[0].numpy(), abs=1e-5)
        for heatmap, peak in zip(prediction.heatmaps, prediction.peaks, strict=True):
            large = enlarge(heatmap, SIDE)
            assert tuple(peak) == np.unravel_index(large.argmax(), large.shape)


@pytest.mark.parametrize("name", ["baseline", "pylon", "unet"])
def test_peaks_are_those_of_localize(name):
    model, pixels = tiny(name), images(3)
    found = predict(model, pixels, Recipe(), CPU)
    with torch.no_grad():
        heatmaps = model(torch.from_numpy((pixels[:, None] / 255 - 0.4984) / 0.2483).float()).heatmaps
    units = [(i, c, 0, 0, 1, 1) for i in range(3) for c in range(NUM_FINDINGS)]
    expected = localize(heatmaps, pd.DataFrame(units, columns=list(COLUMNS)), SIDE)
    peaks = np.concatenate([prediction.peaks for prediction in found])
    assert peaks.tolist() == expected[["peak_row", "peak_column"]].to_numpy().tolist()


class _Broken(nn.Module):
    """The first finding's map has a NaN."""

    def forward(self, pixels):
        heatmaps = torch.zeros(len(pixels), 2, 4, 4)
        heatmaps[:, 0, 1, 1] = torch.nan
        heatmaps[:, 1, 2, 3] = 1
        return CamOutput(heatmaps, heatmaps.amax(dim=(2, 3)))


def test_map_that_is_not_finite_has_no_peak():
    (prediction,) = predict(_Broken(), images(1), Recipe(), CPU)
    assert np.isnan(prediction.probabilities[0])
    assert prediction.peaks[0].tolist() == [-1, -1]
    row, column = prediction.peaks[1]
    assert (row // 16, column // 16) == (2, 3)
