"""A finished trial's model, as its best epoch left it, with the names of what it tells."""

from dataclasses import dataclass

import torch
from torch import nn

from bench.errors import ResultsError
from bench.models import build_model
from bench.results.record import Outcome
from bench.results.store import TrialFolder
from bench.suite.trial import Trial
from bench.training.checkpoint import load_weights
from bench.training.seeding import fix_arithmetic


@dataclass(frozen=True)
class TrainedModel:
    """A model to use.

    Attributes:
        trial: what it is.
        model: with the weights of its best epoch, on `device`.
        findings: its c classes, in the order of logits and heatmaps.
        device: where it runs.
    """

    trial: Trial
    model: nn.Module
    findings: tuple[str, ...]
    device: torch.device


def load_trained(folder: TrialFolder, device: torch.device) -> TrainedModel:
    """Returns the model of a finished trial; arithmetic in this process is then that of its evaluation.

    Raises:
        ResultsError: the trial is not finished, or its weights are missing or damaged or do not fit it.
    """
    trial, outcome = _finished(folder)
    findings = outcome.findings
    fix_arithmetic(trial.recipe.num_threads)
    model = build_model(
        trial.model,
        num_classes=len(findings),
        encoder=trial.encoder,
        encoder_weights="none",
        **trial.options,  # type: ignore[arg-type]
    )
    path = folder.best_weights
    if not path.exists():
        raise ResultsError(f"{path}: is missing; the trial's record alone makes no model")
    load_weights(model, path)
    if trial.recipe.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return TrainedModel(trial, model.to(device).eval(), findings, device)


def _finished(folder: TrialFolder) -> tuple[Trial, Outcome]:
    record = folder.read_record()
    if record is not None and record.outcome is not None:
        return record.trial, record.outcome
    if record is not None:
        raise ResultsError(f"{folder.path}: the trial has failed ({record.reason}); there is no model")
    num_epochs = len(folder.epochs())
    trained = f"after {num_epochs} epoch{'s' * (num_epochs != 1)}"
    state = trained if folder.last_checkpoint.exists() else "before its first epoch ended"
    raise ResultsError(
        f"{folder.path}: the trial is not finished: it runs, or stopped {state}; run its suite"
    )
