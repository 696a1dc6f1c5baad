"""What a user can mend ends a trial as one sentence; records say what was really computed with."""

import errno
import os
from functools import partial

import numpy as np
import pytest
import torch
from trials import context_in, make_trial

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
from bench.training.session import MAX_SKIPPED_STEPS

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


def test_float16_skips_a_loss_that_is_not_finite(tmp_path, monkeypatch):
    spoilt(monkeypatch, lambda step: step == 2)
    told = []
    outcome = run_trial(trial_of(precision="float16"), context_in(tmp_path), told.append)
    assert told[0].train_loss is None
    assert told[0].val_loss is not None
    assert outcome.provenance.precision == "float16"


def test_float16_ends_where_no_loss_is_finite_any_more(tmp_path, monkeypatch, capsys):
    spoilt(monkeypatch, lambda step: step > 2)
    trial = trial_of(images=(2 * (MAX_SKIPPED_STEPS + 2), 4, 4), precision="float16", batch_size=2)
    error, _ = error_of(trial, tmp_path, capsys)
    assert "the loss is nan for 25 steps in a row at epoch 1, step 27 of 27" in error


def test_record_says_what_was_computed_with(tmp_path):
    trial = trial_of(channels_last=False, accumulate=2, precision="bfloat16")
    found = run_trial(trial, context_in(tmp_path)).provenance.arithmetic
    assert (found.training, found.scoring, found.tf32) == ("bfloat16", "float32", False)
    assert (found.memory_format, found.images_at_once, found.compiled) == ("contiguous", 2, False)
    assert (found.num_threads, found.cuda, found.cudnn) == (1, None, None)
    assert found.nondeterministic == ()


def test_operations_without_deterministic_algorithm_are_listed(tmp_path, monkeypatch):
    forward = Baseline.forward

    def unpooling(self, images):
        pooled, indices = torch.nn.functional.max_pool2d(images, 2, return_indices=True)
        return forward(self, images + 0 * torch.nn.functional.max_unpool2d(pooled, indices, 2))

    monkeypatch.setattr(Baseline, "forward", unpooling)
    found = run_trial(trial_of(), context_in(tmp_path)).provenance.arithmetic
    assert found.nondeterministic == ("max_unpooling2d_forward_out",)


def test_going_on_in_another_place_is_noted(tmp_path, monkeypatch):
    def stop(row):
        raise KeyboardInterrupt

    trial = trial_of(max_epochs=2)
    with pytest.raises(KeyboardInterrupt):
        run_trial(trial, context_in(tmp_path), stop)
    monkeypatch.setattr("bench.training.session.device_name", lambda device: "another machine")
    (note,) = run_trial(trial, context_in(tmp_path)).notes[:1]
    assert note.startswith("trained up to epoch 2, step 0 on cpu in float32 with torch ")
    assert "from there on another machine in float32" in note


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


def test_what_cannot_be_compiled_is_one_sentence(tmp_path, monkeypatch):
    def refuse(graph, inputs):
        raise FileNotFoundError("no C++ compiler here")

    torch._dynamo.reset()
    monkeypatch.setattr(precision, "BACKEND", refuse)
    sentence = r"^torch\.compile failed \(.*no C\+\+ compiler here.*; recipe\.compile=false does without$"
    with pytest.raises(TrainingError, match=sentence):
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
