"""A results folder with real records: what the tables are computed from."""

from pathlib import Path

import pandas as pd
import pytest
from records import THESIS_COLUMNS, finish_whole, units_table

from bench.results.provenance import Provenance
from bench.results.record import CamEvaluation, Outcome
from bench.results.store import ResultsStore
from bench.results.units import BOX_COLUMNS, write_table
from bench.suite.grid import Point
from bench.suite.load import LoadedSuite, load_suite

SUITE = """\
title: Example
models:
  - pylon
  - {name: pylon, up_layers: 1, label: UP1}
  - {name: baseline, label: "50% | A_vg & more"}
  - {name: baseline, pooling: average}
datasets: [phantom]
resolutions: [64]
seeds: [0, 1, 2]
"""

# One unit per row: image, patient, finding, box x y w h in px of 64. An image of two patients has two boxes.
BOXES = (
    ("a.png", "p", "Mass", (8.0, 8.0, 15.0, 7.0)),
    ("b.png", "q", "Mass", (8.0, 8.0, 15.0, 7.0)),
    ("b.png", "q", "Nodule", (30.0, 30.0, 3.0, 3.0)),
    ("c.png", "r", "Nodule", (0.0, 60.0, 3.0, 3.0)),
)

# Weighted accuracy and AUROC by label and seed. UP1 is tied with PYLON, 50% … is worse and lacks seed 2.
ACCURACIES = {
    "PYLON": (0.60, 0.62, 0.64),
    "UP1": (0.59, 0.62, 0.64),
    "50% | A_vg & more": (0.40, 0.44),
}
AUROCS = {
    "PYLON": (0.8125, 0.8125, 0.8125),
    "UP1": (0.6875, 0.6875, 0.6875),
    "50% | A_vg & more": (0.75, 0.78125),
}

# Of the units in BOXES, for every seed.
HITS = {
    "PYLON": (True, True, True, False),
    "UP1": (True, True, False, False),
    "50% | A_vg & more": (True, False, False, False),
}

PROVENANCE = Provenance(
    bench="0.1.0",
    git_commit="0123456789ab",
    python="3.11.0",
    packages={"torch": "2.9.0", "grad-cam": "1.5.7"},
    platform="test",
    device="cpu",
    precision="float32",
    num_threads=1,
)


class Example:
    """A suite, its results folder, and ways to fill it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = ResultsStore(folder / "results")

    def load(self, text: str = SUITE) -> LoadedSuite:
        path = self.folder / "example.yaml"
        path.write_text(text, encoding="utf-8")
        return load_suite(path)

    def finish(
        self,
        point: Point,
        metrics: dict[str, float],
        notes: tuple[str, ...] = (),
        hits: tuple[bool, ...] = (False,) * len(BOXES),
    ) -> None:
        outcome = Outcome(
            findings=(),
            metrics=metrics,
            best_epoch=1,
            num_epochs=2,
            duration_s=30.0,
            notes=notes,
            provenance=PROVENANCE,
        )
        self.store.announce(point.trial)
        folder = self.store.folder(point.trial.id)
        box_rows = [(image, name, *box) for image, _, name, box in BOXES]
        write_table(folder.cam_units("native"), self.units(hits), THESIS_COLUMNS)
        write_table(folder.boxes, pd.DataFrame(box_rows, columns=list(BOX_COLUMNS)), BOX_COLUMNS)
        finish_whole(self.store, point.trial, outcome)

    @staticmethod
    def units(hits: tuple[bool, ...]) -> pd.DataFrame:
        """Returns the units of BOXES with these hits, one for each."""
        return units_table(
            (image, patient, name, 1, 2, 0.5, 1, True, hit, 0.25, 0.125)
            for (image, patient, name, _), hit in zip(BOXES, hits, strict=True)
        )

    def evaluate(self, point: Point, accuracy: float | None) -> None:
        """Finishes the evaluation of the point's map, or fails it if there is no accuracy."""
        if accuracy is not None:
            table = self.units((True, False, False, False))
            write_table(self.store.folder(point.trial.id).cam_units(point.cam), table, THESIS_COLUMNS)
        evaluation = CamEvaluation(
            method=point.cam,
            status="failed" if accuracy is None else "finished",
            metrics={} if accuracy is None else {"point_accuracy/weighted": accuracy},
            error="boom" if accuracy is None else None,
            provenance=None if accuracy is None else PROVENANCE,
            ended_at="2026-01-01T00:00:00+00:00",
        )
        self.store.evaluated(point.trial.id, evaluation)

    def metrics(self, label: str, seed: int) -> dict[str, float]:
        """Records of UP1 are older ones, from before overlap was scored."""
        accuracy, area = ACCURACIES[label][seed], AUROCS[label][seed]
        overlap = {
            "iobb_accuracy/weighted": accuracy / 2,
            "iobb_accuracy/macro": accuracy / 4,
            "iobb_accuracy/Mass": 0.5,
            "iobb_accuracy/Nodule": 0.0,
        }
        return ({} if label == "UP1" else overlap) | {
            "point_accuracy/weighted": accuracy,
            "point_accuracy/macro": accuracy - 0.1,
            "point_accuracy/Mass": accuracy,
            "point_accuracy/Nodule": 0.125,
            "auroc/weighted": area,
            "auroc/macro": area,
            "auroc/Pleural_Thickening": area,
        }

    def fill(self, loaded: LoadedSuite) -> None:
        """Finishes what ACCURACIES has; the third model's last seed fails; the fourth model never ran."""
        for point in loaded.grid.points:
            values = ACCURACIES.get(point.label, ())
            if point.trial.seed < len(values):
                notes = ("AUROC of Hernia is undefined on this test split",)
                metrics = self.metrics(point.label, point.trial.seed)
                self.finish(point, metrics, notes, HITS[point.label])
            elif values:
                self.store.fail(point.trial, "Traceback …\nRuntimeError: boom")


@pytest.fixture
def example(tmp_path: Path) -> Example:
    return Example(tmp_path)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """An example that is filled already; for tests that only read it."""
    example = Example(tmp_path_factory.mktemp("filled"))
    example.fill(example.load())
    return example
