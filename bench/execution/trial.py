"""One trial, from specification to outcome: a plain function that needs no Ray, MLflow or CLI."""

import time
import warnings
from collections.abc import Callable

import torch

from bench.data.dataset import DataContext
from bench.data.registry import load_dataset
from bench.evaluation.score import score
from bench.execution.context import RunContext
from bench.execution.progress import Progress, ProgressFile
from bench.models import build_model
from bench.results.provenance import describe
from bench.results.record import EpochRow, Outcome
from bench.results.store import ResultsStore, TrialFolder
from bench.results.units import BOX_COLUMNS, UNIT_COLUMNS, write_table
from bench.suite.trial import Trial
from bench.training.checkpoint import load_weights
from bench.training.loop import Step, train
from bench.training.precision import choose_precision
from bench.training.seeding import fix_arithmetic, seed_everything

_TRAINING_SHARE = 0.95
"""Share of a trial's progress bar that training takes; the rest is evaluation."""


def run_trial(
    trial: Trial, context: RunContext, on_epoch: Callable[[EpochRow], None] = lambda _: None
) -> Outcome:
    """Trains and scores `trial`, leaves its files in its folder and returns its outcome.

    Goes on where an earlier run of the same trial was interrupted. Waits while another process works on it.

    Args:
        trial: what to do.
        context: where to do it.
        on_epoch: told after each epoch, also after epochs of an earlier, interrupted run.

    Raises:
        BenchError: data or weights are missing or damaged.
        TrainingError: training gave no usable model.
    """
    folder = ResultsStore(context.results_dir).folder(trial.id)
    with folder.locked(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation.*")
        return _run_locked(trial, context, folder, on_epoch)


def _run_locked(
    trial: Trial, context: RunContext, folder: TrialFolder, on_epoch: Callable[[EpochRow], None]
) -> Outcome:
    started = time.monotonic()
    progress = ProgressFile(folder.progress)
    progress.write(Progress("load data", 0.0), force=True)
    device = torch.device("cuda" if context.use_gpu else "cpu")
    fix_arithmetic(trial.recipe.num_threads)
    data = load_dataset(trial.dataset, trial.resolution, _data_context(context, progress))
    seed_everything(trial.seed)
    weights = str(context.files.get(trial.weights, trial.weights))
    model = build_model(
        trial.model,
        num_classes=len(data.findings),
        encoder=trial.encoder,
        encoder_weights=weights,
        **trial.options,  # type: ignore[arg-type]
    )
    if trial.recipe.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model = model.to(device)

    def show(step: Step) -> None:
        share = (step.epoch - 1 + step.images_done / step.images_total) / step.max_epochs
        phase = f"epoch {step.epoch}/{step.max_epochs}"
        progress.write(Progress(phase, _TRAINING_SHARE * share, step.images_per_s))

    history = train(model, data, trial, device, folder, on_step=show, on_epoch=on_epoch)
    load_weights(model, folder.best_weights)

    def show_scoring(done: int, total: int) -> None:
        share = _TRAINING_SHARE + (1 - _TRAINING_SHARE) * done / total
        progress.write(Progress("evaluate", share))

    scores = score(model, data, trial.recipe, device, show_scoring)
    write_table(folder.units, scores.units, UNIT_COLUMNS)
    write_table(folder.boxes, scores.boxes, BOX_COLUMNS)
    device_name = torch.cuda.get_device_name(device) if context.use_gpu else "cpu"
    precision = choose_precision(trial.recipe, device).name
    return Outcome(
        metrics=scores.metrics,
        best_epoch=history.best_epoch,
        num_epochs=len(history.rows),
        duration_s=round(history.earlier_s + time.monotonic() - started, 2),
        notes=scores.notes,
        provenance=describe(device_name, precision, trial.recipe.num_threads),
    )


def _data_context(context: RunContext, progress: ProgressFile) -> DataContext:
    def show(what: str, done: int, total: int) -> None:
        progress.write(Progress(f"{what} {done}/{total}", 0.0))

    return DataContext(context.data_root, context.cache_dir, context.files, show)
