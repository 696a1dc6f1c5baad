"""The pages of docs/ say what is so: their examples are run as they are printed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import cv2
import numpy as np
import pytest

from bench.cli.main import build_parser, main
from bench.metrics.protocol import LocalizationProtocol
from bench.suite.catalog import MODELS, ModelEntry, Variant
from bench.suite.claims import CLAIM_KINDS
from bench.suite.dataset_specs import FolderSpec
from bench.suite.load import load_suite

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "adding-a-model.md").read_text(encoding="utf-8")
OWN_DATA = (ROOT / "docs" / "your-own-data.md").read_text(encoding="utf-8")

REGISTER = """\
from bench.suite.catalog import MODELS, ModelEntry, Variant
MODELS.own.update({
%s})
"""


def blocks(language: str, page: str = PAGE) -> list[str]:
    """Returns the page's code blocks of a language."""
    return [part.split("```")[0] for part in page.split(f"```{language}\n")[1:]]


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
        monkeypatch.setitem(MODELS.own, name, entry)
    return example


@pytest.mark.slow
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
        named = [line for line in done.stdout.splitlines() if f"{label}, resnet18" in line]
        assert any("every_parameter_gets_a_gradient" in line and "PASSED" in line for line in named)


def test_listing_of_the_example_is_what_the_page_shows(registered, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["list", "models", "two_scale"]) == 0
    assert capsys.readouterr().out == blocks("text")[0]


def test_suite_with_the_example_is_valid(registered):
    path = registered / "two_scale.yaml"
    (suite,) = blocks("yaml")
    path.write_text(suite, encoding="utf-8")
    labels = {point.label for point in load_suite(path).grid.points}
    assert labels == {"Baseline", "Two-scale", "Two-scale (narrow)"}


@pytest.fixture
def ward(tmp_path) -> Path:
    """The example of a data set of one's own, its radiographs drawn."""
    (suite,), (labels, boxes) = blocks("yaml", OWN_DATA), blocks("csv", OWN_DATA)
    (tmp_path / "images").mkdir()
    (tmp_path / "ward.yaml").write_text(suite, encoding="utf-8")
    (tmp_path / "labels.csv").write_text(labels, encoding="utf-8")
    (tmp_path / "boxes.csv").write_text(boxes, encoding="utf-8")
    random = np.random.default_rng(0)
    for line in labels.splitlines()[1:]:
        image = cv2.resize(random.integers(0, 255, (32, 32), dtype=np.uint8), (1024, 1024))
        cv2.imwrite(str(tmp_path / "images" / f"{line.split(',')[0]}.png"), image)
    return tmp_path


@pytest.fixture
def run_example(ward, monkeypatch, capsys):
    """Runs the suite with a tiny encoder on tiny images for an epoch, and returns what it prints."""

    def run_example() -> str:
        small = ("resolutions.0=64", "encoder=tu-test_resnet", "weights=none", "recipe.max_epochs=1")
        command = ["run", "ward.yaml", "--serial", "--no-mlflow", "--seeds", "0"]
        monkeypatch.chdir(ward)
        assert main([*command, *(word for change in small for word in ("--set", change))]) == 0
        return capsys.readouterr().out

    return run_example


def test_example_of_own_data_runs_and_is_called_by_its_title(run_example):
    printed = run_example()
    assert "### Point localization accuracy, Ward-7, 64 px" in printed
    assert "| Weighted avg. | Macro avg. | Effusion | Mass |" in printed
    assert "### AUROC, Ward-7, 64 px" in printed


def test_own_data_without_boxes_has_no_table_of_localization(ward, run_example):
    suite = (ward / "ward.yaml").read_text(encoding="utf-8").splitlines()
    (ward / "ward.yaml").write_text("\n".join(line for line in suite if "box" not in line), encoding="utf-8")
    printed = run_example()
    assert "Point localization" not in printed
    assert "### AUROC, Ward-7, 64 px" in printed


def test_counts_of_own_data_come_by_the_command_of_the_page(ward, capsys, monkeypatch):
    (commands,) = blocks("bash", OWN_DATA)
    (command,) = [line.split("#")[0].split() for line in commands.splitlines() if "data stats" in line]
    monkeypatch.chdir(ward)
    assert main(command[1:]) == 0
    assert "12 images of 6 patients; 5 boxes on 3 images" in capsys.readouterr().out


def test_example_of_claims_is_valid_and_the_page_names_every_key(tmp_path):
    page = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    (tmp_path / "claims.yaml").write_text(blocks("yaml", page)[0], encoding="utf-8")
    claims = load_suite(tmp_path / "claims.yaml").claims
    assert {type(stated.claim) for stated in claims} == set(CLAIM_KINDS.values())
    assert claims[1].margin == 0.01
    for kind in CLAIM_KINDS.values():
        for key in kind.model_fields:
            assert f"`{key}`" in page, key


def test_page_on_own_data_names_every_key():
    for key in FolderSpec.model_fields.keys() - {"name", "oversize"}:
        assert f"`{key}`" in OWN_DATA, key


@pytest.mark.parametrize(
    "path",
    [
        p
        for p in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
        if "\nbench " in p.read_text("utf-8")
    ],
    ids=lambda p: p.name,
)
def test_every_command_of_a_page_is_understood(path):
    pages = blocks("bash", path.read_text(encoding="utf-8"))
    lines = [line for page in pages for line in page.replace("\\\n", " ").splitlines()]
    commands = [words for line in lines if (words := shlex.split(line, comments=True))[:1] == ["bench"]]
    assert commands
    for _, *words in commands:
        assert build_parser().parse_args(words).verb == words[0]


def test_the_page_on_the_protocol_names_every_choice_and_value():
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    for field, kind in get_type_hints(LocalizationProtocol).items():
        option = field.removesuffix("_px").replace("_", "-")
        (line,) = (line for line in page.splitlines() if f"| `--{option}` |" in line)
        values = [value for part in (kind, *get_args(kind)) for value in get_args(part)]
        words = [value for value in values if isinstance(value, str)]
        assert all(f"`{word}`" in line for word in words), (option, words)
        assert words or kind in (bool, float)


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_every_file_that_a_page_names_or_links_exists(path):
    text = path.read_text(encoding="utf-8")
    is_guide = path.name.startswith("adding-")  # its example's file is not ours
    named = [] if is_guide else [ROOT / name for name in re.findall(r"`(bench/[\w/]+(?:\.py)?/?)`", text)]
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text) + re.findall(r'<img [^>]*src="([^"]+)"', text)
    missing = [
        str(place) for place in (*named, *(path.parent / link for link in links)) if not place.exists()
    ]
    assert not missing
