"""Files of predictions, by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.errors import ResultsError
from bench.results.predictions import (
    PredictedImage,
    Prediction,
    describe,
    distinct_names,
    most_probable,
    write_heatmaps,
    write_predictions,
)

FINDINGS = ("Mass", "Nodule", "Nodule/Mass")


@pytest.fixture
def image():
    prediction = Prediction(
        probabilities=np.array([0.25, np.nan, 0.75], np.float32),
        heatmaps=np.arange(12, dtype=np.float32).reshape(3, 2, 2) / 12,
        peaks=np.array([[0, 63], [-1, -1], [16, 32]]),
        input_px=64,
    )
    return PredictedImage(Path("ward/a, b.png"), width_px=1280, height_px=640, prediction=prediction)


def test_table_has_peaks_in_px_of_the_image(tmp_path, image):
    rows = [describe(image, index, finding) for index, finding in enumerate(FINDINGS)]
    write_predictions(tmp_path / "predictions.csv", rows)
    assert (tmp_path / "predictions.csv").read_text() == (
        "image,finding,probability,peak_x,peak_y\n"
        '"ward/a, b.png",Mass,0.25,1260.0,0.0\n'
        '"ward/a, b.png",Nodule,,,\n'
        '"ward/a, b.png",Nodule/Mass,0.75,640.0,160.0\n'
    )


def test_maps_come_with_what_their_axes_are(tmp_path, image):
    write_heatmaps(tmp_path / "a.b.npy", image, FINDINGS, "pylon-0123456789")
    maps = np.load(tmp_path / "a.b.npy")
    assert maps.dtype == np.float32
    np.testing.assert_array_equal(maps, image.prediction.heatmaps)
    document = json.loads((tmp_path / "a.b.json").read_text())
    assert document["axes"] == ["finding", "row", "column"]
    assert document["findings"] == list(FINDINGS)
    assert document["image_size_px"] == {"width": 1280, "height": 640}
    assert document["trial"] == "pylon-0123456789"


def test_files_that_cannot_be_written_are_a_sentence(tmp_path, image):
    (tmp_path / "taken").touch()
    with pytest.raises(ResultsError, match=r"taken/a\.npy: cannot be written \("):
        write_heatmaps(tmp_path / "taken" / "a.npy", image, FINDINGS, "pylon-0123456789")
    with pytest.raises(ResultsError, match=r"taken/a\.csv: cannot be written \("):
        write_predictions(tmp_path / "taken" / "a.csv", [])


def test_most_probable_come_first_and_what_is_not_finite_last(image):
    assert most_probable(image.prediction, 2) == [2, 0]
    assert most_probable(image.prediction, 9) == [2, 0, 1]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("a", "b.c", "Nodule/Mass"), ["a", "b.c", "Nodule_Mass"]),
        (("a", "A", "a"), ["a", "A-2", "a-3"]),
        (("a", "a", "a-2"), ["a", "a-2", "a-2-2"]),
        (("", "..", "Ä ö"), ["_", "_-2", "_-3"]),
    ],
)
def test_names_of_files_are_safe_and_differ(words, names):
    assert distinct_names(words) == names
