"""Reference runs: the authors' own, those of a results folder, and their rows in tables."""

import hashlib
from pathlib import Path

import pytest
from extracts import PUBLISHED
from records import THESIS_COLUMNS, units_table

from bench.errors import ResultsError, SuiteError
from bench.reporting.build import render_report
from bench.reporting.references import (
    AUTHORS,
    known_references,
    load_readable,
    load_reference,
    require_references,
)
from bench.reporting.tables.build import build_tables
from bench.results.grid_results import Results
from bench.results.references import ReferenceRecord, SeedMetrics, reference_folder
from bench.results.stored import write_stored
from bench.results.units import write_table

NIH = "models: [pylon]\ndatasets: [nih]\nresolutions: [256, 512]\nseeds: [0, 1]\n"
HITS = {("00000001_000.png", "1", "Mass"): True, ("00000032_037.png", "32", "Infiltration"): False}


def own(name: str = "theirs", **changes) -> ReferenceRecord:
    given = {
        "name": name,
        "title": "Theirs",
        "source": "their page",
        "differs": "another grid",
        "dataset": "nih",
        "resolution": 256,
        "grid_px": 1024,
        "seeds": (SeedMetrics(seed=0, metrics={"point_accuracy/weighted": 0.25}),),
        "units_seed": 0,
    }
    return ReferenceRecord(**given | changes)


def store_reference(results_dir: Path, record: ReferenceRecord) -> None:
    folder = reference_folder(results_dir, record.name)
    units = units_table((*unit, 1, 2, 0.5, 1, True, hit, 0.0, 0.0) for unit, hit in HITS.items())
    write_table(folder.units, units, THESIS_COLUMNS)
    folder.write_record(record)


@pytest.fixture
def nih(example, finish_trial):
    """A suite on NIH whose trials are finished, on two units."""

    def load(references: str):
        loaded = example.load(f"{NIH}references: [{references}]\n")
        for trial in loaded.grid.trials:
            finish_trial(example.store, trial, HITS, **{"auroc/weighted": 0.75, "auroc/Mass": 0.75})
        return loaded

    return load


def test_the_authors_hits_and_seeds_come_along(tmp_path):
    reference = load_reference(AUTHORS, tmp_path)
    assert reference.is_built_in
    assert (len(reference.units), int(reference.units["hit"].sum())) == (984, 598)
    assert reference.units["patient"].nunique() == 726
    assert [seed.seed for seed in reference.record.seeds] == [0, 1, 2, 3, 4]
    first = reference.record.seeds[0].metrics
    assert (first["point_accuracy/weighted"], first["auroc/macro"]) == (0.592479675, 0.818285)
    assert first["auroc/Pleural_Thickening"] == 0.785553


def test_macro_average_of_the_authors_points_is_the_mean_of_their_eight_findings(tmp_path):
    last = load_reference(AUTHORS, tmp_path).record.seeds[4].metrics
    values = [0.516666667, 1.0, 0.529411765, 0.74796748, 0.682352941, 0.493670886, 0.741666667, 0.163265306]
    assert last["point_accuracy/macro"] == pytest.approx(sum(values) / 8)


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        (
            "authors_hits_pylon_nih256_seed0.csv",
            "d98a46cdd5c6f7d7288c2eaf90bea7e188243dca2c7bd0b11cff7015eb1c9968",
        ),
        (
            "authors_seeds_pylon_nih256.csv",
            "c3c56660124d4fcdd573ba45096b7f94a19976ad6e68203a99d9fde7fdf1d3d4",
        ),
    ],
)
def test_the_files_that_come_along_are_the_authors_to_the_byte(name, sha256):
    assert hashlib.sha256((PUBLISHED / name).read_bytes()).hexdigest() == sha256


def test_an_unknown_reference_is_told_with_those_that_there_are(tmp_path):
    store_reference(tmp_path, own())
    assert known_references(tmp_path) == (AUTHORS, "theirs")
    with pytest.raises(SuiteError) as error:
        require_references(("their",), tmp_path)
    assert (error.value.value, error.value.allowed) == ("their", (AUTHORS, "theirs"))


def test_a_report_with_an_unknown_reference_is_refused(nih, example):
    loaded = nih("authors")
    with pytest.raises(SuiteError) as error:
        render_report(loaded, example.store)
    assert error.value.value == "authors"


def test_a_damaged_reference_is_told_with_its_file(tmp_path):
    store_reference(tmp_path, own())
    path = reference_folder(tmp_path, "theirs").record
    path.write_text("{")
    with pytest.raises(ResultsError, match=str(path)):
        load_reference("theirs", tmp_path)
    found, problems = load_readable([AUTHORS, "theirs"], tmp_path)
    assert [one.record.name for one in found] == [AUTHORS]
    assert str(path) in problems[0]
    write_stored(path, own("others"))
    with pytest.raises(ResultsError, match="is another reference, others"):
        load_reference("theirs", tmp_path)


def tables_of(loaded, example):
    references = [load_reference(name, example.store.root) for name in loaded.suite.references]
    return {table.key: table for table in build_tables(Results(loaded.grid, example.store), references)}


def test_five_seeds_stand_below_the_models_with_their_interval(nih, example):
    tables = tables_of(nih(AUTHORS), example)
    row = tables["point_accuracy-nih-256px"].references[0]
    assert row.label == "Reference: PYLON, by its authors (n=5)"
    weighted = row.cells[0]
    # .592480 .633130 .620935 .610772 .623984: s = .0155058; t(0.975, 4) · s / √5 = 2.776445 · .0069344.
    assert weighted.mean == pytest.approx(0.6162602, abs=1e-6)
    assert weighted.half_width == pytest.approx(0.0192530, abs=1e-5)
    assert weighted.n == 5
    assert not any(cell.is_best for cell in row.cells)
    assert tables["auroc-nih-256px"].references[0].label == row.label


def test_rows_have_a_cell_for_every_column(nih, example):
    for table in tables_of(nih(AUTHORS), example).values():
        for row in (*table.models, *table.references):
            assert len(row.cells) == len(table.columns)


def test_a_single_seed_has_no_interval_and_is_never_best(nih, example):
    store_reference(
        example.store.root, own(seeds=(SeedMetrics(seed=0, metrics={"point_accuracy/weighted": 1.0}),))
    )
    table = tables_of(nih("theirs"), example)["point_accuracy-nih-256px"]
    cell = table.references[0].cells[0]
    assert (cell.mean, cell.half_width, cell.n, cell.is_best) == (1.0, None, 1, False)
    assert table.references[0].cells[2].mean is None


def test_rows_stand_only_in_tables_of_their_data_set_resolution_and_metric(nih, example):
    store_reference(example.store.root, own())
    tables = tables_of(nih("theirs"), example)
    shown = [key for key, table in tables.items() if any("Theirs" in row.label for row in table.references)]
    assert shown == ["summary-nih-256px", "point_accuracy-nih-256px"]
    assert not any("Theirs" in note for note in tables["auroc-nih-256px"].notes)


def test_a_note_states_what_differs_and_on_which_units(nih, example):
    store_reference(example.store.root, own())
    tables = tables_of(nih(f"theirs, {AUTHORS}"), example)
    theirs, authors = tables["point_accuracy-nih-256px"].notes[-2:]
    assert theirs == "Theirs: reference run theirs, not measured here (their page); another grid."
    assert "not the same as in the paper" in authors
    assert authors.endswith("Its 984 units are not those of the models: 1 of them are among these 2.")


def test_suites_without_references_have_the_tables_that_they_had(nih, example):
    loaded = nih("")
    assert build_tables(Results(loaded.grid, example.store)) == build_tables(
        Results(loaded.grid, example.store), ()
    )


def test_a_reference_that_is_listed_twice_is_a_mistake_of_the_suite(example):
    with pytest.raises(SuiteError, match=r"example\.yaml:5:\d+: references lists theirs twice"):
        example.load(f"{NIH}references: [theirs, theirs]\n")
