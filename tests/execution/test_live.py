"""What a user sees of a run, on a terminal and elsewhere."""

import io

import pytest
from rich.console import Console

from bench.execution.live import Display, duration
from bench.execution.progress import Progress, ProgressFile
from bench.results.provenance import describe
from bench.results.record import CamEvaluation, Outcome
from bench.results.store import ResultsStore
from bench.suite.schema import PhantomSpec
from bench.suite.trial import Trial


def trials(count: int) -> list[Trial]:
    given = {"model": "pylon", "encoder": "resnet18", "weights": "none", "dataset": PhantomSpec()}
    return [Trial(resolution=64, seed=seed, **given) for seed in range(count)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations_are_as_people_say_them(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize("is_terminal", [True, False])
def test_decoding_shows_its_speed_and_the_time_left(tmp_path, monkeypatch, is_terminal):
    screen, clock = io.StringIO(), iter([0.0, 10.0, 40.0, 45.0])
    display = Display(ResultsStore(tmp_path), Console(file=screen, force_terminal=is_terminal, width=60))
    monkeypatch.setattr("bench.execution.live.time.monotonic", lambda: next(clock))
    for done in (100, 200, 500, 550):  # a hundred were there
        display.preparing("decode train", done, 550)
    lines = [
        "decode train: 100/550",
        "decode train: 200/550, 10 images/s, 35 s left",
        "decode train: 500/550, 10 images/s, 5 s left",
        "decode train: 550/550, 10 images/s in 45 s",
    ]
    shown = [line.rstrip() for line in screen.getvalue().replace("\n", "\r").split("\r") if line]
    assert shown == (lines if is_terminal else lines[2:])


@pytest.mark.parametrize("width", [40, 60, 120])
def test_terminal_shows_what_runs_and_the_time_left(tmp_path, width):
    store, screen = ResultsStore(tmp_path), io.StringIO()
    display = Display(store, Console(file=screen, force_terminal=True, width=width, height=30))
    first, second = trials(2)
    with display.running([first, second]):
        display.started(first)
        ProgressFile(store.folder(first.id).progress).write(Progress("epoch 2/5", 0.5, 123.4), force=True)
    shown = screen.getvalue()
    assert "epoch 2/5" in shown
    assert "waiting" in shown
    assert "0 of 2 trials done" in shown
    assert "left" in shown


def test_ended_trials_leave_one_line_where_there_is_no_terminal(tmp_path):
    store, screen = ResultsStore(tmp_path), io.StringIO()
    display = Display(store, Console(file=screen, width=60))
    (trial,) = trials(1)
    with display.running([trial]):
        display.started(trial)
        display.ended(store.fail(trial, "Traceback\nValueError: [bold]odd[/bold] text"))
    assert screen.getvalue() == f"[1/1] {trial.id}: failed: ValueError: [bold]odd[/bold] text\n"


def test_a_trial_runs_on_while_maps_are_left(tmp_path):
    store, screen = ResultsStore(tmp_path), io.StringIO()
    display = Display(store, Console(file=screen, width=60))
    (trial,) = trials(1)
    outcome = Outcome(
        metrics={"point_accuracy/weighted": 0.5},
        best_epoch=1,
        num_epochs=1,
        duration_s=9.0,
        notes=(),
        provenance=describe("cpu", "float32", 1),
    )
    found = CamEvaluation(
        method="grad_cam", status="finished", metrics={"point_accuracy/weighted": 0.25}, ended_at="now"
    )
    failed = CamEvaluation(
        method="eigen_cam", status="failed", error="Traceback\nOSError: full", ended_at="now"
    )
    with display.running([trial], {trial.id: ("grad_cam", "eigen_cam")}):
        display.started(trial)
        display.ended(store.finish(trial, outcome))
        for evaluation in (found, failed):
            display.evaluated(trial, evaluation)
    assert screen.getvalue().splitlines() == [
        f"[0/1] {trial.id}: finished in 9 s, point accuracy 0.500",
        f"[0/1] {trial.id}: Grad-CAM finished, point accuracy 0.250",
        f"[1/1] {trial.id}: Eigen-CAM failed: OSError: full",
    ]


def test_progress_file_that_is_damaged_is_no_progress(tmp_path):
    path = tmp_path / "progress.json"
    assert ProgressFile(path).read() is None
    path.write_text('{"phase": "ep')
    assert ProgressFile(path).read() is None
