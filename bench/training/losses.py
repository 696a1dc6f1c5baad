"""The training loss of every step of a trial: gathered on the device, so that no step waits for a number."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from bench.results.units import LOSS_COLUMNS

Losses = npt.NDArray[np.float32]


class LossLog:
    """Losses of finished epochs, and of the running one so far.

    Args:
        sizes: images of each step of an epoch; all epochs have the same.
        device: where the losses of the running epoch are.
    """

    def __init__(self, sizes: Sequence[int], device: torch.device) -> None:
        self.sizes = np.asarray(sizes, dtype=np.int32)
        self.num_steps = 0
        """Steps of the running epoch that are done."""
        self._finished: list[Losses] = []
        self._running = torch.zeros(len(sizes), device=device)

    def add(self, loss: Tensor) -> None:
        """Takes in the loss of the next step, a scalar on the device; does not wait for it."""
        self._running[self.num_steps] = loss
        self.num_steps += 1

    def running(self, first: int = 0) -> Losses:
        """Returns the running epoch's losses from step `first` (counted from 0) on; waits for the device."""
        losses: Losses = self._running[first : self.num_steps].cpu().numpy().copy()
        return losses

    def mean(self) -> float:
        """Returns the mean over images of the running epoch's losses: summed in order, in float64."""
        sizes = self.sizes[: self.num_steps]
        return float(np.cumsum(self.running().astype(np.float64) * sizes)[-1]) / int(sizes.sum())

    def end_epoch(self) -> None:
        """Begins the next epoch."""
        self._finished.append(self.running())
        self.num_steps = 0

    def to_tensor(self) -> Tensor:
        """Returns all losses, float32 [steps of all epochs so far]."""
        return torch.from_numpy(np.concatenate([*self._finished, self.running()]))

    def restore(self, losses: Tensor, num_steps: int) -> None:
        """Goes back to what `to_tensor` returned, when `num_steps` steps of the running epoch were done."""
        finished, running = losses[: len(losses) - num_steps], losses[len(losses) - num_steps :]
        self._finished = [epoch.numpy() for epoch in torch.split(finished, len(self.sizes)) if len(epoch)]
        self._running[:num_steps] = running.to(self._running.device)
        self.num_steps = num_steps

    def table(self) -> pd.DataFrame:
        """Returns one row per step so far; columns `LOSS_COLUMNS`."""
        losses = self.to_tensor().numpy()
        epoch, step = np.divmod(np.arange(len(losses)), len(self.sizes))
        columns = (epoch + 1, step + 1, self.sizes[step], losses)
        table = pd.DataFrame(dict(zip(LOSS_COLUMNS, columns, strict=True)))
        return table.astype({"epoch": "int32", "step": "int32"})
