"""Local maxima: by hand, by looking at each cell, and on a GPU's arrays as on numpy's; where they lie."""

import numpy as np
import pytest
import torch

from bench.evaluation.kept_maxima import highest_maxima
from bench.metrics.maxima import local_maxima, middles
from bench.models.bilinear import resize
from bench.results.units import NUM_MAXIMA


def looked_at(cells: np.ndarray) -> set[tuple[int, int]]:
    """Returns the maxima of [h, w] by going through each cell and its neighbours."""
    found = set()
    height, width = cells.shape
    for row in range(height):
        for column in range(width):
            around = [
                (r, c)
                for r in range(max(row - 1, 0), min(row + 2, height))
                for c in range(max(column - 1, 0), min(column + 2, width))
                if (r, c) != (row, column)
            ]
            own = cells[row, column]
            is_highest = all(
                own > cells[place] if place < (row, column) else own >= cells[place] for place in around
            )
            if is_highest and own > cells.min():
                found.add((row, column))
    return found


def places(found: np.ndarray) -> set[tuple[int, int]]:
    return set(map(tuple, np.argwhere(found).tolist()))


def maps(random: np.random.Generator, *, has_ties: bool) -> np.ndarray:
    drawn = random.normal(size=(6, *random.integers(1, 12, 2)))
    return (drawn.round() if has_ties else drawn).astype(np.float32)


@pytest.mark.parametrize("has_ties", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_maxima_are_those_that_looking_at_each_cell_finds(seed, has_ties):
    drawn = maps(np.random.default_rng(seed), has_ties=has_ties)
    for cells, found in zip(drawn, local_maxima(drawn), strict=True):
        assert places(found) == looked_at(cells)


@pytest.mark.parametrize("seed", range(10))
def test_the_highest_are_kept_with_their_logits_and_the_number_of_all(seed):
    drawn = maps(np.random.default_rng(seed), has_ties=False)
    found = highest_maxima(torch.from_numpy(drawn))
    for cells, logits, numbers, count in zip(drawn, *(part.numpy() for part in found), strict=True):
        own = looked_at(cells)
        assert count == len(own)
        expected = sorted((-float(cells[place]), place) for place in own)[:NUM_MAXIMA]
        kept = logits[np.isfinite(logits)]
        assert kept.tolist() == pytest.approx([-value for value, _ in expected], abs=2e-3)
        kept_places = list(zip(*np.divmod(numbers[: len(kept)], cells.shape[1]), strict=True))
        assert kept_places == [place for _, place in expected]


def test_of_equal_neighbours_the_first_is_the_maximum():
    cells = np.zeros((1, 5, 5), np.float32)
    cells[0, 1:3, 2:4] = 1
    assert places(local_maxima(cells)[0]) == {(1, 2)}


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (4, 4)])
def test_a_constant_map_has_no_maximum(shape):
    assert not local_maxima(np.full((2, *shape), 3, np.float32)).any()
    assert highest_maxima(torch.full((2, *shape), 3.0)).counts.tolist() == [0, 0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_map_that_is_not_finite_has_no_maxima_and_says_so(bad):
    drawn = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0))
    expected = highest_maxima(drawn)
    broken = drawn.clone()
    broken[1, 2, 2] = bad
    found = highest_maxima(broken)
    assert found.counts[1] == -1
    assert found.logits[1].isneginf().all()
    for part, own in zip(found, expected, strict=True):
        assert torch.equal(part[[0, 2]], own[[0, 2]])


def test_logits_beyond_float16_are_kept_at_its_ends():
    cells = torch.full((1, 3, 5), -3e5)
    cells[0, 1, 1], cells[0, 1, 3] = 1e5, -1e5
    found = highest_maxima(cells)
    assert found.logits[0, :3].tolist() == [65504, -65504, -np.inf]


def test_saturated_maps_keep_the_maxima_that_probabilities_lose():
    logits = torch.tensor([[[0.0, 20, 30, 20, 40, 20]]])
    assert len(torch.sigmoid(logits).unique()) == 2
    assert highest_maxima(logits).logits[0, :3].tolist() == [40, 30, -np.inf]


@pytest.mark.parametrize("align_corners", [False, True])
def test_an_enlarged_map_is_highest_at_the_middle_of_the_cell(align_corners):
    """A grid of odd factor has a pixel right there."""
    side = 5 * 4 + 1 if align_corners else 5 * 5
    at = middles(5, side, align_corners=align_corners)
    for row in range(5):
        cells = torch.zeros(1, 1, 5, 5)
        cells[0, 0, row, 2] = 1
        large = resize(cells, (side, side), align_corners=align_corners)[0, 0]
        assert large[int(at[row]), int(at[2])] == 1
        assert at[row] == int(at[row])


def test_one_cell_lies_in_the_middle_of_all_pixels():
    assert middles(1, 8).tolist() == [3.5]
    assert middles(1, 8, align_corners=True).tolist() == [0]
