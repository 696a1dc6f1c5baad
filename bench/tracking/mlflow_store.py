"""An open MLflow store: its experiments and runs, found and written in batches.

One process at a time looks for a run and makes it if there is none: a lock in the results folder keeps two
drivers from making two, and from racing on the tables of a fresh database.
"""

import re
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.db.db_types import DATABASE_ENGINES
from mlflow.tracking import MlflowClient
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from bench.errors import DiskFullError, ResultsError, brief
from bench.results.files import locked, replacing
from bench.suite.metrics import PRIMARY, WEIGHTED
from bench.tracking.dashboard import VIEW, VIEW_TAG
from bench.tracking.database import artifacts_of, default_uri, relocate, sqlite_uri

UNREACHABLE = (MlflowException, OSError)
"""MLflow's errors where its store is away, locked or damaged."""

_SQLITE = "sqlite:///"

_FULL = "disk is full"
"""In SQLite's message."""

KIND, SUITE_RUN, TRIAL_RUN = "kind", "suite run", "trial"
"""The tag that tells parents from children, and its values."""

ASKED_BY = "invocations"
"""The tag of a trial that names the runs of the suite which asked for it, e.g. ``#1, #3,``."""

_NUMBERS, _WORDS = 800, 100
"""MLflow's limits for one request: metrics; parameters, and as many tags. The sum may be 1000."""

_PAGE = 1000


def metric(name: str, value: float, at_ms: int, step: int) -> Metric:
    """Returns the metric, without the characters of its name that MLflow does not take."""
    return Metric(re.sub(r"[^\w\-. /:]", "", name), float(value), at_ms, step)


def as_ms(iso: str) -> int:
    """Returns a record's time in ms since 1970."""
    return int(datetime.fromisoformat(iso).timestamp() * 1000)


class MlflowStore:
    """An open store; made if there is none.

    Args:
        results_dir: the store is below it unless ``MLFLOW_TRACKING_URI`` says otherwise.

    Raises:
        ResultsError: the store cannot be opened.
        DiskFullError: there is no room for it.
    """

    def __init__(self, results_dir: Path) -> None:
        self.uri = default_uri(results_dir)
        results_dir.mkdir(parents=True, exist_ok=True)
        self._results_dir = results_dir.resolve()
        self._experiments: dict[str, str] = {}
        try:
            with self.locked():
                self._make()
                if self.uri.startswith(_SQLITE):
                    relocate(Path(make_url(self.uri).database or ""), self._results_dir)
                self.client = MlflowClient(self.uri)
                self.client.search_experiments(max_results=1)
        except (*UNREACHABLE, SQLAlchemyError, sqlite3.Error, ImportError) as error:
            if _FULL in str(error):
                raise DiskFullError(
                    "the disk is full; make room, and the same command goes on", place=self.uri
                ) from None
            damaged = "; one that is damaged can be moved aside: bench mlflow-sync makes it again"
            advice = damaged if self.uri.startswith(_SQLITE) else ""
            sentence = f"cannot be opened ({brief(error)}){advice}"
            raise ResultsError(sentence, place=f"MLflow at {self.uri}") from None

    def _make(self) -> None:
        """Makes the file of the store below the results folder where it is to be, in one step.

        One whose tables are half made, as a kill or a full disk leave it, can never be opened again.
        """
        path = self._results_dir / "mlflow.db"
        if self.uri == sqlite_uri(path) and not path.exists():
            with replacing(path) as temporary:
                MlflowClient(sqlite_uri(temporary)).search_experiments(max_results=1)

    @contextmanager
    def locked(self, name: str = "mlflow") -> Iterator[None]:
        """Holds the store for this process among those that share the results folder, by the lock `name`."""
        with locked(self._results_dir / f".{name}.lock"):
            yield

    def experiment(self, suite: str) -> str:
        """Returns the id of the suite's experiment, made if need be; a deleted one is restored."""
        if suite not in self._experiments:
            with self.locked():
                found = self.client.get_experiment_by_name(suite)
                if found is not None and found.lifecycle_stage == "deleted":
                    self.client.restore_experiment(found.experiment_id)
                experiment_id = str(found.experiment_id) if found else self._create(suite)
                if found is not None and found.tags.get(VIEW_TAG) != VIEW:
                    self.client.set_experiment_tag(experiment_id, VIEW_TAG, VIEW)
                self._experiments[suite] = experiment_id
        return self._experiments[suite]

    def _create(self, suite: str) -> str:
        location = None
        if self.uri.partition(":")[0].partition("+")[0] in DATABASE_ENGINES:
            location = artifacts_of(self._results_dir, suite)
        # The dashboard's view of training runs, and the metric that it puts first.
        tags = {
            "mlflow.experimentKind": "custom_model_development",
            "mlflow.experiment.primaryMetric.name": PRIMARY.key(WEIGHTED),
            VIEW_TAG: VIEW,
        }
        return str(self.client.create_experiment(suite, artifact_location=location, tags=tags))

    def runs(self, suite: str, condition: str) -> list[Run]:
        """Returns all runs of the suite's experiment that meet the condition, the oldest first."""
        found: list[Run] = []
        token: str | None = None
        while True:
            page = self.client.search_runs(
                [self.experiment(suite)],
                condition,
                max_results=_PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            found += page
            token = page.token
            if not token:
                return found

    def update(
        self,
        run: Run,
        *,
        metrics: Iterable[Metric] = (),
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Logs those of these that the run lacks, as far as `run` knows it, and notes them there.

        Parameters of a run never change: those that it has stay. Metrics are compared by their last value.
        """
        known = run.data
        numbers = [one for one in metrics if known.metrics.get(one.key) != one.value]
        values = {key: str(value) for key, value in (params or {}).items() if key not in known.params}
        words = {key: value for key, value in (tags or {}).items() if known.tags.get(key) != value}
        self.log(
            run.info.run_id,
            numbers,
            [Param(key, value) for key, value in values.items()],
            [RunTag(key, value) for key, value in words.items()],
        )
        known.metrics.update({one.key: one.value for one in numbers})
        known.params.update(values)
        known.tags.update(words)

    def log(
        self,
        run_id: str,
        numbers: Sequence[Metric],
        values: Sequence[Param] = (),
        words: Sequence[RunTag] = (),
    ) -> None:
        """Logs everything, in as few requests as MLflow allows; nothing is no request."""
        while numbers or values or words:
            self.client.log_batch(run_id, numbers[:_NUMBERS], values[:_WORDS], words[:_WORDS])
            numbers, values, words = numbers[_NUMBERS:], values[_WORDS:], words[_WORDS:]

    def set_status(self, run: Run, status: str, end_ms: int | None = None) -> Run:
        """Returns the run with this status and time of its end."""
        if run.info.status == status and end_ms in (None, run.info.end_time):
            return run
        run_id = run.info.run_id
        if status == "RUNNING":
            self.client.update_run(run_id, status=status)
        else:
            self.client.set_terminated(run_id, status, end_time=end_ms)
        return self.client.get_run(run_id)

    def log_files(self, run_id: str, files: Mapping[Path, str], *, again: bool) -> None:
        """Uploads existing files to their folders among the artifacts; those there again only if `again`.

        In a local store they are copied here: MLflow sets their modes, which some shares refuse.
        """
        place = self.client.get_run(run_id).info.artifact_uri if files else ""
        for folder in dict.fromkeys(files.values()):
            here = [path for path, where in files.items() if where == folder and path.is_file()]
            there = {one.path for one in self.client.list_artifacts(run_id, folder or None)} if here else ()
            for path in here:
                if not again and (f"{folder}/{path.name}" if folder else path.name) in there:
                    continue
                if is_local_uri(place):  # type: ignore[no-untyped-call]
                    root = local_file_uri_to_path(place)  # type: ignore[no-untyped-call]
                    target = Path(root, folder, path.name)
                    with replacing(target, durable=False) as temporary:
                        shutil.copyfile(path, temporary)
                else:
                    self.client.log_artifact(run_id, str(path), folder or None)


def now_ms() -> int:
    """Returns the time in ms since 1970."""
    return int(time.time() * 1000)
