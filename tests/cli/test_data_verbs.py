"""`bench data stats` and `bench data show`: what is printed, what is drawn, and mistakes."""

import json
import re

import cv2
import numpy as np
import pytest
import torch

from bench.api.drawing import sheet_tiles, with_boxes
from bench.cli.main import main
from bench.data.augment import augmented_images
from bench.data.checks.statistics import describe
from bench.data.dataset import DataContext
from bench.data.feeding import training_batches
from bench.data.loading import load_dataset, read_source
from bench.data.sources.source import choose_images, raw_images
from bench.errors import ResultsError
from bench.reporting.figures.data_set import LabelledBox
from bench.reporting.figures.files import check_figure_path
from bench.reporting.published import area_differs
from bench.suite.dataset_specs import NihSpec, PhantomSpec
from bench.suite.schema import Augmentation
from bench.suite.trial import Trial

SMALL = ("--set", "train=10", "--set", "val=3", "--set", "test=6")
PHANTOM = PhantomSpec(train=10, val=3, test=6)
NUM_IMAGES = 20


@pytest.fixture
def nih(tmp_path):
    """Twenty images of ten patients, the last four to test, two with boxes; Pneumonia has area 0.094."""
    root = tmp_path / "download"
    (root / "images").mkdir(parents=True)
    names = [f"{i:08d}_000.png" for i in range(NUM_IMAGES)]
    random = np.random.default_rng(0)
    for name in names:
        cv2.imwrite(str(root / "images" / name), random.integers(0, 255, (96, 96), dtype=np.uint8))
    labels = ["No Finding", "Mass|Nodule", "Pneumonia", "Mass"] * 5
    lines = [f"{name},{labels[i]},{i // 2}" for i, name in enumerate(names)]
    (root / "Data_Entry_2017.csv").write_text("\n".join(["Image Index,Finding Labels,Patient ID", *lines]))
    (root / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
        f"{names[18]},Pneumonia,0,0,1024,96.256\n"
        f"{names[19]},Mass,512,256,256,167.77216\n"
    )
    (root / "train_val_list.txt").write_text("\n".join(names[:16]))
    (root / "test_list.txt").write_text("\n".join(names[16:]))
    return root


def source_of(spec, root, tmp_path):
    return read_source(spec, DataContext(root, tmp_path / "cache", {}))


def picture(path):
    assert path.read_bytes().startswith(b"\x89PNG")
    image = cv2.imread(str(path))
    assert image.std() > 10, "blank"
    return image


def test_area_stands_beside_the_thesis_and_what_differs_is_marked(nih, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["data", "stats", "nih", "--data-root", str(nih)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("nih: 20 images of 10 patients; 2 boxes on 2 images\n")
    assert re.search(r"^Pneumonia .* 0\.094 +0\.10 +−0\.006 +\*$", shown, re.MULTILINE)
    assert re.search(r"^Mass .* 0\.041 +0\.04 +\+0\.001$", shown, re.MULTILINE)
    assert re.search(r"^Hernia .* — +— +—$", shown, re.MULTILINE)
    assert "* rounded to two decimals this is not what the thesis prints" in shown


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(nih, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["data", "stats", "nih", "--data-root", str(nih)]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= max(width, 60)
    assert "\n\n\n" not in shown


def test_stats_need_no_image_files(nih, capsys):
    for path in nih.glob("images/*.png"):
        path.unlink()
    assert main(["data", "stats", "nih", "--data-root", str(nih), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parts"]["all"]["boxes"] == 2


def test_json_holds_everything(nih, capsys):
    assert main(["data", "stats", "nih", "--data-root", str(nih), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["published_table"] == "5.1"
    assert shown["parts"]["test"] | {"box_area": None} == {
        "images": 4, "patients": 2, "units": 2, "boxes": 2, "box_area": None, "boxed_images": 2,
    }  # fmt: skip
    by_name = {finding["name"]: finding for finding in shown["findings"]}
    assert by_name["Pneumonia"]["parts"]["all"]["box_area"] == pytest.approx(0.094)
    assert by_name["Pneumonia"]["published_area"] == 0.1
    assert by_name["Pneumonia"]["area_differs"] is True
    assert by_name["Mass"]["area_differs"] is False
    assert by_name["Mass"]["area_difference"] == pytest.approx(0.00096)
    assert by_name["Hernia"]["published_area"] is None
    mass, nodule = (list(by_name).index(name) for name in ("Mass", "Nodule"))
    assert shown["co_occurrence"][mass][nodule] == shown["co_occurrence"][nodule][nodule] == 5
    assert shown["co_occurrence"][mass][mass] == 10


def test_phantoms_are_not_compared_with_the_thesis(capsys, tmp_path):
    assert main(["data", "stats", "phantom", *SMALL]) == 0
    assert "thesis" not in capsys.readouterr().out
    assert not area_differs("phantom", "Mass", describe(source_of(PHANTOM, None, tmp_path)).area("Mass"))


@pytest.mark.parametrize("name", ["phantom", "nih"])
def test_statistics_are_drawn(nih, tmp_path, name, capsys):
    out, small = tmp_path / f"{name}.png", SMALL if name == "phantom" else ()
    assert main(["data", "stats", name, "--data-root", str(nih), *small, "-o", str(out)]) == 0
    height, width, _ = picture(out).shape
    assert width == 2100
    assert 1100 < height < 1600


def test_statistics_without_boxes_are_drawn(nih, tmp_path, capsys):
    (nih / "BBox_List_2017.csv").write_text("Image Index,Finding Label,Bbox [x,y,w,h],,,\n")
    out = tmp_path / "figure.png"
    assert main(["data", "stats", "nih", "--data-root", str(nih), "-o", str(out)]) == 0
    assert "no image has a box" in capsys.readouterr().out
    picture(out)


def test_show_is_deterministic_and_another_seed_is_another_sheet(tmp_path):
    sheets = []
    for i, seed in enumerate((1, 1, 2)):
        out = tmp_path / f"{i}.png"
        command = ["data", "show", "phantom", *SMALL, "--num", "4", "--size", "64", "--seed", str(seed)]
        assert main([*command, "-o", str(out)]) == 0
        sheets.append(picture(out))
    height, width, _ = sheets[0].shape
    assert 500 < width < 700
    assert 500 < height < 800
    assert (sheets[0] == sheets[1]).all()
    assert (sheets[0] != sheets[2]).any()


def test_images_with_boxes_are_preferred_and_num_is_a_limit(nih, tmp_path):
    source = source_of(NihSpec(), nih, tmp_path)
    for seed in range(5):
        assert set(choose_images(source, "test", 2, seed)) == {2, 3}
        assert sorted(choose_images(source, "test", 9, seed)) == [0, 1, 2, 3]
    assert len({tuple(choose_images(source, "train", 4, seed)) for seed in range(5)}) > 1


def test_raw_tiles_are_what_evaluation_sees(nih, tmp_path):
    context = DataContext(nih, tmp_path / "cache", {})
    source, test = source_of(NihSpec(), nih, tmp_path), load_dataset(NihSpec(), 64, context).test
    positions = choose_images(source, "test", 4, 0)
    tiles = with_boxes(
        source, sheet_tiles(source, "test", positions, raw_images(source, "test", positions, 64))
    )
    for position, tile in zip(positions, tiles, strict=True):
        assert tile.name == test.names[position]
        assert (tile.pixels == test.pixels[position]).all()
        assert list(tile.findings) == list(np.flatnonzero(test.labels[position]))
    boxed = {tile.name: tile.boxes for tile in tiles if tile.boxes}
    assert len(boxed) == 2
    (mass,) = boxed["00000019_000.png"]
    assert mass == LabelledBox(4, 32.0, 16.0, 16.0, pytest.approx(10.48576))


@pytest.mark.parametrize("name", ["phantom", "nih"])
def test_augmented_images_are_what_training_is_fed(nih, tmp_path, name):
    spec = PHANTOM if name == "phantom" else NihSpec()
    context = DataContext(nih, tmp_path / "cache", {})
    data = load_dataset(spec, 64, context)
    trial = Trial(model="baseline", encoder="resnet18", weights="none", dataset=spec, resolution=64, seed=5)
    fed = {
        int(index): image[0]
        for batch in training_batches(data.train, trial, 1, torch.device("cpu"))
        for index, image in zip(batch.indices, batch.images, strict=True)
    }
    source = source_of(spec, nih, tmp_path)
    positions = choose_images(source, "train", 6, 5)
    seen = augmented_images(source, positions, 64, spec.oversize, Augmentation(), 5)
    recipe = trial.recipe
    for position, image in zip(positions, torch.from_numpy(seen), strict=True):
        assert torch.allclose((image / 255 - recipe.mean) / recipe.std, fed[int(position)], atol=1e-5)
    assert not any(tile.boxes for tile in sheet_tiles(source, "train", positions, seen))


def test_augmented_sheet_is_another_than_the_raw_one(tmp_path):
    command = ["data", "show", "phantom", *SMALL, "--num", "4", "--size", "64"]
    for name, more in (("raw", []), ("augmented", ["--augmented"])):
        assert main([*command, *more, "-o", str(tmp_path / f"{name}.png")]) == 0
    raw, augmented = picture(tmp_path / "raw.png"), picture(tmp_path / "augmented.png")
    assert raw.shape == augmented.shape
    assert (raw != augmented).mean() > 0.2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["stats", "nhi"], "unknown data set 'nhi'; allowed: .* did you mean 'nih'?"),
        (
            ["stats", "nih", "--set", "splt=patient"],
            "--set splt: unknown key 'splt'; .* did you mean 'split'?",
        ),
        (["stats", "nih"], "say where its download is with --data-root"),
        (["stats", "phantom", "-o", "figure.gif"], r"figure\.gif: a figure's name ends in \.png"),
        (["show", "phanton", "-o", "x.png"], "did you mean 'phantom'?"),
        (["show", "phantom", "--set", "trian=4", "-o", "x.png"], "did you mean 'train'?"),
        (["show", "phantom", "--augmented", "--part", "val", "-o", "x.png"], "leave out --part val"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_two(words, sentence, capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("BENCH_DATA_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["data", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.search(sentence, captured.err)
    assert captured.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["--num", "0"], ["--size", "63"], ["--seed", "-1"], ["--num", "x"]])
def test_numbers_out_of_range_are_usage_errors(words, capsys, tmp_path):
    with pytest.raises(SystemExit) as exit_info:
        main(["data", "show", "phantom", "-o", str(tmp_path / "x.png"), *words])
    assert exit_info.value.code == 2
    assert f"argument {words[0]}" in capsys.readouterr().err


def test_missing_images_of_a_sheet_are_named(nih, tmp_path, capsys):
    (nih / "images" / "00000019_000.png").unlink()
    command = [
        "data",
        "show",
        "nih",
        "--data-root",
        str(nih),
        "--part",
        "test",
        "-o",
        str(tmp_path / "x.png"),
    ]
    assert main(command) == 2
    assert "1 of 4 test images are missing: 00000019_000.png" in capsys.readouterr().err


def test_a_folder_is_no_figure(tmp_path):
    (tmp_path / "figure.png").mkdir()
    with pytest.raises(ResultsError, match="is a folder"):
        check_figure_path(tmp_path / "figure.png")
