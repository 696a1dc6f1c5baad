"""A results folder with records of the thesis' own suites, around the published means."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from records import finish_whole

from bench.reporting.build import Report
from bench.reporting.thesis.report import render_thesis
from bench.reporting.thesis.tables import THESIS_TABLES
from bench.results.record import Outcome
from bench.results.store import ResultsStore
from bench.results.units import BOX_COLUMNS, write_table
from bench.suite.find import suites_in
from bench.suite.load import load_suite
from bench.suite.trial import Trial

ROOT = Path(__file__).parents[3]
SUITES = ROOT / "suites"

STEPS = (-0.002, -0.001, 0.0, 0.001, 0.002)
"""How far each seed is from its row's mean."""

SHIFTS = {"fpn": 0.2, "li2018": -0.2}
"""How far a model's localization is from the published one."""

NOT_RUN, FAILED, ONE_SEED = "deeplabv3plus", "pan", "unet"

BOXES = [("a.png", "Mass", 0.0, 0.0, 128.0, 64.0), ("b.png", "Mass", 0.0, 0.0, 64.0, 64.0)]
"""Areas of 1/8 and 1/16 of an image of 256 px."""


Finish = Callable[[ResultsStore, Trial, dict[str, float]], None]


@pytest.fixture(scope="session")
def finish(provenance) -> Finish:
    """Writes a finished trial with the metrics that it is given."""

    def finish(store: ResultsStore, trial: Trial, metrics: dict[str, float]) -> None:
        store.announce(trial)
        outcome = Outcome(
            findings=(),
            metrics=metrics,
            best_epoch=1,
            num_epochs=2,
            duration_s=30.0,
            notes=(),
            provenance=provenance,
        )
        boxes = pd.DataFrame(BOXES, columns=list(BOX_COLUMNS))
        write_table(store.folder(trial.id).boxes, boxes, BOX_COLUMNS)
        finish_whole(store, trial, outcome)

    return finish


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, finish: Finish) -> ResultsStore:
    """Every trial of Tables 5.1 and 5.4 at 256 px and of 6.2, but for those that the constants name."""
    store = ResultsStore(tmp_path_factory.mktemp("thesis"))
    values: dict[str, tuple[Trial, dict[str, float]]] = {}
    points = {name: load_suite(SUITES / f"{name}.yaml").grid.points for name in ("nih_256", "pylon_ablation")}
    for slot in (slot for table in THESIS_TABLES for slot in table.slots()):
        own = points.get(slot.source.suites.get(slot.resolution, ""), ())
        for point in own if slot.published is not None and slot.source.kind == "model" else ():
            if point.label == slot.source.label:
                shift = SHIFTS.get(point.trial.model, 0.0) if slot.quantity.metric == "point_accuracy" else 0
                mean = slot.published.value.mean + shift + STEPS[point.trial.seed]
                _, metrics = values.setdefault(point.trial.id, (point.trial, {}))
                metrics[f"{slot.quantity.metric}/{slot.quantity.name}"] = mean
    for trial, metrics in values.values():
        if trial.model == FAILED:
            store.fail(trial, "RuntimeError: boom")
        elif trial.model != NOT_RUN and (trial.model != ONE_SEED or trial.seed == 0):
            finish(store, trial, metrics)
    return store


@pytest.fixture(scope="session")
def filled_thesis(store: ResultsStore) -> Report:
    return render_thesis(suites_in(SUITES), store)


@pytest.fixture(scope="session")
def empty_thesis(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return render_thesis(suites_in(SUITES), ResultsStore(tmp_path_factory.mktemp("empty")))


@pytest.fixture
def new_store(tmp_path: Path) -> Callable[[], ResultsStore]:
    return lambda: ResultsStore(tmp_path / "results")
