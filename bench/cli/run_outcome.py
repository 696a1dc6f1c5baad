"""What a run says last of what was selected: what failed, what is blocked, what was not started."""

import argparse
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.cli.arguments import results_dir_default
from bench.errors import listing

if TYPE_CHECKING:
    from bench.results.store import ResultsStore
    from bench.suite.grid import Grid
    from bench.suite.trial import Trial

_NAMED = 8
"""Trials that a sentence names before it counts the rest."""


def failure_sentences(selected: "Grid", store: "ResultsStore") -> list[str]:
    """Returns which trials failed, are blocked or cannot be read, and which maps failed."""
    from bench.results.blocked import blocked_sentences, unreadable_sentences

    trials = (*selected.required, *selected.trials)
    failed = [trial.id for trial in trials if store.state(trial.id) == "failed"]
    maps = [
        f"{point.cam} of {point.trial.id}"
        for point in selected.points
        if point.trial.id not in failed and store.state(point.trial.id, point.cam) == "failed"
    ]
    sentences = {
        f"{len(failed)} {_plural('trial', failed)} failed: {listing(failed, _NAMED)}": failed,
        f"{len(maps)} {_plural('evaluation', maps)} of maps failed: {listing(maps, _NAMED)}": maps,
    }
    told = [sentence for sentence, concerned in sentences.items() if concerned]
    return [*told, *blocked_sentences(trials, store), *unreadable_sentences(trials, store)]


def failure_hint(arguments: argparse.Namespace) -> str:
    """Returns which commands help where something has failed of what the arguments of a verb select."""
    from bench.suite.smoke import FOLDER

    if getattr(arguments, "limit_batches", None) is not None:
        return f"bench failures --results-dir {arguments.results_dir / FOLDER} says why"
    given = [str(arguments.suite), *(f"--set={shlex.quote(one)}" for one in arguments.overrides)]
    if str(arguments.results_dir) != results_dir_default():
        given.append(f"--results-dir={shlex.quote(str(arguments.results_dir))}")
    same = " ".join(given)
    return (
        f"bench failures {same} says why, bench retry {same} runs that again; "
        "bench run --retry-failed also what it blocks"
    )


def late_sentence(left: "Sequence[Trial]", max_hours: float) -> str:
    """Returns how many trials were not started, and why."""
    return (
        f"{len(left)} {_plural('trial', left)} not started, since {max_hours:g} h are over; "
        "the same command goes on"
    )


def _plural(word: str, concerned: Sequence[object]) -> str:
    return word if len(concerned) == 1 else f"{word}s"
