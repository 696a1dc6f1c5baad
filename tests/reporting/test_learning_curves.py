"""Learning curves show what the history says."""

import matplotlib as mpl
import numpy as np
import pytest

from bench.reporting.check import CURVES
from bench.reporting.figures.curves import (
    draw_learning_curve,
    draw_suite_curves,
    write_learning_curve,
    write_suite_curves,
)
from bench.reporting.figures.files import save
from bench.results.record import EpochRow

LOSSES = ((0.7, None), (None, 0.5), (0.4, 0.45), (0.3, 0.48))
"""Training and validation, by epoch: the first is not evaluated, the second's training is not finite."""


def history(losses=LOSSES, rates=(1e-3, 1e-3, 1e-3, 2e-4)) -> list[EpochRow]:
    return [
        EpochRow(
            epoch=epoch,
            learning_rate=rate,
            train_loss=train,
            val_loss=validation,
            images_per_s=1.0,
            duration_s=1.0,
        )
        for epoch, ((train, validation), rate) in enumerate(zip(losses, rates, strict=False), start=1)
    ]


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.get_lines()}


def test_losses_rate_and_best_epoch_are_those_of_the_history(tmp_path):
    figure = draw_learning_curve("a trial", history(), best_epoch=3)
    losses, rates = figure.axes
    drawn = lines(losses)
    np.testing.assert_array_equal(drawn["training"], [(1, 0.7), (2, np.nan), (3, 0.4), (4, 0.3)])
    np.testing.assert_array_equal(drawn["validation"], [(2, 0.5), (3, 0.45), (4, 0.48)])
    np.testing.assert_array_equal(drawn["best: epoch 3, 0.4500"], [(3, 0.45)])
    (steps,) = rates.patches
    assert steps.get_data().values.tolist() == [1e-3, 1e-3, 1e-3, 2e-4]
    assert steps.get_data().edges.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert rates.get_yscale() == "log"
    assert [label.get_text() for label in rates.get_yticklabels()] == ["0.0002", "0.001"]
    save(figure, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("losses", [((0.7, 0.6),), ((None, None),)])
def test_one_epoch_is_enough_and_none_need_be_finite(tmp_path, losses):
    save(draw_learning_curve("a trial", history(losses), best_epoch=None), tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_drawing_leaves_the_settings_of_the_process_as_they_are(tmp_path):
    before = dict(mpl.rcParams)
    save(draw_learning_curve("a trial", history(), best_epoch=3), tmp_path / "curve.png")
    save(draw_suite_curves("a suite", {"nih 256 px": {"PYLON": [history()]}}), tmp_path / "curves.png")
    assert dict(mpl.rcParams) == before


def test_trials_that_ended_have_a_curve_where_there_are_epochs(example):
    loaded = example.load()
    example.fill(loaded)
    finished, failed = loaded.grid.points[0].trial, loaded.grid.points[8].trial
    for trial, rows in ((finished, []), (failed, history())):
        folder, record = example.store.folder(trial.id), example.store.record(trial.id)
        folder.path.mkdir(exist_ok=True)
        folder.write_history(rows)
        write_learning_curve(record, folder)
        assert folder.learning_curve.exists() == bool(rows)
    assert example.store.record(failed.id).status == "failed"


def test_suite_has_a_line_per_trial_and_a_colour_per_model(example):
    loaded = example.load()
    assert write_suite_curves("a suite", loaded.grid, example.store, example.folder) is None
    for point in loaded.grid.points[:6]:
        folder = example.store.folder(point.trial.id)
        folder.path.mkdir(parents=True)
        folder.write_history(history())
    path = write_suite_curves("a suite", loaded.grid, example.store, example.folder)
    assert path == example.folder / CURVES
    assert path.read_bytes().startswith(b"\x89PNG")
    panels = {"64 px": {"PYLON": [history(), history()]}, "96 px": {"UP1": [history()], "PYLON": [history()]}}
    first, second = draw_suite_curves("a suite", panels).axes[:2]
    curves = [line for axes in (first, second) for line in axes.get_lines() if line.get_marker() == "None"]
    assert [line.get_xydata().tolist() for line in curves] == [[[2, 0.5], [3, 0.45], [4, 0.48]]] * 4
    colours = [line.get_color() for line in curves]
    assert colours[0] == colours[1] == colours[3] != colours[2]


def test_a_damaged_history_has_no_curve(example):
    loaded = example.load()
    folder = example.store.folder(loaded.grid.points[0].trial.id)
    folder.path.mkdir(parents=True)
    folder.history.write_text("epoch,loss\n1,0.5\n")
    assert write_suite_curves("a suite", loaded.grid, example.store, example.folder) is None
    assert str(folder.history) in example.store.problems(folder.path.name)[0]
