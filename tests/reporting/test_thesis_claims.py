"""The claims of the thesis' suites, on records drawn around the published means and on contradicting ones."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.reporting.verdicts import ClaimVerdict, judge
from bench.results.store import ResultsStore
from bench.suite.claims import Equivalent, LessVariable
from bench.suite.findings import NIH_BOXED_FINDINGS
from bench.suite.grid import Point
from bench.suite.load import LoadedSuite, load_suite

ROOT = Path(__file__).parents[2]
SUITES = {path.stem: path for path in sorted((ROOT / "suites").glob("*.yaml"))}
THESIS = (
    "nih_256",
    "nih_512",
    "nih_iobb",
    "vindr_256",
    "vindr_transfer",
    "gap_ablation",
    "pylon_ablation",
    "fpn_groupnorm",
)
SEED_NOISE = {"point_accuracy": 0.003, "iobb_accuracy": 0.003, "auroc": 0.0003}
UNITS = dict(zip(NIH_BOXED_FINDINGS, (180, 146, 153, 123, 85, 79, 120, 98), strict=True))
"""Boxes of the official NIH download by finding."""

ROWS = {"PYLON": "PYLON (ours)", "PYLON (two-phase)": "PYLON (two-phase)"}
AVERAGES = {"weighted": "Weighted avg.", "macro": "Macro avg."}

with (ROOT / "bench/reporting/published/thesis.csv").open(newline="", encoding="utf-8") as _stream:
    PUBLISHED = {
        (cell["table"], cell["section"][:7], cell["row"], cell["resolution"], cell["column"]): (
            float(cell["mean"]),
            float(cell["ci95"] or 0),
        )
        for cell in csv.DictReader(_stream)
    }


def cell(table: str, row: str, column: str, resolution: int, section: str = "") -> tuple[float, float]:
    """The published mean and half-width."""
    return PUBLISHED[table, section[:7], row, str(resolution), AVERAGES.get(column, column)]


def published(label: str, dataset: str, resolution: int, metric: str, column: str) -> tuple[float, float]:
    """The published mean and half-width of a row; of FPN (GN), which has none, what the thesis says of it."""
    if label == "FPN (GN)":
        mean, half_width = published("FPN (BN)", dataset, resolution, metric, column)
        return (mean, half_width) if metric == "auroc" else (0.1, half_width)
    if metric == "iobb_accuracy":
        row = ROWS.get(label, label)
        if column != "weighted":
            return cell("5.2", row, column, resolution)
        means = [cell("5.2", row, name, resolution)[0] * units for name, units in UNITS.items()]
        return sum(means) / sum(UNITS.values()), 0.02
    if dataset == "vindr":
        if metric == "auroc":
            named = {"PYLON (two-phase)": "PYLON (two-step)", "Baseline (fine-tuned)": "Baseline (fine-tune)"}
            row = named.get(label, ROWS.get(label, label))
            return cell("5.6", row, column, 256)
        row = label.replace(" (fine-tuned)", "")
        section = "With transfer" if row != label or "two-phase" in label else "Without transfer"
        return cell("5.5", row, column, 256, section)
    if " GAP" in label:
        section, _, change = label.partition(" − " if " − " in label else " + ")
        sections = {"PAN": "(A) PAN", "PYLON (UP1)": "(B) PYLON (UP1)", "DeeplabV3+": "(C) DeeplabV3+"}
        return cell("6.1", f"{'-' if ' − ' in label else '+'} {change}", column, 256, sections[section])
    if label == "PYLON (UP1)" and column == "Cardiomegaly":
        return cell("6.1", label, column, 256, "(B) PYLON (UP1)")
    if label.startswith("PYLON ("):
        kind = "AUROC" if metric == "auroc" else "Point localization"
        return cell("6.2", label, f"{kind} {AVERAGES[column].lower()}", 256)
    table = "5.4" if metric == "auroc" else {256: "5.1", 512: "5.3"}[resolution]
    return cell(table, ROWS.get(label, label), column, resolution)


@pytest.fixture
def judged(example) -> Callable[[LoadedSuite, bool], tuple[ClaimVerdict, ...]]:
    def judged(loaded: LoadedSuite, agrees: bool) -> tuple[ClaimVerdict, ...]:
        """Verdicts on five seeds of each trial that a claim names.

        Records that contradict have the second row's mean where the first row's should be, and the other way
        round; for an equivalence rows are five margins apart.
        """
        random = np.random.default_rng(17)
        verdicts = []
        for stated in loaded.claims:
            (metric,), store = {stated.claim.metric}, ResultsStore(example.folder / str(len(verdicts)))
            example.store = store
            values: dict[str, tuple[Point, dict[str, float]]] = {}
            for comparison in stated.comparisons:
                sides = [comparison.first, comparison.second]
                means = [describe(side.points[0], metric, comparison.column) for side in sides]
                if not agrees:
                    means.reverse()
                    if isinstance(stated.claim, Equivalent):
                        far = (means[0][0] + 5 * stated.margin, means[0][1])
                        means = [means[0], far]
                for side, (mean, half_width) in zip(sides, means, strict=True):
                    noise = SEED_NOISE[metric]
                    if isinstance(stated.claim, LessVariable):
                        noise = half_width
                    for point in side.points:
                        _, own = values.setdefault(point.trial.id, (point, {}))
                        key = f"{metric}/{comparison.column}"
                        own.setdefault(key, mean + noise * random.normal())
            for point, metrics in values.values():
                example.finish(point, metrics)
            verdicts += judge([stated], store)
        return tuple(verdicts)

    return judged


def describe(point: Point, metric: str, column: str) -> tuple[float, float]:
    return published(point.label, point.trial.dataset.name, point.trial.resolution, metric, column)


@pytest.mark.parametrize("name", SUITES)
def test_claims_of_every_suite_load(name):
    loaded = load_suite(SUITES[name])
    assert len(loaded.claims) == len(loaded.suite.claims)
    assert bool(loaded.claims) == (name in THESIS or name in ("demo", "demo_transfer"))
    for claim in loaded.claims:
        assert claim.comparisons
        assert claim.claim.statement


def test_all_eight_groups_of_the_thesis_are_claimed():
    found = {claim.claim.group for name in THESIS for claim in load_suite(SUITES[name]).claims}
    assert found == set("12345678")
