"""Names that mean something to what prints them: every verb that writes of them does, as they are."""

import html
import re

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from bench.cli.main import main

FINDINGS = ("_a_ b", "Ödem")
LABEL = "β <img src=x onerror=alert(1)> | $x_{$"
FOLDER = ["--set", "images=images", "--set", "labels=labels.csv", "--set", "boxes=boxes.csv"]


@pytest.fixture(scope="module")
def ward(tmp_path_factory, write_ward):
    """A folder of images whose findings, title and label are such, and a run of its suite."""
    folder = tmp_path_factory.mktemp("names")
    names = write_ward(folder, FINDINGS)
    findings = [FINDINGS[i % 2] for i in range(10, 16)]
    boxes = {"image": names[10:], "finding": findings, "x": 8, "y": 9, "width": 20, "height": 30}
    pd.DataFrame(boxes).to_csv(folder / "boxes.csv", index=False)
    (folder / "suite.yaml").write_text(
        f"title: '{LABEL}'\n"
        f"models: [{{name: baseline, label: '{LABEL}'}}, {{name: baseline, pooling: average}}]\n"
        "datasets: [{name: folder, images: images, labels: labels.csv, boxes: boxes.csv}]\n"
        "resolutions: [64]\nseeds: [0, 1]\nencoder: tu-test_resnet\nweights: none\n"
        "recipe: {batch_size: 4, max_epochs: 1}\n"
        f"claims:\n  - {{superior: '{LABEL}', to: others, statement: '{LABEL}'}}\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="module")
def report(ward):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ward)
        assert main(["run", "suite.yaml", "--serial", "--no-mlflow"]) == 0
    return ward / "reports" / "suite"


def test_a_run_leaves_every_figure(report, ward):
    assert {path.name for path in report.glob("*.png")} >= {
        "findings-folder-64px.png",
        "forest-folder-64px.png",
        "gallery-folder-64px.png",
        "learning_curves.png",
    }
    folders = list((ward / "results" / "trials").iterdir())
    assert len(folders) == 4
    for folder in folders:
        assert (folder / "learning_curve.png").exists()
        assert (folder / "heatmaps.png").exists()


def test_pages_show_the_label_and_have_no_element_of_it(report):
    page = MarkdownIt("commonmark").enable("table").render((report / "README.md").read_text(encoding="utf-8"))
    for text in (page, *(path.read_text(encoding="utf-8") for path in report.glob("*.html"))):
        assert not re.search(r"<img[^>]*onerror", text)
        assert LABEL in html.unescape(re.sub(r"</?span>", "", text))
    for path in report.glob("*.tex"):
        assert path.read_text(encoding="utf-8").isascii()


@pytest.mark.parametrize(
    "words",
    [
        ["report", "suite.yaml", "--figures"],
        ["report", "suite.yaml", "--check"],
        ["verify", "suite.yaml"],
        ["data", "stats", "folder", *FOLDER, "-o", "statistics.png"],
        ["data", "show", "folder", *FOLDER, "-o", "sheet.png", "--part", "test"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_verbs_that_print_or_draw_names_do(report, ward, monkeypatch, words):
    monkeypatch.chdir(ward)
    assert main(words) == 0
