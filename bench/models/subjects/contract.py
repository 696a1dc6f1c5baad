"""Bench's images converted to those that a subject was trained on, and a record of what it was given."""

import math
from functools import lru_cache

import torch
from torch import Tensor, nn

from bench.models import torchvision_compat  # noqa: F401 - before torchvision is imported
from bench.suite.subject import InputContract, InputSeen

_FAR = 20.0
"""Normalised values beyond it do not come from mean and std of the images: those have a few units at most."""
_NEAR = 0.5
"""The spread of normalised black to white below which mean and std are those of a wider range."""


class Contract(nn.Module):
    """Gray images in [0, 1] to the images of a contract.

    Args:
        contract: as the suite states it.
    """

    def __init__(self, contract: InputContract) -> None:
        super().__init__()
        self.contract = contract
        for name, values, nothing in (("mean", contract.mean, 0.0), ("std", contract.std, 1.0)):
            tensor = torch.tensor(values or (nothing,), dtype=torch.float32)[:, None, None]
            self.register_buffer(name, tensor, persistent=False)
        self.register_buffer("ends", torch.tensor([math.inf, -math.inf] * 2), persistent=False)

    mean: Tensor
    std: Tensor
    ends: Tensor
    """Least and greatest value so far, in the contract's range and normalised."""

    def forward(self, images: Tensor) -> Tensor:
        """Returns float32 [n, channels, size, size] of `images` float32 [n, 1, S, S] in [0, 1]."""
        low, high = self.contract.range
        spread = resized(images, self.contract.size or images.shape[-1]) * (high - low) + low
        given = (spread.expand(-1, self.contract.channels, -1, -1) - self.mean) / self.std
        with torch.no_grad():
            found = torch.stack([spread.amin(), spread.amax(), given.amin(), given.amax()])
            least, greatest = torch.minimum(self.ends, found), torch.maximum(self.ends, found)
            self.ends = torch.where(torch.arange(4, device=found.device) % 2 == 0, least, greatest)
        return given

    def seen(self) -> InputSeen:
        """Returns what was given so far: at least one image."""
        low, high, normalised_low, normalised_high = (float(f"{end:.6g}") for end in self.ends.tolist())
        return InputSeen(in_range=(low, high), normalised=(normalised_low, normalised_high))


def resized(images: Tensor, size_px: int) -> Tensor:
    """Returns images [n, c, size_px, size_px] of square ones: bilinear, with antialiasing where they shrink.

    By two products of matrices, so that gradients are deterministic on a GPU, too.
    """
    side = images.shape[-1]
    if side == size_px:
        return images
    weights = _resizing(side, size_px).to(images.device)
    return weights @ images @ weights.T


@lru_cache
def _resizing(side: int, size_px: int) -> Tensor:
    """Returns [size_px, side]: how much of each old row a new one is."""
    from torchvision.transforms.v2.functional import resize  # takes a second

    found: Tensor = resize(torch.eye(side)[None], [size_px, side], antialias=True)
    return found[0]


def doubts(contract: InputContract, seen: InputSeen) -> tuple[str, ...]:
    """Returns sentences on values that the contract, or a usual normalisation, does not explain."""
    found = []
    (low, high), (is_low, is_high) = contract.range, seen.in_range
    margin = 1e-3 * (high - low)
    if is_low < low - margin or is_high > high + margin:
        found.append(f"values of {is_low:g} to {is_high:g} are outside of the declared {low:g} to {high:g}")
    if is_high - is_low < 0.1 * (high - low):
        found.append(f"values of {is_low:g} to {is_high:g} are a tenth at most of {low:g} to {high:g}")
    if contract.mean or contract.std:
        least, greatest = seen.normalised
        means = contract.mean or (0.0,)
        if max(abs(least), abs(greatest)) > _FAR or greatest - least < _NEAR:
            found.append(
                f"normalised values are {least:g} to {greatest:g}: mean and std look as if they were of "
                "images in another range"
            )
        elif not all(low <= mean <= high for mean in means):
            found.append(f"the mean lies outside of the range {low:g} to {high:g}")
    return tuple(found)


_TIMES = 10.0
"""A variance so many times larger or smaller than in training does not come from other patients."""


@torch.no_grad()
def doubt_of_first_norm(model: nn.Module, images: Tensor) -> tuple[str, ...]:
    """Returns a sentence if the first batch norm is given another variance than it was trained on.

    Its statistics are those of the training images, whatever the suite says of them: the only witness to a
    normalisation that was left out. Nothing is said of a network without one, or of one that never trained.

    Args:
        model: in evaluation mode.
        images: some, as the model takes them.
    """
    norm = next((module for module in model.modules() if isinstance(module, nn.BatchNorm2d)), None)
    if norm is None or norm.running_var is None or bool((norm.running_var == 1).all()):
        return ()
    inputs: list[Tensor] = []
    hook = norm.register_forward_pre_hook(lambda _module, given: inputs.append(given[0].float()))
    try:
        model(images)
    finally:
        hook.remove()
    times = float((inputs[0].var(dim=(0, 2, 3)) / norm.running_var.clamp(min=1e-12)).median())
    if 1 / _TIMES <= times <= _TIMES:
        return ()
    return (f"its first batch norm is given {times:.2g} times the variance that it was trained on",)
