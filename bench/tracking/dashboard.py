"""How the dashboard shows an experiment: parents with their trials below, and the columns that matter.

MLflow keeps such a view in a tag of the experiment, and a link names it. By itself its list of runs shows no
score, and newer dashboards open every experiment as one of language models.
"""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, urlencode

from bench.escapes import code, code_block, markdown
from bench.results.invocation import Invocation, InvocationFolder
from bench.results.record import CamEvaluation, Record
from bench.suite.cam import NATIVE
from bench.suite.metrics import METRICS, WEIGHTED

_NAME = "bench"

VIEW_TAG = f"mlflow.sharedViewState.{_NAME}"

_SCORES = [f"metrics.`{metric.key(WEIGHTED)}`" for metric in METRICS.values()]

VIEW = json.dumps(
    {
        "selectedColumns": [
            "attributes.`Created`",
            "attributes.`Duration`",
            *_SCORES,
            "metrics.`best_epoch`",
            "tags.`model`",
            "tags.`seed`",
        ]
    }
)

_TRAINING = {"workflowType": "machine_learning"}


def runs_link(experiment_id: str) -> str:
    """Returns where the dashboard lists the experiment's runs in that view."""
    return _link(experiment_id, {"viewStateShareKey": _NAME})


def charts_link(experiment_id: str, condition: str) -> str:
    """Returns where the dashboard compares runs that meet a condition in MLflow's words.

    Sorted by a metric, it does not nest them.
    """
    wanted = {
        "searchFilter": condition,
        "orderByKey": _SCORES[0],
        "orderByAsc": "false",
        "compareRunsMode": "CHART",
    }
    return _link(experiment_id, wanted)


def _link(experiment_id: str, wanted: dict[str, str]) -> str:
    return f"#/experiments/{experiment_id}/runs?{urlencode(wanted | _TRAINING, quote_via=quote)}"


MAX_CHARACTERS = 7900
"""MLflow cuts a tag at 8000."""


def describe_trial(
    record: Record, evaluations: Iterable[CamEvaluation], trained_by: str | None, link: str | None
) -> str:
    """Returns how a trial ended, as Markdown.

    `trained_by` is the run of a suite that trained it, if it is known, and `link` shows it in that suite, if
    that is another one.
    """
    name = markdown(trained_by or "")
    by = f"Trained by [{name}]({link})." if link else f"Trained by {name}." if name else ""
    if record.error is not None:
        return f"Failed. {by}\n\n{code_block(record.error[-4000:])}"
    assert record.outcome is not None
    outcome = record.outcome
    of_maps = (note for one in evaluations if one.name == NATIVE for note in one.notes)
    notes = "".join(f"\n- {markdown(note)}" for note in (*outcome.notes, *of_maps))
    best = f"best of {outcome.num_epochs} epochs: {outcome.best_epoch}"
    how = "trained elsewhere" if record.trial.subject is not None else best
    text = f"`{record.trial.id}`, {how}. {by}"
    return (text.rstrip() + f"{notes}")[:MAX_CHARACTERS]


def describe_invocation(invocation: Invocation, folder: InvocationFolder, charts: str, runs: str) -> str:
    """Returns how a run of a suite ended, with the first tables of its report and its verdicts, as Markdown.

    Sections that do not fit are left out and named: the report is among the artifacts. `charts` and `runs`
    are the links to its trials and to all runs of the suite.
    """
    counts = ", ".join(f"{number} {state}" for state, number in invocation.counts.items() if number)
    links = f"[Curves and bars of its trials]({charts}) · [all runs with their scores]({runs})"
    lines = [f"**{markdown(invocation.title)}**", links, code(f"bench {' '.join(invocation.command)}")]
    if invocation.state in ("running", "interrupted"):
        lines.append(f"{invocation.state.capitalize()}; {len(invocation.trials)} trials.")
    elif counts:
        lines.append(f"{len(invocation.trials)} trials: {counts}.")
    if invocation.error:
        lines.append(f"Ended early: {markdown(invocation.error[-1000:])}")
    text = "\n\n".join(lines)
    page = folder.report / "README.md"
    claims = folder.report / "claims.md"
    known = claims.read_text(encoding="utf-8").strip() if claims.exists() else ""
    sections = _sections(page.read_text(encoding="utf-8"), known) if page.exists() else []
    left_out = []
    for heading, section in sections:
        if len(text) + len(section) + 2 < MAX_CHARACTERS - 600:
            text += f"\n\n{section}"
        else:
            left_out.append(heading)
    if left_out:
        text += f"\n\nIn report/index.html too: {'; '.join(left_out)}."[:500]
    return text


def _sections(page: str, claims: str) -> list[tuple[str, str]]:
    """Returns headings and sections of a report: the first table, then the claims, then the others."""
    parts = [part.strip() for part in re.split(r"^(?=### )", page, flags=re.MULTILINE)[1:]]
    found = [(part.splitlines()[0].removeprefix("### "), part) for part in parts]
    claimed = [one for one in found if one[1] == claims]
    rest = [one for one in found if one[1] != claims]
    return rest[:1] + claimed + rest[1:]
