"""What a trial does, in a table and in a line."""

import io

import pytest
from rich.console import Console

from bench.execution.progress import TrialProgress
from bench.execution.progress_table import TrialRow, progress_line, progress_table

TRAINING = TrialRow(
    "PYLON · s0 · nih 256 px",
    "running",
    TrialProgress("epoch 3/40", 0.5, 123.4, step=7, num_steps=23, loss=0.21437, learning_rate=1e-4),
    7560.0,
)
LEFT = ("left", "at", "most")
WAITING = TrialRow("PYLON · s1 · nih 256 px", "waiting")


def shown(width: int) -> list[str]:
    screen = io.StringIO()
    Console(file=screen, width=width).print(progress_table([TRAINING, WAITING], width, "0 of 2 trials done"))
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def test_wide_terminal_shows_everything():
    head, training, waiting, caption = shown(140)
    assert head.split() == ["trial", "state", "step", "loss", "rate", "images/s", *LEFT]
    assert training.replace("━", "").replace("╸", "").split() == [
        *("PYLON", "·", "s0", "·", "nih", "256", "px"),
        *("epoch", "3/40", "7/23", "0.2144", "0.0001", "123", "2.1", "h"),
    ]
    assert "━" in training
    assert waiting.split() == ["PYLON", "·", "s1", "·", "nih", "256", "px", "waiting"]
    assert caption == "0 of 2 trials done"


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (40, ["state", *LEFT]),
        (80, ["state", "images/s", *LEFT]),
        (100, ["state", "loss", "rate", "images/s", *LEFT]),
    ],
)
def test_narrow_terminals_go_without_some_and_cut_nothing_else(width, columns):
    head, training, *_ = shown(width)
    assert head.split() == ["trial", *columns]
    assert "epoch 3/40" in training
    assert training.endswith("2.1 h")
    assert max(map(len, shown(width))) <= width


def test_line_says_what_is_known():
    assert progress_line(TRAINING) == (
        "PYLON · s0 · nih 256 px: epoch 3/40, step 7/23, loss 0.2144, learning rate 0.0001, 123 images/s, "
        "2.1 h left at most"
    )
    evaluating = TrialRow("PYLON", "running", TrialProgress("evaluate", 0.97))
    assert progress_line(evaluating) == "PYLON: evaluate"


def test_a_title_in_brackets_is_no_markup():
    screen = io.StringIO()
    rows = [TrialRow("PYLON [red]", "waiting")]
    Console(file=screen, width=80).print(progress_table(rows, 80, "[bold] done"))
    assert "PYLON [red]" in screen.getvalue()
    assert "[bold] done" in screen.getvalue()
