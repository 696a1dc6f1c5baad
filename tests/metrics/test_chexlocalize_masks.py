"""Maps cut at thresholds, against the masks that CheXlocalize's own code made of its maps."""

import json

import numpy as np
import pandas as pd
import torch
from extracts import WHOLE, needs_mask_formats

from bench.data.sources.masks import coco_counts, from_counts
from bench.evaluation.enlarge import enlarged
from bench.metrics.levels import NUM_LEVELS, counts_above
from bench.metrics.measure import UnitMaps
from bench.metrics.protocol import THESIS
from bench.metrics.regions import COLUMNS, bounds, encode, regions_of

FOLDER = WHOLE / "data" / "formats" / "chexlocalize"


def mask_of(runs: dict) -> np.ndarray:
    height, width = runs["size"]
    patch = from_counts(coco_counts(runs["counts"]), width, height)
    mask = np.zeros((height, width), bool)
    mask[patch.place] = patch.pixels
    return mask


def read(name: str) -> dict:
    return json.loads((FOLDER / name).read_text())


@needs_mask_formats
def test_their_masks_lie_between_neighbouring_levels() -> None:
    """They cut each map at a threshold of its own (Otsu's), which their masks show: 20 maps of two films."""
    truth, theirs = read("gt_segmentations_val.json"), read("gradcam_segmentations_val_sample.json")
    maps, num_overlaps = np.load(FOLDER / "gradcam_maps_val.npz"), 0
    for image, findings in theirs.items():
        for finding, runs in findings.items():
            predicted, region = mask_of(runs), mask_of(truth[image][finding])
            height, width = predicted.shape
            small = torch.from_numpy(maps[f"{image}_{finding.replace(' ', '_')}"])[None, None]
            values = enlarged(small, (height, width), align_corners=False)[0].numpy()
            least = (values[0][predicted].min() - values.min()) / (values.max() - values.min())
            level = int(least * NUM_LEVELS)
            found = counts_above(_unit(values, region if region.any() else predicted))
            above, both = found["num_above"][0], found["num_both"][0]
            assert above[level + 1] <= predicted.sum() <= above[level], (image, finding)
            if region.any():
                assert found["num_region"] == region.sum()
                assert both[level + 1] <= (predicted & region).sum() <= both[level], (image, finding)
                num_overlaps += bool((predicted & region).any())
    assert num_overlaps >= 3


def _unit(values: np.ndarray, region: np.ndarray) -> UnitMaps:
    height, width = region.shape
    row = (0, 0, *bounds(region), float(width), float(height), encode(region))
    table = pd.DataFrame([row], columns=[*COLUMNS, "width_px", "height_px", "mask"])
    return UnitMaps(values, {"finite": np.array([True])}, regions_of(table, width, (height, width)), THESIS)
