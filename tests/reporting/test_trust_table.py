"""The table of sanity checks: means, controls, what chance gives over seeds, and marks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from bench.metrics.sanity import SANITY_CONTROLS, control_column
from bench.reporting.build import render_report
from bench.reporting.tables.repeatability import partners_of
from bench.results.record import CamEvaluation
from bench.results.units import write_table, writing_maps
from bench.suite.metrics import METRICS

CHECKS = ["randomisation", "counter_label", "shift", "deletion", "insertion", "road"]
SUITE = """\
models: [pylon, {name: pylon, up_layers: 1, label: UP1}]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1, 2]
sanity: true
"""
GOOD = dict(zip(CHECKS, (0.1, 0.2, 0.9, 0.3, 0.8, 0.25), strict=True))
BAD = dict(zip(CHECKS, (1.0, 1.0, 0.0, 0.5, 0.4, -0.05), strict=True))
CONTROLS = {
    "random": dict(zip(CHECKS, (0.1, 0.05, 0.1, 0.5, 0.5, 0.0), strict=True)),
    "centre": dict(zip(CHECKS, (1.0, 1.0, 0.0, 0.4, 0.45, 0.05), strict=True)),
}


@dataclass
class Checked:
    """A report of PYLON, whose maps stand every check, and UP1, whose maps stand none."""

    example: object
    loaded: object
    maps: dict[tuple[str, int], np.ndarray]

    def tables(self):
        report = render_report(self.loaded, self.example.store)
        return report, {table.subject.kind: table for table in report.tables}


@pytest.fixture
def checked(example) -> Checked:
    loaded = example.load(SUITE)
    random, maps = np.random.default_rng(0), {}
    common = random.random((4, 8, 8)).astype(np.float32)
    for point in loaded.grid.points:
        example.finish(point, {"point_accuracy/weighted": 0.5, "point_accuracy/macro": 0.5})
        folder, seed = example.store.folder(point.trial.id), point.trial.seed
        names = pd.read_parquet(folder.cam_units("native"))[["image", "patient", "finding"]]
        scores = GOOD if point.label == "PYLON" else BAD
        noise = (np.arange(4) - 1.5) / 100 + seed / 50
        own = {name: value + noise * (value not in (0, 1)) for name, value in scores.items()}
        of_controls = {
            control_column(name, control): np.full(4, CONTROLS[control][name])
            for control in SANITY_CONTROLS
            for name in CHECKS
        }
        table = names.assign(**own, **of_controls)
        write_table(folder.cam_sanity("native"), table, tuple(table.columns))
        metrics = {METRICS[name].key("weighted"): float(table[name].mean()) for name in CHECKS}
        done = {"status": "finished", "ended_at": "2026-01-01T00:00:00+00:00"}
        evaluation = CamEvaluation(method="native", part="sanity", metrics=metrics, **done)
        example.store.evaluated(point.trial.id, evaluation)
        drawn = random.random((4, 8, 8)).astype(np.float32)
        maps[point.label, seed] = common + 0.2 * drawn if point.label == "PYLON" else drawn
        with writing_maps(folder.cam_maps("native")) as keep:
            for unit_map in maps[point.label, seed]:
                keep(unit_map)
    return Checked(example, loaded, maps)


def row_of(table, label: str) -> dict[str, object]:
    (row,) = [row for row in (*table.models, *table.references) if row.label == label]
    return dict(zip(table.headings, row.cells, strict=True))


def test_rows_are_maps_columns_are_checks_and_below_are_controls(checked):
    report, tables = checked.tables()
    table = tables["trust"]
    assert table.title == "Can these maps be trusted? phantom, 64 px"
    assert table.headings == (
        *("Seeds ↑", "By chance", "Weights ↓", "Finding ↓", "Shift ↑", "Deletion ↓", "Insertion ↑", "ROAD ↑"),
    )
    good = row_of(table, "PYLON")
    assert [good[heading].mean for heading in table.headings[2:]] == pytest.approx(
        [value + 0.02 for value in GOOD.values()]
    )
    assert good["ROAD ↑"].is_signed
    assert [row.label for row in table.references] == ["Random map", "Image centre"]
    assert row_of(table, "Image centre")["Deletion ↓"].mean == pytest.approx(0.4)
    assert {"trust-phantom-64px.md", "trust-phantom-64px.tex", "trust-phantom-64px.csv"} <= set(report.files)


def test_a_report_opens_with_it_and_its_checks_are_in_no_other_table(checked):
    report, _ = checked.tables()
    assert [table.subject.kind for table in report.tables][:2] == ["summary", "trust"]
    assert not {table.subject.metric for table in report.tables} & set(CHECKS)
    assert not any(heading in CHECKS for heading in report.tables[0].headings)


def test_seeds_are_compared_pair_by_pair_with_the_same_unit_and_with_another_patients(checked):
    """Units are Mass of p and q, Nodule of q and r: each is the partner of the other of its finding."""
    cells = row_of(checked.tables()[1]["trust"], "PYLON")
    maps, partners = [checked.maps["PYLON", seed] for seed in range(3)], [1, 0, 3, 2]

    def mean(of_unit) -> float:
        pairs = [(a, b) for a in range(3) for b in range(a + 1, 3)]
        found = [
            spearmanr(maps[a][unit].ravel(), maps[b][of_unit(unit)].ravel()).statistic
            for a, b in pairs
            for unit in range(4)
        ]
        return float(np.mean(found))

    assert cells["Seeds ↑"].mean == pytest.approx(mean(lambda unit: unit))
    assert cells["By chance"].mean == pytest.approx(mean(lambda unit: partners[unit]))
    assert (cells["Seeds ↑"].n, len(cells["Seeds ↑"].trial_ids)) == (3, 3)


def test_a_partner_is_of_the_same_finding_and_of_another_patient():
    names = pd.DataFrame(
        {
            "image": list("abcdef"),
            "patient": ["p", "p", "q", "q", "r", "r"],
            "finding": ["Mass", "Mass", "Mass", "Nodule", "Edema", "Edema"],
        }
    )
    assert partners_of(names).tolist() == [2, 2, 0, -1, -1, -1]


def test_what_is_not_better_than_what_fails_the_check_is_marked(checked):
    _, tables = checked.tables()
    good, bad = (row_of(tables["trust"], label) for label in ("PYLON", "UP1"))
    headings = tables["trust"].headings[2:]
    assert ["§" in bad[heading].marks for heading in headings] == [True] * 6
    assert not any("§" in good[heading].marks for heading in headings)
    assert [footnote.mark for footnote in tables["trust"].footnotes] == ["§"]


def test_one_seed_or_lost_maps_leave_a_hole_and_the_checks_stay(checked):
    for label, seed in checked.maps:
        if label == "PYLON" and seed > 0:
            (trial,) = {
                p.trial.id for p in checked.loaded.grid.points if (p.label, p.trial.seed) == (label, seed)
            }
            checked.example.store.folder(trial).cam_maps("native").unlink()
    cells = row_of(checked.tables()[1]["trust"], "PYLON")
    assert cells["Seeds ↑"].mean is None
    assert cells["By chance"].mean is None
    assert cells["Shift ↑"].mean is not None


def test_a_trial_without_checks_is_told(checked):
    point = checked.loaded.grid.points[0]
    checked.example.store.folder(point.trial.id).cam_evaluation("native", "sanity").unlink()
    table = checked.tables()[1]["trust"]
    assert any("Scored without this metric" in note and point.trial.id in note for note in table.notes)
    assert row_of(table, "PYLON")["Shift ↑"].n == 2
