"""One trial, from specification to outcome: a plain function that needs no Ray, MLflow or CLI."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import pandas as pd

from bench.data.feeding import evaluation_batches
from bench.errors import FULL_DISK, BenchError, DiskFullError, LostGpuError, ResultsError, account, explained
from bench.evaluation.cam import score_cam
from bench.evaluation.sanity import check_sanity
from bench.evaluation.score import ModelScores, SplitScores, named_boxes, score
from bench.execution.context import RunContext
from bench.execution.prepare import Prepared, prepare
from bench.execution.progress import TRAINING_SHARE, ProgressFile, TrialProgress
from bench.execution.stopping import StopRequest
from bench.execution.subjects import NO_NATIVE_MAP, comparable, keep_weights, of_subject, subject_notes
from bench.metrics.units import unit_columns
from bench.models.subjects import SubjectModel
from bench.results.files import write_text
from bench.results.provenance import DRAWN, PACKAGES, Provenance, describe
from bench.results.record import CamEvaluation, EpochRow, Outcome, now
from bench.results.store import ResultsStore, TrialFolder
from bench.results.units import LOGIT_COLUMNS, MAXIMA_COLUMNS, UNIT_NAMES, write_table, writing_maps
from bench.suite.cam import CAMS, NATIVE, CamMethod, cam_source, cam_title
from bench.suite.catalog import plugin_source
from bench.suite.dataset_specs import StoredSpec, dataset_source
from bench.suite.grid import Part
from bench.suite.metrics import metric_plugins, take_metrics
from bench.suite.plugins import mistake, raised_at
from bench.suite.schema import Recipe
from bench.suite.trial import Trial
from bench.training.checkpoint import load_weights
from bench.training.determinism import collecting_nondeterminism
from bench.training.device_errors import explaining_device_errors
from bench.training.loop import History, train
from bench.training.micro_batches import in_pieces
from bench.training.phases import PhaseClock
from bench.training.precision import describe_arithmetic, device_name
from bench.training.session import Step


@dataclass(frozen=True)
class _RunningTrial:
    """A trial that runs, its folder locked."""

    trial: Trial
    context: RunContext
    folder: TrialFolder
    progress: ProgressFile
    stop: StopRequest
    ready: Prepared
    nondeterministic: set[str]
    num_passes: int
    """Over the test part: one for the native map unless it was scored before, and one for each other map and
    for each map to check."""
    training_share: float
    """Share of the progress bar; the passes have the rest."""

    @property
    def data(self) -> str | None:
        """Digest of the data set, or that it is drawn; None if it was not checked."""
        spec = self.trial.dataset
        return self.context.data.get(spec.model_dump_json()) if isinstance(spec, StoredSpec) else DRAWN


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
    finished, and checks the sanity of those that it asks for: errors there go to `on_cam` and are not
    raised. Waits while another process runs the trial.

    Args:
        trial: which.
        context: where to run it, and which maps to evaluate.
        on_epoch: called after each epoch, also for epochs of an earlier, interrupted run.
        on_outcome: called with the outcome, before other maps are evaluated.
        on_cam: called after each evaluation of a map. That of the native map comes before the outcome, and
            its failure is the trial's; those of other maps, and sanity checks, come after it, finished or
            failed.

    Raises:
        BenchError: data or weights are missing or damaged, training gave no usable model, memory is full, or
            the model's code, which is not bench's own, raised an error.
        DiskFullError: the disk is full; a later run goes on.
        LostGpuError: this process cannot use its GPU any more; a later run goes on, in another process.
        KeyboardInterrupt: the user wants it to stop, or has interrupted; a later run goes on.
    """
    take_metrics(context.metrics)
    folder = ResultsStore(context.results_dir).folder(trial.id)
    with folder.locked(), collecting_nondeterminism() as found:
        folder.sweep()
        try:
            return _run_locked(trial, context, folder, found, on_epoch, on_outcome, on_cam)
        except OSError as error:
            if error.errno not in FULL_DISK:
                raise
            raise DiskFullError(explained(error, folder.path)) from None
        except Exception as error:
            if (told := _told(error, trial)) is not error:
                raise told from error
            raise


def _told(error: Exception, trial: Trial, cam: CamMethod = NATIVE) -> Exception:
    """Returns an error of code from outside of bench as a sentence with its place; others as they are."""
    if isinstance(error, BenchError):
        return error
    of_trial = (plugin_source(trial.model), dataset_source(trial.dataset))
    sources = (cam_source(cam), *of_trial, *metric_plugins().values())
    modules = (source.module for source in sources if source is not None)
    return next((mistake(error, one) for one in modules if raised_at(error, one) is not None), error)


def _run_locked(
    trial: Trial,
    context: RunContext,
    folder: TrialFolder,
    nondeterministic: set[str],
    on_epoch: Callable[[EpochRow], None],
    on_outcome: Callable[[Outcome], None],
    on_cam: Callable[[CamEvaluation], None],
) -> Outcome:
    clock = PhaseClock()
    store = ResultsStore(context.results_dir)
    if store.state(trial.id) == "unreadable":
        raise ResultsError(store.reason(trial.id))
    record = store.record(trial.id)
    outcome = record.outcome if record is not None else None
    wanted = context.cams.get(trial.id, ())
    cams = [cam for cam in wanted if outcome is None or store.state(trial.id, cam) != "finished"]
    to_check = context.sanity.get(trial.id, ())
    checks = [
        cam for cam in to_check if outcome is None or store.state(trial.id, cam, "sanity") != "finished"
    ]
    if outcome is not None and not cams and not checks:
        on_outcome(outcome)
        return outcome
    is_trained, stop = outcome is not None, StopRequest(context.stop)
    stop.raise_if_made()
    progress = ProgressFile(folder.progress)
    ready = _prepare(trial, context, folder, progress, is_trained=is_trained)
    passes = len(cams) + len(checks) + (0 if is_trained else 1)
    share = 0.0 if is_trained or trial.subject is not None else TRAINING_SHARE
    work = _RunningTrial(trial, context, folder, progress, stop, ready, nondeterministic, passes, share)
    if not is_trained and not any(path.exists() for path in folder.checkpoints):
        folder.note_data(work.data)
    if outcome is None:
        outcome, native = _train_and_score(work, on_epoch, clock)
        on_cam(native)
    on_outcome(outcome)
    for position, cam in enumerate(cams, start=passes - len(cams) - len(checks)):
        on_cam(_evaluate(cam, work, _pass_progress(work, cam_title(cam), position)))
    for position, cam in enumerate(checks, start=passes - len(checks)):
        on_cam(_check(cam, work, _pass_progress(work, f"check {cam_title(cam)}", position)))
    return outcome


def _prepare(
    trial: Trial, context: RunContext, folder: TrialFolder, progress: ProgressFile, *, is_trained: bool
) -> Prepared:
    def show(what: str, done: int, total: int) -> None:
        progress.write(TrialProgress(f"{what} {done}/{total}", 0.0))

    progress.write(TrialProgress("load data", 0.0), force=True)
    ready = prepare(trial, context, is_trained=is_trained, on_progress=show)
    if ready.reports:
        text = json.dumps([asdict(report) for report in ready.reports], indent=2) + "\n"
        write_text(folder.initial_weights, text)
    return ready


def _train_and_score(
    work: _RunningTrial, on_epoch: Callable[[EpochRow], None], clock: PhaseClock
) -> tuple[Outcome, CamEvaluation]:
    """Returns the outcome, and the evaluation of the native map; `clock` runs since the trial began."""
    trial, folder, ready = work.trial, work.folder, work.ready
    with explaining_device_errors(trial, ready.device):
        history = _train(work, on_epoch, clock)
        clock.enter("score")
        scores = _score(work)
    of_model, of_map, of_maxima = scores
    boxes = named_boxes(ready.data.test, ready.data.findings)
    write_table(folder.logits, of_model.units, LOGIT_COLUMNS)
    write_table(folder.cam_units(NATIVE), of_map.units, unit_columns())
    write_table(folder.cam_maxima(NATIVE), of_maxima.units, MAXIMA_COLUMNS)
    write_table(folder.boxes, boxes, tuple(boxes.columns))
    arithmetic = describe_arithmetic(trial.recipe, ready.device, work.nondeterministic)
    place = (device_name(ready.device), arithmetic.training, arithmetic.num_threads)
    provenance = describe(*place, arithmetic=arithmetic, data=work.data, trial=trial)
    phases = clock.seconds()
    outcome = Outcome(
        metrics=of_model.metrics,
        best_epoch=history.best_epoch,
        num_epochs=len(history.rows),
        duration_s=round(sum(phases.values()), 2),
        phases_s={phase: round(seconds, 2) for phase, seconds in phases.items()},
        notes=(*ready.notes, *history.notes, *of_model.notes),
        findings=ready.data.findings,
        lacks=() if ready.classes is None else ready.classes.found.unknown_findings,
        input_seen=ready.model.contract.seen() if isinstance(ready.model, SubjectModel) else None,
        provenance=provenance,
        num_skipped_steps=history.num_skipped_steps,
    )
    return outcome, _finished(NATIVE, provenance, of_map, of_maxima)


def _train(work: _RunningTrial, on_epoch: Callable[[EpochRow], None], clock: PhaseClock) -> History:
    """Leaves the best weights in model and folder, and returns the history: none of a subject."""
    trial, folder, ready = work.trial, work.folder, work.ready
    if isinstance(ready.model, SubjectModel):
        clock.enter("save")
        keep_weights(ready.model, folder)
        return History((), 0, (), 0)

    def show(step: Step) -> None:
        share = (step.epoch - 1 + step.images_done / step.images_total) / step.max_epochs
        work.progress.write(
            TrialProgress(
                phase=f"epoch {step.epoch}/{step.max_epochs}",
                fraction=work.training_share * share,
                images_per_s=step.images_per_s,
                step=step.index,
                num_steps=step.num_steps,
                loss=step.loss,
                learning_rate=step.learning_rate,
            )
        )

    clock.enter("train")
    history = train(
        ready.model,
        ready.data,
        trial,
        ready.device,
        folder,
        on_step=show,
        on_epoch=on_epoch,
        nondeterministic=work.nondeterministic,
        checkpoint_every_s=work.context.checkpoint_every_s,
        clock=clock,
        should_stop=lambda: bool(work.stop),
    )
    load_weights(ready.model, folder.best_weights)
    return history


def _score(work: _RunningTrial) -> ModelScores:
    """Returns the scores of the model, of its native maps and of their maxima; leaves these maps."""
    ready, model, classes = work.ready, work.ready.model, work.ready.classes
    pass_through = ready.data, in_pieces(work.trial.recipe), ready.device, _pass_progress(work, "evaluate", 0)
    work.progress.write(TrialProgress("evaluate", work.training_share), force=True)
    if isinstance(model, SubjectModel) and classes is not None:
        if model.has_native_map:
            with writing_maps(work.folder.cam_maps(NATIVE)) as keep:
                scores = score(model, *pass_through, keep)
        else:
            scores = score(model, *pass_through)
        first = next(evaluation_batches(ready.data.test, pass_through[1], ready.device))
        notes = subject_notes(work.trial, model, classes, first.images)
        return of_subject(scores, model, classes, notes)
    with writing_maps(work.folder.cam_maps(NATIVE)) as keep:
        return score(model, *pass_through, keep)


def _evaluate(
    cam: CamMethod, work: _RunningTrial, on_progress: Callable[[float, int], None]
) -> CamEvaluation:
    """Returns the evaluation of one map of the best weights, or why there is none."""
    folder, ready, recipe = work.folder, work.ready, work.trial.recipe
    try:
        _load_best(work)
        with explaining_device_errors(work.trial, ready.device), writing_maps(folder.cam_maps(cam)) as keep:
            scores = score_cam(
                ready.model, ready.data, in_pieces(recipe), ready.device, cam, on_progress, keep
            )
        if ready.classes is not None:
            scores = comparable(scores, ready.classes.lacks_boxes)
        write_table(folder.cam_units(cam), scores.units, unit_columns())
    except Exception as error:
        return _failed(cam, "scores", error, work)
    return _finished(cam, _provenance(cam, work), scores)


def _check(cam: CamMethod, work: _RunningTrial, on_progress: Callable[[int, int], None]) -> CamEvaluation:
    """Returns the sanity checks of one map of the best weights, or why there are none."""
    ready, began_at_s = work.ready, time.monotonic()
    try:
        _load_best(work)
        with explaining_device_errors(work.trial, ready.device):
            checks = _sanity(cam, work, on_progress)
        write_table(work.folder.cam_sanity(cam), checks.units, tuple(checks.units.columns))
    except Exception as error:
        return _failed(cam, "sanity", error, work)
    finished = _finished(cam, _provenance(cam, work), checks)
    duration_s = round(time.monotonic() - began_at_s, 2)
    return finished.model_copy(update={"part": "sanity", "duration_s": duration_s})


def _sanity(cam: CamMethod, work: _RunningTrial, on_progress: Callable[[int, int], None]) -> SplitScores:
    """Returns the checks of one map; of a subject without it none, and the reason."""
    ready, recipe = work.ready, in_pieces(work.trial.recipe)
    if ready.classes is None:
        return check_sanity(ready.model, ready.data, recipe, ready.device, cam, on_progress)
    if cam == NATIVE and isinstance(ready.model, SubjectModel) and not ready.model.has_native_map:
        return SplitScores({}, pd.DataFrame(columns=list(UNIT_NAMES)), (NO_NATIVE_MAP,))
    grey = Recipe().mean  # images of subjects come as they are
    checks = check_sanity(ready.model, ready.data, recipe, ready.device, cam, on_progress, grey)
    return comparable(checks, ready.classes.lacks_boxes)


def _load_best(work: _RunningTrial) -> None:
    """Gives the model its best weights, from which all but the native maps' scores are computed."""
    weights = work.folder.best_weights
    if not weights.exists():
        raise ResultsError(
            "is missing, so no map can be computed; the trial is trained again once "
            f"{work.folder.record.name} beside it is gone, too",
            place=weights,
        )
    load_weights(work.ready.model, weights)


def _failed(cam: CamMethod, part: Part, error: Exception, work: _RunningTrial) -> CamEvaluation:
    """Returns the failure of one map; raises the error again if it is none of the map's."""
    if isinstance(error, LostGpuError) or (isinstance(error, OSError) and error.errno in FULL_DISK):
        raise error
    told = _told(error, work.trial, cam)
    if told is not error:
        told.__cause__ = error  # as `raise told from error` would
    return CamEvaluation(method=cam, part=part, status="failed", error=account(told), ended_at=now())


def _provenance(cam: CamMethod, work: _RunningTrial) -> Provenance:
    place = (device_name(work.ready.device), "float32", work.trial.recipe.num_threads)
    packages = (*PACKAGES, *CAMS[cam].packages)
    return describe(*place, packages, work.data, trial=work.trial, cam=cam)


def _finished(cam: CamMethod, provenance: Provenance, *scores: SplitScores) -> CamEvaluation:
    return CamEvaluation(
        method=cam,
        status="finished",
        metrics={name: value for one in scores for name, value in one.metrics.items()},
        notes=tuple(note for one in scores for note in one.notes),
        provenance=provenance,
        ended_at=now(),
    )


def _pass_progress(work: _RunningTrial, phase: str, position: int) -> Callable[[float, int], None]:
    """Returns a function that shows how far the pass at `position` over the test part is, or stops it."""
    started_s = time.monotonic()

    def show(done: float, total: int) -> None:
        work.stop.raise_if_made()
        share = (position + done / total) / work.num_passes
        left_s = (time.monotonic() - started_s) * (total / done - 1) if done else None
        fraction = work.training_share + (1 - work.training_share) * share
        work.progress.write(TrialProgress(phase, fraction, left_s=left_s))

    return show
