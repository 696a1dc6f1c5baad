"""The GPUs of this machine, from NVIDIA's driver (NVML): torch is not imported, and CUDA is not started.

A GPU that is divided (MIG) is used through its instances. CUDA shows a process one of them at most, and no
whole GPU beside it (NVIDIA's MIG User Guide, "CUDA Device Enumeration").
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Gpu:
    """A GPU, or an instance of a divided one.

    Attributes:
        name: the one that torch knows it by; that of an instance ends in its profile, such as MIG 1g.10gb.
        ids: words of CUDA_VISIBLE_DEVICES that mean it, beside its index.
        capability: its compute capability, such as (9, 0).
        instances: of a divided GPU; None of one that is whole, and of an instance.
        is_instance: whether it is one.
    """

    name: str
    ids: tuple[str, ...]
    capability: tuple[int, int]
    instances: "tuple[Gpu, ...] | None" = None
    is_instance: bool = False


@dataclass(frozen=True)
class InstalledGpus:
    """The GPUs of this machine and their driver.

    Attributes:
        gpus: in the driver's order, that of the PCI bus.
        driver: its version, such as 550.90.07; empty where there is none.
        cuda: the newest version of CUDA that it runs, such as (12, 4).
        problem: the error of a driver that is there and does not answer; else empty.
    """

    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    cuda: tuple[int, int] = (0, 0)
    problem: str = ""

    def chosen(self, words: str | None) -> tuple[Gpu, ...]:
        """Returns those that CUDA_VISIBLE_DEVICES lets through, divided ones as a whole.

        As in CUDA, the list ends at the first word that means none, and one that names a GPU twice is empty.
        Indices count in the driver's order, which on machines of different GPUs need not be CUDA's.

        Args:
            words: the variable's; None if it is not set, which lets all through.
        """
        if words is None:
            return self.gpus
        found: list[Gpu] = []
        for word in map(str.strip, words.split(",")):
            gpu = self._named(word)
            if gpu is None:
                break
            if gpu in found:
                return ()
            found.append(gpu)
        return tuple(found)

    def _named(self, word: str) -> Gpu | None:
        if word.isdecimal():
            return self.gpus[int(word)] if int(word) < len(self.gpus) else None
        devices = [one for gpu in self.gpus for one in (gpu, *(gpu.instances or ()))]
        like = [one for one in devices if word and any(own.startswith(word) for own in one.ids)]
        return like[0] if len(like) == 1 else None


def shown(chosen: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """Returns the GPUs or the instance that CUDA shows of the chosen ones."""
    devices = [one for gpu in chosen for one in ((gpu,) if gpu.instances is None else gpu.instances)]
    instances = [one for one in devices if one.is_instance]
    return tuple(instances[:1] or devices)


def visible_words() -> str | None:
    """Returns CUDA_VISIBLE_DEVICES; None if it is not set."""
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def installed_gpus() -> InstalledGpus:
    """Returns the GPUs of this machine; none where there is no driver, or none that answers."""
    try:
        import pynvml
    except ImportError:
        return InstalledGpus()
    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded):
        return InstalledGpus()
    except pynvml.NVMLError as error:
        return InstalledGpus(problem=str(error))
    try:
        return _ask(pynvml)
    except pynvml.NVMLError as error:
        return InstalledGpus(problem=str(error))
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _ask(nvml: Any) -> InstalledGpus:
    handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    version = nvml.nvmlSystemGetCudaDriverVersion_v2()  # 12040 is 12.4
    return InstalledGpus(
        gpus=tuple(_whole(nvml, handle) for handle in handles),
        driver=nvml.nvmlSystemGetDriverVersion(),
        cuda=(version // 1000, version % 1000 // 10),
    )


def _whole(nvml: Any, handle: Any) -> Gpu:
    uuid, capability = nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetCudaComputeCapability(handle)
    is_divided = False
    with suppress(nvml.NVMLError):  # most GPUs cannot be divided
        is_divided = nvml.nvmlDeviceGetMigMode(handle)[0] == nvml.NVML_DEVICE_MIG_ENABLE
    instances = tuple(_instances(nvml, handle, uuid, capability)) if is_divided else None
    return Gpu(nvml.nvmlDeviceGetName(handle), (uuid,), capability, instances)


def _instances(nvml: Any, handle: Any, uuid: str, capability: tuple[int, int]) -> Iterator[Gpu]:
    for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            part = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
        except nvml.NVMLError_NotFound:
            continue
        place = nvml.nvmlDeviceGetGpuInstanceId(part), nvml.nvmlDeviceGetComputeInstanceId(part)
        ids = nvml.nvmlDeviceGetUUID(part), f"MIG-{uuid}/{place[0]}/{place[1]}"
        yield Gpu(nvml.nvmlDeviceGetName(part), ids, capability, is_instance=True)
