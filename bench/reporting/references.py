"""Reference runs by name: those that come with this package, and those of a results folder."""

import csv
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.data.sources.nih import patients_of
from bench.errors import ResultsError, SuiteError
from bench.results.references import ReferenceRecord, SeedMetrics, reference_folder, stored_references
from bench.results.units import read_table
from bench.suite.identity import bytes_digest, file_digest
from bench.suite.metrics import AVERAGES, MACRO, METRICS, POINT_ACCURACY, WEIGHTED

if TYPE_CHECKING:  # a finished suite is seen without scipy
    from bench.statistics.student import MeanInterval

AUTHORS = "authors_pylon_nih256"
"""The thesis' authors' own PYLON on NIH at 256 px."""

BUILT_IN = (AUTHORS,)
"""References that come with this package."""

_HITS, _SEEDS = "authors_hits_pylon_nih256_seed0.csv", "authors_seeds_pylon_nih256.csv"
_COLUMNS: dict[str, str] = {title: average for average, title in AVERAGES.items()}


@dataclass(frozen=True, eq=False)
class Reference:
    """A reference run. Equal to itself only.

    Attributes:
        record: its description and its metrics by seed.
        units: one row per unit, at least image, patient, finding and hit, of the seed `record.units_seed`;
            None if single units are not known.
        digests: ``sha256:…`` of each of its files, by name.
        is_built_in: whether this package contains it.
        has_maps: whether its maps are kept, so that `bench rescore` can score them.
    """

    record: ReferenceRecord
    units: pd.DataFrame | None
    digests: Mapping[str, str]
    is_built_in: bool
    has_maps: bool = False

    @property
    def label(self) -> str:
        """Its row in tables."""
        return f"Reference: {self.record.title} (n={len(self.record.seeds)})"

    def mean(self, key: str) -> "MeanInterval | None":
        """Returns the mean over seeds of a metric's column, e.g. ``auroc/macro``; None if no seed has it."""
        values = [seed.metrics[key] for seed in self.record.seeds if key in seed.metrics]
        if not values:
            return None
        from bench.statistics.student import mean_interval

        return mean_interval(values)


def known_references(results_dir: Path) -> tuple[str, ...]:
    """Returns the names of all references, the built-in ones first."""
    return (*BUILT_IN, *(name for name in stored_references(results_dir) if name not in BUILT_IN))


def require_references(names: tuple[str, ...], results_dir: Path) -> None:
    """Checks that there are references of these names.

    Raises:
        SuiteError: there is none of one of them.
    """
    known = known_references(results_dir)
    for name in names:
        if name not in known:
            raise SuiteError(
                f"unknown reference {name!r}; bench reference add makes others", value=name, allowed=known
            )


def load_readable(names: Sequence[str], results_dir: Path) -> tuple[list[Reference], list[str]]:
    """Returns the references of these names that can be read, and a sentence for each that cannot.

    Raises:
        SuiteError: there is none of one of the names.
    """
    found, problems = [], []
    for name in names:
        try:
            found.append(load_reference(name, results_dir))
        except ResultsError as error:
            problems.append(str(error))
    return found, problems


def digests_of(name: str, results_dir: Path) -> dict[str, str]:
    """Returns ``sha256:…`` of each file of the reference called `name`, readable or not, by name."""
    if name == AUTHORS:
        return {file: bytes_digest(_content(file)) for file in (_HITS, _SEEDS)}
    paths = reference_folder(results_dir, name).files
    return {path.name: file_digest(path) for path in paths if path.is_file()}


def load_reference(name: str, results_dir: Path) -> Reference:
    """Returns the reference called `name`.

    Raises:
        SuiteError: there is none of the name.
        ResultsError: its files cannot be read.
    """
    require_references((name,), results_dir)
    if name == AUTHORS:
        return _authors()
    folder = reference_folder(results_dir, name)
    units = read_table(folder.units)
    return Reference(
        folder.read_record(),
        units,
        digests_of(name, results_dir),
        is_built_in=False,
        has_maps=folder.maps.is_file(),
    )


@functools.cache
def authors_seeds() -> Mapping[int, dict[str, float]]:
    """Returns by seed what PYLON scores on NIH at 256 px by its authors, by key of metric and column."""
    by_seed: dict[int, dict[str, float]] = {}
    for row in _rows(_SEEDS):
        key = METRICS[row["metric"]].key(_COLUMNS.get(row["column"], row["column"]))
        by_seed.setdefault(int(row["seed"]), {})[key] = float(row["value"])
    for metrics in by_seed.values():  # their list has no macro average of it
        findings = [name for name in POINT_ACCURACY.columns_in(metrics) if name != WEIGHTED]
        values = [metrics[POINT_ACCURACY.key(finding)] for finding in findings]
        metrics[POINT_ACCURACY.key(MACRO)] = sum(values) / len(values)
    return by_seed


def _authors() -> Reference:
    """The authors' five seeds as they once posted them, and their hits of seed 0 as their figures show."""
    hits = pd.DataFrame(_rows(_HITS))
    units = pd.DataFrame(
        {
            "image": hits["image"],
            "patient": patients_of(hits["image"]),
            "finding": hits["class"],
            "hit": hits["hit"] == "1",
        }
    )
    record = ReferenceRecord(
        name=AUTHORS,
        title="PYLON, by its authors",
        source="the authors' per-seed results as they once posted them, and hits recovered from their "
        "published figures",
        differs="five seeds of the authors' own code on the official test split, which they call not the "
        "same as in the paper, with peaks on the 256 px grid",
        units_differ="single units are hits of the run in their figures, also called seed 0, on the images' "
        "native 1024 px grid: 598 of 984. Seed 0 of the five has 583, which the grid does not explain: on "
        "the 256 px grid the maps in the figures give 599",
        dataset="nih",
        resolution=256,
        grid_px=1024,
        seeds=tuple(SeedMetrics(seed=seed, metrics=metrics) for seed, metrics in authors_seeds().items()),
        units_seed=0,
    )
    return Reference(record, units, digests_of(AUTHORS, Path()), is_built_in=True)


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(_content(name).decode("utf-8").splitlines()))


def _content(name: str) -> bytes:
    return files("bench.reporting").joinpath("published", name).read_bytes()
