"""The part of an acceptance that asks whether numbers are right: of each model, and after interruptions."""

import io
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from acceptance_run import Run
from torch import Tensor
from training import Case

from bench.data.feeding import training_batches
from bench.errors import TrainingError
from bench.evaluation.localize import localize
from bench.evaluation.rescore import measure_sensitivity
from bench.evaluation.score import score
from bench.execution.context import RunContext
from bench.execution.trial import run_trial
from bench.metrics.protocol import DEFAULT
from bench.metrics.regions import COLUMNS
from bench.metrics.units import map_metrics
from bench.planning.probing import probe
from bench.results.store import ResultsStore
from bench.suite.catalog import MODELS, display_name
from bench.suite.dataset_specs import PhantomSpec
from bench.suite.schema import Recipe
from bench.suite.trial import Trial
from bench.training.determinism import collecting_nondeterminism, fix_arithmetic
from bench.training.session import Session


def smoke(run: Run) -> None:
    """Every model, FPN with both norms, trains two steps and is scored."""
    rows = [(name, {}) for name in MODELS] + [("fpn", {"norm": "group"})]
    for name, options in rows[:: run.few(1, 6)]:
        label = display_name(name, options)
        with run.report.surviving(f"smoke: {label}"):
            case = replace(run.sized(128, 8, model=name, options=options), size_px=128)
            with collecting_nondeterminism() as found:
                fix_arithmetic(1)
                session = run.session(case, 2 * case.batch_size)
                _train_epoch(session)
                data = case.data(2, 2, 8, num_boxes=4)
                scores = score(session.model, data, case.trial.recipe, run.device, _ignore).of_model
            is_finite = all(bool(p.isfinite().all()) for p in session.model.state_dict().values())
            facts = {"loss": session.rows[-1].train_loss, "nondeterministic": sorted(found) or "none"}
            run.report.check(f"smoke: {label}", is_finite and len(scores.units) > 0, **facts)
        run.clean()


def equality(run: Run) -> None:
    """The CPU's numbers and the device's: augmentation, a network in float32, peaks and ties of maps."""
    fix_arithmetic(1)
    case, cpu = replace(run.case, batch_size=4), torch.device("cpu")
    train = case.data(4).train
    first, second = (
        next(training_batches(train, case.trial, 1, on)).images.cpu() for on in (cpu, run.device)
    )
    gap = (first - second).abs() * case.trial.recipe.std * 255
    share = float((gap > 0.05).float().mean())
    run.report.check("equality: augmentation", share < 1e-4, most=float(gap.max()), share_above_005=share)
    for tf32 in (False, True) if run.is_cuda else (False,):
        with _tf32(tf32):
            ours, theirs = (_heatmaps_and_gradients(case, first, on) for on in (cpu, run.device))
        of_maps, of_gradients = (float((a - b).norm() / a.norm()) for a, b in zip(ours, theirs, strict=True))
        name = f"equality: a network in {'TF32' if tf32 else 'float32'}"
        run.report.check(name, of_maps < (3e-2 if tf32 else 1e-3), heatmaps=of_maps, gradients=of_gradients)
    for name, spread in (("usual", 2.0), ("saturated", 30.0)):
        _compare_peaks(run, name, spread)


def _compare_peaks(run: Run, name: str, spread: float) -> None:
    """Localizes the same maps on both devices, with logits of that spread."""
    random = np.random.default_rng(0)
    coarse = torch.from_numpy(random.normal(0, spread, (64, 8, 8, 8)).astype(np.float32))
    boxes = pd.DataFrame(
        [(image, finding, 40.0, 50.0, 60.0, 70.0) for image in range(64) for finding in range(8)],
        columns=list(COLUMNS),
    )
    ours, theirs = (localize(coarse.to(on), boxes, 256) for on in (torch.device("cpu"), run.device))
    peaks = ["peak_row", "peak_column"]
    moved = int((ours[peaks] != theirs[peaks]).any(axis=1).sum())
    ties = int((ours["num_ties"] != theirs["num_ties"]).sum())
    hits = int((ours["hit"] != theirs["hit"]).sum())
    is_same = moved == ties == hits == 0
    run.report.check(
        f"equality: peaks of {name} maps", is_same, moved=moved, ties=ties, hits=hits, of=len(ours)
    )


def _heatmaps_and_gradients(case: Case, images: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    network = case.network(device).train()
    output = network(images.to(device))
    F.binary_cross_entropy_with_logits(output.logits, torch.ones_like(output.logits)).backward()
    gradients = [
        parameter.grad.flatten().cpu() for parameter in network.parameters() if parameter.grad is not None
    ]
    return output.heatmaps.detach().cpu(), torch.cat(gradients)


@contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def resume(run: Run) -> None:
    """The same training again, and one that is interrupted, give the same losses to the last bit."""
    kinds = [(model, "auto") for model in ("pylon", "fpn", "deeplabv3plus", "unet")]
    kinds += [("pylon", "bfloat16"), ("pylon", "float32")]
    for model, precision in kinds[: run.few(6, 1)]:
        if not run.has_time:
            return
        with run.report.surviving(f"resume: {model}, {precision}"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fix_arithmetic(1)
            case = run.sized(128, 16, model=model, recipe={"precision": precision})
            num_images = 6 * case.batch_size + 5
            once, again = (_losses_of(run.session(case, num_images)) for _ in range(2))
            resumed = _losses_of(_interrupted(run, case, num_images))
            for name, losses in (("again", again), ("interrupted", resumed)):
                others = (losses != once).nonzero()
                first = int(others[0]) if len(others) else "none"
                what = f"resume: {model}, {precision}, {name}, is the same to the bit"
                run.report.check(what, len(others) == 0, first_other_step=first, of=len(once))
        run.clean()


def _interrupted(run: Run, case: Case, num_images: int) -> Session:
    """Returns a training that goes on from what another one wrote in its fourth step."""
    session = run.session(case, num_images)
    steps = session.steps()
    for _ in range(4):
        next(steps)
    stored = io.BytesIO()
    torch.save(session.capture(), stored)
    stored.seek(0)
    another = run.session(case, num_images)
    another.restore(torch.load(stored, map_location="cpu", weights_only=True))
    return another


def _losses_of(session: Session) -> Tensor:
    """Trains to the end of the second epoch; returns the loss of every step."""
    while len(session.rows) < 2:
        _train_epoch(session)
    return session.losses.to_tensor()


def _train_epoch(session: Session) -> None:
    for _ in session.steps():
        pass
    session.end_epoch()


def memory(run: Run) -> None:
    """Out of memory: the sentence, what the error holds, and the next trial on the device."""
    if not run.is_cuda:
        run.report.info("memory: nothing to ask of a CPU")
        return
    before, told = torch.cuda.memory_allocated(), None
    try:
        probe(Case(4096, 8).trial, run.device, 1)  # some 200 GB of activations
    except TrainingError as error:
        told = error
    run.report.check("memory: running out of it is a sentence", told is not None, says=told)
    held = (torch.cuda.memory_allocated() - before) / 2**30
    run.report.check("memory: the error holds nothing on the device", held < 0.25, gib=held)
    run.clean()
    num_steps = sum(1 for _ in run.session(Case(128, 8), 16).steps())
    run.report.check("memory: the next trial runs", num_steps == 2)


def whole_trial(run: Run) -> None:
    """One trial of phantoms from specification to outcome, and its stored maps scored again."""
    trial = Trial(
        model="pylon",
        encoder="tu-test_resnet" if run.is_tiny else "resnet18",
        weights="none",
        dataset=PhantomSpec(train=64, val=16, test=32),
        resolution=64,
        seed=0,
        recipe=Recipe(batch_size=16, max_epochs=run.few(3, 1)),
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        context = RunContext(root, data_root=None, cache_dir=root / "cache", use_gpu=run.is_cuda)
        rows, maps = [], []
        outcome = run_trial(trial, context, rows.append, on_cam=maps.append)
        again = measure_sensitivity(ResultsStore(root).folder(trial.id), trial.resolution, _ignore)
    metric, *_ = map_metrics()
    scored = maps[0].metrics[metric.key("weighted")]
    rescored = again.metrics[metric.name][DEFAULT]["weighted"]
    is_same = abs(scored - rescored) < 1e-12
    run.report.check("whole trial: stored maps score as recorded", is_same, scored=scored, again=rescored)
    in_epochs = sum(row.duration_s for row in rows)
    arithmetic = outcome.provenance.arithmetic
    run.report.info(
        "whole trial: time",
        total_s=outcome.duration_s,
        epochs_s=in_epochs,
        precision=arithmetic.training,
        nondeterministic=arithmetic.nondeterministic or "none",
    )


def _ignore(*_: object) -> None:
    pass
