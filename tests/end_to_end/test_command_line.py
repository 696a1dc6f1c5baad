"""Help, listings, plans and mistakes: fast verbs, in this process but for some that show the same of one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli.main import VERBS

from .conftest import Bench, Called

BROKEN = Path(__file__).parents[1] / "suite" / "broken"
SUITES = Path(__file__).parents[2] / "suites"


@pytest.fixture
def bench(called) -> Called:
    return called


@pytest.fixture
def process(folder) -> Bench:
    return Bench(folder)


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_ends_with_two_real_examples(bench, verb):
    done = bench(*filter(None, [verb]), "--help")
    assert done.returncode == 0
    examples = done.stdout.split("examples:\n")[1].rstrip().splitlines()
    assert len(examples) >= 2
    assert all(line.startswith("  bench ") for line in examples)


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from bench.cli.main import build_parser; build_parser().format_help();"
        "heavy = {'torch', 'ray', 'mlflow', 'pandas', 'numpy', 'scipy', 'pydantic', 'cv2', 'rich'};"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_plan_report_and_verify_import_neither_torch_nor_ray_nor_mlflow(bench):
    for verb in ("plan", "report", "verify"):
        code = (
            "import sys; from bench.cli.main import main;"
            f"code = main(['{verb}', 'small.yaml']);"
            "print(code, sorted({'torch', 'ray', 'mlflow'} & sys.modules.keys()))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=bench.folder, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "0 []"


def test_plan_lists_every_trial(process):
    done = process("plan", "small.yaml")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[:5] for line in lines[1:5]] == [
        ["todo", "Baseline", "phantom", "64", "0"],
        ["todo", "Baseline", "phantom", "64", "1"],
        ["todo", "PYLON", "phantom", "64", "0"],
        ["todo", "PYLON", "phantom", "64", "1"],
    ]
    assert "4 trials: 4 todo" in lines


def test_plan_can_be_narrowed_and_changed(bench):
    done = bench("plan", "small.yaml", "--only", "model=pylon", "--seeds", "1", "--set", "resolutions=[96]")
    assert done.stdout.splitlines()[1].split()[:5] == ["todo", "PYLON", "phantom", "96", "1"]
    assert "1 trial: 1 todo" in done.stdout.splitlines()


def test_plan_shows_maps_where_there_are_others_than_the_native_one(bench):
    done = bench(
        "plan", "small.yaml", "--set", "cams=[native, grad_cam]", "--only", "model=pylon", "--seeds", "0"
    )
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["state", "model", "data", "set", "px", "seed", "cam", "trial"]
    assert [line.split()[:6] for line in lines[1:3]] == [
        ["todo", "PYLON", "phantom", "64", "0", "native"],
        ["todo", "PYLON", "phantom", "64", "0", "grad_cam"],
    ]
    assert "1 trial, 2 maps: 2 todo" in lines


def test_list_models_names_options(bench):
    done = bench("list", "models", "pylon", XDG_CACHE_HOME=str(bench.folder))
    assert done.stdout.startswith("pylon: PYLON\n")
    assert "up_layers: 1, 2 (default 2)" in done.stdout


def test_list_datasets(bench):
    done = bench("list", "datasets")
    assert "phantom" in done.stdout
    assert "split_seed" in done.stdout


def test_list_suites_reads_those_that_are_shipped(bench):
    done = bench("list", "suites", "--suites-dir", str(SUITES))
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1 + len(list(SUITES.glob("*.yaml")))


def test_schema_is_json(bench):
    assert json.loads(bench("list", "schema").stdout)["title"] == "Suite"


def test_version(process):
    assert process("--version").stdout.strip()


def test_a_disk_without_room_for_a_record_is_a_sentence(bench, mount_disk):
    disk = mount_disk("64k")
    (disk / "filler").write_bytes(b"x" * 65536)
    done = bench("run", "small.yaml", "--serial", "--no-mlflow", "--results-dir", str(disk / "results"))
    assert done.returncode == 2
    assert "the disk is full; make room, and the same command goes on" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["02-list-instead-of-mapping", "09-duplicate-key", "87-claim-row-misspelt"])
def test_broken_suite_is_a_sentence_and_exit_code_two(process, name):
    """All of them are in tests/suite/test_broken_suites.py, with their sentences."""
    path = BROKEN / f"{name}.yaml"
    done = process("run", str(path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert str(path) in done.stderr
    assert not (process.folder / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["rnu", "small.yaml"],
            f"no verb 'rnu'; there are {', '.join(VERBS)}; did you mean 'run'?",
        ),
        (["run"], "the following arguments are required: SUITE"),
        (["run", "smal.yaml"], "did you mean 'small.yaml'?"),
        (["run", "small.yaml", "--seeds", "7"], "no trial of this suite has seed '7'; allowed: 0, 1"),
        (["run", "small.yaml", "--only", "modle=pylon"], "did you mean 'model'?"),
        (["run", "small.yaml", "--set", "recipe.batch=3"], "--set recipe.batch: unknown key 'batch'"),
        (
            ["run", "small.yaml", "--set", "resources.gpu=64"],
            "asks for 64 GPUs per trial, and a trial can have",
        ),
        (["run", "small.yaml", "--no-mlflow", "--set", "resources.cpu=9999"], "asks for 9999 CPU cores"),
        (["run", "small.yaml", "--serial", "--no-mlflow", "--set", "datasets=[nih]"], "--data-root"),
        (["list", "model"], "invalid choice: 'model'"),
        (["list", "models", "pilon"], "did you mean 'pylon'?"),
        (["list", "suites", "demo"], "unrecognized arguments: demo"),
        (["ui"], "no MLflow store here yet"),
        (["predict", "pylon"], "the following arguments are required: IMAGE"),
        (["predict", "pylon", "a.png"], "no trial 'pylon' here; bench run makes them"),
        ([], ""),
    ],
)
def test_bad_usage_is_a_sentence_and_exit_code_two(bench, arguments, sentence):
    done = bench(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert sentence in done.stderr


@pytest.mark.slow  # in process this is in tests/tracking/test_away.py
def test_mlflow_server_that_is_away_is_a_sentence(process):
    done = process("run", "small.yaml", "--serial", MLFLOW_TRACKING_URI="http://anna:s3cret@127.0.0.1:9")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "MLflow was not told" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr


def test_damaged_record_is_a_sentence(bench):
    trial = bench("plan", "small.yaml").stdout.splitlines()[1].split()[-1]
    folder = bench.folder / "results" / "trials" / trial
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{")
    done = bench("report", "small.yaml")
    assert done.returncode == 0
    assert str(folder / "record.json") in done.stderr
