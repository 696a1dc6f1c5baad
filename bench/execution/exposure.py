"""What stops a run: rows that start from something that has seen their test images."""

from collections.abc import Collection, Iterable

from bench.data.dataset import DataContext
from bench.data.loading import read_source
from bench.errors import SuiteError
from bench.suite.grid import Grid
from bench.suite.trial import Trial
from bench.suite.violation import TEST_IMAGES_SEEN


def require_unseen(grid: Grid, trials: Iterable[Trial], context: DataContext) -> None:
    """Refuses trials whose test images were seen before, unless the suite accepts it.

    The data set's tables are read only where a suite lists images that were seen.

    Args:
        grid: of the suite.
        trials: those that are to run; others than the grid's own are let pass.
        context: where data sets are.

    Raises:
        SuiteError: with a line for each row and data set.
        DataError: as `read_source`.
    """
    todo = {trial.id for trial in trials}
    asked = grid.of(
        point
        for point in grid.points
        if point.trial.id in todo
        and TEST_IMAGES_SEEN not in grid.accepted.get(point.trial.dataset.model_dump_json(), ())
    )
    known: dict[str, Collection[str]] = {}

    def test_names(trial: Trial) -> Collection[str]:
        key = trial.dataset.model_dump_json()
        if key not in known:
            known[key] = read_source(trial.dataset, context).parts["test"]
        return known[key]

    lines = dict.fromkeys(f"  {line}" for _, line in asked.exposures(test_names))
    if lines:
        head = "models start from what has seen images that they are tested on:"
        last = f"a suite that says accept: [{TEST_IMAGES_SEEN}] runs all the same; its tables mark these rows"
        raise SuiteError("\n".join([head, *lines, last]))
