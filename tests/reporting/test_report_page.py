"""The page of a report: figures whose places are computed by hand, sections, and nothing from elsewhere."""

import dataclasses
import re
from xml.etree.ElementTree import Element, fromstring

import pytest

from bench.reporting.build import render_report, report_page
from bench.reporting.figures.plots import published_means, scale_of
from bench.reporting.tables.table import Cell, Column, Row, Subject, Table

INTERVALS = Table(
    key="intervals-nih-256px",
    subject=Subject("intervals", "point_accuracy", "NIH", 256),
    title="How sure the weighted average is, NIH, 256 px",
    columns=tuple(map(Column, ("Over seeds", "Over patients", "Over both"))),
    models=(
        Row("PYLON", (Cell(0.5, 0.1, 3), Cell(0.5, low=0.4, high=0.6), Cell(0.5, low=0.25, high=0.75))),
        Row("A & B", (Cell(0.4, None, 1), Cell(0.4, low=0.3, high=0.5), Cell(None))),
        Row("never ran", (Cell(None), Cell(None), Cell(None))),
    ),
    references=(Row("Best constant point", (Cell(None), Cell(0.2, low=0.0, high=1.0), Cell(None))),),
    caption="",
    notes=(),
)
POINTS = Table(
    key="point_accuracy-nih-256px",
    subject=Subject("metric", "point_accuracy", "NIH", 256),
    title="Point localization accuracy, NIH, 256 px",
    columns=(
        *(Column.of_metric("point_accuracy", name) for name in ("weighted", "macro", "Mass", "Nodule")),
        Column("Gain over constant"),
    ),
    models=(
        Row("PYLON", (Cell(0.5), Cell(0.5), Cell(0.5, 0.25), Cell(0.9, 0.3), Cell(0.1))),
        Row("Baseline", (Cell(0.4), Cell(0.4), Cell(0.25), Cell(None), Cell(0.1))),
    ),
    references=(Row("Best constant point", (Cell(0.2), Cell(0.2), Cell(0.125), Cell(0.0625), Cell(None))),),
    caption="",
    notes=(),
)


def figure_of(table, suite="mine") -> Element:
    page = report_page(suite, "Mine", [table], [], [])
    start = page.index("<figure")
    return fromstring(page[start : page.index("</figure>", start) + len("</figure>")])


def lines(figure: Element, kind: str) -> list[tuple[str, str]]:
    """Where lines of a kind begin and end, from left to right."""
    return [(one.get("x1"), one.get("x2")) for one in figure.iter("line") if one.get("class") == kind]


def points(figure: Element, kind: str) -> list[str]:
    """Where the markers of a kind are, from left to right."""
    return [svg.get("x") for svg in figure.iter("svg") if svg.find(f"path[@class='{kind}']") is not None]


def words(figure: Element, kind: str) -> list[str]:
    return [one.text for one in figure.iter("span") if one.get("class") == kind]


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([0.42, 0.91], (0.4, 1.0)),
        ([0.071, 0.95], (0.0, 1.0)),
        ([-0.2, 1.3], (0.0, 1.0)),
        ([0.62, 0.631], (0.62, 0.64)),
        ([0.5], (0.5, 0.51)),
        ([0.0], (0.0, 0.01)),
        ([1.0], (0.99, 1.0)),
    ],
)
def test_a_scale_ends_at_round_numbers_around_its_values(values, ends):
    scale = scale_of(values)
    assert (scale.low, scale.high) == pytest.approx(ends)
    ticks = list(scale.ticks)
    assert (ticks[0], ticks[-1]) == pytest.approx(ends)
    assert len(scale.ticks) <= 7
    assert scale.at(ends[0] - 0.1) == "0.00%"
    assert scale.at(ends[1]) == "100.00%"


def test_a_forest_plot_has_every_interval_at_its_place():
    figure = figure_of(INTERVALS, "nih_256")  # in which the thesis has 0.62 for PYLON
    assert lines(figure, "narrow") == [("40.00%", "60.00%")]
    assert lines(figure, "wide") == [
        ("25.00%", "75.00%"),  # over both
        ("30.00%", "50.00%"),  # one seed: over patients
    ]
    assert points(figure, "mean") == ["50.00%", "40.00%"]
    assert points(figure, "published") == ["62.00%"]
    assert words(figure, "name") == ["PYLON", "A & B", "never ran"]
    assert words(figure, "value") == ["0.50 [0.25, 0.75]", "0.40 [0.30, 0.50]", "—"]
    assert lines(figure, "control") == [("20.00%", "20.00%")] * 4  # through each row, and down to its label
    text = " ".join(figure.itertext())
    assert "Best constant point 0.20" in text
    assert "Weighted point accuracy, NIH, 256 px" in text


def test_the_diamond_is_explained_only_where_there_is_one():
    assert "Diamond" in " ".join(figure_of(INTERVALS, "nih_256").itertext())
    assert "Diamond" not in " ".join(figure_of(INTERVALS).itertext())


def test_each_finding_has_a_lane_with_all_models():
    figure = figure_of(POINTS)
    assert words(figure, "name") == ["Mass", "Nodule"]
    assert points(figure, "point") == ["50.00%", "25.00%", "90.00%"]
    assert lines(figure, "interval") == [("25.00%", "75.00%"), ("60.00%", "100.00%")]
    assert [start for start, _ in lines(figure, "control")] == ["12.50%", "6.25%"]


def test_models_differ_in_shape_as_well_as_colour():
    rows = tuple(dataclasses.replace(POINTS.models[0], label=f"model {i}") for i in range(7))
    figure = figure_of(dataclasses.replace(POINTS, models=rows))
    marks = figure.findall(".//div[@class='legend']//path")
    assert len({mark.get("d") for mark in marks}) == len({mark.get("style") for mark in marks}) == 7


def test_a_table_of_averages_has_no_figure_of_findings():
    averages = dataclasses.replace(POINTS, columns=POINTS.columns[:2])
    page = report_page("mine", "Mine", [averages, POINTS], [], [])
    assert page.count('id="findings-') == 1


def test_rows_of_the_thesis_suites_have_their_published_means():
    assert published_means("nih_256", INTERVALS)["PYLON"] == 0.62
    subject = dataclasses.replace(INTERVALS.subject, resolution=512)
    assert "PYLON" in published_means("nih_512", dataclasses.replace(INTERVALS, subject=subject))
    assert published_means("nih_512", INTERVALS) == {}
    assert published_means("demo", INTERVALS) == {}


def test_the_lead_names_the_best_row_and_the_constant():
    page = report_page("mine", "Mine", [POINTS, INTERVALS], [], ["Suite mine.yaml: 3 trials."])
    assert (
        "Suite mine.yaml: 3 trials. On NIH, 256 px, PYLON has the highest weighted point accuracy, "
        "0.50 ± 0.10; the best constant point reaches 0.20."
    ) in page
    equal = tuple(dataclasses.replace(INTERVALS.models[0], label=label) for label in "ABCD")
    page = report_page("mine", "Mine", [dataclasses.replace(INTERVALS, models=equal)], [], [])
    assert "A, B and 2 more have the highest weighted point accuracy, 0.50 ± 0.10" in page


def test_the_forest_plot_comes_first_and_findings_after_their_table():
    page = report_page("mine", "Mine", [POINTS, INTERVALS], [], ["Suite mine.yaml: 3 trials."])
    assert page.index('<figure class="plot forest"') < page.index("<table>") < page.index('id="findings-')


def test_the_page_of_a_report_links_only_to_itself_and_its_gallery(filled):
    report = render_report(filled.load(), filled.store)
    page = report.files["index.html"]
    ids = re.findall(r' id="(.*?)"', page)
    links = re.findall(r'href="(.*?)"', page)
    assert len(set(ids)) == len(ids)
    assert {link for link in links if link.removeprefix("#") not in ids} == {"gallery.html"}
    assert not re.search(r"https?:|@import|url\(|<script|<link|<img", page)
    assert page.count("<table") == len(report.tables)


def test_a_suite_without_results_has_a_page(example):
    page = render_report(example.load(), example.store).files["index.html"]
    assert "12 trials, 0 finished" in page
    assert "<figure" not in page
