"""What does localization cost? Batched, against a loop over images and findings, on one core.

    python benchmarks/evaluation.py

984 units, as many as NIH ChestX-ray14 has, on maps of 64 px that are enlarged to 256 px: of each its peak,
hit, ties, IoBB and IoU. Two kinds of maps: smooth ones with a few bright places, and noise.

The loop is what anyone would write: for each unit torch enlarges one map, argmax finds the peak, comparisons
find ties and prediction, and boxes are painted into a mask. Both give the same answers, which is checked
first. Enlarging is what both have to do, with the same bits: torch's own, in the same batches as ours. They
run in turn, NUM_TURNS times; medians of milliseconds per unit, and of ratios within a turn, are printed.
Aim: 20.
"""

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from timing import rates_in_turn, use_one_core
from torch import Tensor

from bench.evaluation.enlarge import enlarged
from bench.evaluation.localize import localize
from bench.metrics.regions import COLUMNS, UNIT

NUM_UNITS, NUM_FINDINGS = 984, 8
MAP_PX, INPUT_PX = 64, 256
NUM_TURNS = 9

Answers = list[tuple[float, ...]]


def drawn(spread_px: int) -> tuple[Tensor, pd.DataFrame]:
    """Returns logits [images, findings, MAP_PX, MAP_PX] of noise of that spread, and a box of every unit."""
    random = np.random.default_rng(0)
    shape = (NUM_UNITS // NUM_FINDINGS, NUM_FINDINGS, MAP_PX // spread_px, MAP_PX // spread_px)
    noise = torch.from_numpy(random.normal(-4, 2, shape).astype(np.float32))
    logits = F.interpolate(noise, size=(MAP_PX, MAP_PX), mode="bicubic", align_corners=False)
    rows = [
        (*divmod(unit, NUM_FINDINGS), *random.uniform(0, 160, 2), *random.uniform(10, 90, 2))
        for unit in range(NUM_UNITS)
    ]
    return logits, pd.DataFrame(rows, columns=list(COLUMNS))


@torch.no_grad()
def in_a_loop(heatmaps: Tensor, boxes: pd.DataFrame) -> Answers:
    """Returns peak row and column, ties, hit, IoBB and IoU of each unit."""
    answers = []
    for (image, finding), group in boxes.groupby(UNIT):
        probabilities = torch.sigmoid(heatmaps[image, finding])[None, None]
        large = F.interpolate(probabilities, size=(INPUT_PX, INPUT_PX), mode="bilinear")[0, 0]
        row, column = divmod(int(large.argmax()), INPUT_PX)
        maximum = large[row, column]
        region, hit = torch.zeros(INPUT_PX, INPUT_PX, dtype=torch.bool), False
        for x, y, w, h in group[["x", "y", "w", "h"]].to_numpy():
            hit |= x <= column <= x + w and y <= row <= y + h
            region[int(y) : int(y) + int(h), int(x) : int(x) + int(w)] = True
        predicted = large / maximum > 0.5
        both, either = int((predicted & region).sum()), int((predicted | region).sum())
        num_ties = int((large == maximum).sum())
        answers.append((row, column, num_ties, hit, both / int(predicted.sum()), both / either))
    return answers


def batched(heatmaps: Tensor, boxes: pd.DataFrame) -> Answers:
    """Returns the same, by `localize`."""
    found = localize(heatmaps, boxes, INPUT_PX)
    columns = ["peak_row", "peak_column", "num_ties", "hit", "iobb", "iou"]
    return list(found[columns].itertuples(index=False, name=None))


def enlarge_only(heatmaps: Tensor) -> None:
    """What no way of doing it is without."""
    for maps in heatmaps.unsqueeze(2):  # of an image, one for each finding
        enlarged(maps, (INPUT_PX, INPUT_PX))


def measure(name: str, spread_px: int) -> None:
    """Prints a row."""
    heatmaps, boxes = drawn(spread_px)
    assert batched(heatmaps, boxes) == in_a_loop(heatmaps, boxes)
    works = [
        lambda _: batched(heatmaps, boxes),
        lambda _: in_a_loop(heatmaps, boxes),
        lambda _: enlarge_only(heatmaps),
    ]
    rates = rates_in_turn(works, [NUM_UNITS] * len(works), NUM_TURNS)
    ours, loop, enlarging = np.median(1e3 / rates, axis=0)
    ratio, bound = (np.median(rates[:, i] / rates[:, 1]) for i in (0, 2))
    print(
        f"{name}: batched {ours:.3f} ms a unit, in a loop {loop:.3f} ms, ratio {ratio:.1f}; "
        f"enlarging alone {enlarging:.3f} ms, ratio {bound:.1f}"
    )


def main() -> None:
    """Prints both rows."""
    use_one_core()
    measure("smooth maps", 8)
    measure("noise", 1)


if __name__ == "__main__":
    main()
