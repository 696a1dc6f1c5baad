"""Published values in every form are those of published/thesis.csv, cell for cell, in the thesis' order."""

import csv
import io
from itertools import chain
from pathlib import Path

import pytest

from bench.reporting.build import Report

ROOT = Path(__file__).parents[3]
PUBLISHED = list(
    csv.DictReader((ROOT / "bench/reporting/published/thesis.csv").read_text(encoding="utf-8").splitlines())
)
NUMBERS = ("5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "6.1", "6.2")
MODELS_OF_5_6 = {"Baseline (fine-tuned)": "Baseline (fine-tune)", "PYLON (two-phase)": "PYLON (two-step)"}

Key = tuple[str, str, str, str, str]


def cells(report: Report, form: str, number: str) -> list[dict[str, str]]:
    name = f"{form}/table-{number.replace('.', '-')}-{form}.csv"
    return list(csv.DictReader(io.StringIO(report.files[name])))


def key_of(number: str, cell: dict[str, str]) -> Key:
    """Where the thesis' own file has a cell of ours, worked out from labels alone."""
    section, row, column, resolution = cell["section"], cell["row"], cell["column"], "256"
    if number == "5.2":
        row, _, pixels = row.partition(", ")
        section, resolution = "IoBB > 0.5 or IoU > 0.5", pixels.removesuffix(" px")
    elif number == "5.3":
        resolution = "512"
    elif number == "5.4":
        resolution = cell["group"].removesuffix(" px")
    elif number == "5.5":
        section, row, column = cell["group"], cell["column"], cell["row"]
    elif number == "5.6":
        row = MODELS_OF_5_6.get(row, row)
    elif number == "6.2":
        column = f"{cell['group']} {column.lower()}"
    if row == "(Avg. box area)":
        row = "Average box area"
    if row == "PYLON" and number in ("5.1", "5.2", "5.3", "5.4", "5.6"):
        row = "PYLON (ours)"
    return number, section, row.replace("−", "-"), resolution, column


def printed(mean: str, half_width: str) -> str:
    return f"{mean}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{half_width}" if half_width else mean


EXPECTED = {
    (c["table"], c["section"], c["row"], c["resolution"], c["column"]): printed(c["mean"], c["ci95"])
    for c in PUBLISHED
}


def published_in(report: Report, form: str, number: str) -> dict[Key, str]:
    found = [c for c in cells(report, form, number) if c["kind"] == "published" and c["mean"]]
    keys = [key_of(number, cell) for cell in found]
    assert len(set(keys)) == len(keys)
    return {key: cell["printed"] for key, cell in zip(keys, found, strict=True)}


def test_beside_ours_stands_every_published_cell_as_printed(empty_thesis: Report) -> None:
    found = dict(chain.from_iterable(published_in(empty_thesis, "beside", n).items() for n in NUMBERS))
    assert len(PUBLISHED) == len(EXPECTED) == 427
    assert found == EXPECTED


def test_numbers_in_csv_are_the_published_ones(empty_thesis: Report) -> None:
    by_key = {tuple(list(c.values())[:5]): c for c in PUBLISHED}
    shown = {
        key_of(number, cell): cell
        for number in NUMBERS
        for cell in cells(empty_thesis, "beside", number)
        if cell["kind"] == "published" and cell["mean"]
    }
    assert len(shown) > 300
    for key, cell in shown.items():
        assert float(cell["mean"]) == float(by_key[key]["mean"])
        assert cell["half_width_95"] == (str(float(by_key[key]["ci95"])) if by_key[key]["ci95"] else "")


def test_our_form_has_only_the_reported_rows_of_the_published_ones(empty_thesis: Report) -> None:
    found = dict(chain.from_iterable(published_in(empty_thesis, "ours", n).items() for n in NUMBERS))
    assert found == {key: text for key, text in EXPECTED.items() if key[2] in ("Wang 2017", "Yao 2018")}
    assert len(found) == 11


@pytest.mark.parametrize("number", NUMBERS)
def test_rows_and_columns_are_in_the_thesis_order(number: str, empty_thesis: Report) -> None:
    found = [key_of(number, c) for c in cells(empty_thesis, "ours", number)]
    expected = [key for key in EXPECTED if key[0] == number]
    rows, columns = (0, 1, 2, 3), (4,)
    if number == "5.4":  # resolutions are columns, as the thesis' caption has them
        rows, columns = (2,), (3, 4)
    if number == "5.5":
        averages = [key for key in expected if key[4].endswith("avg.")]
        expected = [
            k for k in expected if k[2] == "Average box area"
        ] + averages  # areas are the first column
        rows, columns = (1, 2), ()
    for axis in (rows, columns):
        mine = list(dict.fromkeys(tuple(key[i] for i in axis) for key in found))
        theirs = list(dict.fromkeys(tuple(key[i] for i in axis) for key in expected))
        if number == "5.2" and axis == columns:  # the first reported row has all of them
            theirs = theirs[: len(mine)]
        if axis == columns and number in ("5.1",):  # areas, which come first, have no averages
            theirs = [("Weighted avg.",), ("Macro avg.",), *theirs[:-2]]
        assert mine == theirs


def test_findings_of_vindr_are_in_the_thesis_order(empty_thesis: Report) -> None:
    found = list(dict.fromkeys(cell["row"] for cell in cells(empty_thesis, "ours", "5.5")))
    assert found == list(dict.fromkeys(key[4] for key in EXPECTED if key[0] == "5.5"))


@pytest.mark.parametrize("number", NUMBERS)
def test_compact_tables_show_published_averages(number: str, empty_thesis: Report) -> None:
    shown = ["Infiltration", "Nodule"] if number == "5.2" else ["weighted avg.", "macro avg."]
    wanted = sorted(
        text
        for key, text in EXPECTED.items()
        if key[0] == number
        and any(key[4].lower().endswith(name.lower()) for name in shown)
        and key[2] != "Average box area"
    )
    found = [c for c in cells(empty_thesis, "compact", number) if c["column"] == "published"]
    assert sorted(cell["printed"] for cell in found) == wanted
    if number == "6.2":
        of_row = [c["printed"] for c in found if c["row"] == "PYLON (Conv 3x3)"]
        assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in of_row] == [
            "0.59 ± 0.02",
            "0.58 ± 0.02",
            "0.794 ± 0.002",
            "0.818 ± 0.004",
        ]
