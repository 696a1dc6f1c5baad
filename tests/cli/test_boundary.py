"""What a user's paths and folders can be: told before anything is trained, and never with a traceback."""

import argparse
import errno
import os
import subprocess
from pathlib import Path

import pytest

from bench.cli import arguments as shared
from bench.cli.main import build_parser, main
from bench.reporting import build
from bench.results.store import ResultsStore

SUITE = """\
models: [baseline]
datasets: [{name: phantom, train: 16, val: 4, test: 8}]
resolutions: [64]
seeds: [0]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 8, max_epochs: 1}
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the suite; returns the exit code and what stderr says."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SUITE)

    def run(*words: str, verb: str = "run") -> tuple[int, str]:
        how = ("--serial", "--no-mlflow") if verb == "run" else ()
        try:
            code = main([verb, "small.yaml", *how, *words])
        except SystemExit as ended:  # what argparse refuses
            code = ended.code
        return code, capsys.readouterr().err

    return run


@pytest.fixture
def read_only(mount_disk):
    disk = mount_disk("64k")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    return disk


@pytest.mark.parametrize("option", ["--results-dir", "--reports-dir"])
@pytest.mark.parametrize("kind", ["file", "below a file", "dangling link", "long name"])
def test_a_folder_that_cannot_be_is_told_before_anything_is_trained(run, option, kind):
    Path("file").touch()
    Path("link").symlink_to("nowhere")
    folder = {"file": "file", "below a file": "file/a", "dangling link": "link", "long name": "y" * 300}[kind]
    code, err = run(option, folder)
    assert code == 2
    assert folder.split("/")[0] in err
    assert len(err.splitlines()) == 1
    assert not list(Path().glob("*/trials/*"))
    assert not Path("nowhere").exists()


@pytest.mark.parametrize("option", ["--results-dir", "--reports-dir"])
def test_a_read_only_folder_is_told_before_anything_is_trained(run, read_only, option):
    code, err = run(option, str(read_only))
    assert code == 2
    assert err.startswith(f"{read_only}: ")
    assert option in err
    assert not list(Path().glob("*/trials/*"))


def test_results_of_others_are_reported_though_they_may_only_be_read(run, mount_disk):
    disk = mount_disk("16m")
    assert run("--results-dir", str(disk / "results"))[0] == 0
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for verb in ("report", "plan", "run"):
        code, err = run("--results-dir", str(disk / "results"), verb=verb)
        assert code == 0, err


def test_a_report_that_cannot_be_written_in_the_end_loses_no_result(run, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), "reports/small/README.md")

    with monkeypatch.context() as patch:
        patch.setattr(build, "write_text", refuse)
        code, err = run()
    assert code == 2
    assert "reports/small/README.md: " in err.splitlines()[-1]
    assert "Traceback" not in err
    store = ResultsStore(Path("results"))
    (trial,) = (path.name for path in Path("results/trials").iterdir())
    assert store.state(trial) == "finished"
    before = store.folder(trial).record.read_bytes()
    assert run(verb="report")[0] == 0
    assert store.folder(trial).record.read_bytes() == before


def test_results_that_are_a_file_are_told_as_such_when_they_are_read(run):
    Path("file").touch()
    for verb, *words in (("plan",), ("report",), ("status", "--failures")):
        code, err = run("--results-dir", "file", *words, verb=verb)
        assert "move it away to run the trial again" not in err
        assert (code, err.count("\n")) == (2, 1) or code == 0


def test_home_folders_stand_for_themselves_in_arguments(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert run("--results-dir=~/results", "--reports-dir=~/reports")[0] == 0
    assert list((tmp_path / "home" / "results" / "trials").iterdir())
    assert (tmp_path / "home" / "reports" / "small").is_dir()
    assert not Path("~").exists()


def test_so_they_do_in_variables(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BENCH_RESULTS_DIR", "~/results")
    monkeypatch.setenv("BENCH_DATA_ROOT", "~/nih")
    parsed = build_parser().parse_args(["run", "~/mine.yaml"])
    assert parsed.results_dir == tmp_path / "results"
    assert parsed.data_root == tmp_path / "nih"
    assert parsed.suite == tmp_path / "mine.yaml"


def test_an_unknown_user_and_a_variable_are_a_sentence(capsys):
    for text in ("~nobody-of-this-name/x", "$HOME/x"):
        with pytest.raises(SystemExit) as ended:
            main(["plan", "small.yaml", f"--results-dir={text}"])
        assert ended.value.code == 2
        assert text in capsys.readouterr().err


def parsers(parser: argparse.ArgumentParser):
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from parsers(one)


def test_every_argument_that_is_a_path_is_read_by_the_one_way():
    actions = [action for parser in parsers(build_parser()) for action in parser._actions]
    assert not [action.dest for action in actions if action.type in (Path, open)]
    assert len([action for action in actions if action.type in (shared.path, shared.results_dir)]) > 20
