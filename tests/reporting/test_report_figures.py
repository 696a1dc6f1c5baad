"""Figures for papers and slides: the tables' rows, names and numbers, in the same bytes each time."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from bench.reporting.figures.paper import COLUMN_IN, PAGE_IN, draw_findings, draw_forest, write_figures
from bench.reporting.figures.plots import COLOURS, finding_plot_of, forest_of

from .test_report_page import INTERVALS, POINTS

TEN = dataclasses.replace(
    INTERVALS, models=tuple(dataclasses.replace(INTERVALS.models[0], label=f"Model {i}") for i in range(10))
)


def lines_at(axes, y):
    return [line for line in axes.lines if np.allclose(np.asarray(line.get_ydata(), float), y)]


def test_rows_are_those_of_the_table_with_its_numbers():
    axes, right = draw_forest(forest_of(INTERVALS, {}), COLUMN_IN).axes
    labels = [row.label for row in INTERVALS.models]
    labels += [row.label for row in INTERVALS.references if row.cells[1].mean is not None]
    assert [text.get_text() for text in axes.get_yticklabels()] == labels
    places = axes.get_yticks()
    assert list(places) == sorted(places)
    assert axes.yaxis_inverted()
    numbers = dict(zip(labels, [text.get_text() for text in right.get_yticklabels()], strict=True))
    wide = INTERVALS.models[0].cells[2]
    assert numbers[labels[0]] == f"{wide.printed_mean} [{', '.join(wide.printed_ends)}]"


def test_marks_and_lines_are_where_the_values_are():
    row = INTERVALS.models[0]
    seeds, _, both = row.cells
    axes, _ = draw_forest(forest_of(INTERVALS, {row.label: 0.62}), PAGE_IN).axes
    drawn = [tuple(np.asarray(line.get_xdata(), float)) for line in lines_at(axes, axes.get_yticks()[0])]
    expected = [
        (seeds.mean - seeds.half_width, seeds.mean + seeds.half_width),
        (both.low, both.high),
        (seeds.mean,),
        (0.62,),
    ]
    assert len(drawn) == len(expected)
    for found, wanted in zip(drawn, expected, strict=True):
        assert found == pytest.approx(wanted)


def test_the_legend_names_published_means_only_where_there_are_some():
    label = INTERVALS.models[0].label
    for published, is_named in (({}, False), ({label: 0.5}, True), ({"another": 0.5}, False)):
        (legend,) = draw_forest(forest_of(INTERVALS, published), PAGE_IN).legends
        assert ("published" in [text.get_text() for text in legend.get_texts()]) == is_named


def test_findings_have_a_mark_of_each_model_in_the_colours_of_the_page():
    figure = draw_findings(finding_plot_of(POINTS), COLUMN_IN)
    (axes,) = figure.axes
    findings = [text.get_text() for text in axes.get_yticklabels()]
    assert findings == [name for name in POINTS.headings if not name.endswith("avg.") and "Gain" not in name]
    marks = [line for line in axes.lines if line.get_marker() in ("o", "s")]
    means = [row.cells[POINTS.headings.index(name)].mean for name in findings for row in POINTS.models]
    assert [float(mark.get_xdata()[0]) for mark in marks] == [mean for mean in means if mean is not None]
    assert to_hex(marks[0].get_color()) == COLOURS[0]


def test_intervals_end_where_shares_do():
    (axes,) = draw_findings(finding_plot_of(POINTS), COLUMN_IN).axes
    intervals = [line.get_xdata() for line in axes.lines if line.get_linewidth() > 1]
    assert min(map(min, intervals)) >= 0
    assert max(map(max, intervals)) == 1  # one would end beyond it


@pytest.mark.parametrize("width_in", [COLUMN_IN, PAGE_IN])
def test_all_words_are_within_the_figure_and_above_each_other(width_in):
    figure = draw_forest(forest_of(TEN, {"Model 1": 0.5}), width_in)
    figure.draw_without_rendering()
    width, height = figure.canvas.get_width_height()
    texts = [text for axes in figure.axes for text in axes.get_yticklabels()]
    boxes = [text.get_window_extent() for text in (*texts, *figure.legends[0].get_texts())]
    outside = [box for box in boxes if box.x0 < 0 or box.x1 > width or box.y0 < 0 or box.y1 > height]
    assert not outside
    names = [text.get_window_extent() for text in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(names))


def test_files_are_the_same_bytes_each_time(tmp_path):
    first = list(write_figures("mine", [POINTS, INTERVALS], tmp_path / "a", for_paper=True))
    second = list(write_figures("mine", [INTERVALS], tmp_path / "b", for_paper=True))
    key = INTERVALS.subject.place_key
    endings = (".pdf", "-wide.pdf", ".png")
    names = {f"{what}-{key}{ending}" for what in ("forest", "findings") for ending in endings}
    assert {path.name for path in first} == names
    assert [path.read_bytes() for path in first[3:]] == [path.read_bytes() for path in second]
    assert Image.open(tmp_path / "a" / f"forest-{key}.png").width == 1400


def test_tables_without_models_or_findings_have_no_figures(tmp_path):
    averages = dataclasses.replace(POINTS, columns=POINTS.columns[:2])
    empty = dataclasses.replace(INTERVALS, models=())
    assert list(write_figures("mine", [averages, empty], tmp_path)) == []
