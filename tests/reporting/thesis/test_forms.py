"""Ours, differences, verdicts, holes and footnotes, from records of the thesis' suites."""

import csv
import io
import re
from pathlib import Path

import pytest

from bench.errors import SuiteError
from bench.reporting.build import Report
from bench.reporting.tables.table import Quantity
from bench.reporting.thesis.report import render_thesis
from bench.reporting.thesis.tables import THESIS_TABLES
from bench.results.store import ResultsStore
from bench.suite.find import suites_in
from bench.suite.load import load_suite

SUITES = Path(__file__).parents[3] / "suites"
FORMS = ("ours", "beside", "compact")
NUMBERS = ("2-1", "5-1", "5-2", "5-3", "5-4", "5-5", "5-6", "6-1", "6-2")


def cells(report: Report, form: str, number: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report.files[f"{form}/table-{number}-{form}.csv"])))


def cell(report: Report, form: str, number: str, kind: str, row: str, column: str) -> dict[str, str]:
    wanted = {"kind": kind, "row": row, "column": column}
    (found,) = [c for c in cells(report, form, number) if wanted.items() <= c.items()]
    return found


def test_nine_tables_are_written_in_three_forms_and_four_formats(empty_thesis: Report) -> None:
    expected = {
        f"{form}/table-{number}-{form}.{ending}"
        for form in FORMS
        for number in NUMBERS
        for ending in ("md", "tex", "html", "csv")
    }
    others = {"README.md", "index.html", "tables.tex", "tables-compact.tex", "table.lock.json"}
    assert set(empty_thesis.files) == expected | others
    for form in FORMS:
        for number in NUMBERS:
            assert empty_thesis.files[f"{form}/table-{number}-{form}.md"] in empty_thesis.page


def test_ours_is_the_mean_over_seeds_with_its_interval_and_trials(filled_thesis: Report) -> None:
    found = cell(filled_thesis, "ours", "5-1", "ours", "PYLON", "Weighted avg.")
    assert float(found["mean"]) == pytest.approx(0.62, abs=1e-12)
    # s of −.002 … .002 is √(2.5)·.001; t(0.975, 4) = 2.776
    assert float(found["half_width_95"]) == pytest.approx(2.7764451 * 2.5**0.5 * 0.001 / 5**0.5, rel=1e-6)
    assert (found["n"], found["expected"]) == ("5", "5")
    assert len(found["trial_ids"].split()) == 5


def test_a_trial_of_two_suites_is_in_both_tables(filled_thesis: Report) -> None:
    first = cell(filled_thesis, "ours", "5-1", "ours", "PYLON", "Weighted avg.")
    (second, _) = [
        c
        for c in cells(filled_thesis, "ours", "6-2")
        if (c["row"], c["column"]) == ("PYLON", "Weighted avg.")
    ]
    assert first["trial_ids"] == second["trial_ids"]


@pytest.mark.parametrize(
    ("row", "column", "verdict", "difference"),
    [
        ("PYLON", "Weighted avg.", "reproduced", 0.0),
        ("FPN (BN)", "Weighted avg.", "higher", 0.2),
        ("Li 2018", "Weighted avg.", "lower", -0.2),
        ("Unet", "Weighted avg.", "inconclusive", -0.002),  # one seed
        ("FPN (BN)", "Mass", "higher", 0.2),
        ("Baseline", "Effusion", "inconclusive", 0.0),  # ± 0.08 published, beyond the margin
        ("DeeplabV3+", "Weighted avg.", "missing", None),
        ("PAN", "Weighted avg.", "missing", None),
    ],
)
def test_verdicts(
    row: str, column: str, verdict: str, difference: float | None, filled_thesis: Report
) -> None:
    found = cell(filled_thesis, "beside", "5-1", "difference", row, column)
    assert found["verdict"] == verdict
    assert (float(found["mean"]) if found["mean"] else None) == pytest.approx(difference, abs=1e-9)


def test_verdicts_by_a_margin_that_is_wide_for_the_published_value_have_a_footnote(
    filled_thesis: Report,
) -> None:
    """±.05 beside Nodule's .06 to .10 and Cardiomegaly's .9 and more, and not beside averages."""
    table = next(table for table in filled_thesis.tables if table.key == "table-5-1-beside")
    (mark,) = [note.mark for note in table.footnotes if "third of the published value" in note.text]
    row = next(row for row in table.models if (row.of, row.kind) == ("Baseline", "difference"))
    marked = {column for column, cell in zip(table.headings, row.cells, strict=True) if mark in cell.marks}
    assert {"Nodule", "Cardiomegaly"} <= marked
    assert not marked & {"Weighted avg.", "Macro avg.", "Mass"}


def test_one_seed_shows_its_n_and_no_interval(filled_thesis: Report) -> None:
    text = filled_thesis.files["beside/table-5-1-beside.md"].replace("\N{NO-BREAK SPACE}", " ")
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| Unet |"))
    assert lines[start].split(" | ")[1] == "0.45 (n=1)"
    assert lines[start + 2].split(" | ")[1] == "0.00 ? (n=1)"


def test_holes_have_a_footnote_that_says_why(filled_thesis: Report) -> None:
    text = filled_thesis.files["ours/table-5-1-ours.md"]
    notes = dict(re.findall(r"<sup>(\w+)</sup> (.+)", text))
    lines = {row: text.split(f"| {row} |")[1].split("\n")[0] for row in ("DeeplabV3+", "PAN")}
    marks = {row: re.findall(r"—<sup>(\w+)</sup>", line) for row, line in lines.items()}
    assert {len(of_row) for of_row in marks.values()} == {10}
    assert notes[marks["DeeplabV3+"][0]] == "Suite nih_256 has not run it."
    assert notes[marks["PAN"][0]].startswith("Failed: pan-nih-256px-s0-")


def test_areas_are_computed_from_the_boxes_of_trials(filled_thesis: Report) -> None:
    ours = cell(filled_thesis, "ours", "5-1", "ours", "(Avg. box area)", "Mass")
    assert float(ours["mean"]) == pytest.approx((1 / 8 + 1 / 16) / 2)
    other = cell(filled_thesis, "ours", "5-1", "ours", "(Avg. box area)", "Nodule")
    assert other["mean"] == ""
    assert other["marks"]
    compared = cell(filled_thesis, "beside", "5-1", "difference", "(Avg. box area)", "Mass")
    assert compared["verdict"] == "higher"
    assert cell(filled_thesis, "ours", "5-1", "ours", "(Avg. box area)", "Weighted avg.")["marks"] == ""


def test_reported_rows_are_marked(empty_thesis: Report) -> None:
    text = empty_thesis.files["ours/table-5-2-ours.md"]
    assert "| Wang 2017, 1024 px<sup>§</sup> | 0.28 |" in text
    assert "<sup>§</sup> Reported by its authors" in text
    assert "§" not in empty_thesis.files["ours/table-5-1-ours.md"]


def test_what_the_thesis_varies_widely_is_underlined(empty_thesis: Report) -> None:
    """A rule of ours, on the published half-widths of Table 6.1: those above .15, of any model."""
    found = [c for c in cells(empty_thesis, "beside", "6-1") if c["kind"] == "published"]
    for c in found:
        assert (c["underlined"] == "1") is (float(c["half_width_95"]) > 0.15)
    assert sum(c["underlined"] == "1" for c in found) == 16
    assert not any(c["underlined"] == "1" for c in cells(empty_thesis, "beside", "5-1"))


def test_best_is_bold_and_so_is_what_is_tied_with_it(filled_thesis: Report) -> None:
    found = {
        c["row"]: c["best"]
        for c in cells(filled_thesis, "ours", "5-1")
        if c["column"] == "Weighted avg." and c["kind"] == "ours"
    }
    assert found["FPN (BN)"] == "1"  # 0.73
    assert found["PYLON"] == "0"
    in_sections = [c for c in cells(filled_thesis, "ours", "6-2") if c["column"] == "Weighted avg."]
    heads = [c for c in in_sections if c["section"].startswith("(C)") and c["group"] == "Point localization"]
    assert [(c["row"], c["best"]) for c in heads] == [("PYLON (UP1)", "1"), ("PYLON (Head 3x3)", "0")]


def test_counts_of_verdicts_cover_every_published_cell_that_a_suite_measures(filled_thesis: Report) -> None:
    summary = filled_thesis.tables[0]
    totals = [int(row.cells[-1].printed_mean) for row in summary.models]
    assert sum(totals) == 427 - 11
    for row in summary.models:
        counts = [int(c.printed_mean) for c in row.cells]
        assert sum(counts[:-1]) == counts[-1]


def test_a_folder_without_the_suites_gives_holes(tmp_path, new_store) -> None:
    report = render_thesis(suites_in(tmp_path), new_store())
    assert "There is no suite nih_256." in report.files["ours/table-5-1-ours.md"]


def test_a_suite_of_the_same_name_with_other_rows_gives_holes(tmp_path, new_store) -> None:
    (tmp_path / "nih_256.yaml").write_text(
        "models: [pylon]\ndatasets: [nih]\nresolutions: [256]\nseeds: [0, 1]\n"
    )
    report = render_thesis(suites_in(tmp_path), new_store())
    assert "Suite nih_256 has no row Unet at 256 px." in report.files["ours/table-5-1-ours.md"]


def test_seven_seeds_are_said(tmp_path, new_store, finish) -> None:
    path = tmp_path / "nih_256.yaml"
    path.write_text("models: [pylon]\ndatasets: [nih]\nresolutions: [256]\nseeds: [0, 1, 2, 3, 4, 5, 6]\n")
    store = new_store()
    for point in load_suite(path).grid.points:
        finish(store, point.trial, {"point_accuracy/weighted": 0.5})
    text = render_thesis(suites_in(tmp_path), store).files["ours/table-5-1-ours.md"]
    assert "| PYLON | 0.50 ± 0.00 (n=7) |" in text.replace("\N{NO-BREAK SPACE}", " ")


def test_a_damaged_record_is_a_hole(tmp_path, new_store) -> None:
    store = new_store()
    trial = load_suite(SUITES / "nih_256.yaml").grid.trials[0]
    store.announce(trial)
    store.folder(trial.id).record.write_text("{")
    assert render_thesis(suites_in(SUITES), store).files


def test_a_broken_suite_stops_the_report(tmp_path, new_store) -> None:
    (tmp_path / "nih_256.yaml").write_text("models: 3\n")
    with pytest.raises(SuiteError, match=r"nih_256\.yaml"):
        render_thesis(suites_in(tmp_path), new_store())


def test_table_2_1_stands_beside_what_downloads_hold(empty_thesis: Report) -> None:
    assert cell(empty_thesis, "beside", "2-1", "ours", "Chest X-ray 14", "Images")["mean"] == "112120"
    assert cell(empty_thesis, "beside", "2-1", "published", "Chest X-ray 14", "Images")["mean"] == "108948"
    different = cell(empty_thesis, "beside", "2-1", "difference", "Chest X-ray 14", "Images")
    assert (different["mean"], different["verdict"]) == ("3172", "higher")
    same = cell(empty_thesis, "beside", "2-1", "difference", "VinDr-CXR", "Labels")
    assert (same["mean"], same["verdict"]) == ("0", "reproduced")
    assert [c["row"] for c in cells(empty_thesis, "ours", "2-1")][::3] == [
        "Chest X-ray 14",
        "CheXpert",
        "MIMIC-CXR-JPG",
        "PadChest",
        "VinDr-CXR",
    ]


def test_verdicts_are_by_the_margin_that_the_suite_declares(store, tmp_path: Path) -> None:
    """FPN is .2 above the published mean, which a margin of .3 calls no difference."""
    for path in SUITES.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "splits").symlink_to(SUITES / "splits")
    with (tmp_path / "nih_256.yaml").open("a") as stream:
        stream.write("margins: {point_accuracy: 0.3}\n")
    for folder, verdict, margin in ((SUITES, "higher", "±0.05"), (tmp_path, "reproduced", "±0.3")):
        report = render_thesis(suites_in(folder), store)
        found = cell(report, "beside", "5-1", "difference", "FPN (BN)", "Weighted avg.")
        assert found["verdict"] == verdict
        assert f"equivalent within {margin}," in report.files["beside/table-5-1-beside.md"]


@pytest.mark.parametrize("form", FORMS)
def test_the_records_of_a_cells_trials_have_what_its_line_says(
    form: str, filled_thesis: Report, store: ResultsStore
) -> None:
    traced = set()
    for number in NUMBERS:
        for found in cells(filled_thesis, form, number):
            if ids := found["trial_ids"].split():
                key = f"{found['metric']}/{found['average_or_finding']}"
                values = [store.metrics(trial_id)[key] for trial_id in ids]
                assert float(found["mean"]) == pytest.approx(sum(values) / len(values), abs=1e-12)
                assert found["cam"] == "native"
                traced.add(number)
    assert traced >= {"5-1", "5-4", "6-1", "6-2"}


@pytest.mark.parametrize("table", THESIS_TABLES, ids=lambda table: table.number)
def test_every_cell_of_a_full_table_is_the_quantity_of_its_slot(table, empty_thesis: Report) -> None:
    shown = next(one for one in empty_thesis.tables if one.key == f"{table.key}-ours")
    for axis, row in zip(table.rows, shown.models, strict=True):
        for other, column in zip(table.columns, shown.columns, strict=True):
            wanted = table.slot(axis, other).quantity
            assert shown.quantity(row, column) == Quantity(wanted.metric, wanted.name)
