"""Which trials of a results folder run now, whoever runs them, and which ended last: from its files alone."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bench.errors import ResultsError
from bench.execution.progress import ProgressFile, TrialProgress, trial_left_s
from bench.planning.cost import free_bytes
from bench.results.differences import data_notes
from bench.results.lease import Lease, holder
from bench.results.record import Record
from bench.results.store import ResultsStore, TrialFolder
from bench.suite.trial import Trial

NUM_LAST = 5
"""Trials that ended last and are named."""


@dataclass(frozen=True)
class RunningTrial:
    """A trial that a driver has.

    Attributes:
        trial: which.
        driver: that has it.
        progress: how far it is; None if it has not said.
        silent_s: time since it said so.
        left_s: time that it takes at most, at the pace so far; None while that is not known.
    """

    trial: Trial
    driver: Lease
    progress: TrialProgress | None
    silent_s: float
    left_s: float | None


@dataclass(frozen=True)
class FolderStatus:
    """The trials of a results folder.

    Attributes:
        running: trials that drivers have, by driver.
        last_ended: records of trials, the last to end first.
        metrics: of those and their native maps, by id.
        num_finished: trials.
        num_failed: trials; maps not counted.
        unreadable: a sentence for each record or evaluation that cannot be read.
        free_bytes: on the disk of the results.
        remarks: on data sets that finished trials had in several states, in sentences.
    """

    running: tuple[RunningTrial, ...]
    last_ended: tuple[Record, ...]
    metrics: Mapping[str, Mapping[str, float]]
    num_finished: int
    num_failed: int
    unreadable: tuple[str, ...]
    free_bytes: int
    remarks: tuple[str, ...]


def read_status(store: ResultsStore, ids: Collection[str] | None = None) -> FolderStatus:
    """Returns the status of the folder, or of those trials of it whose ids are given."""
    folders = [path for path in sorted((store.root / "trials").glob("*")) if ids is None or path.name in ids]
    running = [one for path in folders if (one := _running(TrialFolder(path))) is not None]
    held = {one.trial.id for one in running}
    records = [
        record
        for path in folders
        if path.name not in held and (record := store.record(path.name)) is not None
    ]
    states = [record.status for record in records]
    last_ended = tuple(sorted(records, key=lambda record: record.ended_at, reverse=True)[:NUM_LAST])
    return FolderStatus(
        running=tuple(sorted(running, key=lambda one: (str(one.driver), one.trial.id))),
        last_ended=last_ended,
        metrics={record.trial.id: store.metrics(record.trial.id) for record in last_ended},
        num_finished=states.count("finished"),
        num_failed=states.count("failed"),
        unreadable=tuple(
            sentence for path in folders if path.name not in held for sentence in store.problems(path.name)
        ),
        free_bytes=free_bytes(store.root),
        remarks=data_notes(records),
    )


def _running(folder: TrialFolder) -> RunningTrial | None:
    driver = holder(folder.path)
    if driver is None:
        return None
    try:
        trial = folder.read_trial()
    except ResultsError:
        return None
    if trial is None:  # just taken, not announced yet
        return None
    progress = ProgressFile(folder.progress).read()
    silent_s = 0.0 if progress is None else max(time.time() - progress.updated_at, 0.0)
    left_s = None if progress is None else trial_left_s(trial, progress, folder)
    return RunningTrial(trial, driver, progress, silent_s, left_s)
