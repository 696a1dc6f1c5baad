"""docs/python-api.md says what is so: its example runs as it is printed, its tables name what there is."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bench

PAGE = (Path(__file__).parents[2] / "docs" / "python-api.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def columns(frame: str) -> list[str]:
    """Returns the columns that the page's table of a frame names; "`a_1` … `a_9`" are nine."""
    table = PAGE.split(f"\n`{frame}` has a row for")[1].split("| --- |\n")[1].split("\n\n")[0]
    table = re.sub(
        r"`(\w+)_1` … `\1_(\d+)`",
        lambda found: " ".join(f"`{found[1]}_{number}`" for number in range(1, int(found[2]) + 1)),
        table,
    )
    return [name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])]


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    (folder / "tiny.yaml").write_text(block("yaml"), encoding="utf-8")
    command = [sys.executable, "-W", "error::FutureWarning", "-c", block("python")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_the_example_runs_as_it_is_printed(example):
    folder, printed = example
    assert ["2", "PYLON", "0", "todo"] in [line.split() for line in printed.splitlines()]
    assert "### Point localization accuracy, phantom, 64 px" in printed
    assert (folder / "points.png").stat().st_size > 1000


def test_the_page_names_every_column_of_every_frame(example):
    folder, _ = example
    where = {"results_dir": folder / "results"}
    results = bench.read_results(folder / "tiny.yaml", **where)
    frames = {
        "plan(…)": bench.plan(folder / "tiny.yaml", **where),
        "results.trials": results.trials,
        "results.units": results.units,
        "results.logits": results.logits,
        "results.maxima": results.maxima,
        "rescore(…).frame": bench.rescore(folder / "tiny.yaml", iobb=0.1, **where).frame,
    }
    for name, frame in frames.items():
        assert set(columns(name)) == set(frame.columns), name


def test_the_page_names_every_function_with_arguments_that_it_has():
    rows = dict(re.findall(r"^\| `(\w+)\((.*?)\)` \|", PAGE, re.MULTILINE))
    assert rows.keys() == set(bench.__all__)
    for name, arguments in rows.items():
        known = inspect.signature(getattr(bench, name)).parameters
        assert set(re.findall(r"[a-z_]{2,}(?=[,)=]|$)", re.sub(r'"\w+"', "", arguments))) <= known.keys(), (
            name
        )
