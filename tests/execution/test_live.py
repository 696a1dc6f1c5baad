"""What a user sees of a run, on a terminal and elsewhere."""

import io
import sys
import types

import pytest
from records import finish_whole
from rich.console import Console
from rich.table import Table
from trials import make_trial
from waiting import wait_until

from bench.amounts import duration
from bench.execution.driver import Driver
from bench.execution.live import Display, all_left_s
from bench.execution.progress import TRAINING_SHARE, ProgressFile, TrialProgress, trial_left_s
from bench.execution.progress_table import TrialRow
from bench.results.provenance import describe
from bench.results.record import CamEvaluation, EpochRow, Outcome
from bench.results.store import ResultsStore
from bench.suite.schema import Recipe
from bench.suite.trial import Trial


def shown(display: Display) -> str:
    """The table that a terminal would show now."""
    screen = Console(file=io.StringIO(), width=200)
    screen.print(display._table())
    return screen.file.getvalue()


def trials(count: int) -> list[Trial]:
    return [make_trial(seed, model="pylon") for seed in range(count)]


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
        ProgressFile(store.folder(first.id).progress).write(
            TrialProgress("epoch 2/5", 0.5, 123.4), force=True
        )
    shown = screen.getvalue()
    assert "epoch 2/5" in shown
    assert "waiting" in shown
    assert "0 of 2 trials done" in shown
    assert "left" in shown


def test_a_notebook_has_one_cell_that_changes_and_lines_that_stay(tmp_path, monkeypatch):
    shown, updates = [], []
    display = types.ModuleType("IPython.display")
    display.display = lambda shape, display_id=False: (
        shown.append(shape) or types.SimpleNamespace(update=updates.append)
    )
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr("bench.execution.live.REFRESH_S", 0.01)
    store = ResultsStore(tmp_path)
    view = Display(store, Console(force_jupyter=True, width=100))
    (trial,) = trials(1)
    with view.running([trial]):
        view.started(trial)
        ProgressFile(store.folder(trial.id).progress).write(
            TrialProgress("epoch 2/5", 0.5, 123.4), force=True
        )
        wanted = len(updates) + 2
        wait_until(lambda: len(updates) >= wanted, "two updates", pause_s=0.01)
        view.ended(store.fail(trial, "no room"), {})
    table, line = shown
    assert isinstance(table, Table)
    assert f"[1/1] {trial.id}: failed: no room" in line.text
    screen = Console(file=io.StringIO(), width=100)
    for update in updates:
        screen.print(update)
    assert "epoch 2/5" in screen.file.getvalue()
    assert "1 of 1 trials done" in screen.file.getvalue().splitlines()[-1]


def row(state: str, fraction: float = 0.0, left_s: float | None = None) -> TrialRow:
    return TrialRow("", state, TrialProgress("epoch", fraction) if state == "running" else None, left_s)


@pytest.mark.parametrize(
    ("rows", "earlier", "left_s"),
    [
        ([row("running", 0.5)], [0], 100.0),  # half took 100 s
        ([row("running", 0.5)], [0.25], 200.0),  # a quarter did, and half is left
        ([row("finished"), row("finished"), row("running", 0.5), row("waiting")], [0.5, 0, 0, 0], 75.0),
        ([row("running", 0.5)], [0.5], None),  # nothing yet
        ([row("running", 0.25)], [0.5], None),  # an earlier epoch is trained again
    ],
)
def test_time_left_counts_what_this_run_did(rows, earlier, left_s):
    assert all_left_s(rows, earlier, 100.0) == left_s


@pytest.fixture
def interrupted(tmp_path):
    """A store with a trial of ten epochs of a minute, interrupted in the ninth by a run that said so."""
    store, (trial,) = ResultsStore(tmp_path), trials(1)
    trial = trial.model_copy(update={"recipe": Recipe(max_epochs=10)})
    folder = store.folder(trial.id)
    folder.path.mkdir(parents=True)
    row = EpochRow(
        epoch=1, learning_rate=1e-4, train_loss=0.5, val_loss=0.5, images_per_s=1.0, duration_s=60.0
    )
    folder.write_history([row.model_copy(update={"epoch": epoch}) for epoch in range(1, 9)])
    folder.last_checkpoint.touch()
    ProgressFile(folder.progress).write(
        TrialProgress("epoch 9/10", 0.85 * TRAINING_SHARE, 1.0, 10, 20), force=True
    )
    return store, trial


def test_trials_that_wait_take_as_long_as_those_that_run():
    """Two run, with 30 s for half and 50 s for a quarter: 60 and 200 s, or 130 on average."""
    running = [row("running", 0.5, 30.0), row("running", 0.75, 50.0)]
    waiting = [row("waiting"), row("waiting")]
    assert all_left_s([*running, *waiting], [0, 0, 0, 0.5], 1.0) == pytest.approx((80 + 130 * 1.5) / 2)
    assert all_left_s(running, [0, 0], 1.0) == 50


def test_epochs_of_an_interrupted_run_are_not_taken_for_fast_ones(interrupted, monkeypatch):
    """Half of the ninth epoch was done before, too: the rest of it took 30 s; the tenth and more are left."""
    store, trial = interrupted
    clock = [1000.0]
    monkeypatch.setattr("bench.execution.live.time.monotonic", lambda: clock[0])
    display, progress = (
        Display(store, Console(file=io.StringIO(), width=200)),
        store.folder(trial.id).progress,
    )
    with display.running([trial]):
        assert "starting" in display.summary(display.rows())
        clock[0] += 10
        Driver(store, [display]).started(trial)
        assert "starting" in display.summary(display.rows())
        clock[0] += 30
        ProgressFile(progress).write(
            TrialProgress("epoch 10/10", 0.9 * TRAINING_SHARE, 1.0, 1, 20), force=True
        )
        left_s = 60 * 10 * (1 - 0.9 * TRAINING_SHARE) / TRAINING_SHARE  # 92
        assert f"{duration(40)} so far, at most about {left_s:.0f} s left" in display.summary(display.rows())
        assert display.rows()[0].left_s == pytest.approx(left_s)


def test_a_damaged_history_is_no_epoch(interrupted):
    """By its speed: 20 steps of 64 images at 1.0 images/s, ten times, of which a tenth is left."""
    store, trial = interrupted
    store.folder(trial.id).history.write_text("epoch")
    progress = TrialProgress("epoch 10/10", 0.9, 1.0, 1, 20)
    left_s = trial_left_s(trial, progress, store.folder(trial.id))
    assert left_s == pytest.approx(20 * 64 * 10 / TRAINING_SHARE * 0.1)


def test_what_an_interrupted_run_said_last_is_not_shown_as_of_now(interrupted):
    store, trial = interrupted
    display = Display(store, Console(file=io.StringIO(), width=200))
    with display.running([trial]):
        Driver(store, [display]).started(trial)
        assert display.rows() == [TrialRow(trial.title(trial.label), "running")]


def test_ended_trials_leave_one_line_where_there_is_no_terminal(tmp_path):
    store, screen = ResultsStore(tmp_path), io.StringIO()
    display = Display(store, Console(file=screen, width=60))
    (trial,) = trials(1)
    with display.running([trial]):
        display.started(trial)
        display.ended(store.fail(trial, "Traceback\nValueError: [bold]odd[/bold] text"), {})
        assert display.summary(display.rows()).startswith("1 of 1 trials done in ")
    assert screen.getvalue() == f"[1/1] {trial.id}: failed: ValueError: [bold]odd[/bold] text\n"


def test_a_trial_runs_on_while_maps_are_left(tmp_path):
    store, screen = ResultsStore(tmp_path), io.StringIO()
    display = Display(store, Console(file=screen, width=60))
    (trial,) = trials(1)
    outcome = Outcome(
        findings=(),
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
        record = finish_whole(store, trial, outcome)
        display.ended(record, store.metrics(trial.id))
        for evaluation in (found, failed):
            display.evaluated(record, evaluation)
    assert screen.getvalue().splitlines() == [
        f"[0/1] {trial.id}: finished in 9 s, point localization accuracy 0.500",
        f"[0/1] {trial.id}: Grad-CAM finished, point localization accuracy 0.250",
        f"[1/1] {trial.id}: Eigen-CAM failed: OSError: full",
    ]


def test_progress_file_that_is_damaged_is_no_progress(tmp_path):
    path = tmp_path / "progress.json"
    assert ProgressFile(path).read() is None
    path.write_text('{"phase": "ep')
    assert ProgressFile(path).read() is None
