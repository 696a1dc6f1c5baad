"""One trial, from specification to outcome: a plain function that needs no Ray, MLflow or CLI."""

import json
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from math import ceil

import torch
from torch import nn

from bench.data.dataset import DataContext, Dataset
from bench.data.registry import load_dataset
from bench.errors import BenchError, ResultsError
from bench.evaluation.cam import score_cam
from bench.evaluation.score import score
from bench.execution.context import RunContext
from bench.execution.progress import TRAINING_SHARE, Progress, ProgressFile
from bench.models import build_model
from bench.models.weights import WeightsReport, load_weights_file
from bench.results.atomic import write_text
from bench.results.provenance import CAM_LIBRARY, PACKAGES, describe
from bench.results.record import CamEvaluation, EpochRow, Outcome, now
from bench.results.store import ResultsStore, TrialFolder
from bench.results.units import BOX_COLUMNS, UNIT_COLUMNS, write_table
from bench.suite.cam import CAM_NAMES, CamMethod
from bench.suite.trial import Trial
from bench.training.checkpoint import load_weights
from bench.training.loop import Step, train
from bench.training.precision import choose_precision
from bench.training.seeding import fix_arithmetic, seed_everything


@dataclass(frozen=True)
class _Setting:
    """What a trial is worked on with.

    Attributes:
        data: its data set.
        model: on `device`.
        device: where it runs.
        num_passes: over the test part: the native map's unless it was scored before, one for each other map.
        training_share: share of the progress bar that training takes; the rest is the passes'.
        notes: what a reader of the numbers should know of the initial weights.
        data_digest: see `bench.results.provenance.Provenance.data`.
    """

    data: Dataset
    model: nn.Module
    device: torch.device
    num_passes: int
    training_share: float
    notes: tuple[str, ...]
    data_digest: str | None


def run_trial(
    trial: Trial,
    context: RunContext,
    on_epoch: Callable[[EpochRow], None] = lambda _: None,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
    on_cam: Callable[[CamEvaluation], None] = lambda _: None,
) -> Outcome:
    """Trains and scores `trial`, leaves its files in its folder and returns its outcome.

    Goes on where an earlier run of the same trial was interrupted, and takes the outcome of one that was
    finished. Then evaluates the maps that the context asks for, from the best weights, unless they are
    finished: what goes wrong there is told and not raised. Waits while another process works on the trial.

    Args:
        trial: what to do.
        context: where to do it, and which maps to evaluate.
        on_epoch: told after each epoch, also after epochs of an earlier, interrupted run.
        on_outcome: told the outcome, before other maps are evaluated.
        on_cam: told after each evaluation of another map, be it finished or failed.

    Raises:
        BenchError: data or weights are missing or damaged.
        TrainingError: training gave no usable model.
    """
    folder = ResultsStore(context.results_dir).folder(trial.id)
    with folder.locked(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation.*")
        return _run_locked(trial, context, folder, on_epoch, on_outcome, on_cam)


def _run_locked(
    trial: Trial,
    context: RunContext,
    folder: TrialFolder,
    on_epoch: Callable[[EpochRow], None],
    on_outcome: Callable[[Outcome], None],
    on_cam: Callable[[CamEvaluation], None],
) -> Outcome:
    started = time.monotonic()
    store = ResultsStore(context.results_dir)
    record = store.record(trial.id)
    outcome = record.outcome if record is not None else None
    wanted = context.cams.get(trial.id, ())
    cams = [cam for cam in wanted if outcome is None or store.state(trial.id, cam) != "finished"]
    if outcome is not None and not cams:
        on_outcome(outcome)
        return outcome
    progress = ProgressFile(folder.progress)
    setting = _prepare(trial, context, folder, progress, is_trained=outcome is not None, num_cams=len(cams))
    if outcome is None:
        outcome = _train_and_score(trial, setting, folder, progress, on_epoch, started)
    on_outcome(outcome)
    for position, cam in enumerate(cams, start=setting.num_passes - len(cams)):
        on_cam(_evaluate(cam, trial, setting, folder, _shower(progress, setting, CAM_NAMES[cam], position)))
    return outcome


def _prepare(
    trial: Trial,
    context: RunContext,
    folder: TrialFolder,
    progress: ProgressFile,
    *,
    is_trained: bool,
    num_cams: int,
) -> _Setting:
    """Returns the trial's data and model; a model that is trained needs no initial weights."""
    progress.write(Progress("load data", 0.0), force=True)
    device = torch.device("cuda" if context.use_gpu else "cpu")
    fix_arithmetic(trial.recipe.num_threads)
    data = load_dataset(trial.dataset, trial.resolution, _data_context(context, progress))
    seed_everything(trial.seed)
    reports: list[WeightsReport] = []
    model = build_model(
        trial.model,
        num_classes=len(data.findings),
        encoder=trial.encoder,
        encoder_weights="none" if is_trained else str(context.files.get(trial.weights, trial.weights)),
        on_loaded=reports.append,
        **trial.options,  # type: ignore[arg-type]
    )
    if trial.init is not None and not is_trained:
        source = ResultsStore(context.results_dir).folder(trial.init.id).best_weights
        reports.append(replace(load_weights_file(model, source), source=trial.init.id))
    if trial.recipe.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    num_passes = num_cams if is_trained else num_cams + 1
    share = 0.0 if is_trained else TRAINING_SHARE
    if reports:
        text = json.dumps([asdict(report) for report in reports], indent=2) + "\n"
        write_text(folder.initial_weights, text)
    notes = tuple(f"initial weights from {report}" for report in reports if not report.is_complete)
    digest = context.data.get(trial.dataset.model_dump_json())
    return _Setting(data, model.to(device), device, num_passes, share, notes, digest)


def _train_and_score(
    trial: Trial,
    setting: _Setting,
    folder: TrialFolder,
    progress: ProgressFile,
    on_epoch: Callable[[EpochRow], None],
    started: float,
) -> Outcome:
    """Returns the outcome; `started` is when work on the trial began, by the monotonic clock."""
    data, model, device = setting.data, setting.model, setting.device
    size = trial.recipe.batch_size

    def show(step: Step) -> None:
        share = (step.epoch - 1 + step.images_done / step.images_total) / step.max_epochs
        progress.write(
            Progress(
                phase=f"epoch {step.epoch}/{step.max_epochs}",
                fraction=TRAINING_SHARE * share,
                images_per_s=step.images_per_s,
                step=ceil(step.images_done / size),
                num_steps=ceil(step.images_total / size),
                loss=step.loss,
                learning_rate=step.learning_rate,
            )
        )

    history = train(model, data, trial, device, folder, on_step=show, on_epoch=on_epoch)
    load_weights(model, folder.best_weights)
    scores = score(model, data, trial.recipe, device, _shower(progress, setting, "evaluate", 0))
    write_table(folder.units, scores.units, UNIT_COLUMNS)
    write_table(folder.boxes, scores.boxes, BOX_COLUMNS)
    precision = choose_precision(trial.recipe, device).name
    return Outcome(
        metrics=scores.metrics,
        best_epoch=history.best_epoch,
        num_epochs=len(history.rows),
        duration_s=round(history.earlier_s + time.monotonic() - started, 2),
        notes=(*setting.notes, *scores.notes),
        findings=data.findings,
        provenance=describe(
            _device_name(device), precision, trial.recipe.num_threads, data=setting.data_digest
        ),
    )


def _evaluate(
    cam: CamMethod,
    trial: Trial,
    setting: _Setting,
    folder: TrialFolder,
    on_progress: Callable[[int, int], None],
) -> CamEvaluation:
    """Returns the evaluation of one map of the best weights, or why there is none."""
    model, device, recipe = setting.model, setting.device, trial.recipe
    try:
        if not folder.best_weights.exists():
            hint = f"without {folder.record.name} beside it the trial is trained again"
            raise ResultsError(f"{folder.best_weights} is missing, so that no map can be computed; {hint}")
        load_weights(model, folder.best_weights)
        scores = score_cam(model, setting.data, recipe, device, cam, on_progress)
        write_table(folder.cam_units(cam), scores.units, UNIT_COLUMNS)
    except Exception as error:
        text = str(error) if isinstance(error, BenchError) else traceback.format_exc()
        return CamEvaluation(method=cam, status="failed", error=text, ended_at=now())
    packages = (*PACKAGES, CAM_LIBRARY)
    return CamEvaluation(
        method=cam,
        status="finished",
        metrics=scores.metrics,
        notes=scores.notes,
        provenance=describe(_device_name(device), "float32", recipe.num_threads, packages),
        ended_at=now(),
    )


def _shower(
    progress: ProgressFile, setting: _Setting, phase: str, position: int
) -> Callable[[int, int], None]:
    """Returns what shows how far the pass at `position` over the test part is."""

    def show(done: int, total: int) -> None:
        share = (position + done / total) / setting.num_passes
        progress.write(Progress(phase, setting.training_share + (1 - setting.training_share) * share))

    return show


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _data_context(context: RunContext, progress: ProgressFile) -> DataContext:
    def show(what: str, done: int, total: int) -> None:
        progress.write(Progress(f"{what} {done}/{total}", 0.0))

    return DataContext(context.data_root, context.cache_dir, context.files, show)
