"""The report's files and page."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import LONG_S

from bench.reporting.build import Report, render_report, write_report

GOLDEN = Path(__file__).parents[1] / "golden"
METRICS = ("summary", "point_accuracy", "auroc", "iobb_accuracy", "intervals", "comparisons")
KEYS = tuple(f"{metric}-phantom-64px" for metric in METRICS)


def _report(example) -> Report:
    return render_report(example.load(), example.store)


def _written(example) -> Path:
    return write_report(_report(example), example.folder / "reports")


def test_every_table_is_written_in_every_format(filled) -> None:
    folder = _written(filled)
    assert folder == filled.folder / "reports" / "example"
    expected = {f"{key}.{suffix}" for key in KEYS for suffix in ("md", "tex", "csv")} | {
        "README.md",
        "index.html",
        "table.lock.json",
    }
    assert {path.name for path in folder.iterdir()} == expected


@pytest.mark.parametrize("suffix", ["md", "tex"])
@pytest.mark.parametrize("key", KEYS)
def test_golden_report(filled, key: str, suffix: str) -> None:
    written = _report(filled).files[f"{key}.{suffix}"]
    assert written == (GOLDEN / f"report-{key}.{suffix}").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", KEYS)
def test_golden_cells(filled, key: str) -> None:
    """Cells are in full precision, whose last digit may differ between processors."""
    written = _cells(_report(filled).files[f"{key}.csv"])
    golden = _cells((GOLDEN / f"report-{key}.csv").read_text(encoding="utf-8"))
    assert [row[:4] + row[6:] for row in written] == [row[:4] + row[6:] for row in golden]
    for row, expected in zip(written[1:], golden[1:], strict=True):
        for text, number in zip(row[4:6], expected[4:6], strict=True):
            assert (text == "") is (number == "")
            assert float(text or 0) == pytest.approx(float(number or 0), rel=1e-12, abs=1e-14)


def _cells(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


def test_page_holds_title_tables_and_origin(filled) -> None:
    report = _report(filled)
    assert report.files["README.md"] == report.page
    assert report.page.startswith("# Example\n")
    for key in KEYS:
        assert report.files[f"{key}.md"] in report.page
    assert "12 trials, 8 finished, 1 failed" in report.page
    assert "4.0 min together, 30 s on average" in report.page
    assert "8 × bench 0.1.0 (commit 0123456789ab), torch 2.9.0, cpu, float32, 1 thread(s)." in report.page


def test_page_says_what_computed_the_maps_beside_the_native_one(example) -> None:
    loaded = example.load(
        "models: [pylon]\ndatasets: [phantom]\nresolutions: [64]\nseeds: [0]\n"
        "cams: [native, grad_cam, layer_cam, eigen_cam]\n"
    )
    native, first, second, _ = loaded.grid.points
    example.finish(native, {"point_accuracy/weighted": 0.5})
    example.evaluate(first, 0.25)
    example.evaluate(second, None)
    page = render_report(loaded, example.store).page
    assert "1 trials, 1 finished, 0 failed" in page
    assert "Maps beside the native one: 3 evaluations, 1 finished, 1 failed.\n" in page
    assert "1 × grad-cam 1.5.7, cpu.\n" in page


def test_page_of_nothing_says_that_nothing_finished(example) -> None:
    loaded = example.load()
    report = render_report(loaded, example.store)
    assert report.tables == ()
    assert "12 trials, 0 finished, 0 failed" in report.page


def test_the_same_results_give_the_same_files(filled) -> None:
    first = _written(filled)
    again = write_report(_report(filled), filled.folder / "again")
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in first.iterdir()
    }


def test_csv_has_every_cell_in_full_precision_with_its_trials(filled) -> None:
    report = _report(filled)
    rows = list(csv.DictReader(report.files[f"{KEYS[1]}.csv"].splitlines()))
    assert len(rows) == (4 + 5) * 5
    cells = {(row["row"], row["column"]): row for row in rows}
    cell = cells["50% | A_vg & more", "Weighted avg."]
    assert float(cell["mean"]) == pytest.approx((0.40 + 0.44) / 2, rel=1e-12)
    assert float(cell["half_width_95"]) == pytest.approx(12.706204736432095 * 0.02, rel=1e-9)
    assert (cell["n"], cell["expected"], cell["best"], cell["kind"]) == ("2", "3", "0", "model")
    assert len(cell["trial_ids"].split()) == 2
    assert all((filled.store.folder(name).record).exists() for name in cell["trial_ids"].split())
    hole = cells["Baseline (average)", "Mass"]
    assert (hole["mean"], hole["half_width_95"], hole["n"], hole["trial_ids"]) == ("", "", "0", "")
    assert cells["Image centre", "Mass"]["kind"] == "reference"


def test_tables_in_latex_have_as_many_cells_in_each_row(filled) -> None:
    text = _report(filled).files[f"{KEYS[1]}.tex"]
    rows = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert len(rows) == 1 + 4 + 5
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {5}


def test_a_damaged_record_or_sensitivity_is_left_out_and_told(
    example,
) -> None:
    loaded = example.load()
    example.fill(loaded)
    first, second = (example.store.folder(point.trial.id) for point in loaded.grid.points[:2])
    first.record.write_text("{")
    second.sensitivity.write_text("")
    report = render_report(loaded, example.store)
    assert str(first.record) in report.problems[0]
    assert str(second.sensitivity) in report.problems[1]
    assert f"trials/{first.path.name}/record.json" in report.page
    assert str(example.store.root) not in report.page


@pytest.mark.parametrize(
    "module", ["bench.reporting.build", "bench.suite.load", "bench.suite.schema", "bench.cli.main"]
)
def test_suites_and_reports_need_no_torch_ray_or_mlflow(module: str) -> None:
    program = (
        f"import sys, {module}\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'ray', 'mlflow'}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=LONG_S,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    assert ended.stdout.strip() == "[]"
