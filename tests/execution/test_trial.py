"""A trial in process: complete, exact, resumable, and honest about failures."""

import math
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from trials import Ledger, context_in, make_trial

from bench.errors import TrainingError
from bench.evaluation.rescore import measure_sensitivity, rescore
from bench.evaluation.score import score
from bench.execution.context import RunContext
from bench.execution.serial import SerialExecutor
from bench.execution.trial import run_trial
from bench.metrics.iobb_accuracy import MEASURE as OVERLAP
from bench.metrics.measure import metrics_of
from bench.metrics.protocol import THESIS, VARIANTS
from bench.metrics.units import map_metrics, maxima_metrics, model_metrics, unit_columns
from bench.results.record import CamEvaluation, Outcome
from bench.results.store import ResultsStore
from bench.results.stored_maps import maps_of_trial
from bench.results.units import (
    BOX_COLUMNS,
    FRAME_COLUMNS,
    LOGIT_COLUMNS,
    LOSS_COLUMNS,
    MAXIMA_COLUMNS,
    read_table,
)
from bench.suite.catalog import MODELS
from bench.suite.schema import Resources
from bench.suite.trial import Trial

small_trial = partial(
    make_trial,
    model="pylon",
    images=(40, 16, 24),
    batch_size=16,
    learning_rate=1e-3,
    max_epochs=3,
)


def best_weights(folder: Path, trial: Trial) -> bytes:
    return ResultsStore(folder).folder(trial.id).best_weights.read_bytes()


def run_told(trial: Trial, where: RunContext, on_epoch=lambda _: None) -> tuple[Outcome, list]:
    """Returns the outcome with the native map's metrics among the others, and what was told beside epochs."""
    told = []
    outcome = run_trial(trial, where, on_epoch, told.append, told.append)
    of_maps = next(one.metrics for one in told if isinstance(one, CamEvaluation))
    return outcome.model_copy(update={"metrics": of_maps | outcome.metrics}), told


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """An uninterrupted run: its folder, outcome and epochs."""
    folder = tmp_path_factory.mktemp("reference")
    rows = []
    outcome, told = run_told(small_trial(), context_in(folder), rows.append)
    assert [type(one) for one in told] == [CamEvaluation, Outcome]  # the record comes last
    return folder, outcome, rows


def test_outcome_and_files_are_complete(reference):
    folder, outcome, rows = reference
    trial = ResultsStore(folder).folder(small_trial().id)
    assert [row.epoch for row in rows] == [1, 2, 3]
    assert trial.read_history() == tuple(rows)
    assert outcome.num_epochs == 3
    assert outcome.best_epoch == min(rows, key=lambda row: row.val_loss).epoch
    units, boxes = read_table(trial.cam_units("native")), read_table(trial.boxes)
    assert tuple(units.columns) == unit_columns()
    assert tuple(boxes.columns) == (*BOX_COLUMNS, *FRAME_COLUMNS)
    assert len(units) == len(boxes[["image", "finding"]].drop_duplicates())
    assert outcome.provenance.device == "cpu"
    assert outcome.provenance.precision == "float32"
    losses = read_table(trial.losses)
    assert tuple(losses.columns) == LOSS_COLUMNS
    assert losses["images"].tolist() == [16, 16, 8] * 3
    means = (
        losses.assign(total=losses["loss"].astype(float) * losses["images"]).groupby("epoch")["total"].sum()
        / 40
    )
    assert means.tolist() == pytest.approx([row.train_loss for row in rows], rel=1e-12)


def test_metrics_follow_from_the_per_unit_table(reference):
    folder, outcome, _ = reference
    units = read_table(ResultsStore(folder).folder(small_trial().id).cam_units("native"))
    findings = tuple(dict.fromkeys(units["finding"]))
    found = metrics_of(map_metrics(), units, findings)
    assert found == pytest.approx({name: outcome.metrics[name] for name in found}, rel=1e-12)
    assert found["point_accuracy/weighted"] == units["hit"].mean()
    assert found["iobb_accuracy/weighted"] == (units["iobb"] > 0.5).mean()


def test_metrics_of_the_model_follow_from_its_logits(reference):
    folder, outcome, _ = reference
    logits = read_table(ResultsStore(folder).folder(small_trial().id).logits)
    assert tuple(logits.columns) == LOGIT_COLUMNS
    assert len(logits) == 24 * len(outcome.findings)
    assert (logits["label"].dtype, logits["logit"].dtype) == (np.uint8, np.float32)
    found = metrics_of(model_metrics(), logits, outcome.findings)
    assert found == {name: value for name, value in outcome.metrics.items() if name.startswith("auroc/")}


def test_froc_follows_from_the_maxima_of_all_images_and_findings(reference):
    folder, outcome, _ = reference
    trial = ResultsStore(folder).folder(small_trial().id)
    maxima, logits = read_table(trial.cam_maxima("native")), read_table(trial.logits)
    assert tuple(maxima.columns) == MAXIMA_COLUMNS
    pd.testing.assert_frame_equal(
        maxima[["image", "patient", "finding", "label"]], logits.drop(columns="logit")
    )
    units = read_table(trial.cam_units("native"))
    boxed = maxima.loc[maxima["boxed"], ["image", "finding"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(boxed, units[["image", "finding"]])
    found = metrics_of(maxima_metrics(), maxima, outcome.findings)
    assert found == {name: value for name, value in outcome.metrics.items() if name.startswith("froc/")}
    assert {"froc/weighted", "froc/macro"} <= found.keys()


def test_stored_maps_give_the_trials_own_units_again(reference):
    folder = ResultsStore(reference[0]).folder(small_trial().id)
    again = rescore(maps_of_trial(folder, 64), {"default": THESIS})["default"]
    units = read_table(folder.cam_units("native"))
    same = ["image", "patient", "finding", "peak_row", "peak_column", "num_ties", "finite", "hit"]
    pd.testing.assert_frame_equal(again[same], units[same], check_dtype=False)
    assert OVERLAP.statistic(again).tolist() == OVERLAP.statistic(units).tolist()


def test_sensitivity_has_every_choice_but_the_native_grid_that_phantoms_lack(reference):
    folder, outcome, _ = reference
    sensitivity = measure_sensitivity(ResultsStore(folder).folder(small_trial().id), 64)
    accuracies = sensitivity.metrics["point_accuracy"]
    assert set(accuracies) == {"default", *VARIANTS["point_accuracy"]} - {"native_grid"}
    default = accuracies["default"]
    assert default["weighted"] == outcome.metrics["point_accuracy/weighted"]
    assert default["macro"] == outcome.metrics["point_accuracy/macro"]
    assert accuracies["tolerance_15"]["weighted"] > default["weighted"]


def test_training_loss_falls(reference):
    _, _, rows = reference
    assert rows[-1].train_loss < rows[0].train_loss


CATALOG = [
    (name, dict(options))
    for name, entry in MODELS.items()
    for options in ({}, *(variant.options for variant in entry.variants))
]


@pytest.mark.parametrize(("name", "options"), CATALOG, ids=str)
def test_every_model_of_the_catalog_trains_and_is_scored(tmp_path, name, options):
    """Without a warning: warnings are errors here."""
    trial = small_trial(model=name, options=options, images=(18, 8, 8), max_epochs=1)
    rows = []
    outcome, _ = run_told(trial, context_in(tmp_path), rows.append)
    assert math.isfinite(rows[0].train_loss)
    assert 0 <= outcome.metrics["point_accuracy/weighted"] <= 1
    assert 0 <= outcome.metrics["auroc/macro"] <= 1


def test_same_trial_gives_the_same_bits(reference, tmp_path):
    folder, outcome, _ = reference
    torch.rand(17)  # whatever the process did before
    again, _ = run_told(small_trial(), context_in(tmp_path))
    assert again.metrics == outcome.metrics
    assert best_weights(tmp_path, small_trial()) == best_weights(folder, small_trial())


class Killed(BaseException):
    pass


@pytest.mark.parametrize("epoch", [1, 2])
def test_interrupted_and_resumed_equals_uninterrupted(reference, tmp_path, epoch):
    folder, outcome, rows = reference
    trial = small_trial()

    def kill(row):
        if row.epoch == epoch:
            raise Killed

    with pytest.raises(Killed):
        run_trial(trial, context_in(tmp_path, checkpoint_every_s=0), kill)
    assert ResultsStore(tmp_path).state(trial.id) == "interrupted"
    told = []
    resumed, _ = run_told(trial, context_in(tmp_path), told.append)
    assert [row.epoch for row in told] == [1, 2, 3]
    assert [(r.train_loss, r.val_loss) for r in told] == [(r.train_loss, r.val_loss) for r in rows]
    assert resumed.metrics == outcome.metrics
    assert best_weights(tmp_path, trial) == best_weights(folder, trial)


def test_seeds_differ(reference, tmp_path):
    _, _, rows = reference
    told = []
    run_trial(small_trial(seed=1, max_epochs=1), context_in(tmp_path), told.append)
    assert told[0].train_loss != rows[0].train_loss


def test_stops_when_the_rate_was_reduced_often_enough(tmp_path):
    # An improvement would have to be by 99%: every evaluation after the first stalls.
    trial = small_trial(max_epochs=20, plateau_threshold=0.99, plateau_patience=0, max_reductions=2)
    told = []
    outcome = run_trial(trial, context_in(tmp_path), told.append)
    assert outcome.num_epochs == 3
    assert [row.learning_rate for row in told] == pytest.approx([1e-3, 1e-3, 2e-4])


def test_epochs_between_evaluations_have_no_validation_loss(tmp_path):
    told = []
    run_trial(small_trial(evaluate_every=2), context_in(tmp_path), told.append)
    assert [row.val_loss is None for row in told] == [True, False, False]


def test_loss_that_is_never_finite_is_a_failure(tmp_path):
    trial = small_trial(learning_rate=1e30, max_epochs=1)
    sentence = r"the loss is nan at epoch 1, step 2 of 3 \(learning rate 1e\+30, float32\); try a lower"
    with pytest.raises(TrainingError, match=sentence):
        run_trial(trial, context_in(tmp_path))


def test_failing_trial_does_not_keep_the_others_from_running(tmp_path):
    broken, sound = small_trial(learning_rate=1e30, max_epochs=1), small_trial(model="baseline", max_epochs=1)
    ledger = Ledger(ResultsStore(tmp_path))
    SerialExecutor().run([broken, sound], context_in(tmp_path), Resources(), ledger)
    kinds = [event[0] for event in ledger.events]
    assert kinds == ["started", "failed", "started", "epoch", "evaluated", "finished"]
    (error,) = ledger.errors
    assert error.startswith("training diverged: ")
    assert "\n" not in error


class Oracle(torch.nn.Module):
    """A model whose map peaks in the middle of one box of every unit."""

    def __init__(self, boxes: pd.DataFrame, num_classes: int):
        super().__init__()
        self.boxes, self.num_classes, self.position = boxes, num_classes, 0

    def forward(self, images):
        from bench.models.blocks import CamOutput

        maps = torch.full((len(images), self.num_classes, 64, 64), -5.0)
        for box in self.boxes.itertuples():
            index = box.image_index - self.position
            if 0 <= index < len(images):
                row, column = math.floor(box.y + box.h / 2), math.floor(box.x + box.w / 2)
                maps[index, box.class_index, row, column] = 5.0
        self.position += len(images)
        return CamOutput(maps, maps.amax(dim=(-2, -1)))


def test_perfect_maps_score_one(tmp_path):
    from bench.data.dataset import DataContext
    from bench.data.loading import load_dataset

    trial = small_trial()
    data = load_dataset(trial.dataset, 64, DataContext(None, tmp_path, {}))
    oracle = Oracle(data.test.boxes, len(data.findings))
    found = score(oracle, data, trial.recipe, torch.device("cpu"), lambda done, total: None)
    assert found.of_map.metrics["point_accuracy/weighted"] == 1
    assert found.of_map.metrics["site_recall/weighted"] == 1
    assert set(found.of_model.metrics.values()) == set(found.of_maxima.metrics.values()) == {1}
