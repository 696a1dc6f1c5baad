"""The pages of docs/ say what is so: their examples are run as they are printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli.model_listing import to_text
from bench.cli.model_sheets import collect
from bench.suite.catalog import MODELS, ModelEntry, Variant
from bench.suite.load import load_suite

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "adding-a-model.md").read_text(encoding="utf-8")

REGISTER = """\
from bench.suite.catalog import MODELS, ModelEntry, Variant
MODELS.update({
%s})
"""


def blocks(language: str) -> list[str]:
    """Returns the page's code blocks of a language."""
    return [part.split("```")[0] for part in PAGE.split(f"```{language}\n")[1:]]


MODEL, LINE = blocks("python")
LINE = LINE.replace("bench.models.", "example_models.")
"""The example is written to a package beside ours, not into it."""


@pytest.fixture
def example(tmp_path, monkeypatch) -> Path:
    """A folder from which the example can be imported, as can a module that registers it."""
    (tmp_path / "example_models").mkdir()
    (tmp_path / "example_models" / "__init__.py").touch()
    (tmp_path / "example_models" / "two_scale.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "register_example.py").write_text(REGISTER % LINE, encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def registered(example, monkeypatch) -> Path:
    monkeypatch.syspath_prepend(example)
    for name, entry in eval(f"{{{LINE}}}", {"ModelEntry": ModelEntry, "Variant": Variant}).items():
        monkeypatch.setitem(MODELS, name, entry)
    return example


def test_example_of_a_model_passes_the_conformance_suite_by_its_line_alone(example):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-v", "-p", "register_example", "-p", "no:cacheprovider"),
            *("tests/models/test_conformance.py", "tests/suite/test_catalog.py"),
            *("-k", "two-scale and resnet18 or test_catalog"),
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(example)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for label in ("Two-scale", "Two-scale (narrow)"):
        assert f"test_every_parameter_gets_a_gradient[{label}, resnet18] PASSED" in done.stdout


def test_listing_of_the_example_is_what_the_page_shows(registered):
    assert to_text(collect(["two_scale"], "resnet50"), "resnet50", 100) + "\n" == blocks("text")[0]


def test_suite_with_the_example_is_valid(registered):
    path = registered / "two_scale.yaml"
    (suite,) = blocks("yaml")
    path.write_text(suite, encoding="utf-8")
    labels = {point.label for point in load_suite(path).grid.points}
    assert labels == {"Baseline", "Two-scale", "Two-scale (narrow)"}
