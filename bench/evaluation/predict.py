"""Predictions of a trained model for images without labels, computed as scoring does, in float32."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from bench.data.dataset import ImageSet
from bench.data.feeding import evaluation_batches
from bench.data.images.decoding import check_image, read_content, read_gray, square
from bench.data.images.dicom import Gray
from bench.errors import DataError
from bench.evaluation.enlarge import enlarged, sigmoid
from bench.evaluation.localize import find_peaks
from bench.metrics.regions import COLUMNS, UNIT
from bench.results.predictions import Floats, PredictedImage, Prediction
from bench.suite.schema import Recipe
from bench.suite.trial import Trial


@torch.no_grad()
def predict(
    model: nn.Module, pixels: npt.NDArray[np.uint8], recipe: Recipe, device: torch.device
) -> list[Prediction]:
    """Returns the prediction for each image; peaks are those that `localize` finds.

    Args:
        model: on `device`; put into evaluation mode.
        pixels: uint8 [n, side, side], gray squares of the trial's resolution, 0 black.
        recipe: batch size and normalisation.
        device: where to run.
    """
    model.eval()
    predictions: list[Prediction] = []
    for batch in evaluation_batches(_unlabelled(pixels), recipe, device):
        output = model(batch.images)
        predictions += _predictions(output.heatmaps.float(), output.logits.float(), pixels.shape[-1])
    return predictions


def enlarge(heatmap: Floats, size_px: int) -> Floats:
    """Returns float32 [size_px, size_px]: a map [h, w] as `localize` enlarges it to look for its peak."""
    large: Floats = enlarged(torch.from_numpy(heatmap)[None, None], (size_px, size_px))[0, 0].numpy()
    return large


def _unlabelled(pixels: npt.NDArray[np.uint8]) -> ImageSet:
    names = tuple(map(str, range(len(pixels))))
    return ImageSet(
        pixels, np.zeros((len(pixels), 0), np.uint8), names, names, pd.DataFrame(columns=list(COLUMNS))
    )


def _predictions(heatmaps: Tensor, logits: Tensor, size_px: int) -> list[Prediction]:
    num_images, num_findings = heatmaps.shape[:2]
    every = pd.MultiIndex.from_product([range(num_images), range(num_findings)], names=UNIT).to_frame(
        index=False
    )
    found = find_peaks(heatmaps, every, size_px)
    peaks = found[["peak_row", "peak_column"]].to_numpy(np.int64).reshape(num_images, num_findings, 2)
    probabilities, maps = torch.sigmoid(logits).cpu().numpy(), sigmoid(heatmaps).cpu().numpy()
    return [Prediction(*values, size_px) for values in zip(probabilities, maps, peaks, strict=True)]


_AT_A_TIME = 16
"""Images that are held in memory in their own size."""


def predict_files(
    model: nn.Module, trial: Trial, paths: Sequence[Path], device: torch.device
) -> Iterator[tuple[PredictedImage, Gray] | DataError]:
    """Yields for each file, in their order, its prediction and its gray image, or why there is none.

    A DICOM's gray image is smaller than the stored one (`bench.data.images.dicom.read_dicom`); its prediction
    knows the stored size.

    Args:
        model: on `device`.
        trial: of the model; its resolution, batch size and normalisation count.
        paths: PNG, JPEG or DICOM files.
        device: where to run.
    """
    for start in range(0, len(paths), _AT_A_TIME):
        chunk = paths[start : start + _AT_A_TIME]
        images = [_read(path) for path in chunk]
        squares = [square(image[0], trial.resolution) for image in images if not isinstance(image, DataError)]
        predictions = iter(predict(model, np.stack(squares), trial.recipe, device) if squares else ())
        for path, image in zip(chunk, images, strict=True):
            if isinstance(image, DataError):
                yield image
            else:
                gray, rows, columns = image
                yield PredictedImage(path, columns, rows, next(predictions)), gray


def _read(path: Path) -> tuple[Gray, int, int] | DataError:
    """Returns the gray image, and rows and columns that the file holds."""
    try:
        content = read_content(path)
        rows, columns = check_image(path, content)
        return read_gray(path, content), rows, columns
    except DataError as error:
        return error
