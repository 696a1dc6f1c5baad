"""The package as people install it, from a wheel or an archive of the source, used in an empty folder."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUITES = {path.relative_to(ROOT).as_posix() for path in (ROOT / "suites").rglob("*.*")}
PACKAGES = ("bench", "benchmarks", "suites")
BUILT_FROM = ("LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.py", *PACKAGES)

TINY = [
    *("--only", "model=baseline", "--seeds", "0", "--serial", "--no-mlflow", "--cpu"),
    *("--set", "recipe.max_epochs=1", "--set", "resolutions=[64]", "--set", "claims=[]"),
    *(word for part in ("train", "val", "test") for word in ("--set", f"datasets.0.{part}=16")),
]


def build(kind: str, source: Path, folder: Path) -> Path:
    """Returns the sdist or the wheel that the build system of pyproject.toml makes of the source."""
    folder.mkdir()
    code = f"from setuptools.build_meta import build_{kind}; build_{kind}({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    source = tmp_path_factory.mktemp("source")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    return build("sdist", source, source / "sdist")


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory) -> Path:
    """The wheel that is built from the sdist, as pip does where there is no other."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    return build("wheel", unpacked, folder / "wheel")


def test_a_wheel_has_all_that_is_not_code_too(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"bench"}
    assert {f"bench/{name}" for name in SUITES} <= names
    files = [path for path in (ROOT / "bench").rglob("*.*") if path.suffix != ".pyc"]
    assert {path.relative_to(ROOT).as_posix() for path in files} <= names
    assert {name.split("/")[0] for name in names} == {"bench", f"{wheel.name.rsplit('-', 3)[0]}.dist-info"}


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The command of a fresh environment that has the wheel; its dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    python = folder / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    pip = [getattr(sys, "_base_executable", sys.executable), "-m", "pip", "--python", str(python), "install"]
    subprocess.run([*pip, "-q", "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)
    return folder / "bin" / "bench"


@pytest.fixture
def bench(installed, tmp_path):
    """Runs the command in an empty folder, and returns what it prints."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*words: str) -> str:
        done = subprocess.run(
            [str(installed), *words],
            cwd=tmp_path,
            env=environment | {"COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_an_empty_folder_is_enough_to_run_a_suite_by_name_and_to_edit_one(bench, tmp_path):
    listed = [line.split()[0] for line in bench("list", "suites").splitlines()[1:]]
    assert listed == sorted(Path(name).stem for name in SUITES if name.endswith(".yaml"))
    assert "6 trials: 6 todo" in bench("plan", "demo")
    bench("run", "demo", *TINY)
    assert (tmp_path / "reports/demo/index.html").exists()
    assert json.loads((tmp_path / "reports/.demo.suite.json").read_text())["suite"] == "demo.yaml"
    (invocation,) = (tmp_path / "results/invocations/demo").glob("*/invocation.json")
    assert json.loads(invocation.read_text())["command"][:2] == ["run", "demo"]
    bench("init")
    own = tmp_path / "suites/my_demo.yaml"
    own.write_text(own.read_text().replace('title: "', 'title: "Mine, ').replace("[0, 1, 2]", "[0, 1]"))
    assert "4 trials: 4 todo" in bench("plan", "my_demo")
    bench("run", "my_demo", *TINY)  # its trial is the shipped suite's
    assert "Mine, " in (tmp_path / "reports/my_demo/README.md").read_text()
    assert len(list((tmp_path / "results/trials").iterdir())) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"reports", "results", "suites"}
