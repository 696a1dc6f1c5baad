"""Galleries from stored maps: what they show, and how hits and misses are told apart."""

import re
from dataclasses import replace

import numpy as np
import pytest
from records import THESIS_COLUMNS

from bench.errors import ResultsError
from bench.evaluation.predict import enlarge
from bench.reporting.gallery.content import galleries_of, overlay_of, samples_of
from bench.reporting.gallery.drawing import draw_gallery, draw_samples, gallery_page
from bench.results.grid_results import Results
from bench.results.units import read_table, write_table, writing_maps

from .conftest import SUITE

SIDE = 64


def gray_images(names):
    return np.full((len(names), SIDE, SIDE), 100, np.uint8)


@pytest.fixture
def piece(example):
    """PYLON hits three of four units and UP1 two, each with maps of all seeds; the third has none."""
    loaded = example.load()
    example.fill(loaded)
    for point in loaded.grid.points:
        folder = example.store.folder(point.trial.id)
        if point.label in ("PYLON", "UP1"):
            with writing_maps(folder.cam_maps("native")) as keep:
                for unit in range(4):
                    keep(np.full((4, 4), unit, np.float32))
    return Results(loaded.grid, example.store)


def test_the_lowest_place_of_a_map_shows_the_radiograph_as_it_is():
    radiograph = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), np.uint8)
    overlay = overlay_of(radiograph, np.array([[-3, 3], [-3, 3]], np.float32), enlarge)
    np.testing.assert_array_equal(overlay[:, 0], np.repeat(radiograph[:, :1], 3, axis=1))
    assert (overlay[:, -1] != radiograph[:, -1:]).any(axis=1).mean() > 0.9


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.5])
def test_a_map_without_a_peak_or_slope_leaves_the_radiograph(value):
    radiograph = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), np.uint8)
    overlay = overlay_of(radiograph, np.full((4, 4), value, np.float32), enlarge)
    assert (overlay == radiograph[:, :, None]).all()


def test_galleries_show_typical_units_and_the_best_models_misses(piece, example):
    typical, worst = galleries_of(piece.places[0], piece, gray_images, enlarge, 1)
    assert (typical.key, worst.key) == ("gallery-phantom-64px", "gallery-worst-phantom-64px")
    assert typical.models == ("PYLON", "UP1")
    # Mass: both are hit by both, a.png is first by name; Nodule: c.png is hit by none, b.png by one.
    assert [(row.image, row.finding) for row in typical.rows] == [("a.png", "Mass"), ("c.png", "Nodule")]
    assert [(row.image, row.finding) for row in worst.rows] == [("c.png", "Nodule")]
    assert typical.rows[0].boxes == ((8.0, 8.0, 15.0, 7.0),)
    assert [heatmap.outcome for heatmap in typical.rows[0].heatmaps] == ["hit", "hit"]
    assert typical.rows[0].heatmaps[0].peak == (2.5, 1.5)
    assert "Seed 0, the lowest" in typical.caption
    assert "Without maps of that seed: 50% | A_vg & more, Baseline" in typical.caption
    assert "The misses of PYLON" in worst.caption


def test_a_seed_that_more_models_have_is_preferred_to_a_lower_one(piece, example):
    first = next(p for p in piece.points if p.label == "UP1" and p.trial.seed == 0)
    example.store.folder(first.trial.id).cam_maps("native").unlink()
    typical, _ = galleries_of(piece.places[0], piece, gray_images, enlarge, 1)
    assert "Seed 1, the lowest" in typical.caption


def test_there_is_no_gallery_without_maps(filled):
    piece = Results(filled.load().grid, filled.store)
    assert galleries_of(piece.places[0], piece, gray_images, enlarge, 1) == ()


def test_maps_of_other_methods_are_columns_like_the_rows_of_tables(example):
    loaded = example.load(SUITE.replace("seeds:", "cams: [native, grad_cam, eigen_cam]\nseeds:"))
    example.fill(loaded)
    values = np.zeros((4, 4), np.float32)
    values[0, 3] = 1
    for point in loaded.grid.points:
        folder = example.store.folder(point.trial.id)
        if point.label == "PYLON" and point.trial.seed == 0:
            if point.cam != "native":
                example.evaluate(point, 0.5)
            path = {"native": folder.cam_maps("native"), "grad_cam": folder.cam_maps("grad_cam")}.get(
                point.cam
            )
            if path is not None:
                with writing_maps(path) as keep:
                    for _ in range(4):
                        keep(values)
    piece = Results(loaded.grid, example.store)
    typical, worst = galleries_of(piece.places[0], piece, gray_images, enlarge, 2)
    assert typical.models == ("PYLON", "PYLON [Grad-CAM]")
    assert "PYLON [Eigen-CAM]" in typical.caption
    assert "their number is no probability" in typical.caption
    # Each column has the hits of its own table: PYLON misses the last unit, Grad-CAM all but the first.
    outcomes = {(row.image, row.finding): [h.outcome for h in row.heatmaps] for row in typical.rows}
    assert outcomes["a.png", "Mass"] == ["hit", "hit"]
    assert outcomes["b.png", "Nodule"] == ["hit", "miss"]
    assert outcomes["c.png", "Nodule"] == ["miss", "miss"]
    assert "The misses of PYLON, " in worst.caption
    native, grad_cam = typical.rows[0].heatmaps
    gray = gray_images(["a.png"])[0]
    assert (native.overlay == overlay_of(gray, values, enlarge)).all()
    assert (grad_cam.overlay == overlay_of(gray, values, enlarge, are_probabilities=True)).all()
    (line,) = typical.lines
    assert (line.heading, line.columns) == ("PYLON", ((0, "own map"), (1, "Grad-CAM")))
    page = gallery_page("Title", [typical], "sha256:0")
    assert page.count("<h4>PYLON</h4>") == len(typical.rows)
    assert page.count('aria-label="PYLON [Grad-CAM]') == len(typical.rows)


def test_models_with_no_map_but_their_own_stand_in_one_line(piece):
    typical, _ = galleries_of(piece.places[0], piece, gray_images, enlarge, 1)
    (line,) = typical.lines
    assert (line.heading, line.columns) == ("", ((0, "PYLON"), (1, "UP1")))


def test_single_pixels_of_a_methods_map_do_not_hide_the_others():
    values = np.full((SIDE, SIDE), 0.0, np.float32)
    values[:8], values[0, 0] = 0.1, 1
    radiograph = np.full((SIDE, SIDE), 100, np.uint8)
    overlay = overlay_of(radiograph, values, enlarge, are_probabilities=True)
    assert (overlay[2, 9] == overlay[0, 0]).all()
    assert (overlay[20] == 100).all()
    alone = np.where(values == 1, values, 0)
    assert (overlay_of(radiograph, alone, enlarge, are_probabilities=True)[0, 0] == overlay[0, 0]).all()


def words_of(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_trials_of_different_units_are_refused(piece, example):
    first = next(p for p in piece.points if p.label == "UP1" and p.trial.seed == 0)
    path = example.store.folder(first.trial.id).cam_units("native")
    write_table(path, read_table(path).assign(image="z.png"), THESIS_COLUMNS)
    with pytest.raises(ResultsError, match=first.trial.id):
        galleries_of(piece.places[0], piece, gray_images, enlarge, 1)


def test_hits_and_misses_differ_in_shape_and_words(piece, example):
    typical, _ = galleries_of(piece.places[0], piece, gray_images, enlarge, 2)
    page = gallery_page("A & B", [typical], "sha256:abc")
    num_hits = sum(heatmap.is_hit for row in typical.rows for heatmap in row.heatmaps)
    num_misses = 4 * 2 - num_hits
    assert (num_hits, num_misses) == (5, 3)
    assert page.count('<circle class="peak"') == page.count("● hit 0.50") == num_hits
    assert page.count('<path class="cross"') == page.count("× miss 0.50") == num_misses
    assert not re.search(r"https?:|<script|<link|url\(", page)
    assert page.count("data:image/webp;base64,") == 4 * 3
    (figure,) = draw_gallery(typical)
    markers = [line.get_marker() for axes in figure.axes for line in axes.lines]
    assert markers.count("o") == num_hits
    assert markers.count("x") == 2 * num_misses  # with an edge below it
    words = words_of(figure)
    assert words.count("● hit") == num_hits
    assert words.count("× miss") == num_misses


def test_many_models_and_rows_are_drawn_on_several_pages(piece, example):
    typical, _ = galleries_of(piece.places[0], piece, gray_images, enlarge, 1)
    row = typical.rows[0]
    wide = replace(row, heatmaps=row.heatmaps[:1] * 7)
    labels = tuple(f"model {i}" for i in range(7))
    pages = list(draw_gallery(replace(typical, title="Title", models=labels, rows=(wide,) * 6)))
    # A radiograph in each row of each.
    assert [len(page.axes[0].images) for page in pages] == [5 * 6, 5 * 3, 6, 3]
    assert words_of(pages[-1])[0] == "Title (4 of 4)"


def test_the_end_of_a_long_name_is_shown(piece, example):
    typical, _ = galleries_of(piece.places[0], piece, gray_images, enlarge, 1)
    row = replace(typical.rows[0], image="folder/" * 5 + "last.png")
    (figure,) = draw_gallery(replace(typical, rows=(row,)))
    assert "…r/folder/folder/folder/last.png" in words_of(figure)


def test_samples_of_a_trial_are_typical_units_of_every_finding(piece, example):
    record = example.store.record(piece.points[0].trial.id)
    samples = samples_of(record, example.store, gray_images, enlarge)
    assert samples.title == "PYLON · s0 · phantom 64 px"
    # Two findings of two units each: all of them, those of a finding in the order of hits.
    shown = [(row.image, row.finding, row.heatmaps[0].outcome) for row in samples.rows]
    assert shown == [
        ("a.png", "Mass", "hit"),
        ("b.png", "Mass", "hit"),
        ("c.png", "Nodule", "miss"),
        ("b.png", "Nodule", "hit"),
    ]
    _, _, *words = words_of(draw_samples(samples))
    assert [words[i : i + 2] for i in range(0, len(words), 3)] == [
        ["Mass", "● hit 0.50"],
        ["Mass", "● hit 0.50"],
        ["Nodule", "× miss 0.50"],
        ["Nodule", "● hit 0.50"],
    ]


def test_lines_of_samples_are_full_before_the_next_begins(piece, example):
    samples = samples_of(example.store.record(piece.points[0].trial.id), example.store, gray_images, enlarge)
    (axes,) = draw_samples(replace(samples, rows=samples.rows * 2)).axes
    places = [image.get_extent() for image in axes.images]
    assert [left for left, *_ in places[:4]] == pytest.approx([left for left, *_ in places[4:]])
    assert len({round(top, 6) for *_, top in places}) == 2
    assert places[0][2] < places[4][3]  # the first line ends above the beginning of the second


def test_a_trial_without_maps_has_no_samples(filled):
    records = [filled.store.record(point.trial.id) for point in filled.load().grid.points]
    found = [record for record in records if record is not None]
    assert {record.status for record in found} == {"finished", "failed"}
    assert [samples_of(record, filled.store, gray_images, enlarge) for record in found] == [None] * len(found)
