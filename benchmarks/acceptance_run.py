"""Where an acceptance runs, how large, and until when: what its sections share."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from acceptance_report import Report
from training import Case

from bench.training.session import Session


@dataclass(frozen=True)
class Run:
    """One acceptance.

    Attributes:
        device: what is accepted.
        is_tiny: a rehearsal: smallest networks and images, few steps; goals are not asked for.
        report: receives what is found.
        budget_s: time after which nothing more begins.
    """

    device: torch.device
    is_tiny: bool
    report: Report
    budget_s: float

    @property
    def is_cuda(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.type == "cuda"

    @property
    def has_time(self) -> bool:
        """Whether something more may begin."""
        return self.report.elapsed_s < self.budget_s

    @cached_property
    def case(self) -> Case:
        """The case of the goals: PYLON on ResNet-50, 256 px, batches of 64."""
        return self.sized(256, 64)

    def sized(self, size_px: int, batch_size: int, **more: object) -> Case:
        """Returns a case, or a tiny one in its place."""
        if self.is_tiny:
            return Case(64, 8, "tu-test_resnet", **more)  # type: ignore[arg-type]
        return Case(size_px, batch_size, **more)  # type: ignore[arg-type]

    def few(self, many: int, tiny: int) -> int:
        """Returns how often to do something."""
        return tiny if self.is_tiny else many

    def session(self, case: Case, num_images: int) -> Session:
        """Returns a training that has not begun, on so many images."""
        return Session(case.network(self.device), case.data(num_images, 16), case.trial, self.device)

    def wait(self) -> None:
        """Waits until the device is done."""
        if self.is_cuda:
            torch.cuda.synchronize(self.device)

    def clean(self) -> None:
        """Gives back what finished work has left on the device."""
        gc.collect()
        torch.compiler.reset()
        if self.is_cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)


Section = Callable[[Run], None]
