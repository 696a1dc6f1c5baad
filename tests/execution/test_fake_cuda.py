"""Every model on a pretended GPU: a training step, scoring and Grad-CAM, by the harness' own code.

All that a GPU would be asked to do is real but for the numbers (see `fake_cuda`): devices, types, memory
formats, and how often the host waits. The quick suite does it for one model at one size.
"""

import cuda_budgets
import pytest
from cuda_budgets import Budget, read_budgets, traced
from cuda_guard import compile_guard, why_not

from bench.suite.catalog import MODELS

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

QUICK = ("pylon", 256)
CHANNELS_FIRST = {
    "fpn": {"sum", "_to_copy"},  # the library stacks four maps to add them
    "deeplabv3plus": {"div", "add"},  # gradients of global average pooling, and sums with them
    "pan": {"div", "add", "mul", "clone", "_to_copy"},  # likewise, and those that read the sums
}
"""Operators of a model whose maps are channels first."""
CASES = [
    pytest.param((model, size_px), marks=() if (model, size_px) == QUICK else pytest.mark.slow)
    for model in MODELS
    for size_px in cuda_budgets.WORKS
]


@pytest.fixture(scope="session")
def guard(tmp_path_factory):
    """The compiled device."""
    return compile_guard(tmp_path_factory.mktemp("guard"))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(map(str, case)))
def traces(request, guard):
    """What the works of a model at a size ask of the device, by work."""
    model, size_px = request.param
    return {trace["work"]: trace for trace in traced(guard, model, [size_px])}


def test_no_operator_is_given_tensors_of_host_and_device(traces):
    assert not {work: trace["mixed"] for work, trace in traces.items() if trace["mixed"]}


def test_networks_train_in_half_precision_and_losses_and_scoring_are_float32(traces):
    for work, trace in traces.items():
        is_training, types = work.endswith("step"), trace["types"]
        assert {"convolution", "cudnn_batch_norm"} <= types.keys(), work
        for name, kinds in types.items():
            is_loss = "cross_entropy" in name
            assert kinds == ["float16" if is_training and not is_loss else "float32"], (work, name)
        assert any("cross_entropy" in name for name in types) == is_training, work


def test_maps_are_channels_last_throughout(traces):
    for work, trace in traces.items():
        others = trace["channels_first"].keys() - CHANNELS_FIRST.get(trace["model"], set())
        assert not others, work


def test_a_step_waits_for_the_device_once_at_most(traces):
    for work, trace in traces.items():
        if work.endswith("step"):
            assert sum(trace["waits"].values()) <= 1, (work, trace["waits"])


def test_waits_operators_and_bytes_keep_to_their_budgets(traces):
    budgets, told = read_budgets(), []
    for trace in traces.values():
        used = Budget.of(trace)
        sentences = budgets[used.key].exceeded_by(used)
        told += [f"{used.key}: {sentence}; waits: {trace['waits']}" for sentence in sentences]
    advice = "if that is meant: python tests/support/cuda_budgets.py"
    assert not told, "\n".join([*told, advice])


def test_the_budgets_are_of_every_model_and_the_page_shows_them():
    budgets = read_budgets()
    wanted = {
        (model, size_px, work)
        for model in MODELS
        for size_px, works in cuda_budgets.WORKS.items()
        for work in works
    }
    assert budgets.keys() == wanted
    assert cuda_budgets.parts_of_page()[1] == cuda_budgets.table(budgets.values())


def test_a_budget_is_exceeded_by_more_than_a_twentieth_and_by_any_wait():
    budget = Budget("pylon", 256, "step", waits=1, operators=100, megabytes=1000)
    assert not budget.exceeded_by(Budget("pylon", 256, "step", waits=1, operators=105, megabytes=950))
    used = Budget("pylon", 256, "step", waits=2, operators=106, megabytes=949)
    assert [sentence.split(":")[0] for sentence in budget.exceeded_by(used)] == [
        "waits grew",
        "operators grew",
        "megabytes shrank, so that the budget is stale",
    ]
