"""A folder of one's own in a suite: its tables count by content, its paths and title never."""

from pathlib import Path

import pytest

from bench.errors import SuiteError
from bench.suite.dataset_specs import FolderSpec
from bench.suite.grid import Grid
from bench.suite.load import load_suite

SUITE = "models: [pylon]\ndatasets: [%s]\nresolutions: [64]\nseeds: [0]\n"
LABELS = "image,Mass,split\na,1,train\nb,0,val\nc,1,test\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "moved").mkdir()
    for place in (tmp_path, tmp_path / "moved"):
        (place / "labels.csv").write_text(LABELS)
        (place / "boxes.csv").write_text("image,finding,x,y,width,height\nc,Mass,1,2,3,4\n")
    (tmp_path / "other.csv").write_text(LABELS.replace("b,0", "b,1"))
    return tmp_path


def _grid(folder: Path, *datasets: str) -> Grid:
    path = folder / "suite.yaml"
    path.write_text(SUITE % ", ".join(f"{{name: folder, {dataset}}}" for dataset in datasets))
    return load_suite(path).grid


def _id(folder: Path, dataset: str) -> str:
    return _grid(folder, dataset).trials[0].id


BASE = "images: images, labels: labels.csv, boxes: boxes.csv"


@pytest.mark.parametrize(
    "same",
    [
        "images: elsewhere, labels: labels.csv, boxes: boxes.csv",
        "images: /mnt/images, labels: moved/labels.csv, boxes: moved/boxes.csv",
        f"{BASE}, title: Ward-7",
        f"{BASE}, split: column, box_frame: image, box_format: xywh, oversize: 1.25",
    ],
)
def test_paths_title_and_defaults_do_not_change_an_id(folder: Path, same: str) -> None:
    assert _id(folder, same) == _id(folder, BASE)


OTHERS = (
    BASE,
    "images: images, labels: other.csv, boxes: boxes.csv",
    "images: images, labels: labels.csv",
    "images: images, labels: labels.csv, boxes: other.csv",
    f"{BASE}, box_format: corners",
    f"{BASE}, box_frame: 1024",
    f"{BASE}, split: patient",
    f"{BASE}, split: random",
    f"{BASE}, split: random, split_seed: 1",
    f"{BASE}, split: {{train: labels.csv, val: boxes.csv, test: other.csv}}",
    f"{BASE}, oversize: 1",
)


def test_everything_else_changes_the_id(folder: Path) -> None:
    assert len({_id(folder, other) for other in OTHERS}) == len(OTHERS)


def test_no_path_is_in_a_trial_and_the_grid_knows_them_all(folder: Path) -> None:
    grid = _grid(folder, BASE)
    trial = grid.trials[0]
    assert str(folder) not in trial.model_dump_json()
    assert ".csv" not in trial.model_dump_json()
    spec = trial.dataset
    assert isinstance(spec, FolderSpec)
    assert spec.boxes is not None
    found = [grid.files[key] for key in (spec.images, spec.labels, spec.boxes)]
    assert found == [folder / "images", folder / "labels.csv", folder / "boxes.csv"]


def test_two_folders_are_told_apart_by_title(folder: Path) -> None:
    grid = _grid(folder, f"{BASE}, title: Ward-7", "images: b, labels: other.csv, title: Ward-8")
    assert len(grid.select(["dataset=Ward-8"]).trials) == 1
    assert len(grid.select(["dataset=folder"]).trials) == 2
    with pytest.raises(SuiteError) as caught:
        grid.select(["dataset=Ward8"])
    assert caught.value.allowed == ("folder", "Ward-7", "Ward-8")
    assert grid.trials[0].title("PYLON") == "PYLON · s0 · Ward-7 64 px"


def test_the_same_labels_with_other_images_are_refused(folder: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        _grid(folder, BASE, f"{BASE.replace('images: images', 'images: b')}, oversize: 1")
    assert caught.value.value == "b"
