"""Reads a suite's results: as frames, two of its rows compared, its maps scored by another protocol."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api.choices import protocol_of
from bench.api.suites import Seeds, SuiteLike, as_loaded, open_store, select, several
from bench.errors import BenchError, ResultsError, SuiteError
from bench.reporting.pairwise import (
    ComparedRow,
    PairwiseComparison,
    compare_rows,
    find_row,
    require_one_table,
)
from bench.results.differences import require_same_data
from bench.results.grid_results import Results
from bench.results.record import Outcome, Record
from bench.results.store import ResultsStore, TrialFolder
from bench.suite.grid import Grid, Point
from bench.suite.metrics import METRICS, PRIMARY
from bench.suite.trial import Trial

if TYPE_CHECKING:
    from bench.api.rescoring import Rescored

_Document = dict[str, Any]


def read_results(
    suite: SuiteLike,
    results_dir: str | Path = "results",
    *,
    only: str | Sequence[str] = (),
    seeds: Seeds = None,
) -> Results:
    """Returns the results of a suite's finished trials as frames; docs/python-api.md says what is in them.

    Args:
        suite: a file, or a loaded suite.
        results_dir: where trials are.
        only: conditions such as ``model=pylon``.
        seeds: only these, e.g. ``"0-2"`` or ``range(3)``.

    Raises:
        SuiteError: the suite or the selection is not usable.
        ResultsError: a table is missing or damaged.
    """
    return Results(select(as_loaded(suite), only, seeds), open_store(results_dir))


def compare(
    suite: SuiteLike,
    first: str,
    second: str,
    metric: str = PRIMARY.name,
    *,
    only: str | Sequence[str] = (),
    seeds: Seeds = None,
    results_dir: str | Path = "results",
) -> PairwiseComparison:
    """Returns how two rows of a suite differ, first − second, unit by unit on the same images.

    Args:
        suite: a file, or a loaded suite.
        first: a row's label, a model that only one row has, or a reference of `bench reference list`.
        second: likewise.
        metric: its scores are compared.
        only: conditions that leave one data set and resolution, e.g. ``resolution=256``.
        seeds: only these.
        results_dir: where trials are.

    Raises:
        SuiteError: there is no such row or metric, or there are several data sets or resolutions.
        ResultsError: a row has no finished trial, or the two share no unit or seed.
    """
    if metric not in METRICS:
        raise SuiteError(f"no metric {metric!r}", place="--metric", value=metric, allowed=METRICS)
    grid, store = select(as_loaded(suite), only, seeds), open_store(results_dir)
    require_one_table(grid)
    results = Results(grid, store)
    one, other = (find_row(name, grid, results, METRICS[metric]) for name in (first, second))
    is_same = (one.label, one.is_reference) == (other.label, other.is_reference)
    if is_same and (not one.is_reference or first == second):
        raise SuiteError("cannot be compared with itself", place=one.label, value=second)
    require_same_data(compared_points(grid, one, other), store, grid.accepted)
    return compare_rows(one, other, METRICS[metric])


def compared_points(grid: Grid, *sides: ComparedRow) -> tuple[Point, ...]:
    """Returns the points of the sides that are rows of the grid."""
    rows = {side.label for side in sides if not side.is_reference}
    return tuple(point for point in grid.points if point.row in rows)


def rescore(
    suite: SuiteLike | None = None,
    *,
    references: str | Sequence[str] = (),
    metrics: str | Sequence[str] = (),
    annotation: str | None = None,
    only: str | Sequence[str] = (),
    seeds: Seeds = None,
    results_dir: str | Path = "results",
    **choices: Any,
) -> "Rescored":
    """Returns the scores of stored maps by another protocol or annotation beside those by the default.

    Needs no data, model or GPU. Writes a trial's table of single choices if that is missing.

    Args:
        suite: a file, or a loaded suite: its trials' maps, and those of the references that it names.
        references: names of others whose maps are scored too.
        metrics: names of metrics of maps; all by default.
        annotation: in place of the own boxes: a name of the suite's `annotations`, or ``NAME=FILE``.
        only: conditions such as ``model=pylon``.
        seeds: only these.
        results_dir: where trials and references are.
        choices: fields of `LocalizationProtocol`, e.g. ``iobb=0.1``; docs/protocol.md says what each does.

    Raises:
        SuiteError: there is no such choice, metric, reference or annotation, or a choice cannot be that; or
            the suite is not usable.
        ResultsError: tables or maps of all trials are damaged, or of different data.
        DataError: the annotation cannot be read, or has none of the units.
    """
    from bench.api.rescoring import rescore_maps
    from bench.api.scoring import Scoring, named_annotation, named_metrics, named_references

    protocol, store = protocol_of(choices), open_store(results_dir)
    loaded = None if suite is None else as_loaded(suite)
    scoring = Scoring(
        protocol,
        named_metrics(several(metrics)),
        None if annotation is None else named_annotation(annotation, loaded),
    )
    if loaded is not None:
        loaded = loaded.narrowed(select(loaded, only, seeds))
    folders = named_references(loaded, several(references), store.root)
    return rescore_maps(loaded, folders, store, scoring, lambda _what, _done, _total: None)


def describe_trial(folder: TrialFolder, cache_dir: Path, suites_dir: Path | None) -> _Document:
    """Returns everything that is known of a trial, ready for JSON.

    "asked" has the settings of the trial; its recipe and data set hold values other than the defaults.
    "ancestors" are the trials that it starts from, the first to run first. "manifests" are those of its data
    set in the cache; "suites" ask for the trial or start from it, null if `suites_dir` is None.

    Args:
        folder: of the trial.
        cache_dir: where manifests of data sets are.
        suites_dir: where suites are; None to look for none.

    Raises:
        ResultsError: neither record nor trial can be read.
    """
    store = ResultsStore(folder.path.parent.parent)
    record, trial = _read(folder)
    outcome = record.outcome if record is not None else None
    return {
        "id": trial.id,
        "state": store.state(trial.id) if folder.path.name == trial.id else "unknown",
        "ended_at": record.ended_at if record is not None else None,
        "error": record.error if record is not None else None,
        "unreadable": list(store.problems(folder.path.name)) if folder.path.name == trial.id else [],
        "asked": _asked(trial),
        "ancestors": [{"id": parent.id, "state": store.state(parent.id)} for parent in trial.ancestors()],
        "outcome": _outcome(outcome),
        "maps": _maps(folder),
        "provenance": outcome.provenance.model_dump(mode="json") if outcome is not None else None,
        "manifests": _manifests(trial.dataset.name, cache_dir),
        "folder": str(folder.path),
        "files": _files(folder.path),
        "suites": None if suites_dir is None else _suites(trial.id, suites_dir),
    }


def _read(folder: TrialFolder) -> tuple[Record | None, Trial]:
    """Returns the trial and its record, if it has one that can be read.

    Raises:
        ResultsError: neither tells the trial.
    """
    try:
        record = folder.read_record()
    except ResultsError:
        trial = folder.read_trial()
        if trial is None:
            raise
        return None, trial
    trial = record.trial if record is not None else folder.read_trial()
    if trial is None:
        raise ResultsError(f"{folder.trial}: is missing")
    return record, trial


def _asked(trial: Trial) -> _Document:
    identity = trial.identity()
    return {
        "label": trial.label,
        **{
            key: identity.get(key) for key in ("model", "options", "encoder", "weights", "subject", "dataset")
        },
        "resolution": trial.resolution,
        "seed": None if trial.subject is not None else trial.seed,
        "phase": trial.phase.model_dump(mode="json", exclude_defaults=True),
        "recipe": identity["recipe"],
        "protocol": trial.protocol,
    }


def _outcome(outcome: Outcome | None) -> _Document | None:
    return None if outcome is None else outcome.model_dump(mode="json", exclude={"provenance"})


def _maps(folder: TrialFolder) -> list[_Document]:
    kept = {"method", "status", "metrics", "notes"}
    return [one.model_dump(mode="json", include=kept) for one in folder.read_evaluations()]


def _manifests(name: str, cache_dir: Path) -> list[_Document]:
    from bench.data.checks.manifest import stored_manifests

    return [
        {
            "path": str(path),
            "images": len(table),
            "bytes": int(table["num_bytes"].sum()),
            "unreadable": int((table["problem"] != "").sum()),
        }
        for path, table in stored_manifests(name, cache_dir).items()
    ]


def _files(folder: Path) -> dict[str, int]:
    """Size in bytes of each file in the folder, but for locks."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.stat().st_size for path in paths}


def _suites(trial_id: str, suites_dir: Path) -> list[_Document]:
    from bench.suite.find import every_suite
    from bench.suite.load import load_suite

    found: list[_Document] = []
    for path in every_suite(suites_dir).values():
        try:
            grid = load_suite(path).grid
        except BenchError as error:
            found.append({"suite": path.stem, "rows": [], "error": str(error).splitlines()[0]})
            continue
        rows = list(dict.fromkeys(point.row for point in grid.points if point.trial.id == trial_id))
        starts = any(trial.id == trial_id for trial in grid.required)
        if rows or starts:
            found.append({"suite": path.stem, "rows": rows, "error": None})
    return found
