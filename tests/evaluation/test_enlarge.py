"""Pixels that are equal in exact arithmetic are equal, by whatever instructions the processor has."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from bench.evaluation.enlarge import enlarged, sigmoid
from bench.evaluation.localize import find_peaks, localize
from bench.metrics.regions import COLUMNS

UNIT = 2**24
"""Every value is a whole number of these parts, so that sums of products are whole numbers too: exact."""

SIDES = [(4, 128), (8, 256), (20, 256), (5, 45), (4, 24), (20, 64), (1, 16), (16, 16)]
"""Of maps and of what they are enlarged to: by powers of two and not, with middles of cells and without."""

LOCALIZE = """
import sys
import numpy as np
import pandas as pd
import torch
from bench.evaluation.localize import find_peaks

torch.set_num_threads(1)
found = {}
for name, maps in np.load(sys.argv[1]).items():
    units = pd.DataFrame({"image_index": np.arange(len(maps)), "class_index": 0})
    peaks = find_peaks(torch.from_numpy(maps)[:, None], units, int(name.split()[1]), are_probabilities=True)
    found[name] = peaks[["peak_row", "peak_column", "num_ties"]].to_numpy()
np.savez(sys.argv[2], **found)
"""


def drawn(side: int) -> np.ndarray:
    """Maps in parts of `UNIT`: of any values, highest at a border, in plateaus, and saturated at borders."""
    random = np.random.default_rng(side)
    anything = random.integers(UNIT // 100, UNIT, (60, side, side))
    at_border = anything // 2
    at_border[np.arange(60), random.integers(0, side, 60), side - 1] += UNIT // 2
    plateaus = np.repeat(np.repeat(anything, 2, axis=1), 2, axis=2)[:, :side, :side]
    saturated = np.where(random.random((60, side, side)) < 0.3, UNIT, anything // 2)
    return np.concatenate([anything, at_border, plateaus, saturated])


def exactly(maps: np.ndarray, size: int) -> np.ndarray:
    """The maps enlarged, in whole parts of UNIT · (2 · size)²."""
    side = maps.shape[-1]
    at = np.clip((2 * np.arange(size) + 1) * side - size, 0, (side - 1) * 2 * size)
    first = at // (2 * size)
    second, share = np.minimum(first + 1, side - 1), at % (2 * size)
    wide = maps[:, :, first] * (2 * size - share) + maps[:, :, second] * share
    return wide[:, first] * (2 * size - share)[:, None] + wide[:, second] * share[:, None]


def exact_peaks(maps: np.ndarray, size: int) -> np.ndarray:
    flat = exactly(maps, size).reshape(len(maps), -1)
    rows, columns = np.divmod(flat.argmax(axis=1), size)
    return np.stack([rows, columns, (flat == flat.max(axis=1, keepdims=True)).sum(axis=1)], axis=1)


@pytest.fixture(scope="module")
def exact(tmp_path_factory) -> tuple[Path, dict[str, np.ndarray]]:
    """A file of maps, and their peaks in exact arithmetic."""
    given = tmp_path_factory.mktemp("exact") / "maps.npz"
    maps = {f"{side} {size}": drawn(side) for side, size in SIDES}
    np.savez(given, **{name: (one / UNIT).astype(np.float32) for name, one in maps.items()})
    return given, {name: exact_peaks(one, int(name.split()[1])) for name, one in maps.items()}


@pytest.mark.parametrize("capability", ["default", "avx2", "avx512"])
def test_peaks_and_ties_are_those_of_exact_arithmetic_by_any_instructions(exact, tmp_path, capability):
    """Instructions that the processor lacks fall back to lesser ones."""
    (given, peaks), taken = exact, tmp_path / "peaks.npz"
    environment = os.environ | {"ATEN_CPU_CAPABILITY": capability}
    subprocess.run([sys.executable, "-c", LOCALIZE, given, taken], env=environment, check=True)
    with np.load(taken) as found:
        for name, expected in peaks.items():
            np.testing.assert_array_equal(found[name], expected, name)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("rows", "columns"), [(256, 300), (90, 45), (5, 64), (7, 8), (3, 2)])
def test_other_pixels_are_those_of_torch(rows: int, columns: int, align_corners: bool):
    maps = torch.rand(3, 2, 5, 8, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(maps, (rows, columns), mode="bilinear", align_corners=align_corners)
    found = enlarged(maps, (rows, columns), align_corners=align_corners)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_all_of_an_even_map_is_its_value():
    for value in (0.3, 1 - 2**-24, 1.0, 0.0):
        maps = torch.full((1, 1, 20, 20), value)
        for size in (64, 256, 300):
            assert (enlarged(maps, (size, size)) == maps[0, 0, 0, 0]).all()


def test_a_plateau_of_any_value_is_a_tie_of_every_pixel_between_its_cells():
    """Four equal cells of 20 × 20, so that weights are no binary fractions: 12.8 px wide each."""
    maps = torch.full((1, 1, 20, 20), 0.1)
    maps[0, 0, 4:6, 7:9] = 0.3
    (found,) = find_peaks(
        maps, pd.DataFrame({"image_index": [0], "class_index": [0]}), 256, are_probabilities=True
    ).itertuples()
    middles = (np.arange(256) + 0.5) * 20 / 256 - 0.5
    between = [np.flatnonzero((first <= middles) & (middles <= first + 1)) for first in (4, 7)]
    assert (found.peak_row, found.peak_column) == (between[0][0], between[1][0])
    assert found.num_ties == len(between[0]) * len(between[1])


@pytest.mark.parametrize("count", [1, 16, 33, 400, 2**15 + 40, 2**17 + 3])
def test_equal_logits_have_equal_probabilities_wherever_they_are(count: int):
    for value in torch.linspace(-9, 12, 40):
        logits = torch.full((count,), float(value))
        found = sigmoid(logits)
        assert (found == found[0]).all()
        assert (logits == value).all()
        torch.testing.assert_close(found, torch.sigmoid(logits))


def test_equal_logits_tie_in_the_last_map_of_a_batch():
    """Five maps of 5 × 5 fill no vector: the last cells are computed apart from the others."""
    logits = torch.full((5, 1, 5, 5), 2.37)
    boxes = pd.DataFrame([(image, 0, 0, 0, 200, 200) for image in range(5)], columns=list(COLUMNS))
    assert localize(logits, boxes, 200)["num_ties"].tolist() == [200 * 200] * 5
