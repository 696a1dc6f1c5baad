"""Prepares a trial's data and model from its specification, or loads a finished trial's model."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from bench.data.dataset import DataContext, Dataset
from bench.data.loading import load_dataset, with_findings
from bench.errors import PluginError, ResultsError
from bench.execution.context import RunContext
from bench.execution.subjects import SubjectClasses, classes_in, classes_of, load_subject
from bench.models import build_model
from bench.models.encoders import log_report
from bench.models.weights import WeightsReport, load_weights_file
from bench.results.record import Outcome
from bench.results.store import ResultsStore, TrialFolder
from bench.suite.catalog import plugin_source
from bench.suite.dataset_specs import dataset_source
from bench.suite.plugin_source import PluginSource
from bench.suite.trial import Trial
from bench.training.checkpoint import load_weights
from bench.training.determinism import fix_arithmetic, seed_everything
from bench.training.device_errors import explaining_device_errors
from bench.training.memory import begin_trial


@dataclass(frozen=True)
class Prepared:
    """A trial before its first step.

    Attributes:
        data: its data set.
        model: on `device`.
        device: where it runs.
        reports: on initial weights from files.
    """

    data: Dataset
    model: nn.Module
    device: torch.device
    reports: tuple[WeightsReport, ...]
    classes: SubjectClasses | None = None
    """Of a subject: the data set has no other findings than those that have a class."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on initial weights that a file filled in part only."""
        return tuple(f"initial weights from {report}" for report in self.reports if not report.is_complete)


def prepare(
    trial: Trial,
    context: RunContext,
    *,
    is_trained: bool = False,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Prepared:
    """Returns the trial's data and freshly initialised model; sets the process' arithmetic and random states.

    On a GPU, it also frees what earlier trials of the process have left there.

    Args:
        trial: which.
        context: where data and files are.
        is_trained: the model needs no initial weights.
        on_progress: called with (what, done, total) while images are decoded.

    Raises:
        BenchError: data or weights are missing or damaged, or the model finds no memory.
        LostGpuError: this process cannot use its GPU any more.
    """
    device = torch.device("cuda" if context.use_gpu else "cpu")
    fix_arithmetic(trial.recipe.num_threads)
    _require_dataset_source(trial)
    where = DataContext(context.data_root, context.cache_dir, context.files, on_progress)
    digest = context.data.get(trial.dataset.model_dump_json())
    where = replace(where, limit_images=trial.recipe.limit_images, digest=digest)
    data = load_dataset(trial.dataset, trial.resolution, where)
    seed_everything(trial.seed)
    if trial.subject is not None:
        return _prepare_subject(trial, context, data, device)
    reports: list[WeightsReport] = []
    weights = "none" if is_trained else str(context.files.get(trial.weights, trial.weights))
    model = _build(trial, len(data.findings), weights, reports.append)
    if trial.init is not None and not is_trained:
        source = ResultsStore(context.results_dir).folder(trial.init.id).best_weights
        reports.append(replace(load_weights_file(model, source), source=trial.init.id))
    with explaining_device_errors(trial, device):
        begin_trial(device, context.gpu_share)
        model = model.to(device)
    return Prepared(data, model, device, tuple(reports))


def _prepare_subject(trial: Trial, context: RunContext, data: Dataset, device: torch.device) -> Prepared:
    _require_source(trial)
    classes = classes_in(trial, data)
    folder = ResultsStore(context.results_dir).folder(trial.id)
    model: nn.Module = load_subject(trial, classes.found, folder, context.files)
    with explaining_device_errors(trial, device):
        begin_trial(device, context.gpu_share)
        model = model.to(device)
    return Prepared(with_findings(data, tuple(classes.found.class_of)), model, device, (), classes)


def _build(
    trial: Trial,
    num_classes: int,
    weights: str = "none",
    on_loaded: Callable[[WeightsReport], None] = log_report,
) -> nn.Module:
    _require_source(trial)
    model = build_model(
        trial.model,
        num_classes=num_classes,
        encoder=trial.encoder,
        encoder_weights=weights,
        size_px=trial.resolution,
        on_loaded=on_loaded,
        **trial.options,  # type: ignore[arg-type]
    )
    if trial.recipe.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def _require_source(trial: Trial) -> None:
    """Checks that the model's source is here what it was where the trial got its id.

    Raises:
        PluginError: it is not, or the plug-in is not here.
    """
    if trial.source is not None:
        _require_same(f"model {trial.model!r}", trial.source, plugin_source(trial.model), trial)


def _require_dataset_source(trial: Trial) -> None:
    """Checks the same of the data set's source.

    Raises:
        PluginError: it is not, or the plug-in is not here.
    """
    if trial.dataset_source is not None:
        what = f"data set {trial.dataset.name!r}"
        _require_same(what, trial.dataset_source, dataset_source(trial.dataset), trial)


def _require_same(what: str, digest: str, found: PluginSource | None, trial: Trial) -> None:
    if found is None or found.digest != digest:
        raise PluginError(
            f"the source of {what} is not the one that the trial was made for "
            f"({digest}); where it has changed, run the suite again",
            place=trial.id,
        )


@dataclass(frozen=True)
class TrainedModel:
    """A model to use.

    Attributes:
        trial: of which it is.
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
    fix_arithmetic(trial.recipe.num_threads)
    if not folder.best_weights.exists():
        raise ResultsError("is missing; the trial's record alone makes no model", place=folder.best_weights)
    if trial.subject is None:
        model = _build(trial, len(outcome.findings))
    else:
        _require_source(trial)
        model = load_subject(trial, classes_of(trial, outcome.findings), folder, {})
    load_weights(model, folder.best_weights)
    return TrainedModel(trial, model.to(device).eval(), outcome.findings, device)


def _finished(folder: TrialFolder) -> tuple[Trial, Outcome]:
    record = folder.read_record()
    if record is not None and record.outcome is not None:
        return record.trial, record.outcome
    if record is not None:
        raise ResultsError(
            f"the trial has failed ({record.reason}); there is no model", place=folder.path, value="failed"
        )
    num_epochs = len(folder.epochs())
    trained = f"after {num_epochs} epoch{'s' * (num_epochs != 1)}"
    state = trained if num_epochs else "before its first epoch ended"
    raise ResultsError(
        f"the trial is not finished: it runs, or stopped {state}; run its suite",
        place=folder.path,
        value="unfinished",
    )
