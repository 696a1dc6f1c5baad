"""Why a worker died, from Ray's text on it, and what a record says once it has died too often.

Tune keeps the exception itself of some deaths only, and not where memory ran out; it keeps the text of all.
"""

import re

from bench.errors import brief
from bench.suite.trial import Trial

MAX_WORKER_DEATHS = 2
"""After so many a trial is started again; after one more it has failed."""

_HEADING = re.compile(r"^Failure # \d+ \(occurred at .*\)\n", re.MULTILINE)
_MEMORY = re.compile(
    r"node \(IP: (?P<ip>[^,]+),.*? was (?P<used>[\d.]+)GB(?: used)? / (?P<total>[\d.]+)GB", re.DOTALL
)
_LOW = "running low on memory"
_KILLED = re.compile(
    r"OOM killer|SIGKILL|connection error code|worker (process )?(has )?died|died unexpectedly"
)
_UNREACHED = re.compile(r"is unavailable|RPC error|Socket closed")
_NODE = re.compile(r"node (has )?(died|was terminated)|node .*health check|NODE_DIED", re.IGNORECASE)


def last_failure(failures: str) -> str:
    """Returns the last of the failures of a trial, from the file that Tune appends each of them to."""
    return _HEADING.split(failures)[-1].strip()


def cause_of_death(failure: str) -> str:
    """Returns why a worker died as the end of a sentence, from Ray's many lines on it."""
    if _LOW in failure:
        found = _MEMORY.search(failure)
        figures = f" ({found['used']} of {found['total']} GB used on {found['ip']})" if found else ""
        return f"Ray ended it because its machine ran out of memory{figures}"
    if _NODE.search(failure):
        return "its node was lost"
    if _KILLED.search(failure):
        return "it was killed or crashed, as happens where memory runs out"
    if _UNREACHED.search(failure):
        return "it, or its whole node, was killed or cut off"
    return brief(Exception(failure)) or "Ray does not say why"


def too_many_deaths(trial: Trial, failure: str) -> str:
    """Returns the error of a trial whose worker has died once too often; `failure` is Ray's last text."""
    cause = cause_of_death(failure)
    remedies = f"; {_remedies_of_memory(trial)}" if "memory" in cause else ""
    return (
        f"its worker died {MAX_WORKER_DEATHS + 1} times; the last time {cause}{remedies}; "
        "bench retry runs it again, from its last checkpoint if it has one"
    )


def _remedies_of_memory(trial: Trial) -> str:
    """Returns how a trial, or all that run at the same time, can take less of a machine's memory."""
    fewer = "--max-concurrent runs fewer trials at once"
    recipe = trial.recipe
    if recipe.piece_size == 1:
        return fewer
    return (
        f"{fewer}, --set recipe.accumulate={2 * recipe.accumulate} works on half as many images at once "
        "(other trials by their id, since batch norm sees the pieces)"
    )
