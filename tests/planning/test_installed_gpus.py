"""Which GPUs the driver has, and which of them CUDA shows to this process."""

import pynvml
import pytest
from pretended_gpu import Card, Part, break_driver, pretend_driver

from bench.planning.installed_gpus import installed_gpus, shown
from bench.planning.machine import this_machine

SMALL = Part("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "MIG-aaa", (7, 0))
LARGE = Part("NVIDIA A100-SXM4-40GB MIG 3g.20gb", "MIG-bbb", (1, 0))
DIVIDED = Card("NVIDIA A100-SXM4-40GB", "GPU-111", (8, 0), (SMALL, LARGE))
WHOLE = Card("NVIDIA H100 80GB HBM3", "GPU-222", (9, 0))
OLD = Card("Tesla V100-SXM2-16GB", "GPU-233", (7, 0))


def names(words: str | None) -> list[str]:
    return [gpu.name for gpu in shown(installed_gpus().chosen(words))]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (None, [WHOLE, OLD]),
        ("0,1", [WHOLE, OLD]),
        ("1, 0", [OLD, WHOLE]),
        ("1", [OLD]),
        ("GPU-233,GPU-222", [OLD, WHOLE]),
        ("GPU-22", [WHOLE]),
        ("GPU-2", []),  # it may be either
        ("0,7,1", [WHOLE]),  # CUDA reads no further
        ("0,0", []),
        ("0,GPU-222", []),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
    ],
)
def test_words_of_cuda_visible_devices_choose_gpus_in_their_order(monkeypatch, words, expected):
    pretend_driver(monkeypatch, WHOLE, OLD)
    assert names(words) == [card.name for card in expected]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (None, [SMALL]),  # one instance, and no whole GPU beside it
        ("0", [SMALL]),
        ("1", [WHOLE]),
        ("1,0", [SMALL]),
        ("MIG-bbb", [LARGE]),
        ("MIG-bbb,MIG-aaa", [LARGE]),
        ("MIG-GPU-111/7/0", [SMALL]),
        ("MIG-ccc", []),
    ],
)
def test_of_divided_gpus_one_instance_is_shown_by_its_own_name(monkeypatch, words, expected):
    pretend_driver(monkeypatch, DIVIDED, WHOLE)
    assert names(words) == [one.name for one in expected]


def test_the_machine_has_the_gpus_that_cuda_shows(monkeypatch):
    pretend_driver(monkeypatch, WHOLE, OLD)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-233")
    machine = this_machine()
    assert (machine.device, machine.num_gpus) == (OLD.name, 1)
    pretend_driver(monkeypatch, DIVIDED, DIVIDED)
    assert (this_machine().device, this_machine().num_gpus) == (SMALL.name, 1)


def test_driver_and_its_cuda_are_told(monkeypatch):
    pretend_driver(monkeypatch, OLD, driver="535.183.01", cuda=12020)
    found = installed_gpus()
    assert (found.driver, found.cuda, found.problem) == ("535.183.01", (12, 2), "")
    assert found.gpus[0].capability == (7, 0)


@pytest.mark.parametrize(
    ("number", "is_problem"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, False),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, False),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, True),
        (pynvml.NVML_ERROR_UNKNOWN, True),
    ],
)
def test_without_a_driver_that_answers_there_is_no_gpu(monkeypatch, number, is_problem):
    break_driver(monkeypatch, number)
    found = installed_gpus()
    assert found.gpus == ()
    assert bool(found.problem) is is_problem
    assert this_machine().num_gpus == 0


def test_a_driver_that_stops_answering_is_none(monkeypatch):
    pretend_driver(monkeypatch, WHOLE)

    def lost(index: int) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lost)
    assert installed_gpus().gpus == ()
    assert installed_gpus().problem
