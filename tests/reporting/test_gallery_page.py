"""The page of a suite's gallery: linked, said to be of other results, and no matter of the lock."""

import re

import numpy as np
import pytest
from records import THESIS_COLUMNS

from bench.evaluation.predict import enlarge
from bench.reporting.build import render_report, write_report
from bench.reporting.check import CURVES, check_report, current_page
from bench.reporting.gallery.content import galleries_of, gallery_sources
from bench.reporting.gallery.drawing import gallery_page
from bench.reporting.writers.html import GALLERY, PAGE
from bench.results.grid_results import Results
from bench.results.units import read_table, write_table, writing_maps


def gray_images(names):
    return np.full((len(names), 64, 64), 100, np.uint8)


class Drawn:
    """An example with maps of one row, its report's folder, and the gallery drawn into that."""

    def __init__(self, example):
        self.example, self.loaded = example, example.load()
        example.fill(self.loaded)
        self.keep_maps("PYLON")
        self.reports = example.folder / "reports"
        self.folder = self.reports / "example"

    def keep_maps(self, label):
        for point in self.loaded.grid.points:
            if point.label == label:
                with writing_maps(self.example.store.folder(point.trial.id).cam_maps("native")) as keep:
                    for _ in range(4):
                        keep(np.zeros((4, 4), np.float32))

    @property
    def sources(self):
        return gallery_sources(Results(self.loaded.grid, self.example.store))

    def draw(self):
        piece = Results(self.loaded.grid, self.example.store)
        galleries = galleries_of(piece.places[0], piece, gray_images, enlarge, 1)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / GALLERY).write_text(gallery_page("Title", galleries, self.sources), "utf-8")

    def report(self):
        write_report(render_report(self.loaded, self.example.store), self.reports)

    def check(self):
        return check_report(render_report(self.loaded, self.example.store), self.reports)

    def change_units(self):
        path = self.example.store.folder(self.loaded.grid.points[0].trial.id).cam_units("native")
        write_table(path, read_table(path).assign(peak_row=3), THESIS_COLUMNS)


@pytest.fixture
def drawn(example):
    return Drawn(example)


def test_the_report_links_to_its_gallery_and_back(drawn):
    drawn.report()
    drawn.draw()
    page = (drawn.folder / GALLERY).read_text("utf-8")
    ids = re.findall(r' id="(.*?)"', page)
    links = re.findall(r'<a href="(.*?)"', page)
    assert len(set(ids)) == len(ids)
    assert "#gallery-phantom-64px" in links
    assert {link for link in links if link.removeprefix("#") not in ids} == {PAGE}
    assert f'<a href="{GALLERY}">' in (drawn.folder / PAGE).read_text("utf-8")


def test_a_report_is_the_same_with_and_without_its_gallery(drawn):
    drawn.report()
    before = {path.name: path.read_bytes() for path in drawn.folder.iterdir()}
    drawn.draw()
    drawn.report()
    assert {name: (drawn.folder / name).read_bytes() for name in before} == before
    assert drawn.check() == []
    (drawn.folder / CURVES).touch()
    assert current_page(drawn.loaded, drawn.example.store, drawn.reports) is not None


def test_a_gallery_of_other_results_is_said_to_be_so(drawn):
    drawn.report()
    drawn.draw()
    drawn.change_units()
    assert any(GALLERY in sentence and "other results" in sentence for sentence in drawn.check())
    drawn.draw()
    drawn.report()
    assert drawn.check() == []


def test_maps_that_come_later_make_a_gallery_old(drawn):
    before = drawn.sources
    drawn.keep_maps("UP1")
    assert drawn.sources != before


def test_a_page_that_was_edited_is_told(drawn):
    drawn.report()
    path = drawn.folder / PAGE
    path.write_text(path.read_text("utf-8").replace("<h1>", "<h1>Not "), "utf-8")
    (sentence,) = drawn.check()
    assert "was changed after it was written" in sentence
