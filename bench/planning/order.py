"""Orders trials: the one that takes longest, with the trials that wait for it, is started first.

So the last trials to run are short, and no core idles for long while a long one ends.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import median

from bench.planning.cost import TrialCost, image_counts
from bench.suite.trial import Trial


def longest_first(trials: Sequence[Trial], cost: Callable[[Trial], float]) -> list[Trial]:
    """Returns the trials, longest chain first; trials of equal chains keep their order.

    A chain is a trial and, after it, the longest of those that start from it: parents come before children.

    Args:
        trials: to run.
        cost: what a trial takes, not negative, in any unit.
    """
    children: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.init is not None:
            children.setdefault(trial.init.id, []).append(trial)

    @cache
    def chain(position: int) -> float:
        own = trials[position]
        after = (chain(positions[child.id]) for child in children.get(own.id, ()))
        return cost(own) + max(after, default=0.0)

    positions = {trial.id: position for position, trial in enumerate(trials)}
    return [trials[position] for position in sorted(range(len(trials)), key=lambda one: -chain(one))]


def expected_times(
    trials: Sequence[Trial], costs: Mapping[str, TrialCost], files: Mapping[str, Path]
) -> dict[str, float]:
    """Returns by id the time that each trial is still expected to take, s, as the plan estimates it.

    A trial that was never timed counts by its pixels: resolution² × epochs × training images, at the usual
    time of the others for each. A data set of unknown size counts as the median of the others.

    Args:
        trials: to run.
        costs: by id, of those of `trials` whose time is known.
        files: by digest, those that trials name.
    """
    counts = {trial.id: image_counts(trial.dataset, files) for trial in trials}
    images = {key: count.train for key, count in counts.items() if count is not None}
    usual = median(images.values()) if images else 1
    pixels = {
        trial.id: trial.resolution**2 * trial.recipe.max_epochs * images.get(trial.id, usual)
        for trial in trials
    }
    known = {key: cost.left_s.expected for key, cost in costs.items()}
    pixel_s = median(seconds / pixels[key] for key, seconds in known.items()) if known else 1.0
    return {key: known.get(key, pixel_s * number) for key, number in pixels.items()}
