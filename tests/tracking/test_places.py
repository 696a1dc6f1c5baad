"""Stores in folders of any name and on shares that refuse modes."""

import errno
import os
from pathlib import Path

import pytest
from mlflow.utils.file_utils import local_file_uri_to_path
from sqlalchemy.engine import make_url

from bench.tracking.database import sqlite_uri
from bench.tracking.mlflow_store import MlflowStore


@pytest.mark.parametrize("name", ["plain", "a b", "dü", "h#c", "q?b=c", "p%20d", "100%", "a&b;c=d", "a@b:c"])
def test_a_database_is_found_whatever_its_folder_is_called(name):
    path = Path("/results") / name / "mlflow.db"
    assert make_url(sqlite_uri(path)).database == str(path)


def test_files_are_kept_in_a_folder_of_an_odd_name_on_a_share_that_refuses_modes(tmp_path, monkeypatch):
    results, file = tmp_path / "q?b%20c", tmp_path / "a.txt"
    file.write_text("old")
    store = MlflowStore(results)
    assert (results / "mlflow.db").stat().st_size
    run = store.client.create_run(store.experiment("mine"))

    def refuse(path, *_, **__):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), path)

    monkeypatch.setattr(os, "chmod", refuse)
    store.log_files(run.info.run_id, {file: "tables"}, again=False)
    kept = Path(local_file_uri_to_path(run.info.artifact_uri)) / "tables" / "a.txt"
    assert kept.is_relative_to(results)
    assert kept.read_text() == "old"
    file.write_text("new")
    store.log_files(run.info.run_id, {file: "tables"}, again=False)
    assert kept.read_text() == "old"
    store.log_files(run.info.run_id, {file: "tables"}, again=True)
    assert kept.read_text() == "new"
