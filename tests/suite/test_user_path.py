"""Paths as users write them: ~ is the home folder, in suites too; variables are refused."""

import os
import pwd
from pathlib import Path

import pytest

from bench.errors import BenchError, SuiteError
from bench.suite import user_path as module
from bench.suite.load import load_dataset_spec, load_suite
from bench.suite.user_path import ensure_home, user_path

SUITE = """\
models: [{{name: baseline, weights: {home}/weights.pth}}]
datasets:
  - {{name: folder, images: {home}/images, labels: {home}/labels.csv, boxes: {home}/boxes.csv}}
  - {{name: nih, split: {{train: {home}/lists/a.txt, val: {home}/lists/b.txt, test: {home}/lists/c.txt}}}}
resolutions: [64]
seeds: [0]
encoder: tu-test_resnet
"""
FILES = ["weights.pth", "labels.csv", "boxes.csv", "lists/a.txt", "lists/b.txt", "lists/c.txt"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "lists").mkdir(parents=True)
    return tmp_path / "home"


def test_home_folders_are_put_in_at_the_beginning_alone(home):
    assert user_path("~/x") == home / "x"
    assert user_path("~") == home
    assert user_path("~root/x") == Path(pwd.getpwnam("root").pw_dir) / "x"
    for literal in ("x", "./~/x", "a/~/b", "a$b", "a/$b", "/x"):
        assert user_path(literal) == Path(literal)


@pytest.mark.parametrize("text", ["~nobody-of-this-name/x", "$HOME/x", "${DATA}/x", "$HOME"])
def test_what_cannot_be_known_is_a_sentence_with_the_path(home, text):
    with pytest.raises(BenchError) as error:
        user_path(text)
    assert error.value.place == text
    assert f"./{text}" in str(error.value)


def test_links_in_a_circle_are_a_sentence(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(BenchError, match=str(tmp_path / "a")):
        user_path("a", tmp_path)


def test_every_path_in_a_suite_has_its_home_folder(home, tmp_path):
    for name in FILES:
        (home / name).write_text(name)
    (tmp_path / "mine.yaml").write_text(SUITE.format(home="~"))
    (tmp_path / "whole.yaml").write_text(SUITE.format(home=home))
    loaded = load_suite(tmp_path / "mine.yaml")
    assert set(loaded.grid.files.values()) == {home / name for name in (*FILES, "images")}
    assert loaded.grid.files == load_suite(tmp_path / "whole.yaml").grid.files
    for name in FILES:
        (home / name).unlink()
        with pytest.raises(SuiteError, match=str(home / name)):
            load_suite(tmp_path / "mine.yaml")
        (home / name).write_text(name)


def test_so_has_a_path_of_set(home):
    (home / "labels.csv").write_text("image")
    _, files = load_dataset_spec("folder", ["images=~/images", "labels=~/labels.csv"])
    assert set(files.values()) == {home / "images", home / "labels.csv"}


def test_an_unknown_user_in_a_suite_is_a_sentence_with_its_place(home, tmp_path):
    suite = tmp_path / "mine.yaml"
    suite.write_text(SUITE.format(home="~nobody-of-this-name"))
    with pytest.raises(SuiteError, match=r"mine\.yaml:3:\d+: labels: ~nobody-of-this-name/labels\.csv"):
        load_suite(suite)


def test_a_user_without_a_home_folder_gets_one_for_libraries_and_none_for_paths(monkeypatch):
    def unknown(_):
        raise KeyError("uid not found")

    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    registered = []
    monkeypatch.setattr(module.atexit, "register", lambda *call, **how: registered.append((call, how)))
    ensure_home()
    try:
        assert Path.home().is_dir()
        assert os.environ["LOGNAME"]
        with pytest.raises(BenchError) as caught:
            user_path("~/x")
        assert caught.value.place == "~/x"
    finally:
        (((remove, folder), how),) = registered
        remove(folder, **how)
        os.environ.pop("HOME")
        os.environ.pop("LOGNAME")
    assert not Path(folder).exists()
