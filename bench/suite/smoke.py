"""A suite as a test of the machinery: every trial on a few batches of images for one epoch."""

from collections.abc import Mapping
from dataclasses import replace

from bench.suite.grid import Grid
from bench.suite.load import LoadedSuite
from bench.suite.schema import Recipe
from bench.suite.trial import Trial

FOLDER = "smoke"
"""Below the results and the reports: what is never mixed with results."""


def limited(loaded: LoadedSuite, num_batches: int) -> LoadedSuite:
    """Returns the suite with other trials in place of its own, and of those that they start from.

    Each has one epoch, on so many batches of images, and loads as many for validation and test, which is part
    of its identity: no result has its id. Claims and references, which are on results, are left out.

    Args:
        loaded: a suite.
        num_batches: at least one.
    """
    short = {"limit_batches": num_batches, "max_epochs": 1}
    suite = loaded.suite.model_copy(
        update={"recipe": _recipe(loaded.suite.recipe, short), "claims": (), "references": ()}
    )
    return replace(loaded, suite=suite, grid=_grid(loaded.grid, short), claims=())


def _grid(grid: Grid, short: Mapping[str, int]) -> Grid:
    points = tuple(replace(point, trial=_trial(point.trial, short)) for point in grid.points)
    new_ids = {
        before.id: after.id
        for old, new in zip(grid.points, points, strict=True)
        for before, after in zip(_chain(old.trial), _chain(new.trial), strict=True)
    }
    origins = {new_ids[key]: origin for key, origin in grid.origins.items() if key in new_ids}
    return replace(grid, points=points, origins=origins)


def _trial(trial: Trial, short: Mapping[str, int]) -> Trial:
    init = None if trial.init is None else _trial(trial.init, short)
    return trial.model_copy(update={"recipe": _recipe(trial.recipe, short), "init": init})


def _recipe(recipe: Recipe, short: Mapping[str, int]) -> Recipe:
    return recipe.model_copy(update=short)


def _chain(trial: Trial) -> tuple[Trial, ...]:
    return (*trial.ancestors(), trial)
