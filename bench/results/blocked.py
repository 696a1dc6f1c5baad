"""What is blocked: trials that are not run, because one that they start from has failed."""

from collections.abc import Iterable

from bench.errors import listing
from bench.results.store import ResultsStore
from bench.suite.trial import Trial

_NAMED = 8
"""Trials that a sentence names before it counts the rest."""


def blocked_sentences(trials: Iterable[Trial], store: ResultsStore) -> tuple[str, ...]:
    """Returns a sentence for each failed trial that keeps others of `trials` from being run: which, and why.

    Raises:
        ResultsError: a record cannot be read.
    """
    blocked: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}
    for trial in {trial.id: trial for trial in trials}.values():
        if store.state(trial.id) in ("todo", "interrupted") and (blocker := store.blocker(trial)) is not None:
            blocked.setdefault(blocker.trial.id, []).append(trial.id)
            reasons[blocker.trial.id] = blocker.reason
    return tuple(
        f"{listing(ids, _NAMED)} {'is' if len(ids) == 1 else 'are'} blocked because {failed} failed: "
        f"{reasons[failed]}"
        for failed, ids in blocked.items()
    )
