"""GPUs where there are none: NVIDIA's driver library, and the functions below torch.cuda, answer as if."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import pynvml
import pytest
import torch

GIB = 2**30


@dataclass(frozen=True)
class Part:
    """An instance of a divided GPU."""

    name: str
    uuid: str
    place: tuple[int, int]


@dataclass(frozen=True)
class Card:
    """A GPU; `parts` are the instances that MIG divides it into, None if it does not."""

    name: str = "NVIDIA H100 80GB HBM3"
    uuid: str = "GPU-0"
    capability: tuple[int, int] = (9, 0)
    parts: Sequence[Part] | None = None


def pretend_driver(
    patch: pytest.MonkeyPatch, *cards: Card, driver: str = "550.90.07", cuda: int = 12040
) -> None:
    """The driver library (NVML) answers, and has these GPUs; CUDA_VISIBLE_DEVICES is not set."""

    def part_of(card: Card, index: int) -> Part:
        found = list(card.parts)[index : index + 1]
        if not found:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return found[0]

    def mig_mode(card: Card) -> list[int]:
        if card.capability < (8, 0):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return [int(card.parts is not None)] * 2

    answers = {
        "Init": lambda: None,
        "Shutdown": lambda: None,
        "SystemGetDriverVersion": lambda: driver,
        "SystemGetCudaDriverVersion_v2": lambda: cuda,
        "DeviceGetCount": lambda: len(cards),
        "DeviceGetHandleByIndex": lambda index: cards[index],
        "DeviceGetName": lambda one: one.name,
        "DeviceGetUUID": lambda one: one.uuid,
        "DeviceGetCudaComputeCapability": lambda card: card.capability,
        "DeviceGetMigMode": mig_mode,
        "DeviceGetMaxMigDeviceCount": lambda card: 7,
        "DeviceGetMigDeviceHandleByIndex": part_of,
        "DeviceGetGpuInstanceId": lambda part: part.place[0],
        "DeviceGetComputeInstanceId": lambda part: part.place[1],
    }
    for name, answer in answers.items():
        patch.setattr(pynvml, f"nvml{name}", answer)
    patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def break_driver(patch: pytest.MonkeyPatch, number: int) -> None:
    """The driver library is there, and cannot reach a driver for the reason of this number."""

    def fail() -> None:
        raise pynvml.NVMLError(number)

    patch.setattr(pynvml, "nvmlInit", fail)


@dataclass
class PretendedMemory:
    """A GPU's memory as CUDA and torch's allocator have it, bytes; `calls` are what was asked of them."""

    total: int = 80 * GIB
    free: int = 80 * GIB
    allocated: int = 0
    reserved: int = 0
    peak: int = 0
    bound: float = 1.0
    calls: list[str] = field(default_factory=list)

    def set_bound(self, share: float, device: int) -> None:
        self.bound = share

    def reset_peak(self, device: int) -> None:
        self.calls.append("reset peak")
        self.peak = self.allocated

    def statistics(self, device: int) -> dict[str, object]:
        now = {"allocated_bytes": self.allocated, "reserved_bytes": self.reserved}
        return {name: {"all": {"current": value, "peak": self.peak}} for name, value in now.items()}


def pretend_memory(patch: pytest.MonkeyPatch) -> PretendedMemory:
    """torch.cuda is started on one GPU, of which nothing can be asked but its memory and name."""
    memory = PretendedMemory()
    below = {
        "_cuda_getDevice": lambda: 0,
        "_cuda_getDeviceCount": lambda: 1,
        "_cuda_memoryStats": memory.statistics,
        "_cuda_resetPeakMemoryStats": memory.reset_peak,
        "_cuda_emptyCache": lambda: memory.calls.append("empty cache"),
        "_cuda_setMemoryFraction": memory.set_bound,
        "_cuda_getMemoryFraction": lambda device: memory.bound,
    }
    for name, answer in below.items():
        patch.setattr(torch._C, name, answer, raising=False)
    runtime = SimpleNamespace(cudaMemGetInfo=lambda device: (memory.free, memory.total))
    started = {
        "_lazy_init": lambda: None,
        "_initialized": True,
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "cudart": lambda: runtime,
        "synchronize": lambda device=None: None,
        "default_generators": (torch.Generator(),),
        "_get_device_properties": lambda device: SimpleNamespace(name="NVIDIA H100 80GB HBM3"),
    }
    for name, answer in started.items():
        patch.setattr(torch.cuda, name, answer, raising=False)
    return memory


def lose_gpu(patch: pytest.MonkeyPatch) -> None:
    """CUDA is started, and answers each call by an error, as after an illegal access."""

    def fail(device: object = None) -> None:
        raise torch.AcceleratorError(ILLEGAL)

    patch.setattr(torch.cuda, "is_initialized", lambda: True)
    patch.setattr(torch.cuda, "synchronize", fail)


ILLEGAL = (
    "CUDA error: an illegal memory access was encountered\n"
    "CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below "
    "might be incorrect."
)
