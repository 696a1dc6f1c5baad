"""A small form of benchmarks/chaos.py: a worker and the driver are killed at moments that a seed chooses.

The kill of one worker and that of one driver, without chance, are in test_run.py.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "chaos.py"


@pytest.mark.slow
def test_a_suite_under_kills_ends_with_the_records_of_an_undisturbed_run(tmp_path):
    command = [sys.executable, str(SCRIPT), str(tmp_path), "--trials", "2", "--epochs", "8", "--pause", "2"]
    done = subprocess.run(
        [*command, "--workers", "1", "--drivers", "1", "--servers", "0"],
        env=os.environ | {"PYTHONPATH": str(SCRIPT.parents[1])},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"2 trials, killed 1 × (driver|worker)", done.stdout)
    assert "the same records, units, boxes, losses and weights; one run each; no process left" in done.stdout
