"""What a session tells displays while it trains."""

import pytest
import torch

from bench.data.dataset import DataContext
from bench.data.registry import load_dataset
from bench.models import build_model
from bench.suite.schema import PhantomSpec, Recipe
from bench.suite.trial import Trial
from bench.training import session as module
from bench.training.session import Session


def test_steps_tell_loss_rate_and_how_far_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOSS_INTERVAL_S", -1.0)
    trial = Trial(
        model="baseline",
        encoder="tu-test_resnet",
        weights="none",
        dataset=PhantomSpec(train=10, val=4, test=4),
        resolution=64,
        seed=0,
        recipe=Recipe(batch_size=4, learning_rate=1e-3, max_epochs=2),
    )
    data = load_dataset(trial.dataset, 64, DataContext(None, tmp_path, {}))
    torch.manual_seed(0)
    model = build_model("baseline", num_classes=len(data.findings), encoder=trial.encoder)
    session = Session(model, data, trial, torch.device("cpu"))
    steps = list(session.steps())
    assert [(step.epoch, step.max_epochs, step.images_done, step.images_total) for step in steps] == [
        (1, 2, done, 10) for done in (4, 8, 10)
    ]
    assert {step.learning_rate for step in steps} == {1e-3}
    losses = session.losses.running().astype(float)
    assert steps[1].loss == pytest.approx(losses[:2].mean())
    assert steps[2].loss == pytest.approx((4 * losses[0] + 4 * losses[1] + 2 * losses[2]) / 10)
