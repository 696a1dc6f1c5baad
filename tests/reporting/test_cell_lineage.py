"""From a cell to its trials: values, states, and whether records and units still give it."""

import pandas as pd
import pytest
from records import THESIS_COLUMNS

from bench.errors import ResultsError
from bench.reporting.build import render_report, write_report
from bench.reporting.cell_lineage import trace_cell
from bench.reporting.tables.table import Cell, Column, Row, Subject, Table
from bench.reporting.writers.csv_cells import to_csv
from bench.results.units import LOGIT_COLUMNS, read_table, write_table
from bench.suite.metrics import AUROC, POINT_ACCURACY

SUITE = """\
models: [pylon, baseline]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1]
cams: [native, grad_cam]
"""
UNITS = [("a", "p", "Mass"), ("b", "q", "Mass"), ("b", "q", "Pleural_Thickening"), ("c", "r", "Mass")]
HITS = {0: (True, True, False, False), 1: (True, True, True, True)}


@pytest.fixture
def written(example, finish_trial):
    """The folder of a report; the baseline never ran."""
    loaded = example.load(SUITE)
    for point in loaded.grid.points:
        if point.label == "PYLON" and point.cam == "native":
            hits = dict(zip(UNITS, HITS[point.trial.seed], strict=True))
            finish_trial(example.store, point.trial, hits, **{"auroc/weighted": 0.75, "auroc/Mass": 0.75})
        elif point.label == "PYLON":
            example.evaluate(point, 0.25)
            folder = example.store.folder(point.trial.id)
            quarter = read_table(folder.cam_units("native")).assign(hit=[True, False, False, False])
            write_table(folder.cam_units("grad_cam"), quarter, THESIS_COLUMNS)
    return write_report(render_report(loaded, example.store), example.folder / "reports")


def trace(written, example, row="PYLON", column="weighted", table="point_accuracy"):
    return trace_cell(written / f"{table}-phantom-64px.csv", row, column, example.store)


def test_a_cell_leads_to_its_trials_and_their_values(written, example):
    cell = trace(written, example)
    assert [(trial.state, trial.value, trial.from_units) for trial in cell.trials] == [
        ("finished", 0.5, 0.5),
        ("finished", 1.0, 1.0),
    ]
    assert [trial.trial_id.split("-")[3] for trial in cell.trials] == ["s0", "s1"]
    assert (cell.mean, cell.n, cell.expected) == (0.75, 2, 2)


def test_the_value_is_computed_again_from_records(written, example):
    cell = trace(written, example)
    assert (cell.agrees, cell.is_contradicted) == (True, False)
    assert cell.again.half_width == pytest.approx(12.706204736 * 0.5 / 2)  # t(0.975, 1) · s/√2


@pytest.mark.parametrize("word", ["Pleural Thickening", "pleural_thickening"])
def test_columns_go_by_heading_or_name_in_any_case(written, example, word):
    cell = trace(written, example, row="pylon", column=word)
    assert (cell.row, cell.column, cell.mean) == ("PYLON", "Pleural Thickening", 0.5)


def test_a_metric_of_the_model_is_computed_again_from_its_logits(written, example):
    cell = trace(written, example, table="auroc")
    assert cell.agrees
    assert {trial.from_units for trial in cell.trials} == {None}  # which were not kept
    for trial, order in zip(cell.trials, ([0, 2, 1, 3], [0, 1, 2, 3]), strict=True):
        rows = [(f"{i}", f"{i}", "Mass", i // 2, logit) for i, logit in enumerate(order)]
        logits = pd.DataFrame(rows, columns=list(LOGIT_COLUMNS))
        write_table(example.store.folder(trial.trial_id).logits, logits, LOGIT_COLUMNS)
    cell = trace(written, example, table="auroc")
    assert [(trial.from_units, trial.agrees) for trial in cell.trials] == [(0.75, True), (1.0, False)]
    assert cell.is_contradicted


def test_rows_of_other_maps_lead_to_their_evaluations(written, example):
    cell = trace(written, example, row="PYLON [Grad-CAM]")
    assert [(trial.value, trial.from_units) for trial in cell.trials] == [(0.25, 0.25)] * 2
    assert cell.agrees


def test_a_record_that_says_something_else_contradicts_the_cell(written, example, finish_trial):
    trial = example.store.record(trace(written, example).trials[0].trial_id).trial
    finish_trial(example.store, trial, dict(zip(UNITS, HITS[1], strict=True)))
    cell = trace(written, example)
    assert (cell.agrees, cell.is_contradicted) == (False, True)
    assert (cell.mean, cell.again.mean) == (0.75, 1.0)


def test_units_that_say_something_else_than_their_record_are_found(written, example):
    folder = example.store.folder(trace(written, example).trials[0].trial_id)
    write_table(
        folder.cam_units("native"), read_table(folder.cam_units("native")).assign(hit=False), THESIS_COLUMNS
    )
    cell = trace(written, example)
    assert [trial.agrees for trial in cell.trials] == [False, True]
    assert (cell.agrees, cell.is_contradicted) == (True, True)


def test_without_records_nothing_can_be_computed_again(written, example):
    example.store.folder(trace(written, example).trials[1].trial_id).record.unlink()
    cell = trace(written, example)
    assert (cell.agrees, cell.again, cell.is_contradicted) == (None, None, False)
    assert [trial.state for trial in cell.trials] == ["finished", "todo"]


def test_holes_controls_and_gains_have_nothing_to_compute_again(written, example):
    assert trace(written, example, row="Baseline").trials == ()
    control = trace(written, example, row="Image centre")
    assert (control.kind, control.trials, control.agrees) == ("reference", (), None)
    gain = trace(written, example, column="Gain over constant")
    assert (gain.is_recorded, gain.agrees) == (False, None)


@pytest.mark.parametrize(
    ("row", "column", "word", "allowed"),
    [
        ("PILON", "Mass", "PILON", {"PYLON", "Baseline"}),
        ("PYLON", "Masse", "Masse", {"Weighted avg.", "weighted", "Mass"}),
    ],
)
def test_unknown_rows_and_columns_are_told(written, example, row, column, word, allowed):
    with pytest.raises(ResultsError) as error:
        trace(written, example, row=row, column=column)
    assert error.value.place == str(written / "point_accuracy-phantom-64px.csv")
    assert error.value.value == word
    assert allowed <= set(error.value.allowed)


def test_other_files_are_no_tables(tmp_path, example):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    for name in ("x.csv", "missing.csv"):
        with pytest.raises(ResultsError) as error:
            trace_cell(tmp_path / name, "PYLON", "Mass", example.store)
        assert error.value.place == str(tmp_path / name)


def test_a_cell_that_is_no_number_is_told(written, example):
    path = written / "auroc-phantom-64px.csv"
    path.write_text(path.read_text().replace(",0.75,", ",much,"))
    with pytest.raises(ResultsError, match="'PYLON', column 'Mass'") as error:
        trace(written, example, column="Mass", table="auroc")
    assert error.value.place == str(path)


@pytest.fixture(scope="module")
def columns_twice(tmp_path_factory):
    """A file with AUROC and accuracy of the same name, in two groups, and published values beside ours."""
    table = Table(
        key="table-6-2-beside",
        subject=Subject("thesis"),
        title="",
        columns=tuple(Column("Weighted avg.", m.title, m.name, "weighted") for m in (POINT_ACCURACY, AUROC)),
        models=(
            Row("published", (Cell(0.62), Cell(None)), "(B) UP module", of="PYLON", kind="published"),
            Row("PYLON", (Cell(0.5, expected=5), Cell(0.75, expected=5)), "(B) UP module", kind="ours"),
        ),
        references=(),
        caption="",
        notes=(),
    )
    path = tmp_path_factory.mktemp("table") / "table-6-2-beside.csv"
    path.write_text(to_csv(table))
    return path


def test_columns_of_one_name_are_told_apart_by_their_group(columns_twice, example):
    cell = trace_cell(columns_twice, "PYLON", "weighted", example.store, group="auroc")
    assert (cell.mean, cell.kind, cell.is_recorded) == (0.75, "ours", True)
    groups = (POINT_ACCURACY.title, AUROC.title)
    with pytest.raises(ResultsError, match="--group") as error:
        trace_cell(columns_twice, "PYLON", "weighted", example.store)
    assert error.value.allowed == groups
    with pytest.raises(ResultsError) as error:
        trace_cell(columns_twice, "PYLON", "weighted", example.store, group="AUROCK")
    assert (error.value.value, error.value.allowed) == ("AUROCK", groups)


def test_our_value_is_meant_where_published_ones_stand_beside_it(columns_twice, example):
    cell = trace_cell(columns_twice, "PYLON", "weighted", example.store, group=POINT_ACCURACY.title)
    assert (cell.mean, cell.kind) == (0.5, "ours")
