"""`bench init` makes a copy that runs as it is, under a name of its own."""

from pathlib import Path

import pytest

from bench import load_suite
from bench.cli.main import main


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def ids(suite: str) -> list[str]:
    return [trial.id for trial in load_suite(suite).grid.trials]


@pytest.mark.parametrize("suite", ["demo", "demo_transfer", "nih_mini", "nih_512", "vindr_transfer"])
def test_a_copy_asks_for_the_same_trials(suite):
    assert main(["init", suite]) == 0
    assert load_suite(f"my_{suite}").source == Path(f"suites/my_{suite}.yaml")
    assert ids(f"my_{suite}") == ids(suite)


def test_a_copy_without_a_name_is_one_of_the_demo(capsys):
    assert main(["init"]) == 0
    assert "bench run my_demo" in capsys.readouterr().out
    assert sorted(Path().rglob("*.*")) == [Path("suites/my_demo.yaml")]


def test_lists_that_were_edited_stay(capsys):
    assert main(["init", "nih_mini"]) == 0
    edited = Path("suites/splits/nih_mini/val.txt")
    edited.write_text(edited.read_text().splitlines()[0])
    assert main(["init", "nih_mini", "--as", "other"]) == 0
    assert len(edited.read_text().splitlines()) == 1


def test_an_own_suite_is_copied_too_and_none_is_overwritten(capsys):
    assert main(["init", "demo", "--as", "mine"]) == 0
    Path("suites/mine.yaml").write_text(Path("suites/mine.yaml").read_text() + "# edited\n")
    assert main(["init", "demo", "--as", "mine"]) == 2
    assert "suites/mine.yaml: is there already" in capsys.readouterr().err
    assert main(["init", "mine", "--as", "another"]) == 0
    assert Path("suites/another.yaml").read_text().endswith("# edited\n")


@pytest.mark.parametrize("name", ["a/b", "mine.yaml", "../mine", ".."])
def test_a_name_that_is_a_path_is_refused(name, capsys):
    assert main(["init", "demo", "--as", name]) == 2
    assert name in capsys.readouterr().err
    assert not Path("suites").exists()


def test_list_shows_each_name_once_and_where_it_leads(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    main(["init", "demo", "--as", "demo"])
    main(["init", "demo"])
    capsys.readouterr()
    assert main(["list", "suites"]) == 0
    rows = {
        words[0]: words[2] for line in capsys.readouterr().out.splitlines()[1:] if (words := line.split())
    }
    assert rows["demo"] == rows["my_demo"] == "suites/"
    assert rows["nih_256"] == "shipped"
