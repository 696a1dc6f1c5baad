"""Peaks of maps whose maximum several pixels share, by every rule but the thesis' own (the first one)."""

import numpy as np
import torch
from torch import Tensor

from bench.metrics.protocol import Ties
from bench.metrics.targets import Targets


def resolved(large: Tensor, maximum: Tensor, rule: Ties, aims: Targets, first_unit: int) -> dict[str, Tensor]:
    """Returns what the rule makes of the pixels that share their map's maximum.

    Of last and mean the columns peak_row and peak_column [n], −1 for a map of NaN. Of any the column hit [n],
    bool: whether one of those pixels hits a box; of fraction the same, float64: the share of them that do. A
    map of NaN hits nothing.

    Args:
        large: [n, rows, columns] enlarged maps.
        maximum: [n] of each; NaN of one that is not finite.
        rule: any but first.
        aims: of all units.
        first_unit: the one that the first map is of; the others follow.
    """
    unit, row, column = (large == maximum[:, None, None]).nonzero(as_tuple=True)  # in row-major order
    counts = torch.bincount(unit, minlength=len(large))
    if rule in ("any", "fraction"):
        units, rows, columns = ((index.cpu().numpy()) for index in (unit + first_unit, row, column))
        hits = torch.from_numpy(aims.hit(units, rows, columns).astype(np.float64)).to(large.device)
        num_hits = torch.bincount(unit, weights=hits, minlength=len(large))
        return {"hit": num_hits > 0 if rule == "any" else num_hits / counts.clamp(min=1)}
    if rule == "last":
        last = (counts.cumsum(0) - 1).clamp(min=0)
        values = [torch.cat([index, index.new_full((1,), -1)])[last] for index in (row, column)]
    else:
        sums = [torch.bincount(unit, weights=i.double(), minlength=len(large)) for i in (row, column)]
        values = [total / counts for total in sums]
    return dict(
        zip(("peak_row", "peak_column"), (torch.where(counts > 0, v, -1) for v in values), strict=True)
    )
