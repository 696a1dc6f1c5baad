"""What models ask of a GPU, on a pretended one: in a training step, in scoring, and for Grad-CAM.

    python tests/support/cuda_trace.py GUARD MODEL SIZE:WORK...     a line of JSON for each work

It is a process of its own, since the guard has to be loaded before torch is. The code that runs is the
harness'; the encoder is ResNet-50, the recipe the thesis' (batches of 64, float16). Pixels lie on the device,
but for a streamed step, where they find no room there.
"""

import json
import sys
from contextlib import closing
from pathlib import Path

from cuda_guard import load_guard

if __name__ == "__main__":
    load_guard(Path(sys.argv[1]))

import numpy as np
import pandas as pd
import torch
from device_log import DeviceLog, logging
from fake_cuda import DEVICE, fake_cuda
from torch import nn

from bench.data.dataset import Dataset, ImageSet
from bench.data.images.pixel_store import pixel_store
from bench.evaluation.cam import score_cam
from bench.evaluation.score import score
from bench.metrics.regions import COLUMNS
from bench.models import build_model
from bench.suite.cam import NATIVE, CamMethod
from bench.suite.dataset_specs import NihSpec
from bench.suite.schema import Recipe
from bench.suite.trial import Trial
from bench.training.determinism import fix_arithmetic
from bench.training.micro_batches import in_pieces
from bench.training.session import Session

BATCH = 64
NUM_FINDINGS = 14
NUM_SCORED = 2 * BATCH
NUM_UNITS = 8
"""Of them boxes are on the images that are scored."""


def trace(model: str, size_px: int, work: str) -> DeviceLog:
    """Returns what a work asks of the device: step, streamed_step, scoring, or the name of a map.

    A step is one that others have gone before. Scoring, natively or by a map, is a pass over the test part,
    whose pixels lie on the device already.
    """
    trial = Trial(
        model=model,
        encoder="resnet50",
        weights="none",
        dataset=NihSpec(),
        resolution=size_px,
        seed=0,
        recipe=Recipe(batch_size=BATCH),
    )
    fix_arithmetic(trial.recipe.num_threads)
    with fake_cuda(num_free_bytes=0 if work == "streamed_step" else 79 * 2**30):
        network = build_model(trial.model, num_classes=NUM_FINDINGS, encoder=trial.encoder)
        network = network.to(memory_format=torch.channels_last).to(DEVICE)
        data = _data(trial)
        if work.endswith("step"):
            return _step(network, data, trial)
        return _scoring(network, data, trial, NATIVE if work == "scoring" else work)


def _step(network: nn.Module, data: Dataset, trial: Trial) -> DeviceLog:
    steps = Session(network, data, trial, DEVICE).steps()
    next(steps)
    with closing(steps), logging(network) as log:
        next(steps)
    return log


def _scoring(network: nn.Module, data: Dataset, trial: Trial, cam: CamMethod) -> DeviceLog:
    pixel_store(data.test, DEVICE)
    place = (network, data, in_pieces(trial.recipe), DEVICE)
    with logging(network) as log:
        if cam == NATIVE:
            score(*place, _ignore, _ignore)
        else:
            score_cam(*place, cam, _ignore, _ignore)
    return log


def _data(trial: Trial) -> Dataset:
    """Returns black images; a box in some of those that are scored."""
    size_px = trial.resolution
    findings = tuple(map(str, range(NUM_FINDINGS)))
    train = _images(3 * BATCH, round(size_px * trial.dataset.oversize), 0)
    return Dataset(findings, train, _images(BATCH, size_px, 0), _images(NUM_SCORED, size_px, NUM_UNITS))


def _images(count: int, size_px: int, num_boxes: int) -> ImageSet:
    names = tuple(map(str, range(count)))
    apart = count // max(num_boxes, 1)
    boxes = [(apart * box, box % NUM_FINDINGS, 10.0, 20.0, 40.0, 30.0) for box in range(num_boxes)]
    pixels = np.zeros((count, size_px, size_px), np.uint8)
    labels = np.zeros((count, NUM_FINDINGS), np.uint8)
    return ImageSet(pixels, labels, names, names, pd.DataFrame(boxes, columns=list(COLUMNS)))


def _ignore(*_: object) -> None:
    pass


def main(model: str, *works: str) -> None:
    """Prints the traces of works such as 256:step."""
    for named in works:
        size_px, _, work = named.partition(":")
        log = trace(model, int(size_px), work)
        print(json.dumps({"model": model, "size_px": int(size_px), "work": work, **log.as_json()}))


if __name__ == "__main__":
    main(*sys.argv[2:])
