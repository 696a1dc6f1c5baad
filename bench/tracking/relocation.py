"""Where the artifacts of a results folder are once the folder was moved or copied: below it, as before.

MLflow writes down absolute addresses, which no call of its own changes: they are mended in its tables.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

ARTIFACTS = "mlartifacts"

_TABLES = "SELECT count(*) FROM sqlite_master WHERE name IN ('experiments', 'runs')"
_STORED = """\
SELECT experiment_id, name, artifact_location, NULL FROM experiments
UNION ALL
SELECT experiment_id, experiments.name, artifact_uri, run_uuid
FROM runs JOIN experiments USING (experiment_id)
"""


def artifacts_of(results_dir: Path, experiment: str) -> str:
    """Returns the address of an experiment's artifacts."""
    return (results_dir / ARTIFACTS / experiment).as_uri()


def relocate(database: Path, results_dir: Path) -> None:
    """Lets experiments and runs whose artifacts were below another results folder have them below this one.

    In a database that is not the results folder's own, only where that other folder is there no more.

    Args:
        database: MLflow's, of SQLite; nothing happens where it is missing or has no tables yet.
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
