"""What `bench plan` says of the time and disk that are left, for one suite and for all."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli.cost_listing import hours_word, size
from bench.cli.main import main
from bench.execution.durations import rough, rough_duration
from bench.results.lease import Leases
from bench.results.model_sizes import ModelSize, SizeCache, size_key
from bench.results.store import ResultsStore
from bench.suite.load import load_suite

SUITES = Path(__file__).parents[2] / "suites"
FIRST = """\
models: [pylon]
datasets: [{name: phantom, train: 640, val: 60, test: 60}]
resolutions: [128]
seeds: [0, 1]
encoder: tu-test_resnet
weights: none
recipe: {max_epochs: 4}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "first.yaml").write_text(FIRST)
    (tmp_path / "suites" / "second.yaml").write_text(FIRST.replace("[0, 1]", "[1, 2]"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def sized(folder) -> None:
    size_ = ModelSize(parameters=1_000_000, sides={256: 64, 512: 128}, gmacs=1.0)
    SizeCache()[size_key("pylon", {}, "tu-test_resnet")] = size_


def printed(capsys, *arguments: str) -> str:
    assert main(["plan", *arguments]) == 0
    return capsys.readouterr().out


def test_all_suites_have_a_line_and_shared_trials_count_once(folder, sized, capsys):
    lines = printed(capsys, "--all").splitlines()
    assert lines[1].split()[:2] == ["trials", "todo"]
    assert [line.split()[:2] for line in lines[2:4]] == [["first", "2"], ["second", "2"]]
    assert lines[4].startswith("all, each trial once       3     3")
    document = json.loads(printed(capsys, "--all", "--json"))
    each = [suite["cost"]["device_hours"]["most"] for suite in document["suites"]]
    assert each[0] == each[1] > 0
    assert document["all"]["device_hours"]["most"] == pytest.approx(1.5 * each[0])
    assert document["all"]["states"] == {"todo": 3}


@pytest.mark.parametrize("gpus", [[], ["--gpus", "2xH100"]])
def test_a_prior_is_said_to_be_one(folder, capsys, gpus):
    for what in (["suites/first.yaml"], ["--all"]):
        text = " ".join(printed(capsys, *what, *gpus).split())
        prior = "79 TFLOP/s per H100 (30 to 200)" if gpus else "0.04 TFLOP/s per CPU core (0.015 to 0.12)"
        assert re.search(r"Speed: [23] prior\. The prior is about " + re.escape(prior), text)
        assert re.search(r"Epochs: [23] fixed", text)  # four at most, fewer than training can stop after
    assert "for their results" in text or "Their results take" in text


def test_unknown_speed_is_said_to_be_unknown(folder, capsys):
    """On an encoder that no shipped suite has."""
    for path in (folder / "suites").iterdir():
        path.write_text(path.read_text().replace("tu-test_resnet", "resnet152"))
    text = " ".join(printed(capsys, "suites/first.yaml").split())
    assert "Not counted: 2 trials of unknown speed" in text
    assert "`bench probe` measures it" in text
    assert printed(capsys, "--all").splitlines()[2].split()[-2:] == ["?", "?"]


def test_what_failed_has_a_hint(folder, capsys):
    store = ResultsStore(folder / "results")
    first, second = load_suite(folder / "suites" / "first.yaml").grid.trials
    hint = "bench failures suites/first.yaml says why, bench retry suites/first.yaml runs that again"
    assert hint not in printed(capsys, "suites/first.yaml")
    store.fail(first, "RuntimeError: no memory")
    text = printed(capsys, "suites/first.yaml")
    assert hint in text
    assert "Time left, 1 trial on " in text
    elsewhere = ["--results-dir", str(store.root), "--set", "models=[pylon]"]
    given = f"suites/first.yaml --set='models=[pylon]' --results-dir={store.root}"
    assert f"bench failures {given} says why" in printed(capsys, "suites/first.yaml", *elsewhere)
    store.fail(second, "RuntimeError: no memory")
    assert "Time left" not in printed(capsys, "suites/first.yaml")


def test_where_nothing_is_left_there_is_no_time(folder, finish_trial, capsys):
    store = ResultsStore(folder / "results")
    for name in ("first", "second"):
        for trial in load_suite(folder / "suites" / f"{name}.yaml").grid.trials:
            finish_trial(store, trial, {("i", "p", "Mass"): True})
    lines = printed(capsys, "--all").splitlines()
    assert lines[2].split() == ["first", "2", "2", "—", "—"]
    assert lines[-1] == "Nothing is left that can be run."


def test_device_hours_are_told_where_there_are_some(folder, capsys):
    assert "CPU-hours" not in printed(capsys, "suites/first.yaml", "--seeds", "0")
    assert "CPU-hours" in printed(capsys, "suites/first.yaml", "--set", "recipe.max_epochs=4000")


def test_who_runs_a_trial_is_told(folder, capsys):
    store, trial = (
        ResultsStore(folder / "results"),
        load_suite(folder / "suites" / "first.yaml").grid.trials[0],
    )
    with Leases(store) as leases:
        leases.take(trial.id)
        text = printed(capsys, "suites/first.yaml")
    assert text.startswith("state    model")
    assert f"runs {trial.id}" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_lines_of_all_suites_fit_the_terminal(folder, sized, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    assert max(map(len, printed(capsys, "--all").splitlines())) <= width


def test_all_suites_of_the_repository_are_planned_without_torch(folder):
    code = (
        "import sys; from bench.cli.main import main;"
        f"code = main(['plan', '--all', '--suites-dir', {str(SUITES)!r}]);"
        "code = code or main(['status']);"
        "print(code, sorted({'torch', 'ray', 'mlflow'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
    assert "nih_256 " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ([], "give a suite, e.g. suites/demo.yaml, or --all"),
        (["--all", "--seeds", "1"], "leave out --seeds"),
        (["suites/first.yaml", "--all"], "leave out a suite"),
        (["--all", "--suites-dir", "nowhere"], "has no suites"),
    ],
)
def test_what_cannot_be_planned_is_a_sentence(folder, capsys, arguments, fragment):
    assert main(["plan", *arguments]) == 2
    captured = capsys.readouterr()
    assert fragment in captured.err
    assert len(captured.err.splitlines()) == 1


def test_numbers_are_as_rough_as_they_are_known():
    assert [rough(value) for value in (0.1234, 4.94, 49.4, 4912)] == ["0.12", "4.9", "49", "4,900"]
    assert [hours_word(value) for value in (0, 0.004, 0.0123, 31.4)] == ["0", "<0.01", "0.01", "31"]
    assert [
        rough_duration(minutes * 60) for minutes in (0.1234, 1.5, 1.7, 99.6, 5970, 144_000, 10**6, 1.7e6)
    ] == [
        "7.4 s",
        "90 s",
        "1.7 min",
        "1.7 h",
        "4.1 days",
        "100 days",
        "690 days",
        "3.2 years",
    ]
    assert [size(count) for count in (0, 999, 4510, 62_900_000_000)] == ["0 B", "999 B", "4.5 kB", "63 GB"]
