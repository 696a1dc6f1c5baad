"""A GPU that is there and that torch cannot use: said in a sentence, never passed over in silence."""

import importlib.metadata

import pynvml
import pytest
import torch
from pretended_gpu import Card, Part, break_driver, pretend_driver

from bench.errors import BenchError
from bench.execution import usable_gpus as module
from bench.execution.executor import decide_gpu
from bench.execution.ray.executor import RayExecutor
from bench.execution.serial import SerialExecutor
from bench.execution.usable_gpus import num_usable_gpus, usable_gpus
from bench.suite.schema import Resources

H100 = Card()
V100 = Card("Tesla V100-SXM2-16GB", "GPU-1", (7, 0))
ARCHS = ["sm_75", "sm_80", "sm_90", "sm_100", "compute_120"]


@pytest.fixture
def build(monkeypatch):
    """Makes torch one of another build, and says whether CUDA starts."""

    def make(version: str, cuda: str | None, *, starts: bool = False, num: int = 1) -> None:
        true_version = importlib.metadata.version
        monkeypatch.setattr(
            module, "version", lambda name: version if name == "torch" else true_version(name)
        )
        monkeypatch.setattr(torch, "__version__", version)
        monkeypatch.setattr(torch.version, "cuda", cuda)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: starts)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: num)
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ARCHS)

    return make


@pytest.mark.parametrize("executor", [SerialExecutor(), RayExecutor()], ids=["serial", "ray"])
def test_a_build_of_torch_for_cpus_on_a_machine_with_gpus_is_refused(monkeypatch, build, executor):
    pretend_driver(monkeypatch, H100, Card(uuid="GPU-1"))
    build("2.13.0+cpu", None)
    for resources in (Resources(), Resources(gpu=1)):
        with pytest.raises(BenchError) as error:
            decide_gpu(resources, executor, cpu_only=False)
        for fact in ("2 × NVIDIA H100 80GB HBM3", "550.90.07", "2.13.0+cpu", "whl/cu126", "--cpu"):
            assert fact in str(error.value)
        assert "\n" not in str(error.value)


def test_the_cpu_by_choice_is_not_refused(monkeypatch, build):
    pretend_driver(monkeypatch, H100)
    build("2.13.0+cpu", None)
    assert not decide_gpu(Resources(), SerialExecutor(), cpu_only=True)
    assert not decide_gpu(Resources(gpu=0), SerialExecutor(), cpu_only=False)
    for words in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", words)
        assert not decide_gpu(Resources(), SerialExecutor(), cpu_only=False)


def test_a_driver_older_than_the_cuda_of_torch_is_named_with_what_helps(monkeypatch, build):
    pretend_driver(monkeypatch, H100, driver="535.183.01", cuda=12020)
    build("2.13.0+cu130", "13.0")
    with pytest.raises(BenchError) as error:
        num_usable_gpus()
    for fact in ("535.183.01", "2.13.0+cu130", "CUDA 13.0", "CUDA 12.2", "580", "whl/cu126"):
        assert fact in str(error.value)


def test_a_gpu_that_the_kernels_of_torch_are_not_for_is_named(monkeypatch, build):
    pretend_driver(monkeypatch, V100, driver="580.82", cuda=13000)
    build("2.13.0+cu130", "13.0", starts=True)
    with pytest.raises(BenchError, match=r"Tesla V100.*compute capability 7\.0.*whl/cu126"):
        num_usable_gpus()
    pretend_driver(monkeypatch, V100, H100, driver="580.82", cuda=13000)
    build("2.13.0+cu130", "13.0", starts=True, num=2)
    assert num_usable_gpus() == 2


@pytest.mark.parametrize(
    ("capability", "runs"),
    [((8, 6), True), ((9, 0), True), ((12, 0), True), ((12, 1), True), ((11, 0), False)],
)
def test_kernels_run_on_their_generation_and_translated_ones_on_later_ones(
    monkeypatch, build, capability, runs
):
    pretend_driver(monkeypatch, Card(capability=capability), cuda=13000)
    build("2.13.0+cu130", "13.0", starts=True)
    assert usable_gpus()[0] == int(runs)


def test_a_divided_gpu_without_an_instance_is_named(monkeypatch, build):
    pretend_driver(monkeypatch, Card(parts=()))
    build("2.13.0+cu126", "12.6")
    with pytest.raises(BenchError, match="MIG"):
        num_usable_gpus()
    pretend_driver(monkeypatch, Card(parts=[Part("NVIDIA H100 MIG 1g.10gb", "MIG-1", (7, 0))]))
    build("2.13.0+cu126", "12.6", starts=True)
    assert num_usable_gpus() == 1


def test_words_that_name_no_gpu_are_told(monkeypatch, build):
    pretend_driver(monkeypatch, H100)
    build("2.13.0+cu126", "12.6")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-of-yesterday")
    with pytest.raises(BenchError, match="CUDA_VISIBLE_DEVICES is MIG-of-yesterday"):
        num_usable_gpus()


def test_why_cuda_does_not_start_is_told_in_the_words_of_torch(monkeypatch, build):
    pretend_driver(monkeypatch, H100)
    build("2.13.0+cu126", "12.6")

    def start() -> bool:
        import warnings

        warnings.warn("CUDA initialization: system not yet initialized", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", start)
    with pytest.raises(BenchError, match="CUDA initialization: system not yet initialized"):
        num_usable_gpus()


def test_a_driver_that_does_not_answer_costs_a_warning_and_the_cpu_is_taken(monkeypatch, build, caplog):
    break_driver(monkeypatch, pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)
    build("2.13.0+cu130", "13.0")
    assert not decide_gpu(Resources(), SerialExecutor(), cpu_only=False)
    assert "does not answer" in caplog.text


def test_gpus_that_torch_finds_count_whatever_the_driver_library_says(monkeypatch, build):
    break_driver(monkeypatch, pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    build("2.13.0+rocm6.4", None, starts=True, num=4)
    assert num_usable_gpus() == 4
