"""A record or table that is damaged, or of a newer bench, is told by name, and stops nothing else."""

import json
import shutil

import pytest

from bench.cli.main import main
from bench.results.store import ResultsStore
from bench.suite.load import load_suite

SUITE = """\
models: [baseline, pylon]
datasets: [phantom]
resolutions: [64]
seeds: [0]
encoder: resnet18
weights: none
"""
HITS = {(f"i{n}", f"p{n}", "Mass"): n % 2 == 0 for n in range(4)}
NEWER = "99.1.0"


@pytest.fixture
def trials(tmp_path, monkeypatch, finish_trial):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SUITE)
    loaded, store = load_suite(tmp_path / "small.yaml"), ResultsStore(tmp_path / "results")
    for trial in loaded.grid.trials:
        finish_trial(store, trial, HITS, **{"auroc/Mass": 0.75, "auroc/weighted": 0.75, "auroc/macro": 0.75})
    return store, [trial.id for trial in loaded.grid.trials]


def newer_format(folder):
    document = json.loads(folder.record.read_text())
    folder.record.write_text(json.dumps(document | {"format": 99, "written_by": NEWER}))


def newer_model(folder):
    document = json.loads(folder.record.read_text())
    document["trial"]["model"] = "sam4"
    folder.record.write_text(json.dumps(document | {"written_by": NEWER}))


def cut(folder):
    folder.record.write_bytes(folder.record.read_bytes()[:-200])


def folder_instead(folder):
    folder.record.unlink()
    folder.record.mkdir()


def cut_table(folder):
    folder.cam_units("native").write_bytes(folder.cam_units("native").read_bytes()[:-10])


def all_bytes(folder):
    return {path: path.read_bytes() for path in sorted(folder.path.rglob("*")) if path.is_file()}


def run(capsys, *words):
    code = main(list(words))
    shown = capsys.readouterr()
    return code, shown.out, shown.out + shown.err


@pytest.mark.parametrize("spoil", [newer_format, newer_model, cut, folder_instead, cut_table])
def test_the_others_are_still_planned_shown_and_reported(trials, capsys, spoil):
    store, (spoilt, other) = trials
    folder = store.folder(spoilt)
    spoil(folder)
    before = all_bytes(folder)
    expected = {
        ("plan", "small.yaml"): 0,
        ("status",): 0,
        ("status", "--failures"): 0,
        ("status", "--failures", "small.yaml"): 0,
        ("report", "small.yaml"): 0,
        ("report", "small.yaml", "--check"): 0,
        ("run", "small.yaml", "--serial", "--no-mlflow", "--cpu"): 1,
        ("run", "small.yaml", "--serial", "--no-mlflow", "--cpu", "--retry-failed"): 1,
        ("show", spoilt): 0,
    }
    for words, code in expected.items():
        came, _, everything = run(capsys, *words)
        assert (words, came) == (words, code), everything
        assert spoilt in everything.replace("\n", ""), words
        assert not {"remove", "delete", "rm"} & set(everything.split())
    assert all_bytes(folder) == before
    assert store.state(other) == "finished"
    states = {
        one["id"]: one["state"]
        for one in json.loads(run(capsys, "plan", "small.yaml", "--json")[1])["trials"]
    }
    assert states == {spoilt: "unreadable", other: "finished"}
    (told,) = json.loads(run(capsys, "status", "--json")[1])["unreadable"]
    assert spoilt in told
    page = (store.root.parent / "reports/small/README.md").read_text()
    assert f"trials/{spoilt}" in page
    assert str(store.root) not in page
    assert "PYLON" in page


def test_a_field_that_a_newer_bench_adds_changes_nothing(trials, capsys):
    store, (trial_id, _) = trials
    record = store.record(trial_id)
    document = json.loads(store.folder(trial_id).record.read_text())
    document["outcome"]["provenance"]["hostname"] = "n7"
    document["trial"]["recipe"]["ema"] = None
    store.folder(trial_id).record.write_text(json.dumps(document | {"written_by": NEWER}))
    assert store.record(trial_id) == record
    assert run(capsys, "report", "small.yaml")[0] == 0
    assert "unreadable" not in run(capsys, "plan", "small.yaml")[2]


def test_what_starts_from_an_unreadable_trial_is_blocked(trials, capsys, tmp_path):
    store, (_, parent) = trials
    text = SUITE.replace(
        "models: [baseline, pylon]", "models: [{name: pylon, init: {from: small, model: PYLON}}]"
    )
    (tmp_path / "after.yaml").write_text(text)
    cut(store.folder(parent))
    code, out, _ = run(capsys, "plan", "after.yaml", "--json")
    states = {one["id"]: one["state"] for one in json.loads(out)["trials"]}
    assert (code, states.pop(parent), *states.values()) == (0, "unreadable", "blocked")
    assert run(capsys, "run", "after.yaml", "--serial", "--no-mlflow", "--retry-failed", "--cpu")[0] == 1


def test_probes_and_runs_of_suites_that_cannot_be_read_are_told(trials, capsys):
    store, _ = trials
    probes, run_of_suite = store.root / "probes.json", store.root / "invocations/small/1/invocation.json"
    run_of_suite.parent.mkdir(parents=True)
    for path in (probes, run_of_suite):
        path.write_text("")
    code, _, told = run(capsys, "plan", "small.yaml")
    assert (code, str(probes) in told) == (0, True)
    code, _, told = run(capsys, "run", "small.yaml", "--serial", "--no-mlflow", "--cpu")
    assert (code, str(run_of_suite) in told) == (0, True)


def test_a_folder_that_was_moved_out_makes_room_for_the_trial(trials, capsys, tmp_path):
    store, (spoilt, _) = trials
    cut(store.folder(spoilt))
    shutil.move(store.folder(spoilt).path, tmp_path / "aside")
    assert store.state(spoilt) == "todo"
