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

from bench.errors import ResultsError, SuiteError, listing
from bench.metrics.measure import ColumnMean, measure_of
from bench.reporting.references import Reference, known_references, load_reference
from bench.results.grid_results import Results, native
from bench.results.units import UNIT_NAMES
from bench.statistics.interval import Interval
from bench.statistics.mcnemar import ClusteredMcNemarTest, McNemarTest, clustered_mcnemar, mcnemar_exact
from bench.statistics.multiplicity import holm
from bench.statistics.paired import EXACT_UP_TO, SignFlipTest, sign_flip_by_patient, sign_flip_by_seed
from bench.statistics.scores import ColumnScores, interval_over_patients
from bench.statistics.unit_scores import MeanScores, UnitScores, scores_of
from bench.suite.cam import NATIVE
from bench.suite.dataset_specs import title_of
from bench.suite.grid import Grid, Point
from bench.suite.metrics import WEIGHTED, Metric

_UNIT = ["image", "finding"]
_RANDOM_SEED = 0
"""The seed of the resampling: the same results give the same comparison."""

Winner = Literal["both", "first", "second", "neither"]


@dataclass(frozen=True, eq=False)
class ComparedRow:
    """One of the two that are compared: a row of the suite, or a reference run. Equal to itself only.

    Attributes:
        label: its name.
        tables: by seed, its units: image, patient, finding, and the columns of the metric.
        is_reference: whether it is a reference run.
        remarks: what sets its protocol apart.
    """

    label: str
    tables: Mapping[int, pd.DataFrame]
    is_reference: bool
    remarks: tuple[str, ...]

    @property
    def first_table(self) -> pd.DataFrame:
        """The units of its first seed: the only one of a reference."""
        return next(iter(self.tables.values()))


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
class PairwiseComparison:
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

    first: ComparedRow
    second: ComparedRow
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
        """The difference of the weighted averages."""
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


def find_row(name: str, grid: Grid, results: Results, metric: Metric) -> ComparedRow:
    """Returns the row of the suite, or the reference run, that is called `name`.

    Args:
        name: a label of a row, a model that only one row has, or a reference.
        grid: of one data set and resolution.
        results: of the grid.
        metric: what is compared.

    Raises:
        SuiteError: there is no such row or reference, or several, or its map does not have the metric.
        ResultsError: the row has no finished trial, or a table cannot be read.
    """
    points = [native(point) for point in grid.points] if metric.is_of_model else grid.points
    rows = list(dict.fromkeys(point.row for point in points))
    own = [row for row in rows if row == name] or list(
        dict.fromkeys(point.row for point in points if name in point.value_of("model"))
    )
    if len(own) == 1:
        return _row_of_suite(own[0], [point for point in points if point.row == own[0]], results, metric)
    if own:
        raise SuiteError(f"{len(own)} rows are of model {name!r}; say which", value=name, allowed=own)
    references = known_references(results.store.root)
    if name in references:
        return _reference_run(load_reference(name, results.store.root), grid, metric)
    raise SuiteError(f"no row or reference {name!r}", value=name, allowed=(*rows, *references))


def require_one_table(grid: Grid) -> None:
    """Checks that the grid is of one data set and resolution, within which rows can be compared.

    Raises:
        SuiteError: it is of several.
    """
    trials = [point.trial for point in grid.points]
    datasets = {trial.dataset.model_dump_json(): title_of(trial.dataset) for trial in trials}
    resolutions = dict.fromkeys(trial.resolution for trial in trials)
    for axis, values in (("dataset", datasets.values()), ("resolution", resolutions)):
        if len(values) > 1:
            raise SuiteError(
                f"the suite has {len(values)} values of {axis}; say which with --only {axis}=…",
                allowed=values,
            )


def _row_of_suite(label: str, points: Sequence[Point], results: Results, metric: Metric) -> ComparedRow:
    if metric.table == "maxima" and points[0].cam != NATIVE:
        raise SuiteError(f"{metric.short} is of the native map alone", place=label)
    tables, unfinished = {}, []
    for point in {point.trial.id: point for point in points}.values():
        seed = point.trial.seed
        if results.state(point) == "finished":
            tables[seed] = _with_columns(results.units_of(point, metric), metric, f"{label}, seed {seed}")
        else:
            unfinished.append(str(seed))
    if not tables:
        raise ResultsError(f"no finished trial in {results.store.root}; bench run makes them", place=label)
    remarks = (f"seeds that are not finished: {listing(unfinished)}",) if unfinished else ()
    return ComparedRow(label, tables, is_reference=False, remarks=remarks)


def _reference_run(reference: Reference, grid: Grid, metric: Metric) -> ComparedRow:
    record, trial = reference.record, grid.points[0].trial
    theirs, ours = (record.dataset, record.resolution), (trial.dataset.name, trial.resolution)
    place = f"reference {record.name!r}"
    if theirs != ours:
        raise SuiteError(
            f"is of {theirs[0]} at {theirs[1]} px, the suite's rows of {ours[0]} at {ours[1]} px", place=place
        )
    if reference.units is None or record.units_seed is None:
        raise SuiteError("has no single units to compare", place=place)
    units = _with_columns(reference.units, metric, f"reference {record.name}")
    remarks = tuple(filter(None, (record.differs, record.units_differ)))
    return ComparedRow(record.title, {record.units_seed: units}, is_reference=True, remarks=remarks)


def _with_columns(units: pd.DataFrame, metric: Metric, place: str) -> pd.DataFrame:
    columns = [*UNIT_NAMES, *measure_of(metric.name).columns]
    if not set(columns) <= set(units.columns):
        raise ResultsError(f"its units tell nothing of {metric.phrase}", place=place)
    return units[columns]


def compare_rows(first: ComparedRow, second: ComparedRow, metric: Metric) -> PairwiseComparison:
    """Returns how the two sides differ on the units that both have.

    Raises:
        ResultsError: they share no unit, or no seed where seeds are paired.
    """
    has_reference = first.is_reference or second.is_reference
    seeds = _seeds(first, second)
    tables = _common_units(first, second, seeds)
    one, other = _scores(first, tables[0], metric), _scores(second, tables[1], metric)
    difference = one.minus(other)
    by_seed = dict(zip(seeds, difference.values(WEIGHTED).tolist(), strict=True))
    as_row = ColumnScores(f"{first.label} − {second.label}", by_seed, ("",), lambda: difference)
    assert as_row.over_patients is not None
    assert as_row.over_both is not None
    generator = np.random.default_rng(_RANDOM_SEED)
    measure, clustered, by_patient = measure_of(metric.name), None, None
    is_hit = isinstance(measure, ColumnMean) and measure.is_hit
    if isinstance(difference, MeanScores):
        clustered = clustered_mcnemar(difference) if is_hit else None
        by_patient = sign_flip_by_patient(difference, WEIGHTED, generator)
    num_units = len(tables[0][0])
    can_flip = not has_reference and len(seeds) <= EXACT_UP_TO
    return PairwiseComparison(
        first,
        second,
        metric,
        only_first=len(first.first_table) - num_units,
        only_second=len(second.first_table) - num_units,
        averages=(float(one.values(WEIGHTED).mean()), float(other.values(WEIGHTED).mean())),
        seeds=tuple(_seed_comparisons(by_seed, one, other, is_hit=is_hit)),
        over_patients=as_row.over_patients,
        over_seeds_and_patients=as_row.over_both,
        p_over_seeds_and_patients=as_row.p_over_both,
        p_over_seeds=as_row.p_over_seeds,
        clustered=clustered,
        by_patient=by_patient,
        by_seed=sign_flip_by_seed(list(by_seed.values())) if can_flip else None,
        findings=_compare_findings(one, other, difference, generator),
        units=_unit_rows(tables, seeds, metric),
    )


def _seeds(first: ComparedRow, second: ComparedRow) -> list[int]:
    """Returns the seeds that both sides have; beside a reference, those of the other side."""
    if first.is_reference or second.is_reference:
        return sorted(second.tables if first.is_reference else first.tables)
    seeds = sorted(first.tables.keys() & second.tables.keys())
    if not seeds:
        raise ResultsError("no finished seed in common", place=f"{first.label} and {second.label}")
    return seeds


def _common_units(
    first: ComparedRow, second: ComparedRow, seeds: Sequence[int]
) -> tuple[list[pd.DataFrame], list[pd.DataFrame]]:
    """Returns the tables of both sides, one for each seed, with their common units in the same order."""
    common = first.first_table[_UNIT].merge(second.first_table[_UNIT], on=_UNIT)
    if common.empty:
        raise ResultsError("no unit in common", place=f"{first.label} and {second.label}")
    # both sides by the same names of patients
    patients = dict(zip(first.first_table["image"], first.first_table["patient"], strict=True))

    def tables_of(row: ComparedRow) -> list[pd.DataFrame]:
        chosen = (common.merge(row.tables.get(seed, row.first_table), on=_UNIT) for seed in seeds)
        named = (table.assign(patient=table["image"].map(patients)) for table in chosen)
        return [table.sort_values(_UNIT, ignore_index=True) for table in named]

    return tables_of(first), tables_of(second)


def _scores(row: ComparedRow, tables: Sequence[pd.DataFrame], metric: Metric) -> UnitScores:
    try:
        return scores_of(tables, measure_of(metric.name))
    except ValueError as error:
        raise ResultsError(str(error), place=row.label) from None


def _seed_comparisons(
    by_seed: Mapping[int, float], first: UnitScores, second: UnitScores, *, is_hit: bool
) -> list[SeedComparison]:
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
    found = []
    for name in np.unique(difference.units.findings).tolist():
        one, other = (float(side.of_finding(name).values(WEIGHTED).mean()) for side in (first, second))
        if not np.isnan([one, other]).any():
            found.append((name, one, other, difference.of_finding(name)))
    p_values = [_p_of(part, generator) for *_, part in found]
    return tuple(
        FindingComparison(name, len(part.units.images), one, other, interval_over_patients(part), p, adjusted)
        for (name, one, other, part), p, adjusted in zip(found, p_values, holm(p_values), strict=True)
    )


def _p_of(part: UnitScores, generator: np.random.Generator) -> float:
    if isinstance(part, MeanScores):
        return sign_flip_by_patient(part, WEIGHTED, generator).p
    by_seed = dict(enumerate(part.values(WEIGHTED).tolist()))
    return ColumnScores("", by_seed, ("",), lambda: part).decision[0]


def _unit_rows(
    tables: tuple[list[pd.DataFrame], list[pd.DataFrame]], seeds: Sequence[int], metric: Metric
) -> pd.DataFrame:
    measure, parts = measure_of(metric.name), []
    for seed, *both in zip(seeds, *tables, strict=True):
        rows = both[0][["image", "patient", "finding"]].copy()
        rows.insert(0, "seed", seed)
        for name, table in zip(("first", "second"), both, strict=True):
            if not isinstance(measure, ColumnMean):
                rows[name] = table[measure.columns[-1]].to_numpy()
                continue
            score = measure.statistic(table)[:, 0]
            rows[name] = score > 0 if measure.is_hit else score
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)
