"""What a user can mend ends a trial as one sentence; records say what was really computed with."""

import errno
import math
import os
import re
from contextlib import ExitStack
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from trials import context_in, make_trial

from bench.cli.main import main
from bench.errors import TrainingError
from bench.execution.driver import Driver
from bench.execution.live import Display
from bench.execution.serial import SerialExecutor
from bench.execution.trial import run_trial
from bench.models.baseline import Baseline
from bench.results.store import ResultsStore
from bench.suite.schema import Resources
from bench.suite.trial import Trial
from bench.training import precision

trial_of = partial(make_trial, images=(8, 4, 4), batch_size=4, max_epochs=1)


def error_of(trial: Trial, folder, capsys) -> tuple[str, str]:
    """What the record and the screen say of a trial that fails under the serial executor."""
    store = ResultsStore(folder)
    display = Display(store)
    driver = Driver(store, [display])
    with display.running([trial]):
        SerialExecutor().run([trial], context_in(folder), Resources(), driver)
    return store.record(trial.id).error, capsys.readouterr().err


@pytest.mark.parametrize(
    "raised",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_out_of_memory_in_the_model_is_one_sentence(raised, tmp_path, monkeypatch, capsys):
    def forward(self, images):
        raise raised

    monkeypatch.setattr(Baseline, "forward", forward)
    error, screen = error_of(trial_of(), tmp_path, capsys)
    assert error.startswith("out of memory with 4 images of 64 px at once; --set recipe.accumulate=2 keeps")
    assert "\n" not in error
    assert "failed: out of memory with 4 images" in screen
    assert "Traceback" not in screen


def test_a_machine_without_memory_is_one_sentence(tmp_path, monkeypatch, capsys):
    def forward(self, images):
        return np.empty(2**62, dtype=np.uint8)

    monkeypatch.setattr(Baseline, "forward", forward)
    error, _ = error_of(trial_of(), tmp_path, capsys)
    assert error.startswith(
        "out of memory with 4 images of 64 px at once on the CPU; --set recipe.accumulate=2"
    )


def test_a_defect_in_the_model_keeps_its_traceback(tmp_path, monkeypatch, capsys):
    def forward(self, images):
        return 1 / 0

    monkeypatch.setattr(Baseline, "forward", forward)
    error, screen = error_of(trial_of(), tmp_path, capsys)
    assert error.startswith("Traceback")
    assert error.rstrip().endswith("ZeroDivisionError: division by zero")
    assert "failed: ZeroDivisionError: division by zero" in screen


def spoilt(monkeypatch, when) -> None:
    """The model's logits are not finite in the training steps, counted from 1, that `when` says."""
    forward, step = Baseline.forward, [0]

    def spoiling(self, images):
        output = forward(self, images)
        if not self.training:
            return output
        step[0] += 1
        return output._replace(logits=output.logits * (float("nan") if when(step[0]) else 1))

    monkeypatch.setattr(Baseline, "forward", spoiling)


def test_bfloat16_ends_at_the_first_loss_that_is_not_finite(tmp_path, monkeypatch, capsys):
    spoilt(monkeypatch, lambda step: step == 2)
    error, _ = error_of(trial_of(precision="bfloat16"), tmp_path, capsys)
    assert error.startswith(
        "training diverged: the loss is nan at epoch 1, step 2 of 2 (learning rate 0.0001, "
    )


def test_float16_ends_at_the_first_loss_that_is_not_finite(tmp_path, monkeypatch, capsys):
    spoilt(monkeypatch, lambda step: step == 2)
    error, _ = error_of(trial_of(precision="float16"), tmp_path, capsys)
    assert error.startswith("training diverged: the loss is nan at epoch 1, step 2 of 2 ")
    assert error.endswith("try recipe.precision bfloat16 or float32, or a lower recipe.learning_rate")


def test_statistics_that_were_spoilt_end_training_though_every_loss_is_finite(tmp_path, monkeypatch, capsys):
    forward, step = Baseline.forward, [0]

    def spoiling(self, images):
        output = forward(self, images)
        step[0] += self.training
        if step[0] == 3:
            next(one for one in self.modules() if isinstance(one, nn.BatchNorm2d)).running_mean.data[0] = (
                math.inf
            )
        return output

    monkeypatch.setattr(Baseline, "forward", spoiling)
    error, _ = error_of(trial_of(max_epochs=3), tmp_path, capsys)
    assert re.match(r"training diverged: encoder\.\S+\.running_mean is not finite after epoch 2 ", error)


def test_steps_that_the_loss_scaler_skips_are_recorded_and_shown(tmp_path, monkeypatch, capsys):
    """The scale begins at 65536: gradients of a loss that is a thousand times as large overflow float16."""
    forward = Baseline.forward

    def steep(self, images):
        output = forward(self, images)
        return output._replace(logits=output.logits * (1000 if self.training else 1))

    monkeypatch.setattr(Baseline, "forward", steep)
    usual, skipping = trial_of(max_epochs=2), trial_of(max_epochs=2, precision="float16")
    store = ResultsStore(tmp_path)
    SerialExecutor().run([usual, skipping], context_in(tmp_path), Resources(), Driver(store, []))
    num_skipped, num_usual = (store.record(one.id).outcome.num_skipped_steps for one in (skipping, usual))
    assert num_usual == 0
    assert 0 < num_skipped <= 4
    assert main(["show", skipping.id, "--results-dir", str(tmp_path)]) == 0
    assert re.search(rf"\b{num_skipped} steps? skipped", capsys.readouterr().out)


def test_record_says_what_was_computed_with(tmp_path):
    trial = trial_of(channels_last=False, accumulate=2, precision="bfloat16")
    found = run_trial(trial, context_in(tmp_path)).provenance.arithmetic
    assert (found.training, found.scoring, found.tf32) == ("bfloat16", "float32", False)
    assert (found.memory_format, found.images_at_once, found.compiled) == ("contiguous", 2, False)
    assert (found.num_threads, found.cuda, found.cudnn) == (1, None, None)
    assert found.optimizer == "Adam"
    assert found.nondeterministic == ()


def test_operations_without_deterministic_algorithm_are_listed(tmp_path, monkeypatch):
    forward = Baseline.forward

    def unpooling(self, images):
        pooled, indices = torch.nn.functional.max_pool2d(images, 2, return_indices=True)
        return forward(self, images + 0 * torch.nn.functional.max_unpool2d(pooled, indices, 2))

    monkeypatch.setattr(Baseline, "forward", unpooling)
    found = run_trial(trial_of(), context_in(tmp_path)).provenance.arithmetic
    assert found.nondeterministic == ("max_unpooling2d_forward_out",)


def test_compiled_training_is_close_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "BACKEND", "aot_eager")
    eager, compiled = trial_of(), trial_of(compile=True)
    assert eager.id != compiled.id
    losses = []
    for trial in (eager, compiled):
        outcome = run_trial(trial, context_in(tmp_path), losses.append)
        assert outcome.provenance.arithmetic.compiled is (trial is compiled)
    assert losses[1].train_loss == pytest.approx(losses[0].train_loss, rel=1e-4)
    assert losses[1].val_loss == pytest.approx(losses[0].val_loss, rel=1e-3)


class TritonsError(Exception):
    """An error of the compiler on a GPU."""

    __module__ = "triton.compiler.errors"


@pytest.mark.parametrize(
    "error", [FileNotFoundError("no C++ compiler here"), TritonsError("no C++ compiler here")]
)
def test_what_cannot_be_compiled_is_one_sentence(tmp_path, monkeypatch, error):
    def refuse(graph, inputs):
        raise error

    monkeypatch.setattr(precision, "BACKEND", refuse)
    sentence = r"^torch\.compile failed \(.*no C\+\+ compiler here.*; recipe\.compile=false does without$"
    with pytest.raises(TrainingError, match=sentence):
        run_trial(trial_of(images=(4, 4, 4), compile=True), context_in(tmp_path))


def test_an_error_of_the_compiled_code_itself_is_one_sentence(tmp_path, monkeypatch):
    def broken(graph, inputs):
        def run(*given):
            raise TritonsError("out of resource: shared memory")

        return run

    monkeypatch.setattr(precision, "BACKEND", broken)
    with pytest.raises(
        TrainingError, match=r"^torch\.compile failed \(TritonsError: out of resource: shared"
    ):
        run_trial(trial_of(images=(4, 4, 4), compile=True), context_in(tmp_path))


def count_graphs(monkeypatch) -> tuple[list, list]:
    """Returns lists that grow with each graph that is compiled and with each that is run."""
    made, run = [], []

    def counting(graph, inputs):
        made.append(graph)

        def call(*given):
            run.append(graph)
            return graph(*given)

        return call

    monkeypatch.setattr(precision, "BACKEND", counting)
    return made, run


@pytest.fixture
def compiling_with():
    """Sets what torch.compile is configured with."""
    with ExitStack() as settings:
        yield lambda **values: settings.enter_context(torch._dynamo.config.patch(**values))


@pytest.mark.slow
def test_every_pass_of_every_compiled_trial_of_a_process_runs_compiled(tmp_path, monkeypatch, compiling_with):
    """Torch runs uncompiled, without a word, what it has compiled too often; trials do not add up to that."""
    compiling_with(recompile_limit=6)
    made, run = count_graphs(monkeypatch)
    counts = []
    for resolution in (64, 96):
        for variant in ({}, {"channels_last": False}):
            trial = trial_of(images=(10, 6, 4), resolution=resolution, compile=True, max_epochs=2, **variant)
            run_trial(trial, context_in(tmp_path))
            counts.append((len(made), len(run)))
            made.clear()
            run.clear()
    assert counts == [(4, 2 * (3 + 2))] * 4  # training and validation, each with full and smaller batches


def test_a_trial_that_torch_would_run_uncompiled_fails(tmp_path, monkeypatch, compiling_with):
    compiling_with(recompile_limit=1)
    count_graphs(monkeypatch)
    with pytest.raises(TrainingError, match=r"^torch\.compile failed \(FailOnRecompileLimitHit"):
        run_trial(trial_of(images=(10, 4, 4), compile=True), context_in(tmp_path))


def test_a_model_that_is_compiled_in_part_only_fails(tmp_path, monkeypatch):
    forward = Baseline.forward

    def printing(self, images):
        torch._dynamo.graph_break()
        return forward(self, images)

    count_graphs(monkeypatch)
    monkeypatch.setattr(Baseline, "forward", printing)
    with pytest.raises(TrainingError, match=r"^torch\.compile failed"):
        run_trial(trial_of(images=(4, 4, 4), compile=True), context_in(tmp_path))


def test_where_compilation_is_switched_off_no_trial_passes_for_compiled(
    tmp_path, monkeypatch, compiling_with
):
    compiling_with(disable=True)
    count_graphs(monkeypatch)
    with pytest.raises(TrainingError, match=r"is switched off here.*recipe\.compile=false does without$"):
        run_trial(trial_of(images=(4, 4, 4), compile=True), context_in(tmp_path))


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EMFILE, errno.EACCES])
def test_an_error_of_the_operating_system_is_one_sentence_with_its_file(
    number, tmp_path, monkeypatch, capsys
):
    def forward(self, images):
        raise OSError(number, os.strerror(number), "/data/film.png")

    monkeypatch.setattr(Baseline, "forward", forward)
    error, screen = error_of(trial_of(), tmp_path, capsys)
    assert error.startswith("/data/film.png: ")
    assert "\n" not in error
    assert "Traceback" not in screen
