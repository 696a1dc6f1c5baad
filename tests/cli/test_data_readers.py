"""`bench data readers`: what is printed from annotations alone, and mistakes."""

import json
import re

import pytest
from extracts import WHOLE, needs_vindr

from bench.cli.main import main

NUM_IMAGES = 200


@pytest.fixture
def root(tmp_path):
    """Annotations of images that three radiologists have read, and no image.

    Two of them draw the same box in every image. The third draws none in every other image, and in the others
    one that lies beside it.
    """
    rows = ["image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"]
    for i in range(NUM_IMAGES):
        rows += [f"{i:032x},Cardiomegaly,3,{reader},10,10,30,40" for reader in ("R1", "R2")]
        rows.append(f"{i:032x}," + ("No finding,14,R3,,,," if i % 2 else "Cardiomegaly,3,R3,31,10,50,40"))
    (tmp_path / "download").mkdir()
    (tmp_path / "download" / "train.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "download"


def test_json_has_a_row_for_findings_averages_radiologists_and_each_of_them(root, capsys):
    assert main(["data", "readers", "vindr", "--data-root", str(root), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {key: shown[key] for key in ("images", "readers", "units", "tasks")} == {
        "images": 200, "readers": 3, "units": 200, "tasks": 600,
    }  # fmt: skip
    assert [row["name"] for row in shown["by_finding"]] == ["Cardiomegaly", "weighted", "macro"]
    pooled, *others = shown["by_reader"]
    assert [row["name"] for row in others] == ["R1", "R2", "R3"]
    assert pooled["name"] == "Radiologists"
    assert pooled["marked"]["mean"] == pytest.approx(500 / 600)
    assert pooled["hit_if_marked"]["mean"] == pytest.approx(400 / 500)
    assert pooled["point_accuracy"]["mean"] == pytest.approx(400 / 600)
    assert pooled["point_accuracy"]["low"] < others[0]["point_accuracy"]["low"]
    assert [row["point_accuracy"]["mean"] for row in others] == [1, 1, 0]
    assert [row["median_iou"] for row in others] == [1, 1, 0]


def test_a_part_of_the_split_can_be_chosen(root, capsys):
    assert main(["data", "readers", "vindr", "--data-root", str(root), "--part", "test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == NUM_IMAGES // 5


@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_line_is_wider_than_the_terminal(root, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["data", "readers", "vindr", "--data-root", str(root)]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    assert re.search(r"^Cardiomegaly +600 +0\.83 ", shown, re.MULTILINE)


@pytest.mark.slow
@needs_vindr
def test_real_readers_are_shown_by_finding(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    table = WHOLE / "data" / "meta" / "vindr" / "vinbigdata-train.csv.gz"
    (tmp_path / "train.csv.gz").symlink_to(table)
    assert main(["data", "readers", "vindr", "--data-root", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("vindr: 15,000 images by 17 readers; 39,555 tasks on 15,365 units\n")
    assert re.search(r"^Weighted avg\. +39,555 +0\.58 .* 0\.93 .* 0\.54 ", shown, re.MULTILINE)


def test_who_marked_what_has_to_be_known(capsys, tmp_path, root):
    assert main(["data", "readers", "phantom"]) == 2
    shown = capsys.readouterr()
    assert "phantom does not say who marked what" in shown.err
    assert shown.out == ""
    lines = [
        line for line in (root / "train.csv").read_text().splitlines() if ",R1," in line or "rad" in line
    ]
    (root / "train.csv").write_text("\n".join(lines) + "\n")
    assert main(["data", "readers", "vindr", "--data-root", str(root)]) == 2
    assert "no finding that one reader marks in an image that another has read" in capsys.readouterr().err
