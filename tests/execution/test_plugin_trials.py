"""Faults of a model from outside of bench end its trial, with a sentence and a traceback, and not the run."""

import pytest
from trials import context_in, make_trial

from bench.errors import BenchError, PluginError, account
from bench.execution.trial import run_trial
from bench.suite.catalog import plugin_source

NETS = """\
import torch
from torch import nn
from bench.models import CamOutput

class Net(nn.Module):
    def __init__(self, encoder, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Conv2d(encoder.out_channels[-1], num_classes, 1)

    def forward(self, images):
        maps = self.head(self.encoder(images)[-1])
        return self.answer(maps)

    def answer(self, maps):
        return CamOutput(maps, maps.amax((2, 3)))

class Raises(Net):
    def __init__(self, encoder, num_classes: int) -> None:
        raise AttributeError("no width")

class NoHead(Net):
    def __init__(self, encoder, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
        del self.head

class Forward(Net):
    def __init__(self, encoder, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
    def answer(self, maps):
        raise KeyError("deep")

class Bare(Forward):
    def __init__(self, encoder, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
    def answer(self, maps):
        return maps

class Classes(Forward):
    def __init__(self, encoder, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
    def answer(self, maps):
        return CamOutput(maps[:, :2], maps.amax((2, 3)))

class GradientsFail(Forward):
    def __init__(self, encoder, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
    def answer(self, maps):
        if torch.is_grad_enabled() and not self.training:
            raise KeyError("gradients")
        return CamOutput(maps, maps.amax((2, 3)))

class NotFinite(Forward):
    def __init__(self, encoder, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
    def answer(self, maps):
        return CamOutput(maps * float("nan"), maps.amax((2, 3)) * float("nan"))
"""


@pytest.fixture(scope="module", autouse=True)
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "faulty_nets.py").write_text(NETS, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


def _trial(name, **changes):
    model = f"faulty_nets:{name}"
    return make_trial(model=model, **({"source": plugin_source(model).digest} | changes), max_epochs=1)


def test_a_sound_one_is_trained_and_scored(tmp_path):
    outcome = run_trial(_trial("Net"), context_in(tmp_path))
    assert outcome.provenance.model_source == plugin_source("faulty_nets:Net")
    assert outcome.provenance.model_source.distribution is None
    assert outcome.provenance.metric_plugins == {}


@pytest.mark.parametrize("name", ["Raises", "Forward"])
def test_an_error_in_its_code_has_its_line_and_its_traceback(name, tmp_path):
    with pytest.raises(PluginError) as told:
        run_trial(_trial(name), context_in(tmp_path))
    assert told.value.place.rpartition(":")[0].endswith("faulty_nets.py")
    lines = account(told.value).splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1] == str(told.value)


@pytest.mark.parametrize("name", ["NoHead", "Bare", "Classes"])
def test_a_part_or_a_result_that_is_not_what_is_needed_is_a_sentence(name, tmp_path):
    with pytest.raises(PluginError, match=f"model 'faulty_nets:{name}'") as told:
        run_trial(_trial(name), context_in(tmp_path))
    assert "\n" not in account(told.value)


def test_maps_that_are_not_finite_end_the_training(tmp_path):
    with pytest.raises(BenchError, match="diverged"):
        run_trial(_trial("NotFinite"), context_in(tmp_path))


def test_an_error_of_its_code_while_another_map_is_evaluated_has_its_line_and_its_traceback(tmp_path):
    trial, told = _trial("GradientsFail"), []
    context = context_in(tmp_path, cams={trial.id: ("grad_cam",)})
    run_trial(trial, context, on_cam=told.append)
    native, other = told
    assert (native.status, other.status) == ("finished", "failed")
    lines = other.error.splitlines()
    assert lines[0].startswith("Traceback")
    assert "faulty_nets.py:" in lines[-1]


def test_another_source_than_the_trials_is_refused(tmp_path):
    with pytest.raises(PluginError, match="not the one that the trial was made for"):
        run_trial(_trial("Net", source="sha256:" + 64 * "0"), context_in(tmp_path))
