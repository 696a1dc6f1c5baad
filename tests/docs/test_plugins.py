"""docs/plugins.md is followed as it stands: its package is built, installed, and run by this bench."""

import csv
import json
import os
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from forking import ForkedBench

from bench.suite.metrics import METRICS

PAGE = "plugins.md"
NARROW = "my_package.nets:Narrow"


class Installed:
    """The page's package, installed to a folder on the path, and its suite beside it."""

    def __init__(self, folder, page):
        self.folder, self.source = folder, folder / "source"
        package = self.source / "my_package"
        package.mkdir(parents=True)
        modules = dict(zip(("nets", "maps", "inside", "films", "log"), page(PAGE, "python"), strict=True))
        (project,), (suite, of_maps) = page(PAGE, "toml"), page(PAGE, "yaml")
        (self.source / "pyproject.toml").write_text(project, "utf-8")
        (package / "__init__.py").touch()
        for name, text in modules.items():
            (package / f"{name}.py").write_text(text, "utf-8")
        (folder / "narrow.yaml").write_text(suite, "utf-8")
        (folder / "maps.yaml").write_text(of_maps, "utf-8")
        self.site = folder / "site"
        base = getattr(sys, "_base_executable", sys.executable)  # an environment may have no pip
        command = [
            base,
            "-m",
            "pip",
            "--python",
            sys.executable,
            "install",
            "-q",
            "--no-deps",
            "--no-build-isolation",
        ]
        subprocess.run([*command, "--target", str(self.site), str(self.source)], check=True)
        paths = [str(self.site), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {"PYTHONPATH": os.pathsep.join(paths), "XDG_CACHE_HOME": str(folder / "cache")}
        self._forked = None

    @property
    def nets(self):
        return self.site / "my_package" / "nets.py"

    @property
    def maps(self):
        return self.site / "my_package" / "maps.py"

    def restart(self):
        """A process that has imported a module does not see its later changes."""
        if self._forked is not None:
            self._forked.end()
        self._forked = None

    def bench(self, *words, expected=0):
        self._forked = self._forked or ForkedBench(self.folder, self.environment)
        done = self._forked(*words)
        assert done.returncode == expected, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def trials(self):
        return sorted(path.parent for path in (self.folder / "results" / "trials").glob("*/record.json"))


@pytest.fixture(scope="module")
def example(tmp_path_factory, blocks):
    installed = Installed(tmp_path_factory.mktemp("plugin"), blocks)
    yield installed
    installed.restart()


@pytest.fixture(scope="module")
def ran(example):
    return example.bench("run", "narrow.yaml", "--serial", "--no-mlflow", "--tracker", "losses")


def _provenance(folder):
    return json.loads((folder / "record.json").read_text("utf-8"))["outcome"]["provenance"]


def test_the_model_stands_in_tables_beside_benchs_own(ran):
    for label in ("PYLON", "Narrow", "Narrow (width=8)"):
        assert f"| {label} |" in ran.replace("**", "")


def test_records_name_the_code_that_made_their_numbers(ran, example):
    of_model = {folder.name: _provenance(folder)["model_source"] for folder in example.trials()}
    assert [source is None for name, source in of_model.items()] == [
        not name.startswith("my_package.nets.Narrow-") for name in of_model
    ]
    for source in filter(None, of_model.values()):
        assert (source["module"], source["distribution"], source["version"]) == (
            "my_package.nets",
            "my-package",
            "1.0",
        )
        assert re.fullmatch("sha256:[0-9a-f]{64}", source["digest"])
    (metric,) = {json.dumps(_provenance(folder)["metric_plugins"]) for folder in example.trials()}
    assert json.loads(metric)["inside"]["module"] == "my_package.inside"


def test_the_metric_has_tables_and_a_row_for_each_control(ran, example):
    assert "### Highest value inside, phantom, 64 px" in ran
    with (example.folder / "reports" / "narrow" / "inside-phantom-64px.csv").open(encoding="utf-8") as lines:
        kinds = {row["row"]: row["kind"] for row in csv.DictReader(lines)}
    assert kinds["PYLON"] == kinds["Narrow"] == "model"
    assert "reference" in kinds.values()  # what needs no image


def test_offered_names_are_listed_and_can_be_used(example):
    assert "narrow: Narrow" in example.bench("list", "models", "narrow", "--encoder", "resnet18")
    assert re.search(r"inside +maps +my-package 1\.0", example.bench("list", "metrics"))
    planned = example.bench("plan", "narrow.yaml", "--set", "models=[{name: narrow, width: 8}]")
    assert re.search(r"narrow-phantom-64px-s0-[0-9a-f]{10}", planned)
    assert "films: Films such as mass-03.png" in example.bench("list", "datasets")
    assert re.search(r"losses +my-package 1\.0", example.bench("list", "trackers"))


def test_the_schema_for_editors_knows_offered_names(example):
    schema = json.loads(example.bench("list", "schema"))
    assert "narrow" in schema["properties"]["models"]["items"]["anyOf"][0]["enum"]
    assert "films" in schema["properties"]["datasets"]["items"]["anyOf"][0]["enum"]
    assert schema["$defs"]["Films"]["properties"]["split"]["description"].startswith("random: 70:10:20")
    assert "inside" in schema["$defs"]["Margins"]["properties"]


@pytest.fixture(scope="module")
def films(example):
    """Thirty films, on half of them a mass with a box."""
    root, random, boxes = example.folder / "data" / "films", np.random.default_rng(0), []
    root.mkdir(parents=True)
    for number in range(30):
        name = f"{('clear', 'mass')[number % 2]}-{number:02d}"
        cv2.imwrite(str(root / f"{name}.png"), random.integers(0, 255, (70, 80), dtype=np.uint8))
        boxes += [f"{name},Mass,10,10,30,20"] * (number % 2)
    (root / "boxes.csv").write_text("\n".join(["image,finding,x,y,w,h", *boxes]), "utf-8")
    return ("--data-root", str(example.folder / "data"))


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("models", NARROW),
        ("cams", "my_package.maps:strongest"),
        ("metrics", "my_package.inside:INSIDE"),
        ("datasets", "my_package.films:Films"),
        ("datasets", "films"),
        ("trackers", "my_package.log:Losses"),
    ],
)
def test_authors_check_their_code_by_one_command(what, name, example, films):
    told = example.bench("list", what, name, "--check", *(films if what == "datasets" else ()))
    assert told.count(": passed (") == told.count(": ") >= 5


def test_the_data_set_is_trained_on_and_has_tables(example, films):
    words = ("--set", "datasets=[films]", "--set", "models=[narrow]")
    ran = example.bench("run", "narrow.yaml", *words, "--serial", "--no-mlflow", *films)
    assert "### Point localization accuracy, films, 64 px" in ran


def test_the_tracker_is_told_each_epoch(ran, example):
    lines = (example.folder / "results" / "losses.txt").read_text("utf-8").splitlines()
    trained = {folder.name for folder in example.trials() if "-phantom-" in folder.name}
    assert {line.split()[0] for line in lines} == trained


def test_its_map_stands_in_tables_and_its_record_names_its_code(ran, example):
    printed = example.bench("run", "maps.yaml", "--serial", "--no-mlflow")
    assert "| PYLON [strongest] |" in printed.replace("**", "")
    listed = {one["name"]: one for one in json.loads(example.bench("list", "cams", "--json"))}
    assert (listed["strongest"]["title"], listed["strongest"]["from"]) == (
        "Strongest feature",
        "my-package 1.0",
    )
    (path,) = (example.folder / "results" / "trials").glob("*/cams/my_package*.json")
    evaluation = json.loads(path.read_text("utf-8"))
    assert evaluation["method"] == "my_package.maps:strongest"
    source = evaluation["provenance"]["cam_source"]
    assert (source["module"], source["version"]) == ("my_package.maps", "1.0")
    rescored = json.loads(example.bench("rescore", "maps.yaml", "--ties", "mean", "--json"))
    assert "PYLON [strongest]" in {row["model"] for row in rescored["rows"]}

    text = example.maps.read_text("utf-8")
    example.restart()
    try:
        example.maps.write_text(text.replace("amax", "amin"), "utf-8")
        told = " ".join(example.bench("run", "maps.yaml", "--serial", "--no-mlflow").split())
    finally:
        example.maps.write_text(text, "utf-8")
        example.restart()
    assert "the source of map 'my_package.maps:strongest' has changed since 1 of its evaluations" in told
    assert json.loads(path.read_text("utf-8"))["provenance"]["cam_source"]["digest"] != source["digest"]


@pytest.mark.slow
def test_ray_workers_run_it_with_the_same_numbers(ran, example):
    serial = {
        folder.name: json.loads((folder / "record.json").read_text())["outcome"]
        for folder in example.trials()
    }
    example.bench("run", "narrow.yaml", "--no-mlflow", "--results-dir", "by_ray")
    for name, outcome in serial.items():
        path = example.folder / "by_ray" / "trials" / name / "record.json"
        assert json.loads(path.read_text())["outcome"]["metrics"] == outcome["metrics"]


def test_a_changed_source_is_another_model_and_is_told(ran, example):
    before = {folder.name for folder in example.trials()}
    text = example.nets.read_text("utf-8")
    example.restart()
    try:
        example.nets.write_text(text.replace(".relu()", ".sigmoid()"), "utf-8")
        planned = example.bench("plan", "narrow.yaml")
        predicted = example.bench("predict", *_any_prediction(example), expected=2)
    finally:
        example.nets.write_text(text, "utf-8")
        example.restart()
    assert planned.count("todo") >= 2
    assert f"the source of model '{NARROW}' has changed since 2 of its trials" in " ".join(planned.split())
    assert "is not the one that the trial was made for" in predicted
    assert {folder.name for folder in example.trials()} == before


def _any_prediction(example):
    image = example.folder / "film.png"
    cv2.imwrite(str(image), np.zeros((64, 64), np.uint8))
    trial = next(folder for folder in example.trials() if "Narrow" in folder.name)
    return str(trial), str(image)


def test_without_the_package_its_trials_are_read_and_its_suite_is_refused(ran, example):
    environment = example.environment | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    alone = ForkedBench(example.folder, environment)
    try:
        status, plan = alone("status"), alone("plan", "narrow.yaml")
    finally:
        alone.end()
    assert status.returncode == 0, status.stderr
    assert plan.returncode == 2
    assert "no module 'my_package' is installed" in plan.stderr


def test_nothing_is_offered_where_nothing_is_installed():
    assert list(METRICS) == list(METRICS.own)
