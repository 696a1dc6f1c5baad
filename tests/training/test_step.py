"""What training says of itself while it runs."""

import pytest
import torch
from trials import make_trial

from bench.data.dataset import DataContext
from bench.data.phantom.source import load_phantom
from bench.models import build_model
from bench.results.store import TrialFolder
from bench.training.loop import train
from bench.training.phases import PhaseClock

TRIAL = make_trial(
    images=(20, 4, 4),
    batch_size=8,
    max_epochs=2,
    learning_rate=1e-3,
    plateau_threshold=0.9,
    plateau_patience=0,
)


@pytest.mark.parametrize("interval_s", [-1.0, 3600.0])
def test_steps_tell_the_running_loss_and_the_rate(tmp_path, monkeypatch, interval_s):
    monkeypatch.setattr("bench.training.session.LOSS_INTERVAL_S", interval_s)
    data = load_phantom(TRIAL.dataset, TRIAL.resolution, DataContext(None, tmp_path, {}))
    model = build_model(TRIAL.model, num_classes=len(data.findings), encoder=TRIAL.encoder)
    steps, rows = [], []
    train(
        model,
        data,
        TRIAL,
        torch.device("cpu"),
        TrialFolder(tmp_path),
        on_step=steps.append,
        on_epoch=rows.append,
        nondeterministic=set(),
        checkpoint_every_s=3600.0,
        clock=PhaseClock(),
    )
    assert [step.images_done for step in steps] == [8, 16, 20] * 2
    assert [(step.index, step.num_steps) for step in steps] == [(1, 3), (2, 3), (3, 3)] * 2
    for row, last in zip(rows, (steps[2], steps[5]), strict=True):
        assert last.learning_rate == row.learning_rate
        assert last.loss == (row.train_loss if interval_s < 0 else None)
