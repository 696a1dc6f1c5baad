"""What the SQLite store below the results folder has been told, read without importing MLflow.

Importing MLflow and asking it for 500 runs takes longer than all else that a finished suite needs. Its tables
are read as they are; where they are not as expected nothing counts as told, and MLflow itself is asked.
"""

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from bench.results.record import EpochRow, Record
from bench.results.store import TrialFolder
from bench.suite.trial import Trial
from bench.tracking.tracker import Tracker

STATUS = {"finished": "FINISHED", "failed": "FAILED"}
"""What MLflow calls the states of records."""

_TAGS = """\
SELECT runs.run_uuid, runs.status, tags.key, tags.value
FROM experiments JOIN runs USING (experiment_id) JOIN tags USING (run_uuid)
WHERE experiments.name = ? AND runs.lifecycle_stage = 'active'
  AND (tags.key = 'trial_id' OR tags.key LIKE '%ended_at')
"""


def mirrored_tags(results_dir: Path, suite_name: str) -> dict[str, dict[str, str]]:
    """Returns, by trial id, the tags of its run that say what was told, and its ``status``.

    Empty where ``MLFLOW_TRACKING_URI`` names another store, and for a trial with several runs.
    """
    database = results_dir / "mlflow.db"
    if os.environ.get("MLFLOW_TRACKING_URI") or not database.exists():
        return {}
    runs: dict[str, dict[str, str]] = {}
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            for run_id, status, key, value in connection.execute(_TAGS, (suite_name,)):
                runs.setdefault(run_id, {"status": status})[key] = value
    except sqlite3.Error:
        return {}
    found: dict[str, list[dict[str, str]]] = {}
    for tags in runs.values():
        found.setdefault(tags.get("trial_id", ""), []).append(tags)
    return {trial_id: tags[0] for trial_id, tags in found.items() if len(tags) == 1}


class OnDemand:
    """A tracker that opens another one as soon as there is something that the store was not told."""

    def __init__(self, tags: Mapping[str, Mapping[str, str]], open_tracker: Callable[[], Tracker]) -> None:
        """Opens nothing yet.

        Args:
            tags: see `mirrored_tags`.
            open_tracker: makes the tracker that is told what is new.
        """
        self._tags, self._open = tags, open_tracker
        self._opened: Tracker | None = None

    @property
    def _tracker(self) -> Tracker:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def started(self, trial: Trial) -> None:
        """Tells the tracker."""
        self._tracker.started(trial)

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """Tells the tracker."""
        self._tracker.epoch(trial, row)

    def ended(self, record: Record, folder: TrialFolder) -> None:
        """Tells the tracker unless the store has the record and every evaluation of maps beside it."""
        tags = self._tags.get(record.trial.id, {})
        expected = {"status": STATUS[record.status], "bench.ended_at": record.ended_at}
        if record.outcome is not None:
            evaluations = folder.read_evaluations()
            expected |= {f"{one.method}.ended_at": one.ended_at for one in evaluations}
        if any(tags.get(key) != value for key, value in expected.items()):
            self._tracker.ended(record, folder)

    def close(self) -> None:
        """Closes the tracker if it was opened."""
        if self._opened is not None:
            self._opened.close()
