"""`bench report` of one suite, and of everything."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from records import finish_whole

from bench.cli.main import main
from bench.results.record import Outcome
from bench.results.store import ResultsStore
from bench.suite.load import load_suite

ROOT = Path(__file__).parents[2]
MINE = "models: [pylon]\ndatasets: [phantom]\nresolutions: [64]\nseeds: [0, 1]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provenance) -> Path:
    """A folder with two suites, of which one has results: an AUROC for each seed."""
    suites = tmp_path / "suites"
    suites.mkdir()
    (suites / "mine.yaml").write_text(MINE)
    shutil.copy(ROOT / "suites" / "nih_256.yaml", suites)
    store = ResultsStore(tmp_path / "results")
    for trial in load_suite(suites / "mine.yaml").grid.trials:
        outcome = Outcome(
            findings=(),
            metrics={"auroc/weighted": 0.75},
            best_epoch=1,
            num_epochs=1,
            duration_s=1.0,
            notes=(),
            provenance=provenance,
        )
        store.announce(trial)
        finish_whole(store, trial, outcome)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_as_a_process_without_torch_writes_suites_with_results_and_the_thesis(folder: Path) -> None:
    program = (
        "import sys; from bench.cli.main import main; code = main(['report', '--all']); "
        "found = {name.split('.')[0] for name in sys.modules} & {'torch', 'ray', 'mlflow'}; "
        "print(sorted(found), file=sys.stderr); "
        "sys.exit(code)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    assert ended.stderr.strip() == "[]"
    lines = ended.stdout.splitlines()
    assert lines[:3] == [
        "mine: 2 tables in reports/mine",
        "without results: nih_256",
        "thesis: 27 tables in reports/thesis",
    ]
    assert lines[3] == "  Table 5.1: 78 missing"
    assert len(lines) == 3 + 8
    written = {path.name for path in (folder / "reports").iterdir()}
    assert written == {"mine", ".mine.suite.json", "thesis"}
    thesis = folder / "reports" / "thesis"
    assert {path.name for path in thesis.iterdir()} == {
        *("ours", "beside", "compact", "README.md", "index.html", "tables.tex", "tables-compact.tex"),
        "table.lock.json",
    }
    assert all(len(list((thesis / form).iterdir())) == 9 * 4 for form in ("ours", "beside", "compact"))


def test_all_of_suites_of_ones_own_writes_no_tables_of_the_thesis_that_nobody_has_run(folder, capsys):
    (folder / "suites" / "nih_256.yaml").unlink()
    assert main(["report", "--all"]) == 0
    assert capsys.readouterr().out == "mine: 2 tables in reports/mine\n"
    assert main(["report", "--all", "--check"]) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "bench report: give a suite, e.g. demo, or --all"),
        (
            ["--all", "suites/mine.yaml"],
            "bench report --all: takes every suite as a whole; leave out a suite",
        ),
        (
            ["--all", "--set", "seeds=[0]"],
            "bench report --all: takes every suite as a whole; leave out --set",
        ),
        (
            ["--all", "--only", "seed=0"],
            "bench report --all: takes every suite as a whole; leave out --only",
        ),
        (
            ["--all", "--suites-dir", "nowhere"],
            "nowhere: has no suites (*.yaml); name their folder by --suites-dir",
        ),
    ],
)
def test_what_cannot_be_reported_is_said(
    arguments: list[str], sentence: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *arguments]) == 2
    assert capsys.readouterr().err.strip() == sentence
    assert not (folder / "reports").exists()


def test_a_broken_suite_is_named_before_anything_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "suites" / "zebra.yaml").write_text("models: [pilon]\n")
    assert main(["report", "--all"]) == 2
    assert "suites/zebra.yaml:1" in capsys.readouterr().err
    assert not (folder / "reports").exists()


def test_one_suite_is_written_and_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "suites/mine.yaml"]) == 0
    assert "| PYLON | 0.750 ± 0.000 |" in capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ")
    assert (folder / "reports" / "mine" / "index.html").exists()
