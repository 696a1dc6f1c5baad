"""From a class heatmap to a class logit: global poolings, exact and with finite gradients for every input.

All take heatmap logits float [n, c, h, w] and return class logits [n, c] in the same precision.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

POSITIONS = (-2, -1)

MIL_FLOOR = 0.98
"""Each factor 1 − pᵢ of multi-instance pooling is rescaled into [this, 1], so that a product of many does not
vanish (Li et al. 2018)."""


def global_max_pool(heatmaps: Tensor) -> Tensor:
    """Returns the maximum of each map (Oquab et al. 2015)."""
    return torch.amax(heatmaps, dim=POSITIONS)


def global_average_pool(heatmaps: Tensor) -> Tensor:
    """Returns the mean of each map (Zhou et al. 2016)."""
    return heatmaps.mean(dim=POSITIONS)


def log_sum_exp_pool(heatmaps: Tensor, sharpness: float | Tensor) -> Tensor:
    """Returns log(mean(exp(r·x)))/r of each map: between its mean (r → 0) and its maximum (r → ∞).

    Args:
        heatmaps: float [n, c, h, w]; nothing overflows for finite r·x.
        sharpness: r > 0.

    Source: Pinheiro and Collobert 2015; Wang et al. 2017.
    """
    num_positions = heatmaps.shape[-2] * heatmaps.shape[-1]
    return (torch.logsumexp(sharpness * heatmaps, dim=POSITIONS) - math.log(num_positions)) / sharpness


def multi_instance_pool(heatmaps: Tensor) -> Tensor:
    """Returns the logit of the bag probability p = 1 − Π(1 − 0.02·pᵢ), pᵢ the sigmoid of position i.

    With tᵢ = −log(1 − 0.02·pᵢ) and t their sum, the logit of p is log(eᵗ − 1). Everything is kept as a
    logarithm: log tᵢ is the log-sigmoid of the logit plus a correction that is a short series, log t their
    log-sum-exp, and log(eᵗ − 1) is log t plus a second correction. The direct form gives −inf, then NaN, in
    float32 as soon as every logit is below about −12.9; here a logit of −200 costs no precision.

    Source: Li et al. 2018, thesis §5.2 (rescaling; code); the form in logarithms is ours.
    """
    share = 1 - MIL_FLOOR
    log_terms = math.log(share) + F.logsigmoid(heatmaps) + _log1p_correction(share * torch.sigmoid(heatmaps))
    log_total = torch.logsumexp(log_terms, dim=POSITIONS)
    return log_total + _expm1_correction(log_total.exp())


def _log1p_correction(x: Tensor) -> Tensor:
    """Returns log(−log(1 − x)/x) for x in [0, 0.02]: its Taylor series, off by less than 1e-9 there."""
    return x * (1 / 2 + x * (5 / 24 + x * (1 / 8 + x * (251 / 2880))))


def _expm1_correction(t: Tensor) -> Tensor:
    """Returns log((eᵗ − 1)/t) for t ≥ 0: a series near 0, where the quotient and its gradient lose digits."""
    is_small = t < 0.1
    near = torch.where(is_small, t, 0.0)
    far = torch.where(is_small, 1.0, t)
    square = near * near
    series = near / 2 + square / 24 * (1 - square / 120 * (1 - square / 63))
    return torch.where(is_small, series, far + torch.log(-torch.expm1(-far)) - torch.log(far))
