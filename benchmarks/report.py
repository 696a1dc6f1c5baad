"""How long does `bench report` take? A suite of 500 synthetic trials, as a process, from nothing but files.

    python benchmarks/report.py [FOLDER]

Writes a suite of 5 models, 20 data sets' worth of seeds and a results folder with real records, each with a
table of 984 units and one of their boxes, into FOLDER (a temporary one if absent; kept and used again if
given), then runs `bench report` on it NUM_RUNS times. Aim: at most 10 s each, all in all.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from folder import parser_of, working_folder

from bench.metrics.measure import metrics_of
from bench.metrics.units import map_metrics, model_metrics, unit_columns
from bench.results.provenance import Provenance
from bench.results.record import CamEvaluation, EpochRow, Outcome, now
from bench.results.store import ResultsStore
from bench.results.units import BOX_COLUMNS, FRAME_COLUMNS, write_table
from bench.suite.cam import NATIVE
from bench.suite.findings import NIH_BOXED_FINDINGS, NIH_FINDINGS
from bench.suite.load import load_suite
from bench.suite.trial import Trial

NUM_RUNS = 3
NUM_UNITS, NUM_PATIENTS, NUM_EPOCHS = 984, 726, 20

SUITE = """\
title: 500 synthetic trials
models: [baseline, li2018, fpn, pan, pylon]
datasets: [nih]
resolutions: [256, 512]
seeds: [{seeds}]
"""

PROVENANCE = Provenance(
    bench="synthetic",
    git_commit="unknown: a benchmark",
    python="3.11",
    packages={},
    platform="synthetic",
    device="cpu",
    precision="float32",
    num_threads=1,
)


def write_trial(trial: Trial, store: ResultsStore) -> None:
    """Writes the files of a finished trial whose hits are drawn by its seed."""
    generator = np.random.default_rng(trial.seed)
    folder = store.folder(trial.id)
    units, boxes = _tables(trial, generator)
    write_table(folder.cam_units(NATIVE), units, unit_columns())
    write_table(folder.boxes, boxes, (*BOX_COLUMNS, *FRAME_COLUMNS))
    folder.write_history(
        [
            EpochRow(
                epoch=epoch,
                learning_rate=1e-4,
                train_loss=0.2,
                val_loss=0.2 + 1 / epoch,
                images_per_s=100.0,
                duration_s=60.0,
            )
            for epoch in range(1, NUM_EPOCHS + 1)
        ]
    )
    native = CamEvaluation(
        method=NATIVE,
        status="finished",
        metrics=metrics_of(map_metrics(), units, NIH_BOXED_FINDINGS),
        provenance=PROVENANCE,
        ended_at=now(),
    )
    metrics: dict[str, float] = {}
    for metric in model_metrics():
        values = generator.normal(0.8, 0.003, len(NIH_FINDINGS) + len(metric.averages))
        columns = (*metric.averages, *NIH_FINDINGS)
        metrics |= {metric.key(n): float(v) for n, v in zip(columns, values, strict=True)}
    outcome = Outcome(
        metrics=metrics,
        best_epoch=NUM_EPOCHS,
        num_epochs=NUM_EPOCHS,
        duration_s=1200.0,
        notes=(),
        findings=NIH_FINDINGS,
        provenance=PROVENANCE,
    )
    store.announce(trial)
    store.evaluated(trial.id, native)
    store.finish(trial, outcome)


def _tables(trial: Trial, generator: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    size_px, of_everyone = trial.resolution, np.random.default_rng(0)
    images = [f"{i:08d}_000.png" for i in range(NUM_UNITS)]
    findings = of_everyone.choice(NIH_BOXED_FINDINGS, NUM_UNITS)
    again = of_everyone.integers(0, NUM_PATIENTS, NUM_UNITS - NUM_PATIENTS)
    patients = [str(patient) for patient in (*range(NUM_PATIENTS), *again)]
    sides = of_everyone.uniform(0.1, 0.4, (NUM_UNITS, 2)) * size_px
    corners = of_everyone.uniform(0, 1, (NUM_UNITS, 2)) * (size_px - sides)
    rows, columns = generator.integers(0, size_px, (2, NUM_UNITS))
    units = pd.DataFrame(
        {
            "image": images,
            "patient": patients,
            "finding": findings,
            "peak_row": rows,
            "peak_column": columns,
            "score": generator.uniform(size=NUM_UNITS),
            "num_ties": 1,
            "finite": True,
            "hit": generator.uniform(size=NUM_UNITS) < 0.5,
            "iobb": generator.uniform(size=NUM_UNITS),
            "iou": 0.1,
            "site_recall": 0.5,
            "num_sites": 1,
        }
    )
    boxes = pd.DataFrame(
        {
            "image": images,
            "finding": findings,
            "x": corners[:, 0],
            "y": corners[:, 1],
            "w": sides[:, 0],
            "h": sides[:, 1],
            "width_px": 1024.0,
            "height_px": 1024.0,
        }
    )
    return units, boxes


def write_synthetic(folder: Path) -> Path:
    """Writes what is missing of the suite and its results in the folder, and returns the suite's file."""
    folder.mkdir(parents=True, exist_ok=True)
    suite = folder / "synthetic.yaml"
    suite.write_text(SUITE.format(seeds=", ".join(map(str, range(50)))), encoding="utf-8")
    store = ResultsStore(folder / "results")
    for trial in load_suite(suite).grid.trials:
        if store.record(trial.id) is None:
            write_trial(trial, store)
    return suite


def main(folder: Path) -> None:
    """Writes what is missing in the folder, and times reports of it."""
    suite = write_synthetic(folder)
    command = [sys.executable, "-m", "bench", "report", str(suite)]
    command += ["--results-dir", str(folder / "results"), "--reports-dir", str(folder / "reports")]
    for _ in range(NUM_RUNS):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=dict(os.environ))
        print(f"500 trials: {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    with working_folder(parser_of(__doc__)) as (_, folder):
        main(folder)
