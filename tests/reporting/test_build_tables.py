"""Tables computed from records."""

import pytest

from bench.errors import ResultsError
from bench.reporting.tables.build import build_tables
from bench.reporting.tables.table import Cell, Row, Table
from bench.results.grid_results import Results, _dataset_names
from bench.suite.dataset_specs import FolderSpec, PhantomSpec
from bench.suite.identity import short_hash
from bench.suite.load import load_suite

TWO_SEEDS = "models: [pylon, baseline]\ndatasets: [phantom]\nresolutions: [64]\nseeds: [0, 1]\n"


def _built(grid, store) -> dict[str, Table]:
    """Tables of a single slice by what they are of."""
    return {table.key.split("-")[0]: table for table in build_tables(Results(grid, store))}


def _tables(filled) -> tuple[Table, Table]:
    tables = _built(filled.load().grid, filled.store)
    return tables["point_accuracy"], tables["auroc"]


def _overlap(filled) -> Table:
    return _built(filled.load().grid, filled.store)["iobb_accuracy"]


def _row(table: Table, label: str) -> Row:
    return next(row for row in (*table.models, *table.references) if row.label == label)


def _cell(table: Table, label: str, column: str) -> Cell:
    return _row(table, label).cells[table.headings.index(column)]


def test_there_is_a_table_of_accuracy_and_one_of_auroc(filled) -> None:
    accuracy, auroc = _tables(filled)
    assert (accuracy.key, auroc.key) == ("point_accuracy-phantom-64px", "auroc-phantom-64px")
    assert accuracy.headings == ("Weighted avg.", "Macro avg.", "Mass", "Nodule", "Gain over constant")
    assert auroc.headings == ("Weighted avg.", "Macro avg.", "Pleural Thickening")


def test_rows_are_the_models_in_the_suites_order(filled) -> None:
    for table in _tables(filled):
        assert [row.label for row in table.models] == [
            *("PYLON", "UP1", "50% | A_vg & more", "Baseline (average)"),
        ]


def test_mean_and_interval_over_seeds_by_hand(filled) -> None:
    cell = _cell(_tables(filled)[0], "PYLON", "Weighted avg.")
    # .60 .62 .64: s = .02; t(0.975, 2) · .02 / √3 = 4.30265 · .011547.
    assert cell.mean == pytest.approx(0.62)
    assert cell.half_width == pytest.approx(0.049683, abs=1e-6)
    assert (cell.n, cell.expected, cell.shows_n) == (3, 3, False)


def test_each_value_names_its_trials(filled) -> None:
    accuracy, _ = _tables(filled)
    points = filled.load().grid.points
    expected = tuple(point.trial.id for point in points if point.label == "UP1")
    assert _cell(accuracy, "UP1", "Mass").trial_ids == expected


def test_a_row_with_fewer_seeds_than_asked_for_says_so(filled) -> None:
    cell = _cell(_tables(filled)[0], "50% | A_vg & more", "Weighted avg.")
    assert (cell.n, cell.expected, cell.shows_n) == (2, 3, True)
    assert cell.mean == pytest.approx(0.42)


def test_models_without_a_finished_trial_are_holes(filled) -> None:
    for table in _tables(filled):
        for cell in _row(table, "Baseline (average)").cells:
            assert (cell.mean, cell.half_width, cell.n, cell.expected) == (None, None, 0, 3)
            assert not cell.is_best
            assert not cell.shows_n


def test_the_best_mean_alone_is_bold(filled) -> None:
    accuracy, auroc = _tables(filled)
    assert _cell(accuracy, "PYLON", "Weighted avg.").is_best
    assert not _cell(accuracy, "UP1", "Weighted avg.").is_best
    assert not _cell(accuracy, "50% | A_vg & more", "Weighted avg.").is_best
    assert _cell(auroc, "PYLON", "Macro avg.").is_best
    assert not _cell(auroc, "UP1", "Macro avg.").is_best


def test_below_five_seeds_no_row_is_said_to_be_worse(filled) -> None:
    cells = [cell for table in _tables(filled) for row in table.models for cell in row.cells]
    assert all(cell.p_to_best is None and not cell.is_worse for cell in cells)


def test_equal_means_are_all_best(filled) -> None:
    accuracy, _ = _tables(filled)
    assert all(cell.is_best for cell in (_cell(accuracy, row.label, "Nodule") for row in accuracy.models[:3]))


def test_a_single_seed_is_best_only_by_its_mean_and_has_no_interval(example) -> None:
    loaded = example.load(TWO_SEEDS)
    pylon, _, baseline, _ = loaded.grid.points
    for point, value in ((pylon, 0.501), (baseline, 0.5)):
        example.finish(point, {"point_accuracy/weighted": value})
    table = _built(loaded.grid, example.store)["point_accuracy"]
    cells = [row.cells[0] for row in table.models]
    assert [cell.is_best for cell in cells] == [True, False]
    assert [cell.half_width for cell in cells] == [None, None]
    assert all(cell.shows_n for cell in cells)


def test_failed_and_missing_trials_are_named_in_the_notes(filled) -> None:
    points = filled.load().grid.points
    failed = [p.trial.id for p in points if p.label.startswith("50%") and p.trial.seed == 2]
    missing = [p.trial.id for p in points if p.label == "Baseline (average)"]
    for table in _tables(filled):
        text = " ".join(table.notes)
        assert f"Failed: {failed[0]}." in table.notes
        assert all(name in text for name in missing)
        assert "AUROC of Hernia is undefined on this test split." in table.notes


def test_a_complete_grid_has_nothing_to_note(example) -> None:
    loaded = example.load(TWO_SEEDS)
    for point in loaded.grid.points:
        example.finish(point, {"point_accuracy/weighted": 0.5})
    assert _built(loaded.grid, example.store)["point_accuracy"].notes == ()


def test_without_a_finished_trial_there_is_no_table(example) -> None:
    loaded = example.load(TWO_SEEDS)
    example.store.fail(loaded.grid.points[0].trial, "boom")
    assert build_tables(Results(loaded.grid, example.store)) == ()


def test_references_follow_the_boxes_by_hand(filled) -> None:
    accuracy, auroc = _tables(filled)
    assert auroc.references == ()
    # Mass: 16 × 8 px of 64². Nodule: 4 × 4 px. Edges are included.
    random = _means(accuracy, "Uniform random")
    assert random == pytest.approx([(128 + 16) / 2 / 4096, (128 + 16) / 2 / 4096, 128 / 4096, 16 / 4096])
    # The middle (31.5, 31.5) is in one of two Nodule boxes.
    assert _means(accuracy, "Image centre") == pytest.approx([0.25, 0.25, 0, 0.5])
    # Patients p and q share their Mass box; q and r have Nodules far apart.
    assert _means(accuracy, "Best constant point") == pytest.approx([0.5, 0.5, 1, 0])
    assert _means(accuracy, "Prior map") == pytest.approx([0.5, 0.5, 1, 0])


def _means(table: Table, label: str) -> list[float | None]:
    """All but the gain."""
    return [cell.mean for cell in _row(table, label).cells[:-1]]


def test_gain_is_over_the_constant_point_by_hand(filled) -> None:
    accuracy, _ = _tables(filled)
    # Of four units PYLON hits three, UP1 two, the third model one; the constant point hits two.
    labels = ("PYLON", "UP1", "50% | A_vg & more", "Uniform random", "Image centre")
    gains = [_cell(accuracy, label, "Gain over constant").mean for label in labels]
    assert gains == pytest.approx([0.25, 0, -0.25, (128 + 16) / 2 / 4096 - 0.5, -0.25])
    for label in ("Baseline (average)", "Best constant point"):
        assert _cell(accuracy, label, "Gain over constant").mean is None


def test_area_row_is_the_mean_share_of_boxes(filled) -> None:
    accuracy, _ = _tables(filled)
    weighted, macro, mass, nodule, gain = _row(accuracy, "(Avg. box area)").cells
    assert mass.mean == pytest.approx(15 * 7 / 4096)
    assert nodule.mean == pytest.approx(9 / 4096)
    assert (weighted.mean, macro.mean, gain.mean) == (None, None, None)


def test_references_are_never_bold_and_of_three_patients_have_no_interval(filled) -> None:
    accuracy, _ = _tables(filled)
    for row in accuracy.references:
        assert len(row.cells) == len(accuracy.columns)
        assert not any(cell.is_best or cell.shows_n or cell.half_width for cell in row.cells)


def test_captions_say_what_plus_minus_and_bold_mean(filled) -> None:
    accuracy, auroc = _tables(filled)
    for table in (accuracy, auroc):
        assert "95%" in table.caption
        assert "±" in table.caption
        assert "Bold" in table.caption
    assert "without looking at the image" in accuracy.caption
    assert "without looking at the image" not in auroc.caption


def test_overlap_has_a_table_with_holes_for_older_records(filled) -> None:
    table = _overlap(filled)
    assert (table.key, table.title) == (
        *("iobb_accuracy-phantom-64px", "IoBB > 0.5 or IoU > 0.5, phantom, 64 px"),
    )
    assert table.headings[:-1] == ("Weighted avg.", "Macro avg.", "Mass", "Nodule")
    cell = _cell(table, "PYLON", "Weighted avg.")
    assert (cell.mean, cell.n, cell.is_best) == (pytest.approx(0.31), 3, True)
    for label in ("UP1", "Baseline (average)"):
        assert [(c.mean, c.n, c.expected) for c in _row(table, label).cells] == [(None, 0, 3)] * 5


def test_trials_that_were_scored_before_overlap_are_named_below_its_table_only(filled) -> None:
    older = [point.trial.id for point in filled.load().grid.points if point.label == "UP1"]
    note = f"Scored without this metric: {', '.join(older)}."
    assert note in _overlap(filled).notes
    assert all(note not in table.notes for table in _tables(filled))


def test_overlap_has_maps_for_controls_and_areas_below_its_models(filled) -> None:
    table, accuracy = _overlap(filled), _tables(filled)[0]
    *controls, areas = table.references
    assert areas.cells == _row(accuracy, "(Avg. box area)").cells
    assert [row.label for row in controls] == [row.label for row in accuracy.references[:-1]]
    assert "mean share of the image" in table.caption
    assert "never decides" in table.caption
    # p and q share their Mass box, so that the prior map is that box; of the Nodules it is the other one.
    assert _means(table, "Prior map") == [0.5, 0.5, 1, 0]
    assert table.headings[-1] == "Gain over prior"


def test_records_without_overlap_have_no_table_of_it(filled) -> None:
    grid = filled.load().grid.select(["model=UP1"], None)
    assert list(_built(grid, filled.store)) == ["summary", "point_accuracy", "auroc", "intervals"]


def test_each_resolution_has_tables_of_its_own(example) -> None:
    loaded = example.load(TWO_SEEDS.replace("[64]", "[64, 128]"))
    for point in loaded.grid.points:
        example.finish(point, {"auroc/weighted": point.trial.resolution / 256})
    _, small, _, large = build_tables(Results(loaded.grid, example.store))
    assert [small.models[0].cells[0].mean, large.models[0].cells[0].mean] == [0.25, 0.5]


def test_two_data_sets_of_one_name_have_tables_of_distinct_keys_and_titles(example) -> None:
    loaded = example.load(TWO_SEEDS.replace("[phantom]", "[phantom, {name: phantom, seed: 1}]"))
    for point in loaded.grid.points:
        example.finish(point, {"auroc/weighted": 0.5})
    tables = build_tables(Results(loaded.grid, example.store))
    assert [table.subject.kind for table in tables] == ["summary", "metric"] * 2
    assert len({table.key for table in tables}) == 4
    assert len({table.title for table in tables}) == 4


def test_a_metric_that_some_trials_lack_counts_fewer_seeds(example) -> None:
    loaded = example.load(TWO_SEEDS)
    for point in loaded.grid.points:
        metrics = {"auroc/weighted": 0.5} | ({"auroc/Mass": 0.75} if point.trial.seed == 1 else {})
        example.finish(point, metrics)
    _, table = build_tables(Results(loaded.grid, example.store))
    assert table.headings == ("Weighted avg.", "Mass")
    assert [cell.n for cell in table.models[0].cells] == [2, 1]


def test_no_records_make_no_tables(example) -> None:
    assert build_tables(Results(example.load().grid, example.store)) == ()


def test_a_selection_expects_only_its_own_seeds(filled) -> None:
    grid = filled.load().grid.select(["model=UP1"], "0-1")
    (row,) = _built(grid, filled.store)["point_accuracy"].models
    assert row.label == "UP1"
    assert (row.cells[0].n, row.cells[0].expected) == (2, 2)


WITH_MAPS = TWO_SEEDS + "cams: [native, grad_cam, eigen_cam]\n"


@pytest.fixture
def with_maps(example):
    """PYLON: Eigen-CAM failed at seed 1. Baseline: seed 0 failed, the maps of seed 1 are not evaluated."""
    loaded = example.load(WITH_MAPS)
    for point in loaded.grid.points:
        is_first, seed = point.label == "PYLON", point.trial.seed
        if point.cam == "native" and (is_first or seed == 1):
            example.finish(point, {"point_accuracy/weighted": 0.5, "auroc/weighted": 0.75})
        elif point.cam == "native":
            example.store.fail(point.trial, "boom")
        elif is_first:
            is_there = point.cam == "grad_cam" or seed == 0
            example.evaluate(point, 0.25 if is_there else None)
    return example, loaded


def test_localization_has_a_row_for_each_map_and_auroc_one_for_each_model(with_maps) -> None:
    example, loaded = with_maps
    tables = _built(loaded.grid, example.store)
    accuracy, auroc = tables["point_accuracy"], tables["auroc"]
    assert [row.label for row in accuracy.models] == [
        *("PYLON", "PYLON [Grad-CAM]", "PYLON [Eigen-CAM]"),
        *("Baseline", "Baseline [Grad-CAM]", "Baseline [Eigen-CAM]"),
    ]
    cells = [row.cells[0] for row in accuracy.models]
    assert [cell.mean for cell in cells] == [0.5, 0.25, 0.25, 0.5, None, None]
    assert [(cell.n, cell.expected) for cell in cells] == [(2, 2), (2, 2), (1, 2), (1, 2), (0, 2), (0, 2)]
    assert [row.label for row in auroc.models] == ["PYLON", "Baseline"]
    assert [(row.cells[0].n, row.cells[0].expected) for row in auroc.models] == [(2, 2), (1, 2)]
    assert "that of the method" in accuracy.caption
    assert "pytorch-grad-cam" not in auroc.caption


def test_froc_has_a_hole_for_each_map_that_is_not_the_native_one(with_maps) -> None:
    example, loaded = with_maps
    point = next(iter(loaded.grid.points))
    example.finish(point, {"point_accuracy/weighted": 0.5, "froc/weighted": 0.75})
    found = _built(loaded.grid, example.store)["froc"]
    assert [row.label for row in found.models][:3] == ["PYLON", "PYLON [Grad-CAM]", "PYLON [Eigen-CAM]"]
    assert [row.cells[0].mean for row in found.models] == [0.75, *[None] * 5]
    assert any(f"{point.trial.id} [Grad-CAM]" in note for note in found.notes)


def test_notes_name_a_failed_trial_once_and_the_maps_of_finished_ones(with_maps) -> None:
    example, loaded = with_maps
    tables = _built(loaded.grid, example.store)
    accuracy, auroc = tables["point_accuracy"], tables["auroc"]
    pylon, baseline = loaded.grid.trials[:2], loaded.grid.trials[2:]
    assert accuracy.notes == (
        f"Failed: {pylon[1].id} [Eigen-CAM], {baseline[0].id}.",
        f"Not finished: {baseline[1].id} [Grad-CAM], {baseline[1].id} [Eigen-CAM].",
    )
    assert auroc.notes == (f"Failed: {baseline[0].id}.",)


TRANSFERRED = """\
models: [pylon, {name: pylon, init: {from: example, model: PYLON}}]
datasets: [{name: phantom, seed: 1}]
resolutions: [64]
seeds: [0, 1]
"""


def test_notes_tell_what_is_blocked_and_why(example) -> None:
    example.load()
    (example.folder / "transferred.yaml").write_text(TRANSFERRED)
    loaded = load_suite(example.folder / "transferred.yaml")
    scratch, tuned = loaded.grid.points[:2], loaded.grid.points[2:]
    example.finish(scratch[0], {"point_accuracy/weighted": 0.5})
    parent = tuned[0].trial.init
    example.store.fail(parent, "Traceback …\nRuntimeError: boom")
    table = _built(loaded.grid, example.store)["point_accuracy"]
    assert table.notes == (
        f"Not finished: {scratch[1].trial.id}, {tuned[1].trial.id}.",
        f"Blocked: {tuned[0].trial.id} is blocked because {parent.id} failed: RuntimeError: boom.",
    )


def test_a_suite_without_the_native_map_has_other_rows_and_the_same_auroc(with_maps) -> None:
    example, _ = with_maps
    loaded = example.load(TWO_SEEDS + "cams: [grad_cam]\n")
    tables = _built(loaded.grid, example.store)
    accuracy, auroc = tables["point_accuracy"], tables["auroc"]
    assert [row.label for row in accuracy.models] == ["PYLON [Grad-CAM]", "Baseline [Grad-CAM]"]
    assert [row.label for row in auroc.models] == ["PYLON", "Baseline"]


@pytest.mark.parametrize("name", ["boxes", "cams/native"])
def test_a_damaged_table_of_units_is_a_results_error(example, name: str) -> None:
    loaded = example.load()
    example.fill(loaded)
    folder = example.store.folder(loaded.grid.points[0].trial.id).path
    (folder / f"{name}.parquet").write_bytes(b"PAR1")
    with pytest.raises(ResultsError, match=rf"{name}\.parquet"):
        build_tables(Results(loaded.grid, example.store))


def test_folders_are_called_by_their_titles_and_else_by_what_tells_them_apart() -> None:
    specs = {
        "a": FolderSpec(title="Ward-7", images="images of sha256:0", labels="sha256:0"),
        "b": FolderSpec(images="images of sha256:1", labels="sha256:1"),
        "c": FolderSpec(images="images of sha256:2", labels="sha256:2", split="random"),
        "d": PhantomSpec(),
    }
    assert _dataset_names(specs) == {
        "a": "Ward-7",
        "b": f"folder (labels {short_hash('sha256:1')})",
        "c": f"folder (split random, labels {short_hash('sha256:2')})",
        "d": "phantom",
    }
