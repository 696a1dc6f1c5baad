"""Localization accuracy, from per-unit hits.

A unit is an (image, finding) that has a box; it is hit if the heatmap's peak lies in any of the unit's boxes.
Hits by overlap (see `bench.metrics.overlap`) are averaged in the same way.
Accuracy of a finding: mean over its units. Weighted average: mean over all units. Macro average: mean of the
findings' accuracies (thesis §5.4).
"""

import pandas as pd

WEIGHTED = "weighted"
MACRO = "macro"


def point_accuracy(units: pd.DataFrame, findings: tuple[str, ...]) -> dict[str, float]:
    """Returns accuracies in [0, 1]: ``weighted``, ``macro``, then each of `findings` that has units.

    Args:
        units: columns finding (text) and hit (bool), one row per unit. No units at all give an empty result.
        findings: the order of the result.

    Raises:
        ValueError: a unit is of a finding that is not in `findings`.
    """
    if units.empty:
        return {}
    unknown = set(units["finding"]) - set(findings)
    if unknown:
        raise ValueError(f"units of unknown findings: {sorted(unknown)}")
    by_finding = units.groupby("finding", observed=True)["hit"].mean()
    per_finding = {name: float(by_finding[name]) for name in findings if name in by_finding.index}
    macro = sum(per_finding.values()) / len(per_finding)
    return {WEIGHTED: float(units["hit"].mean()), MACRO: macro, **per_finding}
