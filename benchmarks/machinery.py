"""What does everything around the trials cost? A hundred of next to nothing, and a finished suite of 500.

    python benchmarks/machinery.py [FOLDER]

1. 100 trials of one epoch of one batch through `bench run`, on Ray and mirrored to MLflow. Aim: at most 90 s
   on two idle cores. What the trials' own work takes is measured by running some of them in this process.
2. `bench run` on a finished suite of 500 synthetic trials (those of benchmarks/report.py), mirrored to MLflow
   by the first run. Aim: at most 5 s.

Works in FOLDER (a temporary one if absent; kept if given, with the 500 trials). Prints the load of the
machine with every figure: other work makes all of them longer.
"""

import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from folder import parser_of, working_folder  # these two lie beside this file
from report import write_synthetic

from bench.execution.context import RunContext
from bench.execution.trial import run_trial
from bench.results.store import ResultsStore
from bench.suite.load import load_suite

NUM_IN_PROCESS, NUM_AGAIN = 10, 3

SUITE = """\
title: 100 trials of next to nothing
models: [baseline]
datasets: [{name: phantom, train: 8, val: 8, test: 8}]
resolutions: [64]
seeds: [%s]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 8, max_epochs: 1}
"""


def run(folder: Path, suite: Path, *arguments: str) -> tuple[float, float]:
    """Returns the seconds that `bench run` takes, by the clock and of processors, its children's included."""
    command = [sys.executable, "-m", "bench", "run", str(suite), *arguments]
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    with (folder / "run.log").open("a") as log:
        subprocess.run(command, check=True, cwd=folder, stdout=log, stderr=log, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, used


def load() -> str:
    """Returns how busy the machine is."""
    return f"load {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores"


def time_small_trials(folder: Path) -> None:
    """Prints what 100 trials take, and what share of it is not their own work."""
    suite, seeds = folder / "small.yaml", range(100)
    suite.write_text(SUITE % ", ".join(map(str, seeds)), encoding="utf-8")
    for name in ("small", "in-process"):
        shutil.rmtree(folder / name, ignore_errors=True)
    trials = load_suite(suite).grid.trials
    context = RunContext(folder / "in-process", None, folder / "cache")
    run_trial(trials[0], context)  # what is made at first use is no trial's work
    started = time.perf_counter()
    for trial in trials[1 : NUM_IN_PROCESS + 1]:
        run_trial(trial, context)
    own_s = (time.perf_counter() - started) / NUM_IN_PROCESS
    taken_s, _ = run(folder, suite, "--results-dir", "small")
    store = ResultsStore(folder / "small")
    assert all(store.state(trial.id) == "finished" for trial in trials)
    num_cores = min(len(os.sched_getaffinity(0)), len(trials))
    share = 1 - own_s * len(trials) / num_cores / taken_s
    print(
        f"{len(trials)} trials on Ray and MLflow: {taken_s:.1f} s; one's own work takes {own_s:.2f} s in "
        f"process, so that {share:.0%} on {num_cores} cores is machinery ({load()})"
    )


def time_finished_suite(folder: Path) -> None:
    """Prints what it takes to see that 500 trials are finished, after the run that mirrored them."""
    suite = write_synthetic(folder)
    taken_s, _ = run(folder, suite)
    print(f"500 finished trials, first run (mirrors them, draws the report): {taken_s:.1f} s ({load()})")
    for _ in range(NUM_AGAIN):
        taken_s, used_s = run(folder, suite)
        print(f"500 finished trials, again: {taken_s:.1f} s, {used_s:.1f} s of a processor ({load()})")


def main(folder: Path) -> None:
    """Prints both figures."""
    folder.mkdir(parents=True, exist_ok=True)
    time_small_trials(folder)
    time_finished_suite(folder)


if __name__ == "__main__":
    with working_folder(parser_of(__doc__)) as (_, folder):
        main(folder)
