"""The gallery in a report's page: put in, kept, said to be of other results, and no matter of the lock."""

import re

import numpy as np
import pytest

from bench.metrics.units import UNIT_COLUMNS
from bench.reporting.build import PAGE, render_report, write_report
from bench.reporting.check import check_report
from bench.reporting.current import CURVES, current_page
from bench.reporting.gallery import galleries_of
from bench.reporting.gallery_page import gallery_page
from bench.reporting.gallery_place import GALLERY, NOT_DRAWN, STALE, place_gallery, without_gallery
from bench.reporting.gallery_trials import gallery_sources
from bench.reporting.lock import LOCK
from bench.results.frame import Results
from bench.results.maps import writing_maps
from bench.results.units import read_table, write_table

FIGURE = "<image href"


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
        galleries = galleries_of(piece.places[0], piece, gray_images, 1)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / GALLERY).write_text(gallery_page("Title", galleries, self.sources), "utf-8")
        return place_gallery(self.folder / PAGE, self.sources)

    def report(self):
        write_report(render_report(self.loaded, self.example.store), self.reports)

    def check(self):
        return check_report(render_report(self.loaded, self.example.store), self.reports)

    @property
    def page(self):
        return (self.folder / PAGE).read_text("utf-8")

    def change_units(self):
        path = self.example.store.folder(self.loaded.grid.points[0].trial.id).cam_units("native")
        write_table(path, read_table(path).assign(peak_row=3), UNIT_COLUMNS)


@pytest.fixture
def drawn(example):
    return Drawn(example)


def test_a_page_without_gallery_says_how_to_get_one(drawn):
    drawn.report()
    assert NOT_DRAWN in drawn.page
    assert drawn.check() == []


def test_either_order_of_report_and_gallery_gives_the_same_page(drawn):
    drawn.report()
    assert drawn.draw()
    after = drawn.page
    assert FIGURE in after
    assert NOT_DRAWN not in after
    assert STALE not in after
    assert drawn.draw()
    drawn.report()
    assert drawn.page == after
    (drawn.folder / PAGE).unlink()
    assert not drawn.draw()
    drawn.report()
    assert drawn.page == after


def test_links_of_a_page_with_its_gallery_lead_somewhere(drawn):
    drawn.report()
    drawn.draw()
    ids = re.findall(r' id="(.*?)"', drawn.page)
    links = re.findall(r'<a href="(.*?)"', drawn.page)
    assert len(set(ids)) == len(ids)
    assert "#gallery-phantom-64px" in links
    assert all(link.startswith("#") and link[1:] in ids for link in links)


def test_the_lock_is_of_the_page_without_its_gallery(drawn):
    drawn.report()
    bare, lock = drawn.page, (drawn.folder / LOCK).read_bytes()
    drawn.draw()
    assert without_gallery(drawn.page) == bare
    drawn.report()
    assert (drawn.folder / LOCK).read_bytes() == lock
    assert drawn.check() == []
    (drawn.folder / CURVES).touch()
    assert current_page(drawn.loaded, drawn.example.store, drawn.reports) is not None


def test_a_gallery_of_other_results_is_said_to_be_so(drawn):
    drawn.report()
    drawn.draw()
    drawn.change_units()
    assert any(PAGE in sentence and "other results" in sentence for sentence in drawn.check())
    drawn.report()
    assert STALE in drawn.page
    assert FIGURE in drawn.page
    assert drawn.check() == []
    drawn.draw()
    assert STALE not in drawn.page


def test_maps_that_come_later_make_a_gallery_old(drawn):
    before = drawn.sources
    drawn.keep_maps("UP1")
    assert drawn.sources != before


def test_a_page_that_was_edited_or_lost_its_gallery_is_told(drawn):
    drawn.report()
    drawn.draw()
    path = drawn.folder / PAGE
    whole = drawn.page
    path.write_text(whole.replace("<h1>", "<h1>Not "), "utf-8")
    (sentence,) = drawn.check()
    assert "was changed after it was written" in sentence
    path.write_text(whole.replace("seed", "sEEd"), "utf-8")
    assert len(drawn.check()) == 1
    path.write_text(without_gallery(whole), "utf-8")
    (sentence,) = drawn.check()
    assert "was changed after it was written" not in sentence


@pytest.mark.parametrize("content", [b"", b"<h1>of an earlier version</h1>", b"\xff\xfe"])
def test_what_is_no_gallery_is_not_put_in(drawn, content):
    drawn.folder.mkdir(parents=True)
    (drawn.folder / GALLERY).write_bytes(content)
    drawn.report()
    assert NOT_DRAWN in drawn.page
