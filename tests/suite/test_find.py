"""Suites by name: one's own in suites/ first, then the shipped ones; for people and for other suites."""

from pathlib import Path

import pytest
import torch

from bench import load_suite
from bench.errors import SuiteError
from bench.suite import load
from bench.suite.find import every_suite, shipped_suites, suite_path

OWN = (
    "models: [pylon]\ndatasets: [phantom]\nresolutions: [64]\nseeds: [7]\nencoder: resnet18\nweights: none\n"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, text: str = OWN) -> Path:
    file = Path(path)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def test_a_name_means_the_shipped_suite_until_there_is_an_own_one():
    assert suite_path("demo") == shipped_suites() / "demo.yaml"
    assert load_suite("demo").suite.name == "demo"
    own = write("suites/demo.yaml")
    assert suite_path("demo") == own
    assert suite_path("nih_256") == shipped_suites() / "nih_256.yaml"


def test_all_suites_are_the_own_ones_or_without_any_the_shipped_ones():
    assert every_suite() == every_suite(shipped_suites())
    own = write("suites/mine.yaml")
    assert every_suite() == {"mine": own}


@pytest.mark.parametrize("text", ["demo.yaml", "./demo", "elsewhere/demo"])
def test_what_has_a_folder_or_an_ending_is_a_path(text):
    assert suite_path(text) == Path(text)


def test_a_file_of_the_name_comes_before_suites():
    write("demo")
    assert suite_path("demo") == Path("demo")


def test_a_misspelt_name_gets_the_nearest_among_all():
    write("suites/mine.yaml")
    with pytest.raises(SuiteError, match="did you mean 'mine'") as caught:
        load_suite("mina")
    assert caught.value.value == "mina"
    assert {"mine", "demo", "nih_256"} <= set(caught.value.allowed)


def test_the_path_of_a_checkout_leads_to_the_shipped_name():
    with pytest.raises(SuiteError, match="the shipped suite is called demo,"):
        load_suite("suites/demo.yaml")


def test_an_own_suite_is_found_beside_before_a_shipped_one_of_its_name():
    write("suites/demo_pretrain.yaml")
    model = "{name: pylon, init: {from: demo_pretrain, model: PYLON}}"
    write("suites/mine.yaml", OWN.replace("pylon", model))
    (parent,) = load_suite("mine").grid.required
    assert parent.id == load_suite("demo_pretrain").grid.trials[0].id
    assert parent.seed == 7


def test_files_of_overrides_are_relative_to_the_working_folder():
    torch.save({}, "own.pth")
    write("suites/mine.yaml")
    for suite in ("mine", "nih_mini"):
        files = load.load_suite(suite_path(suite), ["weights=own.pth"]).grid.files.values()
        assert Path("own.pth").resolve() in files
    with pytest.raises(SuiteError, match=r"suites/own\.pth"):
        load_suite(write("suites/other.yaml", OWN.replace("none", "own.pth")))
