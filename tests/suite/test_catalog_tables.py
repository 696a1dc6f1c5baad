"""The catalog claims the rows of the thesis' tables, no more and no less."""

import csv

from extracts import PUBLISHED

from bench.suite.catalog import MODELS, Variant

NOT_OURS = {"Average box area", "Wang 2017", "Yao 2018"}
"""A control, and numbers that the thesis takes from papers."""

PAN, UP1, DEEPLAB = "(A) PAN", "(B) PYLON (UP1)", "(C) DeeplabV3+"
OUR_LABELS = {
    "PYLON (ours)": "PYLON",
    "PYLON (fine-tuned)": "PYLON",
    "PYLON (two-phase)": "PYLON",
    "PYLON (two-step)": "PYLON",
    "Baseline (fine-tune)": "Baseline",
    (PAN, "- GAP in FPA"): "PAN − GAP in FPA",
    (PAN, "- GAP in GAU"): "PAN − GAP in GAU",
    (PAN, "- all GAP"): "PAN − all GAP",
    (UP1, "+ GAP in PA"): "PYLON (UP1) + GAP in PA",
    (UP1, "+ GAP in UP"): "PYLON (UP1) + GAP in UP",
    (DEEPLAB, "- all GAP"): "DeeplabV3+ − all GAP",
}
"""Rows, or (section, row), that are printed otherwise than our labels; ways of training share a model."""


def claimed_rows() -> set[tuple[str, str]]:
    variants = [
        variant
        for entry in MODELS.values()
        for variant in (Variant(entry.label, {}, entry.tables), *entry.variants)
    ]
    return {
        (table, variant.label)
        for variant in variants
        for table in variant.tables
        if not table.startswith("Figure ")
    }


def test_rows_that_the_catalog_claims_are_those_of_the_thesis_tables():
    with (PUBLISHED / "thesis.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["row"] not in NOT_OURS]
    labels = [OUR_LABELS.get(row["row"]) or OUR_LABELS.get((row["section"], row["row"])) for row in rows]
    published = {(row["table"], label or row["row"]) for row, label in zip(rows, labels, strict=True)}
    assert claimed_rows() == published
