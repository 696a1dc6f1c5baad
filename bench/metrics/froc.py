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
from bench.metrics.regions import Bools, Floats, Integers
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
        is_unit, is_without = role == _UNIT, role == _WITHOUT
        num_units, num_images = _weights_of((is_unit, is_without), groups, times)
        is_defined = (num_units > 0) & (num_images > 0)
        if not is_defined.any():
            return np.full(len(times), np.nan)
        has_mark = is_unit & (marks[:, 0] > _NO_MARK)
        levels, level = np.unique(marks[has_mark, 0], return_inverse=True)
        false = _false_positives(marks[is_without], levels, groups[is_without], times)
        beyond = false / np.maximum(num_images, _ROUNDING)[:, None]
        shares = np.mean([_share_found(beyond[:, 1::2], beyond[:, ::2], rate) for rate in RATES], axis=0)
        num_found = (times[:, groups[has_mark]] * shares[:, level]).sum(axis=1)
        sensitivity: Floats = np.where(is_defined, num_found / np.maximum(num_units, _ROUNDING), np.nan)
        return sensitivity


def _weights_of(kinds: tuple[Bools, ...], groups: Integers, times: Floats) -> Floats:
    """Returns how many rows of each kind there are where groups are taken `times`, [kinds, m]."""
    counts = [np.bincount(groups[own], minlength=times.shape[1]) for own in kinds]
    weights: Floats = (times @ np.column_stack(counts)).T
    return weights


def _false_positives(marks: Floats, levels: Floats, groups: Integers, times: Floats) -> Floats:
    """Returns how many marks are at least as high as each level, and above it, in turn, [m, 2 levels].

    Args:
        marks: [n, k] of images without the finding.
        levels: ascending.
        groups: [n].
        times: [m, groups].
    """
    image, place = np.nonzero(marks >= levels.min(initial=np.inf))
    found = marks[image, place]
    step = np.searchsorted(levels, found, "left") + np.searchsorted(levels, found, "right") - 1
    shape = times.shape[1], 2 * len(levels)
    cells = np.bincount(groups[image] * shape[1] + step, minlength=shape[0] * shape[1])
    exactly = times @ cells.reshape(shape).astype(np.float64)
    return exactly[:, ::-1].cumsum(axis=1)[:, ::-1]


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


MEASURE = Froc()
