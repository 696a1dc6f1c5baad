"""bench verify: verdicts on the terminal and as JSON, and what the exit code says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from records import finish_whole

from bench.cli.main import main
from bench.results.provenance import describe
from bench.results.record import Outcome
from bench.results.store import ResultsStore
from bench.suite.load import load_suite

SUITE = """\
models: [pylon, baseline]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1, 2]
claims:
  - {superior: PYLON, to: Baseline, statement: Finer maps point better}
  - {equivalent: [PYLON, Baseline], metric: auroc, group: 3}
"""
VALUES = {"PYLON": (0.90, 1.00, 1.12), "Baseline": (0.1, 0.2, 0.31)}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "mine.yaml").write_text(SUITE)
    (tmp_path / "silent.yaml").write_text(SUITE.split("claims:", maxsplit=1)[0])
    refuted = SUITE.replace("superior: PYLON, to: Baseline", "superior: Baseline, to: PYLON")
    (tmp_path / "refuted.yaml").write_text(refuted)
    store = ResultsStore(tmp_path / "results")
    for point in load_suite(tmp_path / "mine.yaml").grid.points:
        metrics = {"point_accuracy/weighted": VALUES[point.label][point.trial.seed]}
        outcome = Outcome(
            findings=(),
            metrics=metrics,
            best_epoch=1,
            num_epochs=1,
            duration_s=1.0,
            notes=(),
            provenance=describe("cpu", "", 1),
        )
        finish_whole(store, point.trial, outcome)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", "verify", *arguments],
        cwd=folder,
        env=os.environ | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_verdict_is_printed_and_then_counted(folder, capsys):
    assert main(["verify", "mine.yaml"]) == 0
    assert capsys.readouterr().out.splitlines()[:6] == [
        "mine",
        "supported         Finer maps point better",
        "                    PYLON − Baseline, point weighted: +0.803 [+0.789, +0.818], p <0.001 for other",
        "                      seeds and these images, sign-flip 0.250 (least 0.250), 3 seeds",
        "not testable yet  3. PYLON, Baseline score the same within ±0.005 (AUROC, weighted)",
        "                    PYLON − Baseline, AUROC weighted: 0 seeds, 6 trials missing",
    ]


def test_last_line_counts_and_what_is_missing_is_named(folder, capsys):
    main(["verify", "mine.yaml", "silent.yaml"])
    *_, silent, nothing, _, last = capsys.readouterr().out.splitlines()
    assert (silent, nothing) == ("silent", "  claims nothing")
    counts = "1 supported, 0 refuted, 0 inconclusive, 1 not testable yet, 0 not decidable by this metric"
    assert last == f"2 claims: {counts}"
    main(["verify", "mine.yaml"])
    assert "6 trials scored without auroc/weighted: pylon-phantom-64px-s0-" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["silent.yaml", "refuted.yaml"], 1),
        (["mine.yaml", "--strict"], 1),
        (["silent.yaml", "--strict"], 0),
        (["mine.yaml", "--results-dir", "elsewhere"], 0),
        (["mine.yaml", "--results-dir", "elsewhere", "--strict"], 1),
    ],
)
def test_exit_code(folder, arguments, code):
    assert main(["verify", *arguments]) == code


@pytest.mark.parametrize(
    ("arguments", "code"), [(["mine.yaml"], 0), (["refuted.yaml"], 1), (["absent.yaml"], 2), ([], 2)]
)
def test_exit_code_of_the_process(folder, arguments, code):
    done = bench(folder, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert (done.stderr == "") == (code < 2)


def test_json_has_the_documented_keys(folder):
    done = bench(folder, "refuted.yaml", "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["counts"] == {
        "supported": 0,
        "refuted": 1,
        "inconclusive": 0,
        "not testable yet": 1,
        "not decidable by this metric": 0,
    }
    ((suite),) = document["suites"]
    assert suite["suite"] == "refuted"
    refuted, untested = suite["claims"]
    (comparison,) = refuted.pop("comparisons")
    assert refuted == {
        "group": None,
        "kind": "superior",
        "statement": "Finer maps point better",
        "claim_verdict": "refuted",
        "metric": "point_accuracy",
        "margin": None,
    }
    assert comparison["effect"] == pytest.approx(-2.41 / 3)
    assert comparison["adjusted_p"] == comparison["p"] == comparison["p_over_seeds"] < 0.001
    assert comparison["population"] == "other seeds, these images"
    assert (comparison["num_seeds"], comparison["verdict"], comparison["missing"]) == (3, "refuted", {})
    assert untested["margin"] == 0.005
    assert untested["comparisons"][0]["effect"] is None
    assert set(untested["comparisons"][0]["missing"].values()) == {"scored without auroc/weighted"}


@pytest.mark.parametrize("width", [50, 80, 120])
def test_lines_fit_the_terminal(folder, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    main(["verify", "mine.yaml"])
    lines = capsys.readouterr().out.splitlines()[:-1]
    assert max(map(len, lines)) <= width
    ids = [trial.id for trial in load_suite(folder / "mine.yaml").grid.trials]
    assert all(any(trial_id in line for line in lines) for trial_id in ids)  # never broken


def test_a_mistake_in_a_claim_is_told_with_its_place(folder):
    (folder / "wrong.yaml").write_text(SUITE.replace("superior: PYLON", "superior: PYLN"))
    done = bench(folder, "wrong.yaml")
    assert done.returncode == 2
    assert done.stderr == (
        "wrong.yaml:6:6: this suite has no row 'PYLN'; allowed: PYLON, Baseline; did you mean 'PYLON'?\n"
    )
