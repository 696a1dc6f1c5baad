"""Area under the ROC curve per class, and its averages."""

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from bench.metrics.localization import MACRO, WEIGHTED


def auroc(
    scores: npt.NDArray[np.floating], labels: npt.NDArray[np.uint8], findings: tuple[str, ...]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Returns AUROC in [0, 1] by name (0.5: chance, 1: perfect order), and the findings that were left out.

    A finding is left out if its labels hold one value only, for which AUROC is undefined: the same for every
    model and seed. ``macro`` is the mean over the rest, ``weighted`` the same weighted by positives (thesis
    §5.4).

    Infinite scores have their place in the order. One that is not a number counts as wrong: of a positive
    below all others, of a negative above them, as a map that is not finite is a miss.

    Args:
        scores: [n, c], higher for positive; any monotone function of the probability, of logits its own.
        labels: [n, c], 0 or 1.
        findings: names of the c classes.
    """
    values: dict[str, float] = {}
    positives: list[int] = []
    for index, name in enumerate(findings):
        truth, score = labels[:, index], scores[:, index]
        if len(np.unique(truth)) == 2:
            values[name] = float(roc_auc_score(truth, _ranks(score, truth)))
            positives.append(int(truth.sum()))
    left_out = tuple(name for name in findings if name not in values)
    if not values:
        return {}, left_out
    means = {
        WEIGHTED: float(np.average(list(values.values()), weights=positives)),
        MACRO: float(np.mean(list(values.values()))),
    }
    return means | values, left_out


def _ranks(score: npt.NDArray[np.floating], truth: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Returns whole numbers in the order of the scores, equal for equal ones; NaN is at the wrong end."""
    order, place = np.unique(score, return_inverse=True)
    return np.where(np.isnan(score), np.where(truth == 1, -1, len(order)), place)
