"""The demo of transfer: its rows, who starts from whom, and the committed report of it."""

from pathlib import Path

import pandas as pd
import pytest

from bench.data.phantom.populations import POPULATIONS
from bench.suite.findings import NIH_FINDINGS, VINDR_FINDINGS
from bench.suite.load import load_suite

ROOT = Path(__file__).parents[2]
ROWS = ["PYLON", "PYLON (fine-tuned)", "PYLON (two-phase)"]


@pytest.fixture(scope="module")
def grid():
    return load_suite(ROOT / "suites" / "demo_transfer.yaml").grid


def test_rows_are_those_of_the_transfer_table(grid):
    assert list(dict.fromkeys(point.label for point in grid.points)) == ROWS


def test_each_transferred_trial_starts_from_fourteen_labels_and_has_fifteen(grid):
    source = load_suite(ROOT / "suites" / "demo_pretrain.yaml").grid
    by_seed = {trial.seed: trial.id for trial in source.trials}
    for point in grid.points:
        trial = point.trial
        assert POPULATIONS[trial.dataset.findings].findings == VINDR_FINDINGS
        phases = [parent.phase.freeze for parent in trial.ancestors()]
        assert phases == {ROWS[0]: [], ROWS[1]: ["none"], ROWS[2]: ["none", "encoder"]}[point.label]
        for parent in trial.ancestors()[:1]:
            assert parent.id == by_seed[trial.seed]
            assert POPULATIONS[parent.dataset.findings].findings == NIH_FINDINGS
            assert parent.dataset.train > trial.dataset.train
            assert parent.dataset.seed != trial.dataset.seed


def test_committed_report_is_of_these_trials(grid):
    ids = {point.label: {p.trial.id for p in grid.points if p.label == point.label} for point in grid.points}
    cells = pd.read_csv(ROOT / "reports" / "demo_transfer" / "point_accuracy-phantom-64px.csv")
    models = cells[cells["kind"] == "model"]
    assert list(dict.fromkeys(models["row"])) == ROWS
    for cell in models.itertuples():
        assert set(cell.trial_ids.split()) == ids[cell.row]
        assert cell.n == cell.expected == 3
