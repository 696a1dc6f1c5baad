"""Two rows of a suite, or a row and a reference run, compared unit by unit on the same images.

Rows of a suite are paired by seed. A reference run has one seed, which is no seed of ours: it is held against
each of the other side's seeds, so that what varies is their seeds and the patients: how far other seeds of
the reference would differ is in no interval and no test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from bench.errors import ResultsError, SuiteError, listing, nearest
from bench.metrics.measure import MeanMeasure, Measure, measure_of
from bench.reporting.references import Reference, known_references, load_reference
from bench.results.frame import Results, native
from bench.results.units import UNIT_NAMES
from bench.statistics.interval import Interval
from bench.statistics.mcnemar import ClusteredMcNemarTest, McNemarTest, clustered_mcnemar, mcnemar_exact
from bench.statistics.multiplicity import holm
from bench.statistics.paired import EXACT_UP_TO, SignFlipTest, sign_flip_by_patient, sign_flip_by_seed
from bench.statistics.scores import Scores, interval_over_patients
from bench.statistics.unit_scores import MeanScores, UnitScores, scores_of
from bench.suite.grid import Grid, Point
from bench.suite.metrics import WEIGHTED, Metric
from bench.suite.schema import title_of

_UNIT = ["image", "finding"]
_RANDOM_SEED = 0
"""Of the resampling: the same results give the same comparison."""

Winner = Literal["both", "first", "second", "neither"]


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two that are compared. Equal to itself only.

    Attributes:
        label: what it is called.
        tables: by seed, its units: image, patient, finding, and the columns of the metric.
        is_reference: whether it is a reference run.
        remarks: what sets its protocol apart.
    """

    label: str
    tables: Mapping[int, pd.DataFrame]
    is_reference: bool
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class SeedComparison:
    """One trial of each side.

    Attributes:
        seed: of the first side's trial; of the second's if the first is a reference.
        difference: of the weighted averages.
        hits: of a metric of hits, how many units have which outcome; None of others.
        test: McNemar's exact test, with the units that only one hits; likewise.
    """

    seed: int
    difference: float
    hits: Mapping[Winner, int] | None = None
    test: McNemarTest | None = None


@dataclass(frozen=True)
class FindingComparison:
    """The units of one finding.

    Attributes:
        finding: which.
        num_units: its units.
        first: value of the first side, mean over seeds.
        second: likewise.
        interval: of their difference, over patients.
        p: of sign flips by patient; of a metric that is no mean over units, for other seeds and patients.
        adjusted_p: by Holm over the findings.
    """

    finding: str
    num_units: int
    first: float
    second: float
    interval: Interval
    p: float
    adjusted_p: float

    @property
    def difference(self) -> float:
        """First − second."""
        return self.first - self.second


@dataclass(frozen=True, eq=False)
class Comparison:
    """First − second, on the units that both have. Equal to itself only.

    Attributes:
        first: one side.
        second: the other.
        metric: what is compared.
        only_first: units that only the first side has, which are left out.
        only_second: likewise.
        averages: weighted average of each side, mean over seeds.
        seeds: trial by trial.
        over_patients: the difference, over other patients.
        over_seeds_and_patients: the difference, over other seeds too.
        p_over_seeds_and_patients: that it is 0 there, which decides; NaN where it cannot be told.
        p_over_seeds: that it is 0 for other seeds and these images; NaN likewise.
        clustered: Obuchowski's test of hits; None of a metric of others.
        by_patient: sign flips by patient; None of a metric that is no mean over units.
        by_seed: sign flips by seed; None unless seeds are paired.
        findings: each by itself.
        units: one row per seed and unit: seed, image, patient, finding, first, second.
    """

    first: Side
    second: Side
    metric: Metric
    only_first: int
    only_second: int
    averages: tuple[float, float]
    seeds: tuple[SeedComparison, ...]
    over_patients: Interval
    over_seeds_and_patients: Interval
    p_over_seeds_and_patients: float
    p_over_seeds: float
    clustered: ClusteredMcNemarTest | None
    by_patient: SignFlipTest | None
    by_seed: SignFlipTest | None
    findings: tuple[FindingComparison, ...]
    units: pd.DataFrame

    @property
    def num_units(self) -> int:
        """Units that are compared."""
        return len(self.units) // len(self.seeds)

    @property
    def difference(self) -> float:
        """Of the weighted averages."""
        return self.averages[0] - self.averages[1]

    def units_csv(self) -> str:
        """Returns a line per seed and unit: seed, image, patient, finding, scores of first and second.

        For a metric of hits the scores are 1 and 0, and there is an outcome: both, first, second or neither.
        """
        units = self.units
        if self.clustered is not None:
            words = {(1, 1): "both", (1, 0): "first", (0, 1): "second", (0, 0): "neither"}
            units = units.assign(first=units["first"].astype(int), second=units["second"].astype(int))
            pairs = zip(units["first"], units["second"], strict=True)
            units = units.assign(outcome=[words[pair] for pair in pairs])
        text: str = units.to_csv(index=False, lineterminator="\n")
        return text


def find_side(name: str, grid: Grid, results: Results, metric: Metric) -> Side:
    """Returns the row of the suite, or the reference run, that is called `name`.

    Args:
        name: a label of a row, a model that only one row has, or a reference.
        grid: of one data set and resolution.
        results: of the grid.
        metric: what is compared.

    Raises:
        SuiteError: there is no such row or reference, or several.
        ResultsError: the row has no finished trial, or a table cannot be read.
    """
    points = [native(point) for point in grid.points] if metric.is_of_model else grid.points
    rows = list(dict.fromkeys(point.row for point in points))
    own = [row for row in rows if row == name] or list(
        dict.fromkeys(point.row for point in points if name in point.value_of("model"))
    )
    if len(own) == 1:
        return _row_side(own[0], [point for point in points if point.row == own[0]], results, metric)
    if own:
        raise SuiteError(f"{len(own)} rows are of model {name!r}; say which: {listing(own)}")
    references = known_references(results.store.root)
    if name in references:
        return _reference_side(load_reference(name, results.store.root), grid, metric)
    known = (*rows, *references)
    raise SuiteError(
        f"no row or reference {name!r}; rows: {listing(rows)}; references: {listing(references)}"
        f"{nearest(name, known)}"
    )


def require_one_table(grid: Grid) -> None:
    """Checks that the grid is of one data set and resolution, within which rows can be compared.

    Raises:
        SuiteError: it is of several.
    """
    datasets = {p.trial.dataset.model_dump_json(): title_of(p.trial.dataset) for p in grid.points}
    resolutions = list(dict.fromkeys(str(p.trial.resolution) for p in grid.points))
    for axis, values in (("dataset", list(datasets.values())), ("resolution", resolutions)):
        if len(values) > 1:
            raise SuiteError(f"the suite has several: {listing(values)}; say which with --only {axis}=…")


def _row_side(label: str, points: Sequence[Point], results: Results, metric: Metric) -> Side:
    tables, unfinished = {}, []
    for point in {point.trial.id: point for point in points}.values():
        if results.state(point) != "finished":
            unfinished.append(str(point.trial.seed))
            continue
        where = f"{label}, seed {point.trial.seed}"
        tables[point.trial.seed] = _with_columns(results.units_of(point, metric), metric, where)
    if not tables:
        raise ResultsError(f"{label}: no finished trial in {results.store.root}; bench run makes them")
    remarks = (f"seeds that are not finished: {listing(unfinished)}",) if unfinished else ()
    return Side(label, tables, is_reference=False, remarks=remarks)


def _reference_side(reference: Reference, grid: Grid, metric: Metric) -> Side:
    record, trial = reference.record, grid.points[0].trial
    theirs, ours = (record.dataset, record.resolution), (trial.dataset.name, trial.resolution)
    if theirs != ours:
        raise SuiteError(
            f"reference {record.name!r} is of {theirs[0]} at {theirs[1]} px, the suite's rows of {ours[0]} "
            f"at {ours[1]} px"
        )
    if reference.units is None or record.units_seed is None:
        raise SuiteError(f"reference {record.name!r} has no single units to compare")
    units = _with_columns(reference.units, metric, f"reference {record.name}")
    return Side(
        record.title,
        {record.units_seed: units},
        is_reference=True,
        remarks=tuple(filter(None, (record.differs, record.units_differ))),
    )


def _with_columns(units: pd.DataFrame, metric: Metric, where: str) -> pd.DataFrame:
    columns = [*UNIT_NAMES, *measure_of(metric.name).columns]
    if not set(columns) <= set(units.columns):
        raise ResultsError(f"{where}: its units tell nothing of {metric.phrase}")
    return units[columns]


def compare(first: Side, second: Side, metric: Metric) -> Comparison:
    """Returns how the two sides differ on the units that both have.

    Raises:
        ResultsError: they share no unit, or no seed where seeds are paired.
    """
    measure = measure_of(metric.name)
    sides, tables, common, seeds = _paired(first, second, measure)
    difference = sides[0].minus(sides[1])
    by_seed = dict(zip(seeds, difference.values(WEIGHTED).tolist(), strict=True))
    as_row = Scores(f"{first.label} − {second.label}", by_seed, ("",), lambda: difference)
    generator = np.random.default_rng(_RANDOM_SEED)
    weighted = tuple(float(side.values(WEIGHTED).mean()) for side in sides)
    is_paired = not (first.is_reference or second.is_reference) and len(seeds) <= EXACT_UP_TO
    assert as_row.over_patients is not None
    assert as_row.over_both is not None
    is_hit = isinstance(measure, MeanMeasure) and measure.is_hit
    return Comparison(
        first,
        second,
        metric,
        only_first=_num_units(first) - len(common),
        only_second=_num_units(second) - len(common),
        averages=(weighted[0], weighted[1]),
        seeds=tuple(_seed_comparisons(by_seed, sides, is_hit=is_hit)),
        over_patients=as_row.over_patients,
        over_seeds_and_patients=as_row.over_both,
        p_over_seeds_and_patients=as_row.p_over_both,
        p_over_seeds=as_row.p_over_seeds,
        clustered=clustered_mcnemar(difference) if is_hit and isinstance(difference, MeanScores) else None,
        by_patient=sign_flip_by_patient(difference, WEIGHTED, generator)
        if isinstance(difference, MeanScores)
        else None,
        by_seed=sign_flip_by_seed(list(by_seed.values())) if is_paired else None,
        findings=_compare_findings(*sides, difference, generator),
        units=_unit_rows(sides[0], tables, measure, seeds, is_hit=is_hit),
    )


_Tables = tuple[list[pd.DataFrame], list[pd.DataFrame]]


def _paired(
    first: Side, second: Side, measure: Measure
) -> tuple[tuple[UnitScores, UnitScores], _Tables, pd.DataFrame, tuple[int, ...]]:
    """Scores of both sides on their common units, as many seeds each; their tables; the units; the seeds."""
    has_reference = first.is_reference or second.is_reference
    if has_reference:
        seeds = tuple(sorted(second.tables if first.is_reference else first.tables))
    else:
        seeds = tuple(sorted(first.tables.keys() & second.tables.keys()))
        if not seeds:
            raise ResultsError(f"{first.label} and {second.label} have no finished seed in common")
    one, other = (next(iter(side.tables.values())) for side in (first, second))
    common = one[_UNIT].merge(other[_UNIT], on=_UNIT)
    if common.empty:
        raise ResultsError(f"{first.label} and {second.label} have no unit in common")
    patients = dict(zip(one["image"], one["patient"], strict=True))  # both sides by the same names

    def tables_of(side: Side) -> list[pd.DataFrame]:
        tables = [side.tables.get(seed, next(iter(side.tables.values()))) for seed in seeds]
        chosen = (common.merge(table, on=_UNIT) for table in tables)
        named = (table.assign(patient=table["image"].map(patients)) for table in chosen)
        return [table.sort_values(_UNIT, ignore_index=True) for table in named]

    def scores(side: Side, tables: list[pd.DataFrame]) -> UnitScores:
        try:
            return scores_of(tables, measure)
        except ValueError as error:
            raise ResultsError(f"{side.label}: {error}") from None

    tables = tables_of(first), tables_of(second)
    return (scores(first, tables[0]), scores(second, tables[1])), tables, common, seeds


def _num_units(side: Side) -> int:
    return len(next(iter(side.tables.values())))


def _seed_comparisons(
    by_seed: Mapping[int, float], sides: tuple[UnitScores, UnitScores], *, is_hit: bool
) -> list[SeedComparison]:
    first, second = sides
    if not (is_hit and isinstance(first, MeanScores) and isinstance(second, MeanScores)):
        return [SeedComparison(seed, difference) for seed, difference in by_seed.items()]
    found = []
    for place, (seed, difference) in enumerate(by_seed.items()):
        one, other = first.scores[:, place] > 0, second.scores[:, place] > 0
        hits: dict[Winner, int] = {
            "both": int((one & other).sum()),
            "first": int((one & ~other).sum()),
            "second": int((other & ~one).sum()),
            "neither": int((~one & ~other).sum()),
        }
        found.append(SeedComparison(seed, difference, hits, mcnemar_exact(hits["first"], hits["second"])))
    return found


def _compare_findings(
    first: UnitScores, second: UnitScores, difference: UnitScores, generator: np.random.Generator
) -> tuple[FindingComparison, ...]:
    names = list(dict.fromkeys(sorted(difference.units.findings)))
    parts = {name: difference.of_finding(name) for name in names}
    values = {
        name: [float(side.of_finding(name).values(WEIGHTED).mean()) for side in (first, second)]
        for name in names
    }
    is_there = [name for name in names if not np.isnan(values[name]).any()]
    p_values = [_p_of(parts[name], generator) for name in is_there]
    return tuple(
        FindingComparison(
            name,
            len(parts[name].units.images),
            values[name][0],
            values[name][1],
            interval_over_patients(parts[name]),
            p,
            adjusted,
        )
        for name, p, adjusted in zip(is_there, p_values, holm(p_values), strict=True)
    )


def _p_of(part: UnitScores, generator: np.random.Generator) -> float:
    if isinstance(part, MeanScores):
        return sign_flip_by_patient(part, WEIGHTED, generator).p
    by_seed = dict(enumerate(part.values(WEIGHTED).tolist()))
    return Scores("", by_seed, ("",), lambda: part).decision[0]


def _unit_rows(
    first: UnitScores, tables: _Tables, measure: Measure, seeds: Sequence[int], *, is_hit: bool
) -> pd.DataFrame:
    column = measure.columns[-1]
    parts = []
    for place, seed in enumerate(seeds):
        both = [side[place] for side in tables]
        if isinstance(measure, MeanMeasure):
            shown = [measure.statistic(table)[:, 0] for table in both]
        else:
            shown = [table[column].to_numpy() for table in both]
        parts.append(
            pd.DataFrame(
                {
                    "seed": seed,
                    "image": first.units.images,
                    "patient": first.units.patients,
                    "finding": first.units.findings,
                    "first": shown[0] > 0 if is_hit else shown[0],
                    "second": shown[1] > 0 if is_hit else shown[1],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
