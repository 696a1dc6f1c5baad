"""Measures how much each choice of the protocol moves a finished trial: in the driver, so that no GPU waits.

It takes seconds of a CPU for each trial, from its stored maps. A thread does it while other trials run.
"""

import logging
from concurrent.futures import Future, ThreadPoolExecutor

from bench.errors import BenchError, account
from bench.results.record import Record
from bench.results.store import ResultsStore, TrialFolder
from bench.results.stored import write_stored
from bench.suite.cam import NATIVE
from bench.tracking.observer import RunObserver


class Sensitivities(RunObserver):
    """Writes the sensitivity of each finished trial that it is told of and that lacks it.

    Args:
        store: where the trials are.
    """

    def __init__(self, store: ResultsStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sensitivity")
        self._ordered: dict[str, Future[None]] = {}

    def found(self, record: Record) -> None:
        """Has the trial measured, unless it is, has no maps to measure, or its averages lack a finding."""
        trial, folder = record.trial, self._store.folder(record.trial.id)
        lacks = folder.cam_maps(NATIVE).exists() and not folder.sensitivity.exists()
        outcome = record.outcome
        if outcome is not None and not outcome.lacks and lacks and trial.id not in self._ordered:
            self._ordered[trial.id] = self._thread.submit(_write, folder, trial.resolution)

    def finish(self) -> None:
        """Returns once all are written; tells which could not be, and a later run tries those again."""
        for future in self._ordered.values():
            try:
                future.result()
            except (BenchError, OSError) as error:
                logging.getLogger(__name__).warning("a table of choices is missing: %s", account(error))

    def close(self) -> None:
        """Leaves to a later run what is not begun."""
        self._thread.shutdown(cancel_futures=True)


def _write(folder: TrialFolder, size_px: int) -> None:
    from bench.evaluation.rescore import measure_sensitivity  # takes seconds, and most runs lack nothing

    write_stored(folder.sensitivity, measure_sensitivity(folder, size_px))
