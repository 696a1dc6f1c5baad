"""Records as a driver writes them, for tests that train nothing."""

from collections.abc import Iterable

import pandas as pd

from bench.metrics.units import PEAK_COLUMNS
from bench.results.record import CamEvaluation, Outcome, Record
from bench.results.store import ResultsStore
from bench.results.units import UNIT_NAMES
from bench.suite.cam import NATIVE
from bench.suite.metrics import METRICS
from bench.suite.trial import Trial

THESIS_COLUMNS = (*UNIT_NAMES, *PEAK_COLUMNS, "hit", "iobb", "iou")
"""Columns of units that were scored by the thesis' metrics of maps alone."""


def units_table(rows: Iterable[tuple[object, ...]]) -> pd.DataFrame:
    """Returns a table of units with `THESIS_COLUMNS`."""
    return pd.DataFrame(list(rows), columns=list(THESIS_COLUMNS))


def finish_whole(store: ResultsStore, trial: Trial, outcome: Outcome) -> Record:
    """Writes a finished trial; the metrics of maps among those of `outcome` become its native map's."""
    of_model = tuple(f"{metric.name}/" for metric in METRICS.values() if metric.is_of_model)
    metrics = {name: value for name, value in outcome.metrics.items() if name.startswith(of_model)}
    native = CamEvaluation(
        method=NATIVE,
        status="finished",
        metrics={name: value for name, value in outcome.metrics.items() if name not in metrics},
        provenance=outcome.provenance,
        ended_at="2026-01-01T00:00:00+00:00",
    )
    store.evaluated(trial.id, native)
    return store.finish(trial, outcome.model_copy(update={"metrics": metrics}))
