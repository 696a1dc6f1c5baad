"""Rows that start from something that has seen their test images are marked wherever their values stand."""

import csv

import pandas as pd

from bench.reporting.build import render_report
from bench.reporting.tables.exposure import MARK

SAW = """\
title: Example
models:
  - {{name: pylon, saw: [{saw}]}}
  - {{name: pylon, up_layers: 1, label: UP1}}
  - {{name: baseline, label: "50% | A_vg & more"}}
datasets: [phantom]
resolutions: [64]
seeds: [0, 1, 2]
claims: [{{superior: PYLON, to: UP1}}]
"""


def rendered(example, saw="phantom/test"):
    loaded = example.load(SAW.format(saw=saw))
    example.fill(loaded)
    return render_report(loaded, example.store)


def rows(report, key):
    return list(csv.DictReader(report.files[f"{key}.csv"].splitlines()))


def test_every_table_marks_the_rows_and_says_why(example):
    report = rendered(example)
    assert len(report.tables) > 4
    for table in report.tables:
        own = {row.label: row.marks for row in table.models}
        marked = {label for label, marks in own.items() if MARK in marks}
        assert marked == {label for label in own if "PYLON" in label}, table.key
        (footnote,) = (note for note in table.all_footnotes if note.mark == MARK)
        assert "PYLON on phantom: its start saw phantom/test: all of the test images" in footnote.text
        assert "UP1 on" not in footnote.text


def test_each_format_shows_the_mark(example):
    report = rendered(example)
    key = "point_accuracy-phantom-64px"
    assert f"| PYLON<sup>{MARK}</sup> |" in report.files[f"{key}.md"]
    assert f"<sup>{MARK}</sup> Its start has seen test images" in report.files[f"{key}.md"]
    assert r"PYLON\textsuperscript{\P{}}" in report.files[f"{key}.tex"]
    assert f"PYLON<sup>{MARK}</sup>" in report.files["index.html"]
    assert {row["row"] for row in rows(report, key) if MARK in row["marks"]} == {"PYLON"}
    assert f"PYLON − UP1<sup>{MARK}</sup>" in report.files["README.md"]  # the claim, and the comparison


def test_nothing_is_marked_where_nothing_was_seen(example):
    report = rendered(example, saw="phantom/train")
    assert not any(MARK in text for text in report.files.values())


def test_listed_images_are_counted_among_those_that_a_trial_was_tested_on(example):
    (example.folder / "seen.txt").write_text("a.png\nz.png\n")
    loaded = example.load(SAW.format(saw="seen.txt"))
    example.fill(loaded)
    for point in loaded.grid.points:
        table = pd.DataFrame(
            {"image": ["a.png", "b.png"] * 2, "finding": ["Mass", "Mass", "Nodule", "Nodule"]}
        )
        path = example.store.folder(point.trial.id).table("logits", "native")
        table.assign(label=0, logit=0.0, patient="p").to_parquet(path)
    (footnote, *_) = render_report(loaded, example.store).tables[0].all_footnotes
    assert "its start saw 1 of 2 test images" in footnote.text
