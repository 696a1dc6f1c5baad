"""A GPU that fails a process: the process ends, its trial goes on in another one, and has not failed.

There is no GPU: in the process that runs a trial, a step raises what torch raises after an illegal access,
and from then on CUDA answers by that error.
"""

import os
import re
import socket
from functools import partial
from pathlib import Path

import pytest
import torch
from pretended_gpu import lose_gpu
from records import finish_whole
from trials import Ledger, context_in, make_trial

from bench.errors import LostGpuError
from bench.execution.ray import executor as ray_executor
from bench.execution.ray.executor import RayExecutor
from bench.execution.ray.lost_gpus import LostGpus
from bench.execution.serial import SerialExecutor
from bench.execution.trial import run_trial
from bench.models.baseline import Baseline
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.suite.schema import Resources

trial_of = partial(make_trial, images=(16, 4, 4), batch_size=4, max_epochs=3, learning_rate=1e-3)
context = partial(context_in, checkpoint_every_s=0)
ILLEGAL = "CUDA error: an illegal memory access was encountered"


def losses(folder, trial) -> list[float]:
    return read_table(ResultsStore(folder).folder(trial.id).losses)["loss"].tolist()


def fail_training(patch: pytest.MonkeyPatch, step: int) -> None:
    """The GPU of this process fails in a training step, counted from 1."""
    forward, seen = Baseline.forward, [0]

    def failing(self, images):
        seen[0] += self.training
        if seen[0] >= step:
            lose_gpu(patch)
            raise torch.AcceleratorError(ILLEGAL)
        return forward(self, images)

    patch.setattr(Baseline, "forward", failing)


def test_serially_the_run_ends_and_the_same_call_goes_on_from_the_checkpoint(tmp_path, monkeypatch):
    trials, ledger = [trial_of(0), trial_of(1)], Ledger(ResultsStore(tmp_path))
    with monkeypatch.context() as patch:
        fail_training(patch, step=7)  # the third of epoch 2
        with pytest.raises(LostGpuError, match="the same command goes on"):
            SerialExecutor().run(trials, context(tmp_path), Resources(), ledger)
    assert ledger.events == [("started", trials[0].id), ("epoch", trials[0].id)]
    assert [ledger.store.state(one.id) for one in trials] == ["interrupted", "todo"]
    before = losses(tmp_path, trials[0])
    assert len(before) == 6
    SerialExecutor().run(trials, context(tmp_path), Resources(), ledger)
    assert ledger.errors == []
    assert [ledger.store.state(one.id) for one in trials] == ["finished", "finished"]
    assert losses(tmp_path, trials[0])[:6] == before


def test_a_map_is_not_recorded_as_failed_either(tmp_path, monkeypatch):
    trial, store = trial_of(max_epochs=1), ResultsStore(tmp_path)
    told, wanted = [], context(tmp_path, cams={trial.id: ("grad_cam",)})
    finish_whole(store, trial, run_trial(trial, context(tmp_path)))
    fail_training(monkeypatch, step=0)
    with pytest.raises(LostGpuError):
        run_trial(trial, wanted, on_cam=told.append)
    assert told == []


def test_three_workers_on_one_node_end_the_run_and_others_do_not_count():
    lost = LostGpus()
    for trial_id, node in (("a", "one"), ("b", "two"), ("b", "one"), ("c", "two")):
        lost.note(trial_id, node, ILLEGAL)
    with pytest.raises(LostGpuError, match=rf"3 workers on node one, .*{ILLEGAL}.*the same command goes on"):
        lost.note("c", "one", ILLEGAL)
    assert lost.take_reason("a") == f"a GPU of one failed it ({ILLEGAL})"
    assert lost.take_reason("a") is None


def fail_workers(patch: pytest.MonkeyPatch, folder: Path, num_deaths: int) -> None:
    """In the first so many processes that run a trial, the GPU fails in the trial's third step there.

    Each process that runs a trial leaves a file of both names in the folder.
    """
    folder.mkdir()

    def work(config, context, specifications):
        from bench.execution.ray.executor import _work
        from bench.models.baseline import Baseline

        is_to_fail = len(list(folder.glob(f"{config['trial']}.*"))) < num_deaths
        (folder / f"{config['trial']}.{os.getpid()}").touch()
        forward, num_steps = Baseline.forward, 0

        def failing(self, images):
            nonlocal num_steps
            num_steps += self.training
            if num_steps == 3:
                torch.cuda.is_initialized = lambda: True
                torch.cuda.synchronize = answer_by_error
                answer_by_error()
            return forward(self, images)

        def answer_by_error() -> None:
            raise torch.AcceleratorError(f"{ILLEGAL}\nCUDA kernel errors might be asynchronously reported")

        if is_to_fail:
            Baseline.forward = failing
        _work(config, context, specifications)

    patch.setattr(ray_executor, "_work", work)


def test_on_ray_the_process_ends_and_its_trial_goes_on_in_another(tmp_path, monkeypatch, caplog):
    trial, ledger = trial_of(), Ledger(ResultsStore(tmp_path / "results"))
    run_trial(trial, context(tmp_path / "calm"))
    fail_workers(monkeypatch, tmp_path / "seen", num_deaths=1)
    RayExecutor().run([trial], context(tmp_path / "results"), Resources(), ledger)
    assert ledger.errors == []
    assert ledger.store.state(trial.id) == "finished"
    assert len(list((tmp_path / "seen").iterdir())) == 2  # processes
    assert losses(tmp_path / "results", trial) == losses(tmp_path / "calm", trial)
    assert f"failed it ({ILLEGAL}); it goes on from its last checkpoint" in caplog.text


@pytest.mark.slow
def test_on_ray_a_node_that_fails_three_workers_ends_the_run_and_no_trial_has_failed(tmp_path, monkeypatch):
    trials, ledger = [trial_of(seed) for seed in range(4)], Ledger(ResultsStore(tmp_path / "results"))
    with monkeypatch.context() as patch:
        fail_workers(patch, tmp_path / "seen", num_deaths=1)
        with pytest.raises(LostGpuError, match=re.escape(f"node {socket.gethostname()}")) as error:
            RayExecutor().run(trials, context(tmp_path / "results"), Resources(), ledger)
    assert error.value.value == ILLEGAL
    assert ledger.errors == []
    assert not list(tmp_path.glob("results/trials/*/lease.json"))
    RayExecutor().run(trials, context(tmp_path / "results"), Resources(), ledger)
    assert ledger.errors == []
    assert {ledger.store.state(one.id) for one in trials} == {"finished"}


@pytest.mark.slow
def test_on_ray_a_trial_whose_every_worker_loses_its_gpu_has_failed(tmp_path, monkeypatch):
    trial, ledger = trial_of(), Ledger(ResultsStore(tmp_path / "results"))
    fail_workers(monkeypatch, tmp_path / "seen", num_deaths=9)
    with pytest.raises(LostGpuError):
        RayExecutor().run([trial], context(tmp_path / "results"), Resources(), ledger)
    (error,) = ledger.errors
    assert error.startswith("its worker died 3 times; the last time a GPU of ")
    assert "out of memory" not in error
    assert "recipe.accumulate" not in error
