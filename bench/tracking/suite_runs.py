"""The runs of an experiment that stand for runs of its suite: parents of the trials that were asked for."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from bench.errors import ResultsError, brief
from bench.results.invocation import Invocation, InvocationFolder
from bench.results.provenance import UNKNOWN
from bench.tracking.dashboard import charts_link, of_invocation, runs_link
from bench.tracking.mlflow_store import ASKED_BY, KIND, SUITE_RUN, TRIAL_RUN, MlflowStore, as_ms, metric
from bench.tracking.trial_runs import flatten

_STATUS = {"running": "RUNNING", "finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
_MIRRORED = "bench.mirrored"


class SuiteRuns:
    """The parents in one experiment, found by their number and when they began.

    Results folders that share a server count their runs of a suite each for itself.
    """

    def __init__(self, store: MlflowStore, suite: str) -> None:
        """Looks for all of them; of several that stand for one run of the suite the first is kept.

        Args:
            store: is open.
            suite: names the experiment.
        """
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

        Args:
            invocation: as it is now; one that still runs is shown as running.
            folder: its files, which become artifacts as they are.
        """
        key = invocation.number, as_ms(invocation.started_at)
        run = self._runs.get(key) or self._open(invocation)
        self._runs[key] = run
        tags = self._tags(invocation, folder)
        is_new = run.data.tags.get(_MIRRORED) != tags[_MIRRORED]
        run_id = run.info.run_id
        self._store.log_files(run_id, _files(folder), again=is_new)
        if is_new or any(run.data.tags.get(key) != value for key, value in tags.items()):
            self._store.log(
                run_id,
                metrics=[
                    metric(name, value, as_ms(invocation.ended_at), 0)
                    for name, value in _metrics(invocation).items()
                    if invocation.ended_at is not None
                ],
                params=_config(folder) if not run.data.params else {},
                tags=tags,
            )
        status = _STATUS[invocation.state]
        if run.info.status != status:
            end_ms = as_ms(invocation.ended_at) if invocation.ended_at else None
            if status == "RUNNING":
                self._store.client.update_run(run_id, status=status)
            else:
                self._store.client.set_terminated(run_id, status, end_time=end_ms)
        self._runs[key] = self._store.client.get_run(run_id)
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
        commit = str(environment.get("git_commit", f"{UNKNOWN}not written down"))
        return {
            KIND: SUITE_RUN,
            "suite": self._suite,
            "invocation": str(invocation.number),
            "state": invocation.state,
            "git_commit": commit,
            "python": str(environment.get("python", "")),
            "mlflow.runName": invocation.name,
            "mlflow.note.content": of_invocation(
                invocation, folder, self._charts(invocation), runs_link(self._store.experiment(self._suite))
            ),
            "mlflow.source.name": " ".join(("bench", *invocation.command)),
            "mlflow.source.type": "LOCAL",
            **({} if commit.startswith(UNKNOWN) else {"mlflow.source.git.commit": commit}),
            _MIRRORED: invocation.ended_at or invocation.started_at,
        }

    def _charts(self, invocation: Invocation) -> str:
        """Returns where the dashboard compares the trials."""
        condition = f"tags.{KIND} = '{TRIAL_RUN}' and tags.{ASKED_BY} LIKE '%#{invocation.number},%'"
        return charts_link(self._store.experiment(self._suite), condition)


def _metrics(invocation: Invocation) -> dict[str, float]:
    return invocation.means | {f"trials/{state}": float(n) for state, n in invocation.counts.items()}


def _files(folder: InvocationFolder) -> dict[Path, str]:
    own = (folder.invocation, folder.suite, folder.config, folder.environment)
    found = dict.fromkeys(own, "")
    for path in sorted(folder.report.rglob("*")):
        if path.is_file():
            found[path] = path.parent.relative_to(folder.path).as_posix()
    return found


def _config(folder: InvocationFolder) -> dict[str, object]:
    return flatten(_json(folder.config))


def _json(path: Path) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path}: cannot be read ({brief(error)})") from None
    return found
