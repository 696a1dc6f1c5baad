"""A results folder that was moved or copied, MLflow's store in it: artifacts are where the folder is now."""

import shutil
import sqlite3
import subprocess
import sys

from bench.tracking.database import relocate

from .conftest import Mirror


def elsewhere(mirror, name: str, *, is_moved: bool) -> Mirror:
    """Returns the mirror of the same results in another place."""
    folder = mirror.folder / name
    folder.mkdir()
    (shutil.move if is_moved else shutil.copytree)(mirror.store.root, folder / "results")
    return Mirror(folder, mirror.fresh_database, mirror.text)


def addresses(mirror) -> list[str]:
    runs = [*mirror.runs(), *mirror.runs("suite run")]
    experiment = mirror.client.get_experiment_by_name("mirror")
    return [experiment.artifact_location, *(run.info.artifact_uri for run in runs)]


def test_a_moved_folder_keeps_its_artifacts_and_gets_new_ones(mirror):
    mirror.run()
    moved = elsewhere(mirror, "a b#ü", is_moved=True)
    moved.text = mirror.text.replace("[0]", "[0, 1]")
    moved.run()
    assert not mirror.store.root.exists()
    assert all(one.startswith(moved.store.root.as_uri() + "/mlartifacts/mirror") for one in addresses(moved))
    for run in moved.runs():
        assert "record.json" in moved.artifacts(run)
    assert len(moved.runs()) == 2


def test_a_copy_writes_into_itself_and_leaves_the_first_alone(mirror):
    mirror.run()
    before = addresses(mirror)
    files = sorted(mirror.store.root.rglob("mlartifacts/**/*"))
    copy = elsewhere(mirror, "copy", is_moved=False)
    copy.run()
    assert addresses(mirror) == before
    assert sorted(mirror.store.root.rglob("mlartifacts/**/*")) == files
    assert all(one.startswith(copy.store.root.as_uri()) for one in addresses(copy))


def test_sync_works_where_the_old_place_cannot_be_made_again(mirror):
    mirror.run()
    moved = elsewhere(mirror, "moved", is_moved=True)
    mirror.store.root.write_text("a file where the folder was")
    shutil.rmtree(moved.store.root / "mlartifacts")
    # A process of its own, as in life: MLflow remembers where the artifacts of runs are.
    command = [sys.executable, "-m", "bench", "mlflow-sync", "--results-dir", str(moved.store.root)]
    subprocess.run(command, check=True)
    assert "record.json" in moved.artifacts(moved.runs()[0])


def test_a_store_beside_the_results_follows_them_only_if_they_are_gone(mirror, tmp_path):
    mirror.run()
    outside = tmp_path / "outside.db"
    shutil.copy(mirror.store.root / "mlflow.db", outside)

    def locations():
        with sqlite3.connect(outside) as connection:
            return dict(connection.execute("SELECT name, artifact_location FROM experiments"))

    before = locations()
    relocate(outside, tmp_path / "new")
    assert locations() == before
    mirror.store.root.rename(tmp_path / "new")
    relocate(outside, tmp_path / "new")
    assert locations() == before | {"mirror": (tmp_path / "new/mlartifacts/mirror").as_uri()}


def test_what_is_no_store_yet_is_left_alone(tmp_path):
    relocate(tmp_path / "mlflow.db", tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "mlflow.db").touch()
    relocate(tmp_path / "mlflow.db", tmp_path)
    assert (tmp_path / "mlflow.db").read_bytes() == b""
