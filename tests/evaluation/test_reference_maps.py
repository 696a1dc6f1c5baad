"""Heatmaps that were made elsewhere: scored as a trial's are, and the authors' own give their hits."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from extracts import NIH_EXTRACT, WHOLE, needs_authors_maps

from bench.errors import DataError
from bench.evaluation.reference_maps import MapFiles, add_reference, score_maps
from bench.evaluation.rescore import rescore
from bench.metrics.iobb_accuracy import MEASURE as IOBB
from bench.metrics.protocol import THESIS
from bench.metrics.units import unit_columns
from bench.results.references import ReferenceRecord, SeedMetrics, reference_folder
from bench.results.stored_maps import maps_of_reference
from bench.results.units import read_maps, read_table

UNITS = pd.DataFrame(
    [("b.png", "q", "Nodule"), ("a.png", "p", "Mass"), ("b.png", "q", "Mass")],
    columns=["image", "patient", "finding"],
)
# The cell (1, 2) of 4 × 4 has its middle at row 13, column 22 of a grid of 36.
BOXES = pd.DataFrame(
    [
        ("a.png", "Mass", 21.0, 12.0, 2.0, 2.0),
        ("b.png", "Mass", 0.0, 0.0, 4.0, 4.0),
        ("b.png", "Nodule", 0.0, 30.0, 4.0, 4.0),
        ("b.png", "Nodule", 20.0, 10.0, 4.0, 4.0),
    ],
    columns=["image", "finding", "x", "y", "w", "h"],
)
FRAMED = BOXES.assign(width_px=72.0, height_px=72.0)


def maps(count: int = 3) -> np.ndarray:
    found = np.full((count, 4, 4), 0.1, np.float16)
    found[:, 1, 2] = 0.9
    return found


def test_each_map_is_scored_against_the_boxes_of_its_own_unit():
    scores = score_maps(maps(), UNITS, FRAMED, ("Mass", "Nodule"), 36)
    hits = {(unit.image, unit.finding): unit.hit for unit in scores.units.itertuples()}
    assert hits == {("a.png", "Mass"): True, ("b.png", "Mass"): False, ("b.png", "Nodule"): True}
    assert set(zip(scores.units["peak_row"], scores.units["peak_column"], strict=True)) == {(13, 22)}
    assert scores.metrics["point_accuracy/weighted"] == pytest.approx(2 / 3)
    assert scores.metrics["point_accuracy/macro"] == pytest.approx((1 / 2 + 1) / 2)
    assert dict(zip(scores.units["image"], scores.units["patient"], strict=True)) == {
        "a.png": "p",
        "b.png": "q",
    }


def test_logits_are_made_probabilities():
    logits = np.log(maps().astype(float)) - np.log1p(-maps().astype(float))
    scores = score_maps(logits, UNITS, FRAMED, ("Mass", "Nodule"), 36, are_probabilities=False)
    assert scores.units["score"].to_numpy() == pytest.approx(0.9, abs=1e-3)


def record(**changes) -> ReferenceRecord:
    given = {
        "name": "mine",
        "title": "Mine",
        "source": "here",
        "differs": "nothing",
        "dataset": "nih",
        "resolution": 64,
        "grid_px": 36,
        "seeds": (SeedMetrics(seed=3, metrics={}),),
        "units_seed": 3,
    }
    return ReferenceRecord(**given | changes)


@pytest.fixture
def files(tmp_path) -> MapFiles:
    """The maps above as files: of NIH, boxes in a frame twice as large as the grid."""
    np.savez(tmp_path / "maps.npz", heatmaps=maps())
    UNITS[["image", "finding"]].rename(columns={"finding": "cls"}).to_csv(tmp_path / "units.csv", index=False)
    lines = ["Image Index,Finding Label,Bbox [x,y,w,h],,,"]
    lines += [f"{b.image},{b.finding},{b.x * 2},{b.y * 2},{b.w * 2},{b.h * 2}" for b in BOXES.itertuples()]
    (tmp_path / "boxes.csv").write_text("\n".join([*lines, "z.png,Mass,1,1,1,1"]) + "\n")
    return MapFiles(tmp_path / "maps.npz", tmp_path / "units.csv", tmp_path / "boxes.csv")


def add(tmp_path, files: MapFiles, given: ReferenceRecord | None = None):
    folder = reference_folder(tmp_path / "results", "mine")
    return folder, add_reference(folder, given or record(), files, 72)


def test_a_reference_keeps_units_boxes_metrics_and_what_it_was_made_from(tmp_path, files):
    folder, added = add(tmp_path, files)
    assert folder.read_record() == added
    assert added.seeds[0].seed == 3
    assert added.seeds[0].metrics["point_accuracy/weighted"] == pytest.approx(2 / 3)
    assert set(added.inputs) == {"maps.npz", "units.csv", "boxes.csv"}
    assert tuple(read_table(folder.units).columns) == unit_columns()
    assert len(read_table(folder.boxes)) == len(BOXES)  # the box of no unit is left out
    assert read_table(folder.units)["patient"].tolist() == ["b.png", "b.png", "a.png"]  # names without "_"


@pytest.mark.parametrize("are_logits", [False, True])
def test_a_reference_keeps_its_maps_which_give_its_units_again(tmp_path, files, are_logits):
    given = np.random.default_rng(0).random((3, 4, 4)).astype(np.float32)
    np.savez(files.maps, heatmaps=given)
    folder, added = add(tmp_path, files, record(are_logits=are_logits))
    stored = maps_of_reference(folder, added)
    kept, units = np.concatenate(list(read_maps(stored.maps))), read_table(folder.units)
    order = [2, 0, 1]  # as in the table of units: by image as it is first named, then by finding
    assert units[["image", "finding"]].equals(UNITS[["image", "finding"]].iloc[order].reset_index(drop=True))
    np.testing.assert_allclose(kept, given[order], rtol=1e-3)
    again = rescore(stored, {"default": THESIS, "wide": replace(THESIS, tolerance_px=72)})
    pd.testing.assert_frame_equal(
        again["default"][["hit", "peak_row"]], units[["hit", "peak_row"]], check_dtype=False
    )
    assert again["wide"]["hit"].all()


def test_units_of_nih_have_their_official_names_however_they_are_written(tmp_path, files):
    expected = read_table(add(tmp_path / "first", files)[0].units)
    files.units.write_text(files.units.read_text().replace("a.png", " a").replace("b.png", "b.JPG "))
    assert read_table(add(tmp_path / "second", files)[0].units).equals(expected)


def test_other_data_sets_have_boxes_and_findings_of_their_own(tmp_path, files):
    table = BOXES.assign(finding="Shadow").drop_duplicates(["image", "finding"])
    table.rename(columns={"w": "width", "h": "height"}).to_csv(files.boxes, index=False)
    pd.DataFrame({"image": ["a.png", "b.png"], "class": "Shadow", "patient": "same"}).to_csv(files.units)
    np.save(tmp_path / "maps.npy", maps(2))
    given = MapFiles(tmp_path / "maps.npy", files.units, files.boxes)
    folder, added = add(tmp_path, given, record(dataset="folder"))
    assert "point_accuracy/Shadow" in added.seeds[0].metrics
    assert read_table(folder.units)["patient"].tolist() == ["same", "same"]


def _no_box(files: MapFiles) -> None:
    files.boxes.write_text("Image Index,Finding Label,Bbox [x,y,w,h],,,\na.png,Mass,1,1,1,1\n")


def _unknown_finding(files: MapFiles) -> None:
    files.units.write_text("image,cls\na.png,Masse\nb.png,Mass\nb.png,Nodule\n")


def _no_finding_column(files: MapFiles) -> None:
    files.units.write_text("image,label\na.png,Mass\n")


def _twice(files: MapFiles) -> None:
    files.units.write_text("image,cls\na.png,Mass\na.png,Mass\nb.png,Nodule\n")


def _fewer_maps(files: MapFiles) -> None:
    np.savez(files.maps, heatmaps=maps(2))


def _two_arrays(files: MapFiles) -> None:
    np.savez(files.maps, a=maps(), b=maps())


def _no_archive(files: MapFiles) -> None:
    files.maps.write_bytes(b"PK\x03\x04 cut off")


def _logits(files: MapFiles) -> None:
    np.savez(files.maps, heatmaps=maps() * 10 - 5)


@pytest.mark.parametrize(
    ("spoil", "file", "fact"),
    [
        (_no_box, "boxes.csv", r"2 of 3 .*: b\.png Nodule, b\.png Mass"),
        (_unknown_finding, "units.csv:2", "'Masse'.*did you mean 'Mass'"),
        (_no_finding_column, "units.csv", "image, label"),
        (_twice, "units.csv", r"a\.png"),
        (_fewer_maps, "maps.npz", r"float16 \[2, 4, 4\]; .* n = 3"),
        (_two_arrays, "maps.npz", r"2 arrays \(a, b\)"),
        (_no_archive, "maps.npz", "numpy"),
        (_logits, "maps.npz", "from -4 to 4, .*--logits"),
    ],
)
def test_files_that_do_not_fit_are_told_in_a_sentence(tmp_path, files, spoil, file, fact):
    spoil(files)
    with pytest.raises(DataError, match=fact) as error:
        add(tmp_path, files)
    assert str(error.value).startswith(f"{tmp_path / file}: ")
    assert not (tmp_path / "results").exists()


@needs_authors_maps
@pytest.mark.slow
def test_authors_heatmaps_give_the_printed_hits_of_982_of_984_units(tmp_path):
    folder = WHOLE / "data" / "authors_pylon_seed0"
    files = MapFiles(
        folder / "heatmaps_seed0_64x64_f16.npz",
        folder / "panels_seed0.csv",
        NIH_EXTRACT / "BBox_List_2017.csv",
    )
    given = reference_folder(tmp_path, "mine")
    add_reference(given, record(resolution=256, grid_px=1024), files, 1024)
    units = read_table(given.units)
    printed = pd.read_csv(folder / "panels_seed0.csv").rename(columns={"cls": "finding"})
    both = units.merge(printed, on=["image", "finding"])
    assert len(both) == 984
    assert (both["hit"] == both["point_acc"].astype(bool)).sum() >= 982
    assert units["patient"].nunique() == 726
    coarse = rescore(maps_of_reference(given, given.read_record()), {"64": replace(THESIS, grid=64)})["64"]
    assert coarse["hit"].mean() == pytest.approx(0.605, abs=0.01)
    assert IOBB.statistic(units).mean() == pytest.approx(0.522, abs=0.01)  # boxes cut to px of 64 give .464
