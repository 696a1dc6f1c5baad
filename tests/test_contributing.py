"""CONTRIBUTING.md's recipe for a data set is followed in a copy of the package, and its result is used."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
RECIPE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Adding a data set")[1]
MODULE, SPEC, LINE = (part.split("```")[0] for part in RECIPE.split("```python\n")[1:])
UNION = "VindrSpec | FolderSpec"

SUITE = """\
models: [baseline, pylon]
datasets: [clinic, {name: phantom, train: 8, val: 2, test: 4}]
resolutions: [64]
seeds: [0]
encoder: tu-test_resnet
weights: none
recipe: {max_epochs: 1, batch_size: 8}
exclude: [{dataset: phantom}]
claims:
  - {superior: PYLON, to: Baseline, column: [Mass]}
  - {superior: PYLON, to: Baseline, metric: auroc, column: [Nodule]}
"""

VERBS = """\
from bench.cli.main import main

for words in (
    "list datasets",
    "schema",
    "data check clinic",
    "data stats clinic --json",
    "data show clinic -o sheet.png",
    "plan clinic.yaml",
    "probe clinic.yaml --steps 1",
    "run clinic.yaml --serial --no-mlflow",
    "verify clinic.yaml",
):
    assert main(words.split()) == 0, words
"""


@pytest.fixture
def package(tmp_path) -> Path:
    """A folder with the package as the recipe leaves it."""
    ignore = shutil.ignore_patterns("__pycache__")
    bench = Path(shutil.copytree(ROOT / "bench", tmp_path / "package" / "bench", ignore=ignore))
    (bench / "data" / "clinic.py").write_text(MODULE, encoding="utf-8")
    schema, registry = bench / "suite" / "schema.py", bench / "data" / "registry.py"
    text = schema.read_text(encoding="utf-8")
    head, tail = text.split("DatasetSpec = Annotated[", 1)
    assert UNION in tail
    tail = tail.replace(UNION, f"{UNION} | ClinicSpec", 1)
    schema.write_text(f"{head}{SPEC}\n\nDatasetSpec = Annotated[{tail}", encoding="utf-8")
    text = registry.read_text(encoding="utf-8")
    opening = "DATASETS: dict[str, DatasetEntry] = {\n"
    assert opening in text
    registry.write_text(text.replace(opening, opening + LINE), encoding="utf-8")
    return bench.parent


@pytest.fixture
def clinic(tmp_path) -> Path:
    """Thirty films of fifteen patients, masses marked on some."""
    root, random = tmp_path / "clinic", np.random.default_rng(0)
    (root / "films").mkdir(parents=True)
    films, marks = ["image,patient,Mass,Nodule"], ["image,finding,left,top,width,height"]
    for i in range(30):
        cv2.imwrite(str(root / "films" / f"f{i:02d}.png"), random.integers(0, 255, (70, 80), dtype=np.uint8))
        films.append(f"f{i:02d},p{i // 2},{int(i % 2 == 0)},{int(i % 3 == 0)}")
        marks += [f"f{i:02d},Mass,10,10,30,20"] * (i % 2 == 0)
    (root / "films.csv").write_text("\n".join(films) + "\n")
    (root / "marks.csv").write_text("\n".join(marks) + "\n")
    return root


def test_a_data_set_made_by_the_recipe_has_checks_plans_probes_trials_tables_and_claims(
    package, clinic, tmp_path
):
    (tmp_path / "clinic.yaml").write_text(SUITE)
    environment = os.environ | {
        "PYTHONPATH": str(package),
        "BENCH_DATA_ROOT": str(clinic.parent),
        "XDG_CACHE_HOME": str(tmp_path),
    }
    command = [sys.executable, "-c", VERBS]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tables = {path.name for path in (tmp_path / "reports" / "clinic").glob("*.csv")}
    assert {"point_accuracy-clinic-64px.csv", "auroc-clinic-64px.csv"} <= tables
    assert (tmp_path / "sheet.png").is_file()


def test_a_claim_of_a_column_that_the_data_set_lacks_is_told_with_those_it_has(package, clinic, tmp_path):
    (tmp_path / "clinic.yaml").write_text(
        SUITE.replace("[Nodule]", "[Nodules]").replace("[Mass]", "[Nodule]")
    )
    command = [sys.executable, "-m", "bench", "plan", "clinic.yaml"]
    environment = os.environ | {"PYTHONPATH": str(package)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Mass" in done.stderr
