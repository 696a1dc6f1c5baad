"""Which units a gallery shows, by rules that need no eye: what is typical, and what is worst."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Flags = npt.NDArray[np.bool_]

TYPICAL = (
    "Of each finding, units are sorted by how many of the models hit them, then by the name of the image; "
    "shown is the one in the middle, or the middle of each of several equal parts."
)
WORST = "The misses of {best}, the best model by weighted average here, that it is most sure of."


def typical_units(units: pd.DataFrame, hits: Flags, count: int) -> list[int]:
    """Returns rows of `units`, by finding: of each one the middle by how many models hit it.

    Of several, a finding's units are cut into as many equal parts, and each part gives its middle; of an even
    number the lower one. A finding with fewer units gives all of them.

    Args:
        units: columns image and finding, a row for each unit.
        hits: [units, models].
        count: how many of each finding, at least 1.
    """
    table = pd.DataFrame(
        {"image": units["image"].to_numpy(), "finding": units["finding"].to_numpy(), "hits": hits.sum(axis=1)}
    )
    chosen: list[int] = []
    for _, own in table.groupby("finding"):
        rows = own.sort_values(["hits", "image"], kind="stable").index.to_list()
        num = min(count, len(rows))
        chosen += [rows[((2 * part + 1) * len(rows) - 1) // (2 * num)] for part in range(num)]
    return chosen


def best_model(hits: Flags) -> int:
    """Returns the index of the model that hits most of the units [units, models]; the first of equals."""
    return int(hits.sum(axis=0).argmax())


def worst_units(units: pd.DataFrame, hits: Flags, scores: Sequence[float], count: int) -> list[int]:
    """Returns rows of the units that a model misses with the highest scores, the highest first.

    Equal scores go by the names of image and finding. Maps that are not finite have no score, and are left
    out.

    Args:
        units: columns image and finding.
        hits: [units], of the model.
        scores: [units], its highest probabilities.
        count: how many at most.
    """
    table = units[["image", "finding"]].reset_index(drop=True).assign(score=np.asarray(scores, float))
    missed = table[~hits & table["score"].notna()]
    order = missed.sort_values(["score", "image", "finding"], ascending=[False, True, True])
    return order.index.to_list()[:count]
