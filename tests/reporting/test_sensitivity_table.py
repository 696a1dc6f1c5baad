"""Tables of sensitivity: paired changes by seed, holes where there is nothing."""

import pytest

from bench.metrics.protocol import VARIANTS
from bench.reporting.build import render_report
from bench.reporting.tables.sensitivity import _CHOICES, sensitivity_tables
from bench.results.grid_results import Results
from bench.results.record import Sensitivity, read_sensitivity
from bench.results.stored import write_stored

DEFAULTS = {"PYLON": (0.60, 0.62, 0.64), "UP1": (0.59, 0.62)}
CHANGES = {"tolerance_15": (0.10, 0.12, 0.14), "align_corners": (-0.02, -0.02, -0.02)}


@pytest.fixture
def measured(example):
    """PYLON's three seeds and two of UP1's, which lack the tolerance, have a sensitivity."""
    loaded = example.load()
    example.fill(loaded)
    for point in loaded.grid.points:
        if point.trial.seed >= len(DEFAULTS.get(point.label, ())):
            continue
        default = DEFAULTS[point.label][point.trial.seed]
        accuracies = {"default": {"weighted": default, "macro": default - 0.1}}
        for name, changes in CHANGES.items():
            if point.label == "PYLON" or name != "tolerance_15":
                changed = default + changes[point.trial.seed]
                accuracies[name] = {"weighted": changed, "macro": 0.0}
        path = example.store.folder(point.trial.id).sensitivity
        write_stored(path, Sensitivity(num_units=4, metrics={"point_accuracy": accuracies}))
    return example, loaded


def test_every_variant_has_a_heading_and_a_phrase():
    assert list(_CHOICES) == ["macro", *VARIANTS["point_accuracy"], *VARIANTS["iobb_accuracy"]]


def test_hits_by_overlap_have_a_table_of_their_own(measured):
    example, loaded = measured
    for seed in range(2):
        (trial,) = {p.trial.id for p in loaded.grid.points if (p.label, p.trial.seed) == ("PYLON", seed)}
        path = example.store.folder(trial).sensitivity
        accuracies = {
            "default": {"weighted": 0.3, "macro": 0.2},
            "iobb_10": {"weighted": 0.5 + seed / 10, "macro": 0.0},
        }
        found = read_sensitivity(path)
        metrics = found.metrics | {"iobb_accuracy": accuracies}
        write_stored(path, found.model_copy(update={"metrics": metrics}))
    peaks, overlaps = sensitivity_tables(Results(loaded.grid, example.store))
    assert (peaks.key, overlaps.key) == ("sensitivity-phantom-64px", "sensitivity-iobb-phantom-64px")
    assert overlaps.headings == ("Weighted avg.", "Macro avg.", "T(IoBB) 0.1")
    rows = {row.label: row.cells for row in overlaps.models}
    assert [cell.mean for cell in rows["PYLON"]] == pytest.approx([0.3, -0.1, 0.25])
    assert (rows["PYLON"][2].n, rows["PYLON"][2].expected) == (2, 3)


def test_cells_are_paired_changes_with_their_interval(measured):
    example, loaded = measured
    (table,) = sensitivity_tables(Results(loaded.grid, example.store))
    assert table.key == "sensitivity-phantom-64px"
    assert table.headings == ("Weighted avg.", "Macro avg.", "Aligned corners", "15 px tolerance")
    rows = {row.label: row.cells for row in table.models}
    default, macro, aligned, tolerant = rows["PYLON"]
    assert default.mean == pytest.approx(0.62)
    assert not default.is_signed
    assert (macro.mean, macro.half_width) == (pytest.approx(-0.1), pytest.approx(0, abs=1e-12))
    assert aligned.mean == pytest.approx(-0.02)
    assert tolerant.mean == pytest.approx(0.12)
    assert tolerant.half_width == pytest.approx(4.302652729911275 * 0.02 / 3**0.5)  # t(0.975, 2) · s / √3
    assert (tolerant.n, tolerant.expected, tolerant.is_signed) == (3, 3, True)
    assert len(tolerant.trial_ids) == 3


def test_what_was_not_measured_is_a_hole(measured):
    example, loaded = measured
    (table,) = sensitivity_tables(Results(loaded.grid, example.store))
    rows = {row.label: row.cells for row in table.models}
    assert [cell.mean is None for cell in rows["UP1"]] == [False, False, False, True]
    assert (rows["UP1"][0].n, rows["UP1"][0].expected) == (2, 3)
    assert all(cell.mean is None for cell in rows["Baseline (average)"])
    (note,) = table.notes
    assert note.startswith("Not measured: ")
    assert note.count("-phantom-64px-") == 3  # a seed of UP1 and two of the third model are finished


def test_changes_are_printed_with_sign_and_three_decimals(measured):
    example, loaded = measured
    report = render_report(loaded, example.store)
    text = report.files["sensitivity-phantom-64px.md"].replace("\N{NO-BREAK SPACE}", " ")
    assert "| PYLON | 0.620 ± 0.050 | −0.100 ± 0.000 | −0.020 ± 0.000 | +0.120 ± 0.050 |" in text
    assert "15 px tolerance: a peak within 15 px of a box is a hit" in text
    assert "Native grid" not in text
    assert report.files["sensitivity-phantom-64px.md"] in report.page
    assert r"$-$0.020 $\pm$ 0.000" in report.files["sensitivity-phantom-64px.tex"]


def test_results_without_sensitivity_give_no_table(filled):
    assert sensitivity_tables(Results(filled.load().grid, filled.store)) == ()


def test_a_damaged_file_is_left_out_and_told(measured):
    example, loaded = measured
    path = example.store.folder(loaded.grid.points[0].trial.id).sensitivity
    path.write_text('{"num_units": 4}')
    (table,) = sensitivity_tables(Results(loaded.grid, example.store))
    trial_id = loaded.grid.points[0].trial.id
    assert trial_id in " ".join(table.notes)
    assert str(path) in example.store.problems(trial_id)[0]
