"""Two suites of one name in different folders: neither overwrites what the other one has."""

import shutil

import pytest

from bench.cli.main import main
from bench.results.invocation import Invocations
from bench.results.store import ResultsStore
from bench.suite.find import shipped_suites
from bench.suite.load import load_suite

SUITE = """\
models: [MODEL]
datasets: [phantom]
resolutions: [64]
seeds: [0]
encoder: resnet18
weights: none
"""
HITS = {(f"i{n}", f"p{n}", "Mass"): n % 2 == 0 for n in range(4)}


@pytest.fixture
def suites(tmp_path, monkeypatch, finish_trial):
    """Two suites whose trials are finished, the report of the first written."""
    monkeypatch.chdir(tmp_path)
    paths = []
    for who, model in (("anna", "baseline"), ("ben", "pylon")):
        path = tmp_path / who / "mine.yaml"
        path.parent.mkdir()
        path.write_text(SUITE.replace("MODEL", model))
        paths.append(path)
        for trial in load_suite(path).grid.trials:
            finish_trial(ResultsStore(tmp_path / "results"), trial, HITS)
    assert main(["run", str(paths[0]), "--serial", "--no-mlflow", "--cpu"]) == 0
    return paths


def page(tmp_path) -> str:
    return (tmp_path / "reports/mine/README.md").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--serial", "--no-mlflow", "--cpu"],
        ["report"],
        ["report", "--figures"],
        ["report", "--gallery"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_the_second_is_refused_and_the_first_named(suites, tmp_path, capsys, words):
    anna, ben = suites
    before = page(tmp_path)
    assert main([words[0], str(ben), *words[1:]]) == 2
    told = capsys.readouterr().err
    assert str(anna) in told
    assert "name" in told
    assert page(tmp_path) == before
    assert main(["report", str(anna), "--check"]) == 0


def test_the_check_names_the_other(suites, capsys):
    anna, ben = suites
    capsys.readouterr()
    assert main(["report", str(ben), "--check"]) == 1
    assert str(anna) in capsys.readouterr().out


@pytest.mark.parametrize("renamed", [0, 1])
def test_a_name_of_its_own_helps_whoever_takes_it(suites, tmp_path, renamed):
    _, ben = suites
    suites[renamed].write_text(f"name: other\n{suites[renamed].read_text()}")
    assert main(["report", str(ben)]) == 0
    assert "PYLON" in (tmp_path / f"reports/{('mine', 'other')[renamed]}/README.md").read_text()


def test_an_edited_or_moved_suite_goes_on_under_its_name(suites, tmp_path):
    anna, _ = suites
    anna.write_text(f"title: Edited\n{anna.read_text()}")
    assert main(["report", str(anna)]) == 0
    assert "Edited" in page(tmp_path)
    (tmp_path / "carl").mkdir()
    moved = tmp_path / "carl" / "mine.yaml"
    anna.rename(moved)
    moved.write_text(moved.read_text().replace("Edited", "Moved"))
    assert main(["report", str(moved)]) == 0
    assert "Moved" in page(tmp_path)


def test_a_copy_of_all_of_it_belongs_to_the_suite_in_the_copy(suites, tmp_path, monkeypatch):
    shutil.copytree(tmp_path / "anna", tmp_path / "copy" / "anna")
    for name in ("results", "reports"):
        shutil.copytree(tmp_path / name, tmp_path / "copy" / name)
    monkeypatch.chdir(tmp_path / "copy")
    suite = tmp_path / "copy/anna/mine.yaml"
    suite.write_text(f"title: Copied\n{suite.read_text()}")
    assert main(["report", str(suite)]) == 0
    assert "Copied" in page(tmp_path / "copy")
    assert "Copied" not in page(tmp_path)


def test_the_tables_of_the_thesis_overwrite_no_suite_called_so(suites, tmp_path, capsys):
    anna, _ = suites
    thesis = anna.rename(anna.with_name("thesis.yaml"))
    assert main(["report", str(thesis)]) == 0
    before = (tmp_path / "reports/thesis/README.md").read_bytes()
    shutil.copy(shipped_suites() / "nih_256.yaml", thesis.parent)
    assert main(["report", "--all", "--suites-dir", str(thesis.parent)]) == 2
    assert str(thesis) in capsys.readouterr().err
    assert (tmp_path / "reports/thesis/README.md").read_bytes() == before


def test_a_shipped_suite_is_the_same_one_in_every_environment(suites, tmp_path, monkeypatch, capsys):
    """Another version of the package, installed elsewhere, goes on in the same folders; a copy does not."""
    text = suites[0].read_text()
    for version in ("one", "two"):
        shipped = tmp_path / version / "suites" / "shipped.yaml"
        shipped.parent.mkdir(parents=True)
        shipped.write_text(f"title: {version}\n{text}")
        monkeypatch.setattr("bench.suite.find.FOLDER", tmp_path / version)
        assert main(["run", "shipped", "--serial", "--no-mlflow", "--cpu"]) == 0
        assert version in (tmp_path / "reports/shipped/README.md").read_text()
        Invocations(ResultsStore(tmp_path / "results")).begin(load_suite(shipped), ())
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites/shipped.yaml").write_text(f"title: edited\n{text}")
    capsys.readouterr()
    assert main(["report", "shipped"]) == 2
    assert str(tmp_path / "two/suites/shipped.yaml") in capsys.readouterr().err
