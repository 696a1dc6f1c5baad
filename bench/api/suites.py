"""Suites, selections and folders as callers give them: paths and words, or what was loaded from them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench.data.dataset import DataContext
from bench.results.invocation import require_own
from bench.results.store import ResultsStore
from bench.suite import load
from bench.suite.find import suite_path
from bench.suite.grid import Grid
from bench.suite.load import LoadedSuite
from bench.suite.user_path import results_folder, user_path

SuiteLike = str | Path | LoadedSuite
"""A suite's YAML file or name, or the suite that was loaded from one."""

Seeds = str | int | Iterable[int] | None
"""``"0,2"`` or ``"0-4"``, or a number or several; None is all."""


def load_suite(path: str | Path, overrides: str | Sequence[str] = ()) -> LoadedSuite:
    """Returns the suite in a YAML file, checked and expanded to its trials.

    Args:
        path: the file, ``~`` is the home folder; or the name of a suite in ``suites/`` or of a shipped one.
        overrides: changes as ``key=value`` with dots between levels, e.g. ``recipe.max_epochs=3``. They make
            other trials of the suite's.

    Raises:
        SuiteError: anything that is wrong with the file or an override, one line per mistake.
    """
    return load.load_suite(suite_path(str(path)), several(overrides))


def as_loaded(suite: SuiteLike) -> LoadedSuite:
    """Returns the suite, loaded if it is not yet; errors as of `load_suite`."""
    return suite if isinstance(suite, LoadedSuite) else load_suite(suite)


def select(
    loaded: LoadedSuite, only: str | Sequence[str] = (), seeds: Seeds = None, shard: str | None = None
) -> Grid:
    """Returns the suite's grid, narrowed.

    Args:
        loaded: the suite.
        only: conditions such as ``model=pylon``, on model, dataset, resolution, seed or cam; of several
            values of one of these any may match.
        seeds: only these.
        shard: ``I/N``, the I-th of N parts of the selection.

    Raises:
        SuiteError: a condition is wrong, or nothing is left.
    """
    grid = loaded.grid.select(several(only), listed(seeds))
    return grid if shard is None else grid.shard(shard)


def several(words: str | Sequence[str]) -> tuple[str, ...]:
    """Returns the words; one alone may stand for itself."""
    return (words,) if isinstance(words, str) else tuple(words)


def listed(seeds: Seeds) -> str | None:
    """Returns seeds as the command line has them."""
    if seeds is None or isinstance(seeds, str | int):
        return None if seeds is None else str(seeds)
    return ",".join(map(str, seeds))


def as_path(path: str | Path) -> Path:
    """Returns the path that a user has given, see `bench.suite.user_path`."""
    return user_path(str(path))


def data_context(
    files: Mapping[str, Path], results_dir: Path, data_root: Path | None, cache_dir: Path | None
) -> DataContext:
    """Returns where data sets are on this machine, all paths absolute.

    Args:
        files: those that trials name by digest.
        results_dir: has the cache unless `cache_dir` says where it is.
        data_root: folder of downloaded data sets, or None.
        cache_dir: where decoded images are kept.
    """
    root = None if data_root is None else data_root.resolve()
    return DataContext(root, (cache_dir or results_dir / "cache").resolve(), dict(files))


def open_store(results_dir: str | Path) -> ResultsStore:
    """Returns the store of a results folder.

    Raises:
        BenchError: it is no folder, or cannot be read.
    """
    return ResultsStore(results_folder(str(results_dir)).resolve())


def report_folder(reports_dir: Path, loaded: LoadedSuite) -> Path:
    """Returns the folder of the suite's report.

    Raises:
        ResultsError: it belongs to another suite of the same name.
    """
    folder = reports_dir / loaded.suite.name
    require_own(folder, loaded.suite.name, loaded.source)
    return folder
