"""What is not run: trials whose record cannot be read, or that start from one which has failed."""

from collections.abc import Iterable

from bench.errors import listing
from bench.results.store import ResultsStore
from bench.suite.trial import Trial

_NAMED = 8
"""Trials that a sentence names before it counts the rest."""


def blocked_sentences(trials: Iterable[Trial], store: ResultsStore) -> tuple[str, ...]:
    """Returns a sentence for each trial that keeps others of `trials` from being run: which, and why."""
    blocked: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}
    for trial in {trial.id: trial for trial in trials}.values():
        if store.state(trial.id) in ("todo", "interrupted") and (blocker := store.blocker(trial)) is not None:
            blocked.setdefault(blocker.id, []).append(trial.id)
            how = "failed" if store.state(blocker.id) == "failed" else "cannot be read"
            reasons[blocker.id] = f"{how}: {store.reason(blocker.id)}"
    return tuple(
        f"{listing(ids, _NAMED)} {'is' if len(ids) == 1 else 'are'} blocked because {key} {reasons[key]}"
        for key, ids in blocked.items()
    )


def unreadable_sentences(trials: Iterable[Trial], store: ResultsStore) -> tuple[str, ...]:
    """Returns a sentence for each record or evaluation of `trials` that is there and cannot be read."""
    ids = dict.fromkeys(trial.id for trial in trials)
    return tuple(sentence for trial_id in ids for sentence in store.problems(trial_id))
