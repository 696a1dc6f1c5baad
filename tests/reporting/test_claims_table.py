"""The table of claims: its rows, its forms, and its place in a report."""

import csv
import re

import pytest

from bench.reporting.build import render_report
from bench.reporting.tables.claims import claims_csv, claims_table
from bench.reporting.tables.table import format_p
from bench.reporting.verdicts import judge
from bench.reporting.writers.latex import to_latex
from bench.reporting.writers.markdown import to_markdown
from bench.results.grid_results import Results

SUITE = """\
models: [pylon, baseline, {name: baseline, pooling: average, label: "a | b & c"}]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1, 2]
claims:
  - {superior: PYLON, to: others, column: [weighted, Mass], group: 1, statement: PYLON | 1st}
  - {less_variable: PYLON, than: Baseline}
"""
CSV_HEADER = (
    "claim,group,kind,statement,claim_verdict,metric,column,margin,first,second,num_seeds,effect,low,high,"
    "population,p,adjusted_p,p_over_seeds,has_wide_margin,sign_flip_p,sign_flip_least_p,verdict,missing"
)
VALUES = {"PYLON": (0.90, 1.00, 1.12), "Baseline": (0.1, 0.2, 0.31)}


@pytest.fixture
def loaded(example):
    loaded = example.load(SUITE)
    for point in loaded.grid.points:
        if point.label in VALUES:
            value = VALUES[point.label][point.trial.seed]
            example.finish(point, {"point_accuracy/weighted": value, "point_accuracy/Mass": value})
    return loaded


@pytest.fixture
def verdicts(loaded, example):
    return judge(loaded.claims, Results(loaded.grid, example.store))


def test_each_claim_heads_its_comparisons(verdicts):
    table = claims_table(verdicts)
    counts = "0 supported, 0 refuted, 1 inconclusive, 1 not testable yet, 0 not decidable by this metric"
    assert table.title == f"Claims: {counts}"
    first = "1. PYLON | 1st: inconclusive"
    second = "PYLON varies less across seeds than Baseline (point localization accuracy, weighted): "
    second += "not testable yet"
    assert [(row.section, row.label, row.cells[-1].text) for row in table.models] == [
        (first, "PYLON − Baseline", "supported"),
        (first, "PYLON − Baseline", "supported"),
        (first, "PYLON − a | b & c", "not testable yet"),
        (first, "PYLON − a | b & c", "not testable yet"),
        (second, "s(Baseline) − s(PYLON)", "not testable yet"),
    ]
    texts = [[cell.text for cell in row.cells] for row in table.models]
    assert texts[0][:4] == ["point weighted", "3", "+0.803", "[+0.789, +0.818]"]
    assert texts[0][6:9] == ["other seeds, these images", "—", "0.250 (0.250)"]
    assert texts[2][:9] == ["point weighted", "0", *["—"] * 7]
    assert table.groups[1:3] == [
        ("Decides", 3),
        ("Beside it, p", 2),
    ]


def test_an_interval_beyond_what_is_possible_has_a_word(example):
    loaded = example.load(SUITE)
    for point in loaded.grid.points:
        if point.label in VALUES:
            value = {"PYLON": (0.9, 1.0, 1.0), "Baseline": (0.3, 0.1, 0.0)}[point.label][point.trial.seed]
            example.finish(point, {"point_accuracy/weighted": value, "point_accuracy/Mass": value})
    table = claims_table(judge(loaded.claims, Results(loaded.grid, example.store)))
    interval = table.models[0].cells[3]
    assert interval.high > 1
    assert interval.raised == "‡"
    assert [note.mark for note in table.all_footnotes] == ["‡"]
    assert not table.models[2].cells[3].leaves_range


def test_missing_trials_stand_below(verdicts, loaded):
    (note,) = claims_table(verdicts).notes
    missing = [p.trial.id for p in loaded.grid.points if p.label.startswith("a")]
    assert note == f"3 trials not finished: {', '.join(missing)}."


def test_csv_has_every_comparison_in_full_precision(verdicts):
    header, *lines = claims_csv(verdicts).splitlines()
    assert header == CSV_HEADER
    rows = list(csv.DictReader([header, *lines]))
    assert len(rows) == 5
    first, open_, spread = rows[0], rows[2], rows[4]
    assert float(first["effect"]) == pytest.approx((0.80 + 0.80 + 0.81) / 3, rel=1e-12)
    assert (first["group"], first["kind"], first["claim_verdict"]) == ("1", "superior", "inconclusive")
    assert (first["metric"], first["column"], first["margin"]) == ("point_accuracy", "weighted", "")
    assert (first["verdict"], first["sign_flip_least_p"], first["missing"]) == ("supported", "0.25", "")
    assert (open_["effect"], open_["p"], open_["population"], open_["num_seeds"]) == ("", "", "", "0")
    assert first["population"] == "other seeds, these images"
    assert first["p_over_seeds"] == first["p"]
    assert len(open_["missing"].split()) == 3
    assert (spread["kind"], spread["low"]) == ("less_variable", "")


def test_report_has_the_claims_after_its_tables_in_every_form(loaded, example):
    report = render_report(loaded, example.store)
    assert {name for name in report.files if name.startswith("claims")} == {
        "claims.md",
        "claims.tex",
        "claims.csv",
    }
    assert report.files["claims.md"] in report.page
    assert "Claims: 0 supported" in report.files["index.html"]
    assert report.page.index("### Point") < report.page.index("### Claims") < report.page.index("### Where")


def test_suite_without_claims_has_no_such_section(filled):
    report = render_report(filled.load(), filled.store)
    assert not [name for name in report.files if "claims" in name]
    assert "Claims" not in report.page


def test_statements_are_escaped_and_rows_are_whole(verdicts):
    table = claims_table(verdicts)
    lines = [line for line in to_markdown(table).splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {12}
    assert r"1. PYLON \| 1st: inconclusive" in to_markdown(table)
    rows = [line for line in to_latex(table).splitlines() if line.endswith(r" \\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {0, 4, 10}
    assert r"a \textbar{} b \& c" in to_latex(table)


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.04, "0.040"), (0.0004, "<0.001"), (0.0005, "0.001"), (1.0, "1.000"), (float("nan"), "—")],
)
def test_small_p_is_never_zero(p, text):
    assert format_p(p) == text
