"""docs/subjects.md is followed as it stands, on phantoms."""

import os
from pathlib import Path

import pytest
import torch
from forking import ForkedBench

from bench.models.torchvision_compat import torchvision
from bench.suite.subject import WRAPPERS

ROOT = Path(__file__).parents[2]
PAGE = "subjects.md"
SMALL = (
    "datasets=[{name: phantom, train: 8, val: 4, test: 12}]",
    "resolutions=[64]",
    "cams=[native, eigen_cam]",
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory, blocks):
    folder = tmp_path_factory.mktemp("subjects")
    (nets,), (mine, own) = blocks(PAGE, "python"), blocks(PAGE, "yaml")
    (folder / "my_package").mkdir()
    (folder / "my_package" / "__init__.py").touch()
    (folder / "my_package" / "nets.py").write_text(nets, "utf-8")
    (folder / "mine.yaml").write_text(mine, "utf-8")
    (folder / "own.yaml").write_text(own, "utf-8")
    torch.save(torchvision.models.resnet18(num_classes=8).state_dict(), folder / "resnet18.pth")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    forked = ForkedBench(folder, {"PYTHONPATH": os.pathsep.join(paths)})
    yield forked
    forked.end()


def _run(bench, *words):
    done = bench(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_torchvision_file_becomes_rows_for_each_map(bench):
    changes = (word for change in SMALL for word in ("--set", change))
    told = _run(bench, "run", "mine.yaml", "--serial", "--cpu", "--no-mlflow", *changes)
    for row in ("resnet18 |", "resnet18 [Eigen-CAM] |", "*Prior map* |"):
        assert f"| {row}" in told
    shown = _run(bench, "show", "resnet18-phantom")
    assert "images were given in" in shown


def test_what_a_function_returns_is_scored(bench):
    told = _run(bench, "run", "own.yaml", "--serial", "--cpu", "--no-mlflow")
    assert "Trained elsewhere: load" in told
    assert "Without a class for" in told


def test_the_page_lists_every_library():
    page = (ROOT / "docs" / PAGE).read_text("utf-8")
    assert all(f"| `{name}` |" in page for name in WRAPPERS)
