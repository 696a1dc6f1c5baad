"""The runs of an experiment's trials: one for each trial, child of one run of the suite.

MLflow nests by the tag ``mlflow.parentRunId``, and a run has one parent. Several runs of a suite may ask for
a trial. Its parent is the one that asked for most trials, the latest of several such: trials that ran
together stay together, and none is there twice. The tag `invocations` names all of them, so that each can be
listed, and its parent links to that list. A trial that another suite trained has a run in this experiment
too, with a link to the other; `trial_id` is equal.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Run

from bench.results.invocation import Invocation
from bench.results.provenance import UNKNOWN
from bench.results.record import EPOCH_COLUMNS, CamEvaluation, EpochRow, Record
from bench.results.store import TrialFolder
from bench.suite.cam import NATIVE
from bench.suite.dataset_specs import title_of
from bench.suite.identity import DIGEST_PREFIX, short_hash
from bench.suite.trial import Trial
from bench.tracking.dashboard import describe_trial
from bench.tracking.database import STATUS
from bench.tracking.mlflow_store import ASKED_BY, KIND, TRIAL_RUN, MlflowStore, as_ms, metric, now_ms

_EPOCH_METRICS = tuple(name for name in EPOCH_COLUMNS if name != "epoch")
_ENDED, _WIDTH = "bench.ended_at", "bench.parent_trials"


class TrialRuns:
    """The runs of one experiment's trials, found by the trial's id; the fullest of several is kept."""

    def __init__(self, store: MlflowStore, suite: str) -> None:
        self._store, self._suite = store, suite
        self._runs: dict[str, Run] = {}
        self._steps: dict[str, set[int]] = {}  # by id of the run: the epochs that are logged
        for run in store.runs(suite, "tags.trial_id != ''"):
            trial_id = run.data.tags["trial_id"]
            others = (self._runs[trial_id],) if trial_id in self._runs else ()
            *emptier, fullest = sorted((*others, run), key=lambda one: len(one.data.metrics))
            for one in emptier:
                store.client.delete_run(one.info.run_id)
            self._runs[trial_id] = fullest

    def open(
        self,
        trial: Trial,
        label: str,
        parent: Run,
        invocations: Sequence[Invocation],
        record: Record | None = None,
    ) -> Run:
        """Returns the trial's run, made if there is none.

        Args:
            trial: to show.
            label: the model, as the suite calls it.
            parent: stands for the first of `invocations`; taken unless the trial has one that goes before it.
            invocations: runs of the suite that asked for the trial.
            record: of a trial that has ended; tells when it began.
        """
        run = self._runs.get(trial.id)
        if run is None:
            with self._store.locked():
                found = self._store.runs(self._suite, f"tags.trial_id = '{trial.id}'")
                run = (
                    found[0]
                    if found
                    else self._store.client.create_run(
                        self._store.experiment(self._suite),
                        start_time=now_ms() if record is None else _times(record, ())[0],
                        run_name=trial.title(label),
                        tags={KIND: TRIAL_RUN, "trial_id": trial.id},
                    )
                )
            self._runs[trial.id] = run
        tags = self._tags(trial, label)
        first, known = invocations[0], run.data.tags
        if precedence(first) >= (int(known.get(_WIDTH, "0")), int(known.get("invocation", "0"))):
            tags |= {"mlflow.parentRunId": parent.info.run_id, "invocation": str(first.number)}
            tags[_WIDTH] = str(len(first.trials))
        numbers = {int(found) for found in re.findall(r"\d+", known.get(ASKED_BY, ""))}
        numbers |= {one.number for one in invocations}
        tags[ASKED_BY] = " ".join(f"#{number}," for number in sorted(numbers))
        source = {} if trial.init is None else {"init": trial.init.id}
        params = flatten(trial.model_dump(mode="json", exclude={"init"}) | source)
        self._store.update(run, tags=tags, params=params)
        return run

    def log_epochs(self, run: Run, rows: Iterable[EpochRow], ends_ms: Mapping[int, int]) -> None:
        """Logs the epochs that are not there, in one request; `ends_ms` are their times, now if unknown."""
        run_id = run.info.run_id
        if run_id not in self._steps:
            is_empty = "learning_rate" not in run.data.metrics
            history = [] if is_empty else self._store.client.get_metric_history(run_id, "learning_rate")
            self._steps[run_id] = {one.step for one in history}
        steps = self._steps[run_id]
        new = [row for row in rows if row.epoch not in steps]
        metrics = [
            metric(name, value, ends_ms.get(row.epoch) or now_ms(), row.epoch)
            for row in new
            for name in _EPOCH_METRICS
            if (value := getattr(row, name)) is not None
        ]
        self._store.log(run_id, metrics)
        steps |= {row.epoch for row in new}

    def mirror(self, run: Run, record: Record, folder: TrialFolder, trained_by: str | None) -> None:
        """Brings everything to the run that it lacks of its record and the files of its folder.

        `trained_by` is the run of a suite that trained it, e.g. ``nih_256 #1``; None if it is not known.
        """
        rows, evaluations = folder.epochs(), folder.read_evaluations()
        self.log_epochs(run, rows, _times(record, rows)[1])
        tags = {
            _ENDED: record.ended_at,
            "state": record.status,
            "mlflow.note.content": describe_trial(
                record, evaluations, trained_by, self._link(record, trained_by)
            ),
            **({"trained_by": trained_by} if trained_by else {}),
            **{f"{one.name}.status": one.status for one in evaluations},
            **{f"{one.name}.ended_at": one.ended_at for one in evaluations},
        }
        if record.outcome is not None:
            provenance = record.outcome.provenance
            tags["git_commit"] = provenance.git_commit
            if not provenance.git_commit.startswith(UNKNOWN):
                tags["mlflow.source.git.commit"] = provenance.git_commit
            tags["device"] = provenance.device
        is_new = any(
            run.data.tags.get(key) != value for key, value in tags.items() if key.endswith("ended_at")
        )
        self._store.log_files(run.info.run_id, _files(folder), again=is_new)
        if run.inputs is None or not run.inputs.dataset_inputs:
            with self._store.locked():  # MLflow fails where two name a run's data at once
                self._store.client.log_inputs(run.info.run_id, [_dataset(record)])
        self._store.update(run, metrics=_final_metrics(record, evaluations), tags=tags)
        # The time of a record is in seconds, that of a run's start in ms.
        end_ms = max(as_ms(record.ended_at), run.info.start_time)
        self._runs[record.trial.id] = self._store.set_status(run, STATUS[record.status], end_ms)

    def resume(self, run: Run) -> None:
        """Marks the run as running."""
        self._runs[run.data.tags["trial_id"]] = self._store.set_status(run, "RUNNING")

    def interrupted(self, trial_id: str) -> None:
        """Marks the run, if there is one and it is said to be running, as stopped."""
        run = self._runs.get(trial_id)
        if run is not None and run.info.status == "RUNNING":
            self._store.client.set_terminated(run.info.run_id, "KILLED")

    def _tags(self, trial: Trial, label: str) -> dict[str, str]:
        return {
            KIND: TRIAL_RUN,
            "suite": self._suite,
            "trial_id": trial.id,
            "mlflow.runName": trial.title(label),
            "model": label,
            "dataset": title_of(trial.dataset),
            "resolution": str(trial.resolution),
            "seed": "" if trial.subject is not None else str(trial.seed),
            "mlflow.source.name": ", ".join(filter(None, (label, trial.encoder))),
            "mlflow.source.type": "LOCAL",
            "mlflow.runType": "evaluation",  # the dashboard opens the parents of such runs by itself
        }

    def _link(self, record: Record, trained_by: str | None) -> str | None:
        """Returns the link to the trial in the suite that trained it; None if that is this one or unknown."""
        other = (trained_by or "").rpartition(" #")[0]
        if not other or other == self._suite or self._store.client.get_experiment_by_name(other) is None:
            return None
        found = self._store.runs(other, f"tags.trial_id = '{record.trial.id}'")
        if not found:
            return None
        return f"#/experiments/{found[0].info.experiment_id}/runs/{found[0].info.run_id}"


def precedence(invocation: Invocation) -> tuple[int, int]:
    """Returns a key that is largest for the run of a suite that its trials are shown below."""
    return len(invocation.trials), invocation.number


def trainer_of(record: Record, invocations: Iterable[Invocation]) -> str | None:
    """Returns the name of the run of a suite that asked for the trial and during which it ended, or None."""
    for one in sorted(invocations, key=lambda one: one.started_at):
        asked = any(trial.id == record.trial.id and not trial.was_finished for trial in one.trials)
        if asked and one.started_at <= record.ended_at <= (one.ended_at or record.ended_at):
            return one.name
    return None


def _times(record: Record, rows: Sequence[EpochRow]) -> tuple[int, dict[int, int]]:
    """Returns when the trial began, and when each of its epochs ended, in ms: reckoned from its end."""
    end_ms = as_ms(record.ended_at)
    duration_s = sum(row.duration_s for row in rows)
    if record.outcome is not None:
        duration_s = record.outcome.duration_s
    at_s, ends_ms = 0.0, {}
    begin_ms = end_ms - int(duration_s * 1000)
    for row in rows:
        at_s += row.duration_s
        ends_ms[row.epoch] = begin_ms + int(at_s * 1000)
    return begin_ms, ends_ms


def _final_metrics(record: Record, evaluations: Sequence[CamEvaluation]) -> list[Metric]:
    """Returns the metrics of the model and its native map by their names, of other maps below ``<method>/``.

    All are of step 0: the dashboard draws bars of such, which can be compared, and lone dots of others.
    """
    if record.outcome is None:
        return []
    outcome, end_ms = record.outcome, as_ms(record.ended_at)
    values = outcome.metrics | {"best_epoch": outcome.best_epoch, "trial_duration_s": outcome.duration_s}
    found = [metric(name, value, end_ms, 0) for name, value in values.items()]
    for one in evaluations:
        at_ms = as_ms(one.ended_at)
        place = "" if one.method == NATIVE else f"{one.method}/"
        found += [metric(f"{place}{name}", value, at_ms, 0) for name, value in one.metrics.items()]
    return found


def _files(folder: TrialFolder) -> dict[Path, str]:
    """Returns the files to show, and the folder of each among the artifacts: not weights, maps and logits."""
    asked = (folder.trial, folder.record, folder.initial_weights)
    tables = (folder.history, folder.losses, folder.boxes)
    own = (*asked, *tables, *sorted(folder.path.glob("*.png")))
    cams = sorted(path for path in folder.cams.glob("*") if path.suffix in (".json", ".parquet"))
    return dict.fromkeys(own, "") | dict.fromkeys(cams, folder.cams.name)


def _dataset(record: Record) -> DatasetInput:
    """Returns the entry in the dashboard's column of data sets."""
    spec = record.trial.dataset
    checked = record.outcome.provenance.data if record.outcome is not None else None
    content = (checked or "").removeprefix(DIGEST_PREFIX)
    digest = content[:16] if content != (checked or "") else short_hash(spec.model_dump(mode="json"))
    name = f"{title_of(spec)} {record.trial.resolution} px"
    shown = Dataset(name, digest, "local", spec.model_dump_json())
    return DatasetInput(shown, [InputTag("mlflow.data.context", "train, validate, test")])


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Returns the leaves of nested mappings by their path, with dots between levels."""
    leaves: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves |= flatten(value, f"{prefix}{key}.")
        else:
            leaves[prefix + key] = value
    return leaves
