"""A small suite with results, made without training, and its view in a real MLflow store."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from records import finish_whole

from bench.results.invocation import Invocation, Invocations
from bench.results.provenance import describe
from bench.results.record import EpochRow, Outcome
from bench.results.store import ResultsStore
from bench.suite.load import LoadedSuite, load_suite
from bench.suite.trial import Trial
from bench.tracking import set_environment
from bench.tracking.mlflow import MlflowTracker
from bench.tracking.observer import RunObserver

set_environment()

SUITE = """\
title: A mirror
models: [{name: pylon, label: Ours}]
datasets: [phantom]
resolutions: [64]
seeds: [0]
"""


def row(epoch: int) -> EpochRow:
    return EpochRow(
        epoch=epoch,
        learning_rate=1e-4,
        train_loss=0.5,
        val_loss=0.4 / epoch,
        images_per_s=10.0,
        duration_s=1.0,
    )


def outcome(accuracy: float = 0.75) -> Outcome:
    return Outcome(
        findings=(),
        metrics={"point_accuracy/weighted": accuracy, "point_accuracy/Mass (left)": 0.5},
        best_epoch=2,
        num_epochs=2,
        duration_s=2.0,
        notes=("a note",),
        provenance=describe("cpu", "float32", 1),
    )


@dataclass
class Mirror:
    """A results folder, a suite, and the store."""

    folder: Path
    fresh_database: Path
    text: str = SUITE

    @property
    def store(self) -> ResultsStore:
        return ResultsStore(self.folder / "results")

    @property
    def invocations(self) -> Invocations:
        return Invocations(self.store)

    def suite(self, name: str = "mirror") -> LoadedSuite:
        path = self.folder / f"{name}.yaml"
        path.write_text(self.text)
        return load_suite(path)

    @property
    def trial(self) -> Trial:
        return self.suite().grid.trials[0]

    def tracker(self, name: str = "mirror") -> tuple[MlflowTracker, Invocation]:
        """Opens a tracker as a run of the suite does."""
        invocation = self.invocations.begin(self.suite(name), ("run", f"{name}.yaml"))
        tracker = MlflowTracker(self.store.root)
        tracker.invoked(invocation)
        return tracker, invocation

    def train(self, trial: Trial, tracker: RunObserver, accuracy: float = 0.75) -> None:
        """Does what a driver does with a trial."""
        folder = self.store.folder(trial.id)
        self.store.announce(trial)
        tracker.started(trial)
        for epoch in (1, 2):
            tracker.epoch(trial, row(epoch))
        folder.write_history([row(1), row(2)])
        record = finish_whole(self.store, trial, outcome(accuracy))
        folder.heatmap_samples.write_bytes(b"png")
        tracker.ended(record, {})

    def run(self, name: str = "mirror") -> Invocation:
        """Runs the suite: what is not finished is trained, what is finished is told again; then a report."""
        tracker, invocation = self.tracker(name)
        for trial in self.suite(name).grid.trials:
            record = self.store.record(trial.id)
            if record is None:
                self.train(trial, tracker)
            else:
                tracker.found(record)
        return self.report(tracker, invocation)

    def report(self, tracker: RunObserver, invocation: Invocation) -> Invocation:
        report = self.folder / "reports" / invocation.suite
        report.mkdir(parents=True, exist_ok=True)
        (report / "README.md").write_text("# Title\n\n### Point accuracy\n\n| a |\n| --- |\n| 0.75 |\n")
        (report / "figure.png").write_bytes(b"png")
        ended = self.invocations.end(invocation, report=report)
        tracker.reported(ended)
        tracker.close()
        return ended

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(f"sqlite:///{self.store.root / 'mlflow.db'}")

    def runs(self, kind: str = "trial", name: str = "mirror") -> list[Run]:
        experiment = self.client.get_experiment_by_name(name)
        return list(
            self.client.search_runs(
                [experiment.experiment_id],
                f"tags.kind = '{kind}'",
                order_by=["attributes.start_time ASC", "attributes.run_name ASC"],
            )
        )

    def steps(self, run: Run, name: str = "val_loss") -> list[int]:
        return [one.step for one in self.client.get_metric_history(run.info.run_id, name)]

    def artifacts(self, run: Run, folder: str | None = None) -> set[str]:
        return {one.path for one in self.client.list_artifacts(run.info.run_id, folder)}


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory) -> Path:
    """A store without experiments: MLflow takes seconds to make one."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


def set_up(monkeypatch) -> None:
    """Has MLflow's store below the results."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    # A connection that is kept would go on showing a database that was removed.
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")


def new_mirror(folder: Path, fresh_database: Path) -> Mirror:
    found = Mirror(folder, fresh_database)
    found.store.root.mkdir(parents=True)
    shutil.copy(fresh_database, found.store.root)
    return found


@pytest.fixture
def mirror(tmp_path, monkeypatch, fresh_database) -> Mirror:
    set_up(monkeypatch)
    return new_mirror(tmp_path, fresh_database)
