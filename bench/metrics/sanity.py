"""Sanity checks of maps: what each makes of maps and probabilities that a model was asked for again.

`bench.evaluation.sanity` asks the model; here is the arithmetic, on arrays. A check is a number of each unit,
a column of the name of its metric, and the metric is its mean. What is not finite gets the worst value.

Source: cascading randomisation: Adebayo 2018, Sanity checks for saliency maps, §3.1 and 4, by Spearman's rank
correlation. Deletion and insertion: Petsiuk 2018, RISE, §4.3. ROAD: Rong 2022, A consistent and efficient
evaluation strategy for attribution methods. Repeatability over seeds: Arun 2021, Assessing the
trustworthiness of saliency maps for localizing abnormalities in medical imaging. docs/protocol.md says where
we deviate.
"""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from bench.metrics.measure import ColumnMean
from bench.metrics.regions import Floats, Integers

SHIFT_PX = 32
"""One cell of the coarsest maps, and a whole number of cells of others, px of the input."""

TOLERANCE_PX = SHIFT_PX / 2
"""How far a peak may be from where it belongs after a shift, px."""

SHIFTS: tuple[tuple[int, int], ...] = ((-SHIFT_PX, 0), (SHIFT_PX, 0), (0, -SHIFT_PX), (0, SHIFT_PX))
"""Rows and columns that an image is moved by, px."""

STEPS: tuple[float, ...] = tuple(step / 10 for step in range(11))
"""Shares of an image's pixels that are deleted, or inserted."""

ROAD_SHARES: tuple[float, ...] = (0.1, 0.2, 0.3)
"""Shares that are imputed."""


SanityControl = Literal["random", "centre"]
SANITY_CONTROLS: tuple[SanityControl, ...] = get_args(SanityControl)
"""Maps that know neither the model nor the image: drawn anew each time, and of the image's middle."""


def control_column(name: str, control: SanityControl) -> str:
    """Returns the column of what a control scores by a check, beside that of the native map."""
    return f"{name}_{control}"


class SanityCheck(ColumnMean):
    """The mean over units of a check, whose column has the name of its metric."""

    is_hit = False

    def __init__(self, column: str) -> None:
        self.columns = (column,)


RANDOMISATION = SanityCheck("randomisation")
COUNTER_LABEL = SanityCheck("counter_label")
SHIFT = SanityCheck("shift")
DELETION = SanityCheck("deletion")
INSERTION = SanityCheck("insertion")
ROAD = SanityCheck("road")


def rank_correlations(maps: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> Floats:
    """Returns Spearman's rank correlation of n pairs of maps [n, h, w], [n] in [−1, 1]; ties share a rank.

    1 of two maps of one value each, 0 of one such map and another; NaN where a map is not finite.
    """
    pair = [each.reshape(len(each), -1).astype(np.float64) for each in (maps, others)]
    finite: npt.NDArray[np.bool_] = np.isfinite(np.concatenate(pair, axis=1)).min(axis=1, keepdims=True)
    ranks = [rankdata(np.where(finite, each, 0), axis=1) for each in pair]
    centred = [each - each.mean(axis=1, keepdims=True) for each in ranks]
    norms = [np.sqrt(np.square(each).sum(axis=1)) for each in centred]
    product, dots = norms[0] * norms[1], (centred[0] * centred[1]).sum(axis=1)
    found = np.where(product > 0, dots / np.where(product > 0, product, 1), 0.0)
    found = np.where((norms[0] == 0) & (norms[1] == 0), 1.0, np.clip(found, -1, 1))
    return np.where(finite[:, 0], found, np.nan)


def followed(peaks: Floats, moved: Floats, size_px: int) -> Floats:
    """Returns the share of shifts after which the peak is within `TOLERANCE_PX` of where it belongs, [n].

    Left out are shifts that move the peak out of the image; of a unit of an image of 64 px or more at least
    two are left.

    Args:
        peaks: [n, 2] row and column of the peak in the image as it is; −1 of a map without one.
        moved: [n, shifts, 2] the same in the image moved by each of `SHIFTS`.
        size_px: side of the image, px.
    """
    belongs = peaks[:, None, :] + np.array(SHIFTS)
    is_inside = ((belongs >= 0) & (belongs <= size_px - 1)).all(axis=2)
    is_near = np.hypot(*np.moveaxis(moved - belongs, 2, 0)) <= TOLERANCE_PX
    has_peak = np.all(peaks >= 0, axis=1)[:, np.newaxis] & np.all(moved >= 0, axis=2)
    num_inside = is_inside.sum(axis=1)
    found: Floats = (is_inside & is_near & has_peak).sum(axis=1) / np.maximum(num_inside, 1)
    return found


def removal_order(values: npt.NDArray[np.float32], generator: np.random.Generator) -> Integers:
    """Returns the place of each pixel of a map [rows, columns] from the highest down, 0 first.

    Pixels of one value, of which a map that is cut at 0 has many, come in a random order.
    """
    flat = values.reshape(-1)
    order = np.lexsort((generator.permutation(len(flat)), -flat))
    places = np.empty(len(flat), np.int64)
    places[order] = np.arange(len(flat))
    return places.reshape(values.shape)


def area_below(curves: Floats) -> Floats:
    """Returns the area below curves [n, steps] over `STEPS`, by the trapezoid rule: [n] in their range."""
    area: Floats = (curves[:, 1:] + curves[:, :-1]).mean(axis=1) / 2
    return area
