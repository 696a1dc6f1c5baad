"""The MLflow store of a results folder, without importing MLflow: its place and content.

Importing MLflow and asking it for 500 runs takes longer than all else that a finished suite needs. So the
tables of SQLite are read as they are. Where they are not as expected no trial counts as mirrored, and
MLflow itself is asked.

MLflow writes down absolute addresses of artifacts, which no call of its own changes: after a results folder
was moved or copied, they are corrected in its tables.
"""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from bench.results.record import Record
from bench.results.store import TrialFolder

STATUS = {"finished": "FINISHED", "failed": "FAILED"}
"""MLflow's words for the states of records."""

ARTIFACTS = "mlartifacts"

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

_TABLES = "SELECT count(*) FROM sqlite_master WHERE name IN ('experiments', 'runs')"
_STORED = """\
SELECT experiment_id, name, artifact_location, NULL FROM experiments
UNION ALL
SELECT experiment_id, experiments.name, artifact_uri, run_uuid
FROM runs JOIN experiments USING (experiment_id)
"""


def default_uri(results_dir: Path) -> str:
    """Returns ``MLFLOW_TRACKING_URI`` where it is set, else the SQLite store below the results folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(results_dir.resolve() / "mlflow.db")


def sqlite_uri(database: Path) -> str:
    """Returns the URI of a file, with escapes only if SQLAlchemy would read its path otherwise."""
    from sqlalchemy.engine import URL, make_url  # a finished suite is seen without it

    plain = f"sqlite:///{database}"
    if make_url(plain).database == str(database):
        return plain
    return URL.create("sqlite", database=str(database)).render_as_string()


def artifacts_of(results_dir: Path, experiment: str) -> str:
    """Returns the address of an experiment's artifacts."""
    return (results_dir / ARTIFACTS / experiment).as_uri()


def relocate(database: Path, results_dir: Path) -> None:
    """Lets experiments and runs whose artifacts were below another results folder have them below this one.

    In a database that is not the results folder's own, only where that other folder is there no more. Nothing
    happens where the database is missing or has no tables yet.

    Args:
        database: MLflow's, of SQLite.
        results_dir: where the results are now, absolute.

    Raises:
        sqlite3.Error: the database is damaged, locked or read only.
    """
    if not database.is_file():
        return
    is_own = database.parent == results_dir
    with closing(sqlite3.connect(database)) as connection, connection:
        if connection.execute(_TABLES).fetchone() != (2,):
            return
        for experiment_id, name, stored, run_id in connection.execute(_STORED).fetchall():
            now = artifacts_of(results_dir, name)
            part = now[now.rindex(f"/{ARTIFACTS}/") :]
            before, found, rest = (stored or "").rpartition(part)
            if not found or before + part == now or not (rest == "" or rest.startswith("/")):
                continue
            if not is_own and Path(unquote(urlsplit(before).path)).exists():
                continue
            if run_id is None:
                change = "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?"
                connection.execute(change, (now, experiment_id))
            else:
                connection.execute(
                    "UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (now + rest, run_id)
                )


def mirrored_tags(results_dir: Path, suite_name: str) -> dict[str, dict[str, str]]:
    """Returns, by trial id, the tags of its run that say how much is mirrored, and its ``status``.

    Empty where ``MLFLOW_TRACKING_URI`` names another store, and for a trial with several runs.
    """
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return {}
    runs: dict[str, dict[str, str]] = {}
    for run_id, status, key, value in _read(results_dir, _TAGS, suite_name):
        runs.setdefault(run_id, {"status": status})[key] = value
    found: dict[str, list[dict[str, str]]] = {}
    for tags in runs.values():
        found.setdefault(tags.get("trial_id", ""), []).append(tags)
    return {trial_id: tags[0] for trial_id, tags in found.items() if len(tags) == 1}


def experiments(results_dir: Path) -> dict[str, str]:
    """Returns the ids of experiments of suites in the SQLite store by name; none where there is no store."""
    return {name: str(number) for name, number in _read(results_dir, _EXPERIMENTS)}


def _read(results_dir: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    """Returns the rows that a query finds; none in a store that is missing, locked or damaged."""
    database = results_dir / "mlflow.db"
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()
    except sqlite3.Error:
        return []


def is_mirrored(record: Record, folder: TrialFolder, tags: Mapping[str, str]) -> bool:
    """Returns whether a store with these `mirrored_tags` has the record and each map's evaluation."""
    expected = {"status": STATUS[record.status], "bench.ended_at": record.ended_at}
    if record.outcome is not None:
        expected |= {f"{one.name}.ended_at": one.ended_at for one in folder.read_evaluations()}
    return all(tags.get(key) == value for key, value in expected.items())
