"""`bench report --gallery` as a user types it, on trials that were run, and its pages in a browser."""

import io
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit

from bench.cli.main import main
from bench.data.dataset import DataContext
from bench.data.sources.registry import read_source
from bench.data.sources.source import place_boxes
from bench.evaluation.predict import enlarge
from bench.results.maps import read_maps_of
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.suite.load import load_suite

SUITE = """\
title: Two of a kind
models: [baseline, {name: baseline, pooling: average}]
datasets: [{name: phantom, train: 10, val: 4, test: 12}]
resolutions: [64]
seeds: [0, 1]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 4, max_epochs: 1}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    (folder / "suite.yaml").write_text(SUITE)
    where = ["--results-dir", str(folder / "results"), "--reports-dir", str(folder / "reports")]
    assert main(["run", str(folder / "suite.yaml"), "--serial", "--no-mlflow", *where]) == 0
    return folder


def gallery(place, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", "report", "--gallery", "suite.yaml", *words]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BENCH_")}
    return subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_run_leaves_its_gallery_which_the_lock_does_not_name(place, capsys):
    folder = place / "reports" / "suite"
    assert (folder / "gallery.html").exists()
    assert (folder / "gallery-phantom-64px.png").exists()
    assert "gallery" not in (folder / "table.lock.json").read_text()
    words = ["--results-dir", str(place / "results"), "--reports-dir", str(place / "reports")]
    assert main(["report", str(place / "suite.yaml"), "--check", *words]) == 0


def test_a_run_leaves_samples_of_each_trials_heatmaps(place):
    folders = list((place / "results" / "trials").iterdir())
    assert len(folders) == 4
    for folder in folders:
        assert Image.open(folder / "heatmaps.png").width >= 400


def test_the_process_prints_the_files_that_it_draws(place):
    done = gallery(place, "--count", "2", "--reports-dir", "more")
    assert (done.returncode, done.stderr) == (0, "")
    files = [place / line for line in done.stdout.splitlines()]
    assert {path.name for path in files} == {path.name for path in (place / "more" / "suite").iterdir()}
    for path in files:
        if path.suffix == ".png":
            assert Image.open(path).width >= 400


def test_a_gallery_is_drawn_again_and_pictures_of_a_longer_one_go(place, capsys):
    shutil.copytree(place / "reports", place / "fewer")
    folder = place / "fewer" / "suite"
    before = (folder / "gallery.html").read_text()
    words = ["report", "--gallery", str(place / "suite.yaml"), "--results-dir", str(place / "results")]
    words += ["--reports-dir", str(place / "fewer")]
    drawn, num_images = [], []
    for count in ("2", "1"):
        capsys.readouterr()
        assert main([*words, "--count", count]) == 0
        drawn.append(set(capsys.readouterr().out.splitlines()))
        assert drawn[-1] == set(map(str, folder.glob("gallery*")))
        num_images.append((folder / "gallery.html").read_text().count("<image href"))
    assert len(drawn[1]) < len(drawn[0])
    assert num_images[1] < num_images[0]
    assert (folder / "gallery.html").read_text() == before


def test_peaks_and_hits_are_those_of_localization(place):
    loaded = load_suite(place / "suite.yaml")
    trial, store = loaded.grid.trials[0], ResultsStore(place / "results")
    folder = store.folder(trial.id)
    units = read_table(folder.cam_units("native"))
    source = read_source(trial.dataset, DataContext(None, place, {}))
    names = list(dict.fromkeys(units["image"]))
    boxes = place_boxes(source, names, 64)
    for position, logits in enumerate(read_maps_of(folder.cam_maps("native"), range(len(units)))):
        unit = units.iloc[position]
        large = enlarge(expit(logits), 64)
        assert large[unit["peak_row"], unit["peak_column"]] == pytest.approx(large.max(), abs=1e-5)
        own = boxes[
            (boxes["image_index"] == names.index(unit["image"]))
            & (boxes["class_index"] == source.findings.index(unit["finding"]))
        ]
        x, y = unit["peak_column"], unit["peak_row"]
        inside = (own["x"] <= x) & (x <= own["x"] + own["w"]) & (own["y"] <= y) & (y <= own["y"] + own["h"])
        assert inside.any() == unit["hit"]


def test_mistakes_are_sentences(place, tmp_path):
    (tmp_path / "suite.yaml").write_text(SUITE)
    nothing = gallery(tmp_path)
    assert nothing.returncode == 2
    assert "suite: no finished trial in" in nothing.stderr
    assert "there is nothing to draw" in nothing.stderr
    wrong = gallery(place, "--count", "0")
    assert wrong.returncode == 2
    assert "'0' is not a whole number from 1 to 100" in wrong.stderr
    assert not (tmp_path / "reports").exists()


def test_images_that_the_data_set_lacks_are_a_sentence(place, tmp_path):
    shutil.copytree(place / "results" / "trials", tmp_path / "results" / "trials")
    (tmp_path / "suite.yaml").write_text(SUITE)
    for path in (tmp_path / "results" / "trials").rglob("*.parquet"):
        if path.name in ("native.parquet", "boxes.parquet"):
            table = read_table(path)
            table.assign(image=table["image"].str.replace("test-", "other-")).to_parquet(path, index=False)
    done = gallery(tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(r"phantom: has no test image other-\d+ that trials were scored on\n", done.stderr)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("index.html", ("<table>", '<figure class="plot')), ("gallery.html", ("<image href", "× miss"))],
)
def test_pages_show_in_a_browser_without_a_word_on_its_console(place, open_page, name, shown):
    opened = open_page((place / "reports" / "suite" / name).as_uri(), width=900, height=1200)
    opened.wait_for(*shown)
    drawn = np.asarray(Image.open(io.BytesIO(opened.page.screenshot())).convert("L"))
    assert drawn.shape == (1200, 900)
    assert 0.005 < (drawn < 128).mean() < 0.9  # ink on paper, or radiographs on it
    assert opened.complaints == []
