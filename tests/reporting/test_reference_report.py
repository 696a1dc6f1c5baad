"""The report of a reference run: its metrics, its controls, its marks, and that it can be checked."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from extracts import WHOLE, needs_authors_maps

from bench.metrics.measure import measure_of, measured
from bench.reporting.build import Report
from bench.reporting.reference_report import render_reference
from bench.reporting.references import AUTHORS, load_reference
from bench.results.references import reference_folder
from bench.results.units import read_table
from bench.suite.metrics import METRICS

SIDE, NUM = 16, 60
COMMITTED = Path(__file__).parents[2] / "reports" / "authors_pylon"


def bench(folder: Path, *words: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "bench", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two references: maps that show where boxes are, and noise."""
    folder = tmp_path_factory.mktemp("references")
    random = np.random.default_rng(0)
    corners = random.integers(0, SIDE - 4, (NUM, 2))
    boxes = pd.DataFrame(
        {
            "image": [f"i{number:03}.png" for number in range(NUM)],
            "finding": [f"finding {number % 2}" for number in range(NUM)],
            "x": corners[:, 0],
            "y": corners[:, 1],
            "width": 4,
            "height": 4,
        }
    )
    boxes.to_csv(folder / "boxes.csv", index=False)
    boxes[["image", "finding"]].to_csv(folder / "units.csv", index=False)
    seen = 0.2 * random.random((NUM, SIDE, SIDE))
    for number, (x, y) in enumerate(corners.tolist()):
        seen[number, y : y + 4, x : x + 4] += 0.7
    np.save(folder / "seeing.npy", seen.astype(np.float32))
    np.save(folder / "blind.npy", random.random(seen.shape, dtype=np.float32))
    for name in ("seeing", "blind"):
        words = f"reference add {name} --maps {name}.npy --units units.csv --boxes boxes.csv --dataset folder"
        bench(folder, *words.split(), "--resolution", "64", "--grid", str(SIDE), "--frame", str(SIDE))
    return folder


def render(folder: Path, name: str) -> Report:
    reference = load_reference(name, folder / "results")
    return render_reference(reference, read_table(reference_folder(folder / "results", name).boxes))


def committed_cells(table: str) -> dict[tuple[str, str], dict[str, str]]:
    rows = csv.DictReader((COMMITTED / f"{table}.csv").read_text(encoding="utf-8").splitlines())
    return {(row["row"], row["column"]): row for row in rows}


def cells(report: Report, table: str) -> dict[tuple[str, str], dict[str, str]]:
    rows = csv.DictReader(report.files[f"{table}.csv"].splitlines())
    return {(row["row"], row["column"]): row for row in rows}


def test_values_are_those_of_the_units(stored: Path) -> None:
    reference = load_reference("seeing", stored / "results")
    assert reference.units is not None
    found = cells(render(stored, "seeing"), "findings")
    findings = tuple(dict.fromkeys(reference.units["finding"]))
    for name in ("point_accuracy", "energy", "max_box_acc_v2", "pxap"):
        metric = METRICS[name]
        expected = measured(measure_of(name), reference.units, findings)
        for column, heading in {"weighted": "Weighted avg.", "macro": "Macro avg."}.items():
            assert float(found[metric.title, heading]["mean"]) == pytest.approx(expected[column])


def test_only_maps_that_see_the_image_beat_the_controls(stored: Path) -> None:
    seeing, blind = (render(stored, name).page.split("What tuning")[0] for name in ("seeing", "blind"))
    for metric in (METRICS["point_accuracy"], METRICS["energy"], METRICS["max_box_acc"]):
        assert f"| {metric.title} |" in seeing
        assert f"| {metric.title}<sup>§</sup> |" in blind
    assert "not decidable by it" in blind


def test_a_report_is_checked_byte_by_byte(stored: Path) -> None:
    words = ["reference", "report", "seeing"]
    assert bench(stored, *words).startswith("# seeing")
    assert "every byte agrees" in bench(stored, *words, "--check")
    path = stored / "reports" / "seeing" / "summary.csv"
    path.write_text(path.read_text().replace("0.", "1.", 1))
    assert "summary.csv" in bench(stored, *words, "--check", code=1)


def test_a_run_without_maps_and_boxes_has_no_report(stored: Path) -> None:
    words = [sys.executable, "-m", "bench", "reference", "report", AUTHORS]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=stored)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert AUTHORS in done.stderr


KNOWN = {
    "point_accuracy": (0.605, 0.377),
    "iobb_accuracy": (0.522, 0.239),
    "energy": (0.282, 0.229),
    "iou_accuracy": (0.034, 0.134),
    "max_box_acc_v2": (0.161, 0.229),
    "box_miou": (0.242, 0.293),
    "pxap": (0.283, 0.415),
}
"""Of the authors' maps and of the prior map, computed independently: grid of 64, boxes of rounded corners."""


@pytest.mark.slow
@needs_authors_maps
def test_the_authors_maps_give_the_committed_report_and_known_numbers(tmp_path: Path) -> None:
    maps, data = WHOLE / "data" / "authors_pylon_seed0", WHOLE / "data"
    committed = (COMMITTED / "README.md").read_text().splitlines()
    words = ["reference", "add", "authors_pylon", "--resolution", "256"]
    words += ["--maps", str(maps / "heatmaps_seed0_64x64_f16.npz"), "--units", str(maps / "panels_seed0.csv")]
    words += ["--boxes", str(data / "meta" / "BBox_List_2017.csv")]
    bench(tmp_path, *words, "--title", committed[0].removeprefix("# "), "--source", committed[2].rstrip("."))
    report = render(tmp_path, "authors_pylon")
    for table in ("summary", "thresholds", "findings"):  # the last digits are the processor's
        now, then = (
            {key: float(row["mean"]) for key, row in rows.items() if row["mean"]}
            for rows in (cells(report, table), committed_cells(table))
        )
        assert now == pytest.approx(then, abs=2e-3)
    found = cells(report, "summary")
    for name, (maps_score, prior) in KNOWN.items():
        title = METRICS[name].title
        assert float(found[title, "Maps"]["mean"]) == pytest.approx(maps_score, abs=0.013)
        assert float(found[title, "Prior map"]["mean"]) == pytest.approx(prior, abs=0.01)
        assert (f"| {title}<sup>§</sup> |" in report.page) == (maps_score < prior)
    tuned = cells(report, "thresholds")
    at = [
        float(tuned[METRICS["max_box_acc"].title, one]["mean"])
        for one in ("Cross-fitted", "Oracle", "Oracle per finding")
    ]
    assert at == pytest.approx([0.120, 0.131, 0.250], abs=0.013)
    touch = METRICS["touching_area"].title + " ↓"
    areas = [float(found[touch, one]["mean"]) for one in ("Maps", "Prior map", "Image centre")]
    assert areas == pytest.approx([0.050, 0.106, 0.249], abs=0.013)
