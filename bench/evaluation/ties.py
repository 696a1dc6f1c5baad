"""Peaks of maps whose maximum several pixels share, by rules that choose another place than the first one."""

from typing import Literal

import torch
from torch import Tensor


def resolved(large: Tensor, maximum: Tensor, rule: Literal["last", "mean"]) -> dict[str, Tensor]:
    """Returns peak_row and peak_column [n] of the rule; −1 for a map of NaN.

    Args:
        large: [n, rows, columns] enlarged maps.
        maximum: [n] of each; NaN of one that is not finite.
        rule: the last of the pixels that share the maximum, in row-major order, or their mean position.
    """
    unit, row, column = (large == maximum[:, None, None]).nonzero(as_tuple=True)  # in row-major order
    counts = torch.bincount(unit, minlength=len(large))
    if rule == "last":
        last = (counts.cumsum(0) - 1).clamp(min=0)
        values = [torch.cat([index, index.new_full((1,), -1)])[last] for index in (row, column)]
    else:
        sums = [torch.bincount(unit, weights=i.double(), minlength=len(large)) for i in (row, column)]
        values = [total / counts for total in sums]
    return dict(
        zip(("peak_row", "peak_column"), (torch.where(counts > 0, v, -1) for v in values), strict=True)
    )
