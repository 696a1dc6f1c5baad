"""Finds a trial by what people type: its id, the beginning of one, or the path of its folder."""

from pathlib import Path

from bench.errors import ResultsError, listing, nearest
from bench.results.store import ResultsStore, TrialFolder
from bench.suite.user_path import user_path

_NAMED = 5
"""Ids that a message names before it counts the rest."""


def find_trial(store: ResultsStore, word: str) -> TrialFolder:
    """Returns the folder of the trial that `word` means, whatever state it is in.

    Args:
        store: where ids are looked for.
        word: an id, a beginning that only one id has, or the path of a trial's folder, wherever it is.

    Raises:
        ResultsError: there is no such trial, or there are several.
    """
    trials = store.root / "trials"
    ids = sorted(path.name for path in trials.glob("*") if path.is_dir())
    matches = [word] if word in ids else [name for name in ids if name.startswith(word)]
    if len(matches) == 1:
        return store.folder(matches[0])
    if matches:
        raise ResultsError(
            f"{trials}: {len(matches)} trials begin with {word!r}: {listing(matches, _NAMED)}; "
            "give more of the id"
        )
    if (path := user_path(word)).is_dir():
        return _by_path(path)
    known = f"there are: {listing(ids, _NAMED)}{nearest(word, ids)}" if ids else "bench run makes them"
    raise ResultsError(f"{trials}: no trial {word!r} here; {known}")


def _by_path(path: Path) -> TrialFolder:
    folder = TrialFolder(path)
    if not (folder.trial.exists() or folder.record.exists()):
        raise ResultsError(f"{path}: is no folder of a trial; it has neither trial.json nor record.json")
    return folder
