"""What `bench plan` says of the time and disk that are left, for one suite and for all."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.amounts import rough, rough_duration, size
from bench.cli.main import main
from bench.cli.run.plan import hours_word
from bench.planning.speed import Probe, add_probe, workload_of
from bench.results.lease import Leases
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
    return tmp_path


@pytest.fixture
def probed(folder) -> None:
    one = load_suite(folder / "suites" / "first.yaml").grid.trials[0]
    given = {"memory_bytes": 1, "num_steps": 5, "probed_at": "now"}
    add_probe(folder / "results", Probe(workload=workload_of(one), device="cpu", images_per_s=4.0, **given))


def printed(capsys, *arguments: str) -> str:
    assert main(["plan", *arguments]) == 0
    return capsys.readouterr().out


def test_all_suites_have_a_line_and_shared_trials_count_once(folder, probed, capsys):
    heading, *lines = printed(capsys, "--all").splitlines()
    assert heading.split() == ["suite", "trials", "todo", "never", "timed", "time", "left"]
    assert [line.split()[:4] for line in lines[:2]] == [["first", "2", "2", "0"], ["second", "2", "2", "0"]]
    assert lines[2].split("once")[1].split()[:3] == ["3", "3", "0"]
    document = json.loads(printed(capsys, "--all", "--json"))
    each = [suite["cost"]["device_hours"]["most"] for suite in document["suites"]]
    assert each[0] == each[1] > 0
    assert document["all"]["device_hours"]["most"] == pytest.approx(1.5 * each[0])
    assert document["all"]["states"] == {"todo": 3}


def test_what_was_never_timed_is_told_with_what_times_it(folder, capsys):
    text = " ".join(printed(capsys, "suites/first.yaml").split())
    assert "Time left" not in text
    assert "2 trials; `bench probe suites/first.yaml`" in text
    changed = " ".join(printed(capsys, "suites/first.yaml", "--set", "resolutions=[96]").split())
    assert "`bench probe suites/first.yaml --set='resolutions=[96]'`" in changed
    lines = printed(capsys, "--all").splitlines()
    assert lines[1].split() == ["first", "2", "2", "2"]
    assert "3 trials; `bench probe SUITE`" in " ".join(lines)


def test_where_times_are_from_is_told(folder, probed, capsys):
    for what in (["suites/first.yaml"], ["--all"]):
        text = " ".join(printed(capsys, *what).split())
        assert re.search(r"Time left.* on the CPU", text)
        assert re.search(
            r"Speed: [23] probed\. Epochs: [23] fixed\.", text
        )  # fewer than training can stop after


def test_what_failed_has_a_hint(folder, probed, capsys):
    store = ResultsStore(folder / "results")
    first, second = load_suite(folder / "suites" / "first.yaml").grid.trials
    hint = "`bench status --failures suites/first.yaml` says why, `bench run --only-failed suites/first.yaml`"
    assert hint not in printed(capsys, "suites/first.yaml")
    store.fail(first, "RuntimeError: no memory")
    text = printed(capsys, "suites/first.yaml")
    assert hint in " ".join(text.split())
    assert "Time left, 1 trial on " in text
    elsewhere = ["--results-dir", str(store.root), "--set", "models=[pylon]"]
    given = f"suites/first.yaml --set='models=[pylon]' --results-dir={store.root}"
    assert f"bench status --failures {given}" in " ".join(
        printed(capsys, "suites/first.yaml", *elsewhere).split()
    )
    store.fail(second, "RuntimeError: no memory")
    assert "Time left" not in printed(capsys, "suites/first.yaml")


def test_where_nothing_is_left_there_is_no_time(folder, finish_trial, capsys):
    store = ResultsStore(folder / "results")
    for name in ("first", "second"):
        for trial in load_suite(folder / "suites" / f"{name}.yaml").grid.trials:
            finish_trial(store, trial, {("i", "p", "Mass"): True})
    lines = printed(capsys, "--all").splitlines()
    assert lines[:2] == [
        "suite                 trials  finished  never timed",
        "first                      2         2            0",
    ]
    assert lines[-1] == "Nothing is left that can be run."


def test_device_hours_are_told_where_there_are_some(folder, probed, capsys):
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
def test_lines_of_all_suites_fit_the_terminal(folder, probed, capsys, monkeypatch, width):
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
    assert "nih_256  " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ([], "give a suite, e.g. demo, or --all"),
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
