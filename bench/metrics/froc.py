"""FROC: how many findings are found at so many false positives per image, by the local maxima of heatmaps.

A map's marks are its highest local maxima, at most `bench.results.units.NUM_MAXIMA`
(`bench.metrics.maxima`); their scores are logits. Per finding:
- a unit, which has a box or mask, is found by its highest mark in the region, by the thesis' protocol.
  Further marks there do not count, nor do marks outside of the region: annotations need not be complete,
  and images with a finding are few (CAMELYON16 and MONAI count marks outside, too);
- every mark in an image whose label lacks the finding is a false positive;
- an image that has the label, but no box or mask, is left out: nobody knows where the finding is.

The sensitivity at r false positives per image is the share of units whose mark is exceeded by no more than
r false positives per image without the finding; where some tie with it, the unit is found in part, as the
curve is drawn straight between its points. The number is the mean over r = 1/8, 1/4, 1/2, 1, 2, 4, 8. Of
the averages over findings, weighted is by units. A finding without units, or without images that lack it,
has none.

A map that is not finite is worst: in a unit it finds nothing, elsewhere all of its marks are above all
others. A map that is constant has no mark.

Source: P. C. Bunch et al., Proc. SPIE 127 (1977) 124–135, for the free-response curve; A. A. A. Setio et
    al., Med. Image Anal. 42 (2017) 1–13 (LUNA16), for the seven rates and their mean.
"""

import numpy as np
import pandas as pd

from bench.metrics.measure import Measure
from bench.metrics.protocol import THESIS, LocalizationProtocol
from bench.metrics.regions import Floats, Integers
from bench.results.units import MAXIMUM_LOGITS

RATES = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)
"""False positives per image without the finding."""

_UNIT, _WITHOUT, _LEFT_OUT = 1.0, 0.0, -1.0

_NO_MARK, _ABOVE_ALL = -1e6, 1e6
"""Beyond all logits, which are float16."""

_ROUNDING = 1e-9


class Froc(Measure):
    """A row's statistic is its role (a unit, without the finding, left out), then the logits of its marks.

    Of a unit there is one mark at most: the highest in the region.
    """

    columns = ("label", "boxed", "finite", "inside", *MAXIMUM_LOGITS)

    def statistic(self, units: pd.DataFrame, protocol: LocalizationProtocol = THESIS) -> Floats:
        """Returns role and marks, [n, 1 + NUM_MAXIMA]."""
        marks = np.nan_to_num(units[list(MAXIMUM_LOGITS)].to_numpy(np.float64), nan=_NO_MARK)
        marks[~units["finite"].to_numpy(bool)] = _ABOVE_ALL
        is_unit, is_labelled = units["boxed"].to_numpy(bool), units["label"].to_numpy() == 1
        marks[is_unit | is_labelled] = _NO_MARK
        inside = units["inside"].to_numpy(np.float64)
        marks[is_unit, 0] = np.nan_to_num(inside[is_unit], nan=_NO_MARK)
        role = np.where(is_unit, _UNIT, np.where(is_labelled, _LEFT_OUT, _WITHOUT))
        return np.column_stack([role, marks])

    def reduce(self, statistics: Floats, weights: Floats) -> Floats:
        """Returns the mean sensitivity in [0, 1]."""
        return self.resample(statistics, np.arange(len(statistics)), weights)

    def counts(self, statistics: Floats) -> Floats:
        """Returns which rows are units: a finding counts by these."""
        return np.asarray(statistics[:, 0] == _UNIT, np.float64)

    def notes(self, units: pd.DataFrame, findings: tuple[str, ...]) -> tuple[str, ...]:
        """Returns how many images are left out, and how many maps count as the worst."""
        notes, is_left_out = [], (units["label"] == 1) & ~units["boxed"]
        of_boxed = units["finding"].isin(units.loc[units["boxed"], "finding"].unique())
        left_out, broken = int((is_left_out & of_boxed).sum()), int((~units["finite"]).sum())
        if left_out:
            notes.append(f"{left_out} findings of images without a box of them are left out of FROC")
        if broken:
            notes.append(f"{broken} of {len(units)} maps are not finite and count as the worst in FROC")
        return tuple(notes)

    def resample(self, statistics: Floats, groups: Integers, times: Floats) -> Floats:
        """See `Measure`; it is exact: false positives matter by how many exceed each of the units' marks."""
        role, marks = statistics[:, 0], statistics[:, 1:]
        num_groups, is_unit, is_without = times.shape[1], role == _UNIT, role == _WITHOUT
        own = marks[is_unit, 0]
        levels, level = np.unique(own[own > _NO_MARK], return_inverse=True)
        found = _table(groups[is_unit][own > _NO_MARK], level, (num_groups, len(levels)))
        row, column = np.nonzero(marks[is_without] > _NO_MARK)
        false = marks[is_without][row, column]
        place = np.searchsorted(levels, false, "left") + np.searchsorted(levels, false, "right")
        falses = _table(groups[is_without][row], place, (num_groups, 2 * len(levels) + 1))
        num_units, num_images = (
            times @ np.bincount(groups[one], minlength=num_groups) for one in (is_unit, is_without)
        )
        per_image = (times @ falses) / np.maximum(num_images, _ROUNDING)[:, None]
        beyond = per_image[:, :0:-1].cumsum(axis=1)[:, ::-1]  # of each level at least, then above
        shares = [_share_found(beyond[:, 1::2], beyond[:, ::2], rate) for rate in RATES]
        num_found = ((times @ found) * np.mean(shares, axis=0)).sum(axis=1)
        is_defined = (num_units > 0) & (num_images > 0)
        sensitivity: Floats = np.where(is_defined, num_found / np.maximum(num_units, _ROUNDING), np.nan)
        return sensitivity


def _share_found(above: Floats, at_least: Floats, rate: float) -> Floats:
    """Returns whether units are found at a rate of false positives, and of ties the share, in [0, 1].

    Args:
        above: false positives per image that exceed the unit's mark.
        at_least: those that tie with it, too.
        rate: that is allowed.
    """
    tied, room = at_least - above, rate * (1 + _ROUNDING) - above
    share: Floats = np.where(tied > 0, np.clip(room / np.where(tied > 0, tied, 1), 0, 1), room >= 0)
    return share


def _table(rows: Integers, columns: Integers, shape: tuple[int, int]) -> Floats:
    """Returns how often each row and column is there, of `shape`."""
    cells = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1])
    return cells.reshape(shape).astype(np.float64)


MEASURE = Froc()
