"""The store is rebuilt from disk: nothing is missing afterwards, nothing double, however often."""

import json
import shutil
import subprocess
import sys

import pytest
from waiting import LONG_S

from bench.cli.main import main
from bench.errors import ResultsError
from bench.results.record import CamEvaluation
from bench.tracking.sync import sync

from .conftest import new_mirror, row, set_up


def content(mirror, name="mirror"):
    """All that a person sees of the experiment, without ids; of parents by name, of children by trial."""
    client, runs = mirror.client, mirror.runs("suite run", name) + mirror.runs("trial", name)
    names = {run.info.run_id: run.info.run_name for run in runs}
    hidden = ("mlflow.parentRunId", "mlflow.note.content", "mlflow.user")
    found = []
    for run in runs:
        tags = {key: value for key, value in run.data.tags.items() if key not in hidden}
        history = {
            key: sorted((one.step, one.value) for one in client.get_metric_history(run.info.run_id, key))
            for key in run.data.metrics
            if not key.startswith("system/")
        }
        files = {folder: mirror.artifacts(run, folder) for folder in (None, "report", "cams")}
        parent = names.get(run.data.tags.get("mlflow.parentRunId"))
        data = [one.dataset.name for one in run.inputs.dataset_inputs]
        found.append(
            (run.info.run_name, run.info.status, parent, tags, run.data.params, history, files, data)
        )
    return sorted(found, key=lambda one: (one[3]["kind"], one[0]))


@pytest.fixture(scope="module")
def made_whole(tmp_path_factory, fresh_database):
    """Two runs of a suite; three trials, of which one has failed and one has another map."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        set_up(patch)
        run_twice(made := new_mirror(folder / "made", fresh_database))
    shutil.copytree(made.folder, folder / "kept")
    return made, folder / "kept"


@pytest.fixture
def whole(made_whole, monkeypatch):
    """The same for every test, in the same place, which MLflow's store has written down."""
    set_up(monkeypatch)
    made, kept = made_whole
    shutil.rmtree(made.folder)
    shutil.copytree(kept, made.folder)
    return made


def run_twice(mirror) -> None:
    mirror.text = mirror.text.replace("[0]", "[0, 1]")
    mirror.run()
    mirror.text = mirror.text.replace("[0, 1]", "[0, 1, 2]")
    first, _, third = mirror.suite().grid.trials
    tracker, invocation = mirror.tracker()
    mirror.store.announce(third)
    tracker.ended(mirror.store.fail(third, "Traceback: it broke"), {})
    evaluation = CamEvaluation(
        method="grad_cam", status="finished", metrics={"point_accuracy/weighted": 0.5}, ended_at="2026-01-01"
    )
    mirror.store.evaluated(first.id, evaluation)
    for trial in (first, mirror.suite().grid.trials[1]):
        tracker.ended(mirror.store.record(trial.id), {})
    mirror.report(tracker, invocation)


def lose_everything(mirror):
    shutil.copy(mirror.fresh_database, mirror.store.root / "mlflow.db")
    assert mirror.client.get_experiment_by_name("mirror") is None
    shutil.rmtree(mirror.store.root / "mlartifacts")


def lose_half_and_double_one(mirror):
    parent, child = mirror.runs("suite run")[0], mirror.runs()[0]
    mirror.client.delete_run(child.info.run_id)
    mirror.client.delete_run(parent.info.run_id)
    other = mirror.runs()[0]
    shutil.rmtree(mirror.store.root / "mlartifacts" / "mirror" / other.info.run_id)
    mirror.client.delete_tag(other.info.run_id, "model")
    tags = {"kind": "trial", "trial_id": other.data.tags["trial_id"]}
    mirror.client.create_run(other.info.experiment_id, tags=tags)


def lose_the_experiment(mirror):
    mirror.client.delete_experiment(mirror.client.get_experiment_by_name("mirror").experiment_id)


def change_nothing(mirror):
    """Sync twice is the same as once."""


@pytest.mark.parametrize(
    "damage", [lose_everything, lose_half_and_double_one, lose_the_experiment, change_nothing]
)
def test_after_sync_all_is_as_it_was_while_running(whole, damage, capsys):
    before = content(whole)
    assert [(one[0], one[1], one[2]) for one in before] == [
        ("mirror #1", "FINISHED", None),
        ("mirror #2", "FAILED", None),
        ("Ours · s0 · phantom 64 px", "FINISHED", "mirror #2"),
        ("Ours · s1 · phantom 64 px", "FINISHED", "mirror #2"),
        ("Ours · s2 · phantom 64 px", "FAILED", "mirror #2"),
    ]
    damage(whole)
    assert main(["mlflow-sync", "--results-dir", str(whole.store.root)]) == 0
    assert capsys.readouterr().out == "mirror: 2 runs of the suite, 3 trials\n"
    assert content(whole) == before


def test_results_from_elsewhere_become_a_run_of_their_suite(mirror, capsys):
    mirror.store.announce(mirror.trial)
    mirror.store.folder(mirror.trial.id).write_history([row(1), row(2)])
    mirror.store.fail(mirror.trial, "Traceback: it broke")
    arguments = ["mlflow-sync", "--results-dir", str(mirror.store.root)]
    assert main(arguments) == 0
    assert "1 trial of no known run of a suite: name the suites" in capsys.readouterr().err
    for _ in range(2):
        assert main([*arguments, str(mirror.suite().source)]) == 0
        assert capsys.readouterr().out == "mirror: 1 run of the suite, 1 trial\n"
    (parent,), (child,) = mirror.runs("suite run"), mirror.runs()
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert {"report/README.md", "report/index.html", "report/learning_curves.png"} <= mirror.artifacts(
        parent, "report"
    )
    assert f"Failed: {mirror.trial.id}" in parent.data.tags["mlflow.note.content"]


def test_what_cannot_be_read_is_told_and_the_rest_is_mirrored(whole, capsys):
    lose_everything(whole)
    broken = whole.store.folder(whole.trial.id).record
    broken.write_text("{")
    assert main(["mlflow-sync", "--results-dir", str(whole.store.root)]) == 1
    out, err = capsys.readouterr()
    assert out == "mirror: 2 runs of the suite, 2 trials\n"
    assert err.startswith(f"{broken}: ")
    assert len(err.splitlines()) == 1


def test_a_run_whose_driver_died_is_shown_as_stopped(mirror):
    tracker, invocation = mirror.tracker()
    tracker.started(mirror.trial)
    tracker.close()
    assert [run.info.status for run in mirror.runs("suite run") + mirror.runs()] == ["RUNNING"] * 2
    path = mirror.invocations.folder(invocation).invocation
    said = json.loads(path.read_text())
    said["driver"]["began_at"] = 0.0  # another process has that number now
    path.write_text(json.dumps(said))
    (synced,) = sync(mirror.store, ["mirror"])
    assert (synced.num_invocations, synced.num_trials) == (1, 0)
    assert [run.info.status for run in mirror.runs("suite run") + mirror.runs()] == ["KILLED"] * 2


def test_without_results_or_a_store_there_is_one_sentence(tmp_path, mirror, monkeypatch, capsys):
    assert main(["mlflow-sync", "--results-dir", str(tmp_path / "nowhere")]) == 2
    assert "no results here" in capsys.readouterr().err
    mirror.run()
    (mirror.store.root / "mlflow.db").write_bytes(b"no database" * 1000)
    with pytest.raises(ResultsError, match="cannot be opened"):
        list(sync(mirror.store, ["mirror"]))


@pytest.mark.slow
def test_two_at_once_on_a_store_that_is_not_there_yet_make_one_whole(whole):
    before = content(whole)
    lose_everything(whole)
    (whole.store.root / "mlflow.db").unlink()
    command = [sys.executable, "-m", "bench", "mlflow-sync", "--results-dir", str(whole.store.root)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=LONG_S)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said == ["", ""]
    assert content(whole) == before
