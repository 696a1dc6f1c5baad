"""Mirrors trials to MLflow: an experiment per suite, a run per trial, found again by the trial's id.

The results folder is the truth. If the server cannot be reached, a warning is logged and the run goes on;
what is missing is mirrored the next time the suite runs.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Read by MLflow when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from bench.errors import ResultsError, brief
from bench.results.record import EPOCH_COLUMNS, CamEvaluation, EpochRow, Record
from bench.results.store import TrialFolder
from bench.suite.grid import Grid
from bench.suite.schema import title_of
from bench.suite.trial import Trial
from bench.tracking.mirrored import STATUS
from bench.tracking.system_metrics import SystemMetrics

log = logging.getLogger(__name__)


def default_uri(results_dir: Path) -> str:
    """Returns ``MLFLOW_TRACKING_URI`` where it is set, else the SQLite store below the results folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{results_dir.resolve() / 'mlflow.db'}"


@contextmanager
def _forgiving() -> Iterator[None]:
    """Turns MLflow's errors into a warning: a dashboard that is away loses no result."""
    try:
        yield
    except (MlflowException, OSError) as error:
        log.warning("MLflow was not told (%s); the next run of the suite makes up for it", error)


class MlflowTracker:
    """A tracker that writes to an MLflow store."""

    def __init__(self, suite_name: str, grid: Grid, results_dir: Path) -> None:
        """Opens the store and the suite's experiment, making both if need be.

        Args:
            suite_name: names the experiment.
            grid: gives trials the labels that this suite calls them by.
            results_dir: the store is below it unless ``MLFLOW_TRACKING_URI`` says otherwise.

        Raises:
            ResultsError: the store cannot be opened.
        """
        uri = default_uri(results_dir)
        results_dir.mkdir(parents=True, exist_ok=True)
        self._suite = suite_name
        self._labels = {point.trial.id: point.label for point in grid.points}
        self._runs: dict[str, str] = {}
        self._epochs: dict[str, int] = {}
        try:
            self._client = MlflowClient(uri)
            self._system = SystemMetrics(self._client)
            self._experiment_id = self._open_experiment(
                local_root=results_dir if uri.startswith("sqlite:") else None
            )
        except (MlflowException, OSError) as error:
            reason = brief(error)
            raise ResultsError(
                f"MLflow at {uri} cannot be opened ({reason}); --no-mlflow goes without"
            ) from None

    def _open_experiment(self, local_root: Path | None) -> str:
        experiment = self._client.get_experiment_by_name(self._suite)
        if experiment is not None:
            return str(experiment.experiment_id)
        location = (local_root / "mlartifacts" / self._suite).resolve().as_uri() if local_root else None
        tags = {"mlflow.experimentKind": "custom_model_development"}  # the dashboard's view of training runs
        return str(self._client.create_experiment(self._suite, artifact_location=location, tags=tags))

    def started(self, trial: Trial) -> None:
        """Opens the trial's run, the one of an interrupted attempt if there is one."""
        with _forgiving():
            run_id = self._run(trial)
            self._client.update_run(run_id, status="RUNNING")
            self._system.open(run_id)

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """Logs the epoch's figures unless they are there already."""
        with _forgiving():
            run_id = self._run(trial)
            if row.epoch <= self._epochs[run_id]:
                return
            values = {name: getattr(row, name) for name in EPOCH_COLUMNS if name != "epoch"}
            self._log(run_id, values, row.epoch)
            self._epochs[run_id] = row.epoch

    def ended(self, record: Record, folder: TrialFolder) -> None:
        """Logs what is new of final metrics and artifacts, and closes the run."""
        with _forgiving():
            run_id = self._run(record.trial)
            self._system.close(run_id)
            run = self._client.get_run(run_id)
            if run.data.tags.get("bench.ended_at") != record.ended_at:
                self._log_record(run_id, record, folder)
            if record.outcome is not None:
                for evaluation in folder.read_evaluations():
                    if run.data.tags.get(_tag(evaluation)) != evaluation.ended_at:
                        self._log_evaluation(run_id, record.outcome.best_epoch, evaluation, folder)
            if run.info.status != STATUS[record.status]:
                self._client.set_terminated(run_id, STATUS[record.status])

    def close(self) -> None:
        """Ends the sampling of this machine, also where trials were interrupted."""
        self._system.stop()

    def _log_record(self, run_id: str, record: Record, folder: TrialFolder) -> None:
        for row in folder.read_history():
            self.epoch(record.trial, row)
        tags = {"bench.ended_at": record.ended_at, "mlflow.note.content": _description(record)}
        if record.outcome is not None:
            outcome = record.outcome
            self._log(run_id, outcome.metrics | {"best_epoch": outcome.best_epoch}, outcome.best_epoch)
            tags["git_commit"] = outcome.provenance.git_commit or "none"
            tags["device"] = outcome.provenance.device
        files = (folder.trial, folder.record, folder.initial_weights, folder.history, folder.learning_curve)
        for path in (*files, folder.units, folder.boxes):
            if path.exists():
                self._client.log_artifact(run_id, str(path))
        self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def _log_evaluation(
        self, run_id: str, best_epoch: int, evaluation: CamEvaluation, folder: TrialFolder
    ) -> None:
        """Logs metrics as ``<method>/…`` beside those of the native map, and the files as ``cams/…``."""
        method = evaluation.method
        values = {f"{method}/{name}": value for name, value in evaluation.metrics.items()}
        self._log(run_id, values, best_epoch)
        for path in (folder.cam_evaluation(method), folder.cam_units(method)):
            if path.exists():
                self._client.log_artifact(run_id, str(path), folder.cams.name)
        tags = {f"{method}.status": evaluation.status, _tag(evaluation): evaluation.ended_at}
        self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def _run(self, trial: Trial) -> str:
        """Returns the id of the trial's run in this experiment, making the run if there is none."""
        if trial.id not in self._runs:
            found = self._client.search_runs(
                [self._experiment_id], f"tags.trial_id = '{trial.id}'", max_results=1
            )
            run_id = found[0].info.run_id if found else self._create(trial)
            history = self._client.get_metric_history(run_id, "learning_rate") if found else []
            self._epochs[run_id] = max((metric.step for metric in history), default=0)
            self._runs[trial.id] = run_id
        return self._runs[trial.id]

    def _create(self, trial: Trial) -> str:
        label = self._labels.get(trial.id, trial.label)
        tags = {
            "suite": self._suite,
            "trial_id": trial.id,
            "model": label,
            "dataset": title_of(trial.dataset),
            "resolution": str(trial.resolution),
            "seed": str(trial.seed),
        }
        run = self._client.create_run(self._experiment_id, run_name=trial.title(label), tags=tags)
        source = {} if trial.init is None else {"init": trial.init.id}
        values = trial.model_dump(mode="json", exclude={"init"}) | source
        parameters = [Param(key, str(value)) for key, value in _flatten(values)]
        self._client.log_batch(run.info.run_id, params=parameters)
        return str(run.info.run_id)

    def _log(self, run_id: str, values: Mapping[str, float | None], step: int) -> None:
        now = int(time.time() * 1000)
        metrics = [Metric(key, value, now, step) for key, value in values.items() if value is not None]
        self._client.log_batch(run_id, metrics=metrics)


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves += _flatten(value, f"{prefix}{key}.")
        else:
            leaves.append((prefix + key, value))
    return leaves


def _tag(evaluation: CamEvaluation) -> str:
    """The tag that says which evaluation of a method was logged last."""
    return f"{evaluation.method}.ended_at"


def _description(record: Record) -> str:
    if record.error is not None:
        return f"Failed.\n\n```\n{record.error[-4000:]}\n```"
    assert record.outcome is not None
    outcome = record.outcome
    notes = "".join(f"\n- {note}" for note in outcome.notes)
    return f"`{record.trial.id}`, best of {outcome.num_epochs} epochs: {outcome.best_epoch}.{notes}"
