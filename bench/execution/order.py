"""Which trial is started first: the one whose end, with all that waits for it, is expected to take longest.

So the last to run are short, and no core idles for long while a long one ends.
"""

from collections.abc import Callable, Sequence
from functools import cache
from statistics import median

from bench.data.expected_counts import EVERY, expected_counts
from bench.results.model_sizes import ModelSize, SizeCache, size_key
from bench.suite.schema import PhantomSpec
from bench.suite.trial import Trial


def longest_first(trials: Sequence[Trial], cost: Callable[[Trial], float]) -> list[Trial]:
    """Returns the trials, those first whose chain takes longest; equal ones in their order.

    A chain is a trial and, after it, the longest of those that start from it: parents come before children.

    Args:
        trials: to run.
        cost: what a trial takes, more than 0, in any unit.
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


def relative_costs(trials: Sequence[Trial], sizes: SizeCache) -> dict[str, float]:
    """Returns by id what trials cost beside each other: operations of an image × epochs × training images.

    A model whose size `bench list models` has not measured counts as the median of the others; a data set of
    unknown size as one image, so that its trials come last.
    """
    known = {trial.id: gmacs for trial in trials if (gmacs := _gmacs(trial, sizes)) is not None}
    usual = median(known.values()) if known else 1.0
    return {
        trial.id: known.get(trial.id, usual)
        * trial.resolution**2
        * trial.recipe.max_epochs
        * _num_training_images(trial)
        for trial in trials
    }


def _gmacs(trial: Trial, sizes: SizeCache) -> float | None:
    key = size_key(trial.model, trial.options, trial.encoder)
    if key not in sizes:
        return None
    size = sizes[key]
    return size.gmacs if isinstance(size, ModelSize) else None


def _num_training_images(trial: Trial) -> int:
    """Returns the size of the part; of a published data set that of the pool that it is drawn from."""
    if isinstance(trial.dataset, PhantomSpec):
        return trial.dataset.train
    counts = expected_counts(trial.dataset.name)["images"]
    pools = counts[counts.index.get_level_values("finding") == EVERY]
    return int(pools.iloc[0]) if len(pools) else 1
