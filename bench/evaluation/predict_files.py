"""What a trained model says of image files, decoded as a data set's are."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench.data.content import read_content
from bench.data.decoding import check, read_gray, square
from bench.data.dicom import Gray
from bench.errors import DataError
from bench.evaluation.predict import predict
from bench.results.predictions import PredictedImage
from bench.suite.trial import Trial

_AT_A_TIME = 16
"""Images that are held in memory in their own size."""


def predict_files(
    model: nn.Module, trial: Trial, paths: Sequence[Path], device: torch.device
) -> Iterator[tuple[PredictedImage, Gray] | DataError]:
    """Yields for each file, in their order, its prediction and its gray image, or why there is none.

    A DICOM's gray image is smaller than the stored one (see `bench.data.dicom.read_dicom`); its prediction
    knows the stored size.

    Args:
        model: on `device`.
        trial: what the model was trained in: resolution, batch size and normalisation.
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
        rows, columns = check(path, content)
        return read_gray(path, content), rows, columns
    except DataError as error:
        return error
