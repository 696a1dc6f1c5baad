"""The runs of an experiment that stand for runs of its suite: parents of the trials that were asked for."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from bench.errors import ResultsError, brief
from bench.results.invocation import Invocation, InvocationFolder
from bench.results.provenance import UNKNOWN
from bench.tracking.dashboard import charts_link, describe_invocation, runs_link
from bench.tracking.mlflow_store import ASKED_BY, KIND, SUITE_RUN, TRIAL_RUN, MlflowStore, as_ms, metric
from bench.tracking.trial_runs import flatten

_STATUS = {"running": "RUNNING", "finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
_MIRRORED = "bench.mirrored"


class SuiteRuns:
    """The parents in one experiment, found by their number and when they began.

    Results folders that share a server count their runs of a suite each for itself. Where several stand for
    one run of the suite, the first is kept.
    """

    def __init__(self, store: MlflowStore, suite: str) -> None:
        self._store, self._suite = store, suite
        self._runs: dict[tuple[int, int], Run] = {}
        for run in store.runs(suite, f"tags.{KIND} = '{SUITE_RUN}'"):
            key = int(run.data.tags["invocation"]), run.info.start_time
            if key in self._runs:
                store.client.delete_run(run.info.run_id)
            else:
                self._runs[key] = run

    def mirror(self, invocation: Invocation, folder: InvocationFolder) -> Run:
        """Returns the run that stands for `invocation`, made if need be, with all that is known of it.

        An invocation that still runs is shown as running. The files of its folder become artifacts.
        """
        key = invocation.number, as_ms(invocation.started_at)
        run = self._runs.get(key) or self._open(invocation)
        tags = self._tags(invocation, folder)
        is_new = run.data.tags.get(_MIRRORED) != tags[_MIRRORED]
        self._store.log_files(run.info.run_id, _files(folder), again=is_new)
        values = invocation.means | {f"trials/{state}": float(n) for state, n in invocation.counts.items()}
        end_ms = as_ms(invocation.ended_at) if invocation.ended_at is not None else None
        self._store.update(
            run,
            metrics=[metric(name, value, end_ms, 0) for name, value in values.items() if end_ms is not None],
            params=flatten(_json(folder.config)) if not run.data.params else {},
            tags=tags,
        )
        self._runs[key] = self._store.set_status(run, _STATUS[invocation.state], end_ms)
        return self._runs[key]

    def _open(self, invocation: Invocation) -> Run:
        with self._store.locked():
            began = f"attributes.start_time = {as_ms(invocation.started_at)}"
            condition = f"tags.{KIND} = '{SUITE_RUN}' and tags.invocation = '{invocation.number}' and {began}"
            found = self._store.runs(self._suite, condition)
            if found:
                return found[0]
            return self._store.client.create_run(
                self._store.experiment(self._suite),
                start_time=as_ms(invocation.started_at),
                run_name=invocation.name,
                tags={KIND: SUITE_RUN, "suite": self._suite, "invocation": str(invocation.number)},
            )

    def _tags(self, invocation: Invocation, folder: InvocationFolder) -> dict[str, str]:
        environment = _json(folder.environment)
        experiment = self._store.experiment(self._suite)
        condition = f"tags.{KIND} = '{TRIAL_RUN}' and tags.{ASKED_BY} LIKE '%#{invocation.number},%'"
        charts = charts_link(experiment, condition)
        commit = str(environment.get("git_commit", f"{UNKNOWN}not written down"))
        return {
            KIND: SUITE_RUN,
            "suite": self._suite,
            "invocation": str(invocation.number),
            "state": invocation.state,
            "git_commit": commit,
            "python": str(environment.get("python", "")),
            "mlflow.runName": invocation.name,
            "mlflow.note.content": describe_invocation(invocation, folder, charts, runs_link(experiment)),
            "mlflow.source.name": " ".join(("bench", *invocation.command)),
            "mlflow.source.type": "LOCAL",
            **({} if commit.startswith(UNKNOWN) else {"mlflow.source.git.commit": commit}),
            _MIRRORED: invocation.ended_at or invocation.started_at,
        }


def _files(folder: InvocationFolder) -> dict[Path, str]:
    own = (folder.invocation, folder.suite, folder.config, folder.environment)
    found = dict.fromkeys(own, "")
    for path in sorted(folder.report.rglob("*")):
        if path.is_file():
            found[path] = path.parent.relative_to(folder.path).as_posix()
    return found


def _json(path: Path) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"cannot be read ({brief(error)})", place=path) from None
    return found
