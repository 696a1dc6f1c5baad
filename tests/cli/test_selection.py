"""Smoke tests, time limits, failures and retries, from the command line."""

import json
from pathlib import Path

import pandas as pd
import pytest

from bench.cli.main import main
from bench.results.store import ResultsStore
from bench.suite.load import load_suite

SUITE = """\
title: Small
models: [baseline]
datasets: [{name: phantom, train: 48, val: 16, test: 24}]
resolutions: [64]
seeds: [0, 1]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 8, max_epochs: 3}
"""
QUICK = ("--serial", "--no-mlflow")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "small.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trials(folder):
    return load_suite(folder / "small.yaml").grid.trials


def test_a_smoke_test_is_marked_and_leaves_results_alone(folder, trials, capsys):
    assert main(["run", "small.yaml", *QUICK, "--limit-batches", "2"]) == 0
    assert capsys.readouterr().out.startswith("# SMOKE TEST, NOT A RESULT (2 batches of 8 images): Small\n")
    assert not (folder / "results" / "trials").exists()
    assert not (folder / "reports" / "small").exists()
    page = (folder / "reports" / "smoke" / "small" / "index.html").read_text()
    assert "SMOKE TEST, NOT A RESULT" in page
    made = [path.name for path in (folder / "results" / "smoke" / "trials").iterdir()]
    assert len(made) == 2
    assert not {trial.id for trial in trials} & set(made)
    store = ResultsStore(folder / "results" / "smoke")
    for trial_id in made:
        (epoch,) = store.folder(trial_id).read_history()
        assert epoch.epoch == 1
        assert list(pd.read_parquet(store.folder(trial_id).losses)["images"]) == [8, 8]


def test_time_that_is_over_starts_nothing_and_says_so(folder, trials, capsys):
    assert main(["run", "small.yaml", *QUICK, "--max-hours", "0"]) == 1
    assert "2 trials not started, since 0 h are over; the same command goes on" in capsys.readouterr().err
    assert [ResultsStore(folder / "results").state(trial.id) for trial in trials] == ["todo", "todo"]


def test_only_failed_runs_what_failed_and_nothing_else(folder, trials, capsys):
    store = ResultsStore(folder / "results")
    store.fail(trials[1], "Traceback …\nRuntimeError: no memory")
    assert main(["run", "small.yaml", *QUICK, "--only-failed", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0]["trials"] == [trials[1].id]
    assert events[-1]["exit_code"] == 0
    assert [store.state(trial.id) for trial in trials] == ["todo", "finished"]
    assert main(["run", "small.yaml", *QUICK, "--only-failed"]) == 0
    assert capsys.readouterr().out == "no selected trial of small failed\n"


def test_failures_stand_below_their_cause_and_tracebacks_are_shown_when_asked_for(folder, trials, capsys):
    store = ResultsStore(folder / "results")
    error = 'Traceback (most recent call last):\n  File "a.py", line 3, in step\n    x\nValueError: of {}'
    for number, trial in enumerate(trials):
        store.fail(trial, error.format(number))
    assert main(["status", "--failures", "small.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["2 trials failed: ValueError: of 0", "  at a.py:3 in step"]
    assert [line.split()[0] for line in lines[2:4]] == [trial.id for trial in trials]
    assert "bench run --only-failed small.yaml" in lines[-1]
    assert main(["status", "--failures", "--trial", trials[1].id[:-2]]) == 0
    assert "    Traceback (most recent call last):" in capsys.readouterr().out
    assert main(["status", "--failures", "small.yaml", "--seeds", "1", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["failures"]
    assert entry["id"] == trials[1].id
    assert (entry["reason"], entry["place"], entry["cause"]) == ("ValueError: of 1", "a.py:3 in step", 1)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_failures_cut_no_id(trials, folder, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    ResultsStore(folder / "results").fail(trials[0], "out of memory with 64 images of 512 px at once, " * 3)
    assert main(["status", "--failures"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(trials[0].id in line for line in lines)
    assert max(map(len, lines)) <= max(width, len(trials[0].id) + 2)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["run", "small.yaml", "--shard", "3/2"], "parts are 1/2 to 2/2"),
        (["plan", "small.yaml", "--shard", "half"], "such as 2/8"),
        (["status", "--failures", "--seeds", "1"], "--seeds narrows a suite; give one"),
        (["status", "--failures", "small.yaml", "--trial", "x"], "not both"),
        (["status", "--full"], "--full needs --failures"),
        (["status", "--failures", "--watch"], "leave out --failures"),
        (["report", "small.yaml", "--count", "2"], "--count needs --gallery"),
        (["report", "small.yaml", "--check", "--figures"], "leave out --figures"),
        (["report", "--gallery"], "give a suite"),
    ],
)
def test_wrong_values_are_one_sentence(folder, capsys, arguments, fragment):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert fragment in captured.err
    assert len(captured.err.splitlines()) == 1


@pytest.mark.parametrize("option", [["--max-hours", "-1"], ["--max-hours", "nan"], ["--limit-batches", "0"]])
def test_wrong_numbers_are_usage_errors(folder, capsys, option):
    with pytest.raises(SystemExit) as caught:
        main(["run", "small.yaml", *option])
    assert caught.value.code == 2
    assert option[0] in capsys.readouterr().err
