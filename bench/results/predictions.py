"""Predictions of a trained model for single images, and the files that hold them.

<folder>/predictions.csv   one row per image and finding: image, finding, probability, peak_x, peak_y in px of
                           the image's own size; no peak where the map is not finite
         <name>.npy        the image's maps, float32 [finding, row, column], probabilities, as small as the
                           model makes them; the map covers the whole image
         <name>.json       what the axes of <name>.npy are, and what it was made of
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import ResultsError
from bench.results.files import replacing, write_text

COLUMNS = ("image", "finding", "probability", "peak_x", "peak_y")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """The prediction of a model for a square input.

    Attributes:
        probabilities: float32 [c], of the findings.
        heatmaps: float32 [c, h, w], probabilities.
        peaks: int [c, 2], row and column of each map's peak in px of the input; −1 where it is not finite.
        input_px: side of the input.
    """

    probabilities: Floats
    heatmaps: Floats
    peaks: npt.NDArray[np.int64]
    input_px: int


@dataclass(frozen=True)
class PredictedImage:
    """A prediction and the image that it is of.

    Attributes:
        path: the image's file.
        width_px: columns of the image that the file holds.
        height_px: rows of it.
        prediction: of the image, resized to a square.
    """

    path: Path
    width_px: int
    height_px: int
    prediction: Prediction

    def peak(self, finding_index: int) -> tuple[float, float] | None:
        """Returns (x, y) of the map's peak in px of the image; None if the map is not finite.

        The inverse of how boxes are placed on the input, so a peak is in a box here if it is there.
        """
        row, column = (int(value) for value in self.prediction.peaks[finding_index])
        if row < 0:
            return None
        side = self.prediction.input_px
        return column * self.width_px / side, row * self.height_px / side


def most_probable(prediction: Prediction, count: int) -> list[int]:
    """Returns the indices of the `count` most probable findings, the most probable first; NaN comes last."""
    order = np.argsort(-prediction.probabilities, kind="stable")
    return [int(index) for index in order[:count]]


def distinct_names(words: Sequence[str]) -> list[str]:
    """Returns, for each word, a name of its own that is safe in file names, also where case is ignored."""
    names: list[str] = []
    taken: set[str] = set()
    for word in words:
        safe = re.sub(r"[^A-Za-z0-9._-]+", "_", word).strip("._") or "_"
        name, number = safe, 1
        while name.lower() in taken:
            number += 1
            name = f"{safe}-{number}"
        taken.add(name.lower())
        names.append(name)
    return names


def write_heatmaps(path: Path, image: PredictedImage, findings: Sequence[str], trial_id: str) -> None:
    """Writes the maps to `path`, which ends in .npy, and beside it what their axes are.

    Raises:
        ResultsError: they cannot be written.
    """
    prediction = image.prediction
    document = {
        "image": str(image.path),
        "image_size_px": {"width": image.width_px, "height": image.height_px},
        "trial": trial_id,
        "input_px": prediction.input_px,
        "values": "probability",
        "axes": ["finding", "row", "column"],
        "findings": list(findings),
    }
    with _writing(path):
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, prediction.heatmaps)
        write_text(path.with_suffix(".json"), json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def write_predictions(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes the table, its rows as `describe` gives them.

    Raises:
        ResultsError: it cannot be written.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with _writing(path):
        write_text(path, stream.getvalue())


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResultsError(f"cannot be written ({error.strerror or error})", place=path) from None


def describe(image: PredictedImage, finding_index: int, finding: str) -> dict[str, Any]:
    """Returns a row of the table, its keys `COLUMNS`; None stands for what is not finite."""
    probability = float(image.prediction.probabilities[finding_index])
    peak = image.peak(finding_index)
    x, y = (None, None) if peak is None else (round(peak[0], 2), round(peak[1], 2))
    given = float(f"{probability:.6g}") if math.isfinite(probability) else None
    return dict(zip(COLUMNS, (str(image.path), finding, given, x, y), strict=True))
