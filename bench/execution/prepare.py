"""What a trial is worked on with: its data and its model, made from the specification alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from bench.data.dataset import DataContext, Dataset
from bench.data.registry import load_dataset
from bench.execution.context import RunContext
from bench.models import build_model
from bench.models.weights import WeightsReport, load_weights_file
from bench.results.store import ResultsStore
from bench.suite.trial import Trial
from bench.training.memory import explaining_memory
from bench.training.seeding import fix_arithmetic, seed_everything


@dataclass(frozen=True)
class Prepared:
    """A trial before its first step.

    Attributes:
        data: its data set.
        model: on `device`.
        device: where it runs.
        reports: what became of initial weights from files.
    """

    data: Dataset
    model: nn.Module
    device: torch.device
    reports: tuple[WeightsReport, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers should know of the initial weights."""
        return tuple(f"initial weights from {report}" for report in self.reports if not report.is_complete)


def prepare(
    trial: Trial,
    context: RunContext,
    *,
    is_trained: bool = False,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Prepared:
    """Returns the trial's data and freshly initialised model; sets the process' arithmetic and random states.

    Args:
        trial: what to prepare.
        context: where data and files are.
        is_trained: the model needs no initial weights.
        on_progress: told (what, done, total) while images are decoded.

    Raises:
        BenchError: data or weights are missing or damaged, or the model finds no memory.
    """
    device = torch.device("cuda" if context.use_gpu else "cpu")
    fix_arithmetic(trial.recipe.num_threads)
    where = DataContext(context.data_root, context.cache_dir, context.files, on_progress)
    digest = context.data.get(trial.dataset.model_dump_json())
    where = replace(where, limit_images=trial.recipe.limit_images, digest=digest)
    data = load_dataset(trial.dataset, trial.resolution, where)
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
    with explaining_memory(trial, device):
        model = model.to(device)
    return Prepared(data, model, device, tuple(reports))
