"""How long what runs still takes at most: to the cap on epochs, at the pace that it has."""

from collections.abc import Sequence
from statistics import mean, median

from bench.execution.progress import TRAINING_SHARE, Progress
from bench.results.store import ResultsStore, TrialFolder
from bench.suite.trial import Trial

_MIN_DONE = 0.02
"""Trials of which a pace can be told."""


def trial_left_s(trial: Trial, progress: Progress, folder: TrialFolder) -> float | None:
    """Returns the time to the trial's cap on epochs, s; None where it is not known.

    From the median of the epochs that have ended, in whatever run, else from the speed of the one that runs.
    """
    if progress.num_steps == 0:
        return None
    rows = folder.epochs()
    if rows:
        epoch_s = median(row.duration_s for row in rows)
    elif progress.images_per_s:
        epoch_s = progress.num_steps * trial.recipe.batch_size / progress.images_per_s
    else:
        return None
    return epoch_s * trial.recipe.max_epochs / TRAINING_SHARE * (1 - progress.fraction)


def all_left_s(running: Sequence[tuple[float, float]], others: Sequence[float], num_slots: int) -> float:
    """Returns the time until all trials have ended, s: as if slots were never idle.

    Args:
        running: of each whose time left is known: that time, s, and the share of the trial that is left.
        others: of each whose time is not known, running or waiting: the share that is left. A whole one
            takes the mean of those that are known.
        num_slots: trials that run at once.
    """
    whole_s = mean(left_s / share for left_s, share in running)
    lefts = [left_s for left_s, _ in running]
    return max((sum(lefts) + whole_s * sum(others)) / num_slots, *lefts)


def time_left(elapsed_s: float, done: float, total: float, earlier: float) -> float | None:
    """Returns the seconds that are left at the pace so far; None while that is hardly known.

    Args:
        elapsed_s: what this run has taken.
        done: what is done, in trials.
        total: what there is to do, in trials.
        earlier: what of `done` an earlier run did, and this one took no time for.
    """
    by_this_run = done - earlier
    return elapsed_s * (total - done) / by_this_run if by_this_run > _MIN_DONE else None


def earlier_share(store: ResultsStore, trial: Trial) -> float:
    """Returns how much of the trial an interrupted run has done, in epochs."""
    folder = store.folder(trial.id)
    if not folder.last_checkpoint.exists():
        return 0.0
    return min(TRAINING_SHARE * len(folder.epochs()) / trial.recipe.max_epochs, TRAINING_SHARE)
