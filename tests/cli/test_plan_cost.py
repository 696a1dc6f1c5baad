"""What `bench plan` says of the time and disk that are left, for one suite and for all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli.cost_listing import long, rough, size
from bench.cli.main import main
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
    assert lines[0].split()[:2] == ["trials", "todo"]
    assert [line.split()[:2] for line in lines[1:3]] == [["first", "2"], ["second", "2"]]
    assert lines[3].startswith("all, each trial once       3     3")
    document = json.loads(printed(capsys, "--all", "--json"))
    each = [suite["cost"]["device_hours"]["most"] for suite in document["suites"]]
    assert each[0] == each[1] > 0
    assert document["all"]["device_hours"]["most"] == pytest.approx(1.5 * each[0])
    assert document["all"]["states"] == {"todo": 3}


def test_assumed_speed_is_said_to_be_assumed(folder, sized, capsys):
    text = " ".join(printed(capsys, "suites/first.yaml").split())
    assert "Speed: 2 assumed (0.06 TFLOP/s per core, not measured)" in text
    assert "for their results" in text


def test_unknown_speed_is_said_to_be_unknown(folder, capsys):
    assert "2 trials have no known speed" in printed(capsys, "suites/first.yaml")
    assert printed(capsys, "--all").splitlines()[1].split()[-2:] == ["?", "?"]


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
    assert [long(seconds) for seconds in (90, 3600 * 99, 3600 * 2451)] == [
        "1 min 30 s",
        "99 h 00 min",
        "2,500 h",
    ]
    assert [size(count) for count in (0, 999, 4510, 62_900_000_000)] == ["0 B", "999 B", "4.5 kB", "63 GB"]
