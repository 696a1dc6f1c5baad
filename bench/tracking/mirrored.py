"""What the SQLite store below the results folder has been told, read without importing MLflow.

Importing MLflow and asking it for 500 runs takes longer than all else that a finished suite needs. Its tables
are read as they are; where they are not as expected nothing counts as told, and MLflow itself is asked.
"""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from bench.results.record import Record
from bench.results.store import TrialFolder

STATUS = {"finished": "FINISHED", "failed": "FAILED"}
"""What MLflow calls the states of records."""

_TAGS = """\
SELECT runs.run_uuid, runs.status, tags.key, tags.value
FROM experiments JOIN runs USING (experiment_id) JOIN tags USING (run_uuid)
WHERE experiments.name = ? AND runs.lifecycle_stage = 'active'
  AND (tags.key = 'trial_id' OR tags.key LIKE '%ended_at')
"""

_EXPERIMENTS = """\
SELECT name, experiment_id FROM experiments
WHERE lifecycle_stage = 'active' AND EXISTS (
  SELECT 1 FROM runs JOIN tags USING (run_uuid)
  WHERE runs.experiment_id = experiments.experiment_id AND runs.lifecycle_stage = 'active'
    AND tags.key = 'kind' AND tags.value = 'suite run')
ORDER BY experiment_id
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


def experiments(results_dir: Path) -> dict[str, str]:
    """Returns the ids of experiments of suites in the SQLite store by name; none where there is no store."""
    database = results_dir / "mlflow.db"
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return {name: str(number) for name, number in connection.execute(_EXPERIMENTS)}
    except sqlite3.Error:
        return {}


def is_mirrored(record: Record, folder: TrialFolder, tags: Mapping[str, str]) -> bool:
    """Returns whether a store has the record and every evaluation of its maps.

    Args:
        record: of a trial that has ended.
        folder: of the trial.
        tags: what the store was told of it, see `mirrored_tags`.
    """
    expected = {"status": STATUS[record.status], "bench.ended_at": record.ended_at}
    if record.outcome is not None:
        expected |= {f"{one.method}.ended_at": one.ended_at for one in folder.read_evaluations()}
    return all(tags.get(key) == value for key, value in expected.items())
