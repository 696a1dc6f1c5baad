"""Area under the ROC curve of a finding's logits, over all images of the test part.

``macro`` is the mean over findings, ``weighted`` the same weighted by positives (thesis §5.4). A finding is
left out if its labels hold one value only, for which AUROC is undefined: the same for every model and seed.

Infinite logits have their place in the order. One that is not a number counts as wrong: of a positive below
all others, of a negative above them, as a map that is not finite is a miss.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from bench.metrics.measure import Measure
from bench.metrics.protocol import THESIS, LocalizationProtocol
from bench.metrics.regions import Floats, Integers


class Auroc(Measure):
    """A unit's statistic is (label, place of its logit in the order of all)."""

    columns = ("label", "logit")

    def statistic(self, units: pd.DataFrame, protocol: LocalizationProtocol = THESIS) -> Floats:
        """Returns label and place, [n, 2]; equal logits share a place."""
        label, logit = units["label"].to_numpy(np.float64), units["logit"].to_numpy()
        order, place = np.unique(logit, return_inverse=True)
        wrong = np.where(label == 1, -1, len(order))
        return np.column_stack([label, np.where(np.isnan(logit), wrong, place)])

    def reduce(self, statistics: Floats, weights: Floats) -> Floats:
        """Returns AUROC in [0, 1]; 0.5 is chance."""
        label, place = statistics.T
        areas = np.full(len(weights), np.nan)
        for number, weight in enumerate(weights):
            if len(np.unique(label[weight > 0])) == 2:
                areas[number] = roc_auc_score(label, place, sample_weight=_or_none(weight))
        return areas

    def counts(self, statistics: Floats) -> Floats:
        """Returns the labels: a finding counts by its positives."""
        return statistics[:, 0]

    def notes(self, units: pd.DataFrame, findings: tuple[str, ...]) -> tuple[str, ...]:
        """Returns which findings are left out, and how many logits count as wrong."""
        notes, kinds = [], units.groupby("finding", observed=True)["label"].nunique()
        left_out = [finding for finding in findings if kinds.get(finding, 0) < 2]
        if left_out:
            notes.append(f"AUROC undefined, left out of its means: {', '.join(left_out)}")
        broken = int(np.isnan(units["logit"].to_numpy()).sum())
        if broken:
            notes.append(f"{broken} of {len(units)} logits are not a number and count as wrong in AUROC")
        return tuple(notes)

    def resample(self, statistics: Floats, groups: Integers, times: Floats) -> Floats:
        """Returns AUROC to first order: each unit adds by how far its placement is from the mean.

        A positive's placement is the share of negatives below it, a negative's the share of positives above
        it (ties count half). Their variance over patients is that of DeLong, for units that are clustered
        that of Obuchowski; going through all pairs again for every sample would take minutes.

        Source: E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837–845; N. A.
            Obuchowski, Biometrics 53 (1997) 567–578; X. Sun, W. Xu, IEEE Signal Process. Lett. 21 (2014)
            1389–1393.
        """
        is_positive, place = statistics[:, 0] == 1, statistics[:, 1]
        num = np.array([is_positive.sum(), (~is_positive).sum()])
        if 0 in num:
            return np.full(len(times), np.nan)
        ranks, placement = rankdata(place), np.empty(len(place))
        placement[is_positive] = (ranks[is_positive] - rankdata(place[is_positive])) / num[1]
        placement[~is_positive] = 1 - (ranks[~is_positive] - rankdata(place[~is_positive])) / num[0]
        area, sums = float(placement[is_positive].mean()), []
        for own in (is_positive, ~is_positive):
            sums.append(np.bincount(groups[own], placement[own] - area, times.shape[1]))
            sums.append(np.bincount(groups[own], minlength=times.shape[1]))
        above, num_above, below, num_below = (times @ np.column_stack(sums)).T
        resampled: Floats = area + above / _or_nan(num_above) + below / _or_nan(num_below)
        return resampled


def _or_nan(mass: Floats) -> Floats:
    return np.where(mass > 0, mass, np.nan)


def _or_none(weight: Floats) -> npt.NDArray[np.float64] | None:
    return None if (weight == 1).all() else weight


MEASURE = Auroc()
