"""benchmarks/gpu_acceptance.py rehearsed on a CPU, without Ray and MLflow, as a GPU node may have it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu_acceptance.py"
WITHOUT = """\
import runpy, sys
sys.modules.update(dict.fromkeys({without!r}))
sys.path.insert(0, {folder!r})
runpy.run_path({script!r}, run_name="__main__")
"""


@pytest.fixture
def rehearse(tmp_path):
    """Runs the script with these arguments and without some packages; returns its exit code and its lines."""

    def rehearse(*arguments: str, without: tuple[str, ...] = ()) -> tuple[int, list[dict]]:
        missing = ("ray", "mlflow", *without)
        code = WITHOUT.format(without=missing, folder=str(SCRIPT.parent), script=str(SCRIPT))
        done = subprocess.run(
            [sys.executable, "-c", code, "--device", "cpu", "--tiny", "--out", str(tmp_path), *arguments],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "PYLON, 256 px, batch 64" in done.stdout, done.stdout + done.stderr
        lines = json.loads((tmp_path / "acceptance.json").read_text())["lines"]
        assert all(line["what"] in done.stdout for line in lines)
        return done.returncode, lines

    return rehearse


def test_sections_that_are_asked_for_say_what_they_find(rehearse):
    code, lines = rehearse("--only", "environment", "equality")
    assert code == 0
    passed = [line["what"] for line in lines if line["kind"] == "PASS"]
    assert "equality: peaks of saturated maps" in passed
    assert all(what.startswith("equality: ") for what in passed)


@pytest.mark.slow
def test_a_section_that_fails_stops_no_other(rehearse):
    code, (failed, *others) = rehearse("--only", "authors", "feed", without=("cv2",))
    assert code == 1
    assert (failed["kind"], failed["what"]) == ("FAIL", "authors: ended with ModuleNotFoundError")
    assert [line["kind"] for line in others] == ["INFO"] * 3


@pytest.mark.slow
def test_every_section_passes_on_a_cpu(rehearse):
    code, lines = rehearse("--budget", "100000")
    failed = [line for line in lines if line["kind"] == "FAIL"]
    assert (code, failed) == (0, [])
    for section in (
        "smoke",
        "speed",
        "waits",
        "resume",
        "memory",
        "sharing",
        "authors",
        "whole trial",
        "scoring",
    ):
        assert any(line["what"].startswith(section) for line in lines), section
