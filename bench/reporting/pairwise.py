"""Two rows of a suite, or a row and a reference run, compared unit by unit on the same images.

Rows of a suite are paired by seed. A reference run has one seed, which is no seed of ours: it is held against
each of the other side's seeds, so that what varies is their seeds and the patients: how far other seeds of
the reference would differ is in no interval and no test.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.errors import ResultsError
from bench.reporting.row_hits import RowHits, interval_over_patients
from bench.reporting.sides import Metric, Side
from bench.statistics.interval import Interval
from bench.statistics.mcnemar import ClusteredMcNemarTest, McNemarTest, clustered_mcnemar, mcnemar_exact
from bench.statistics.multiplicity import holm
from bench.statistics.permutation import EXACT_UP_TO, SignFlipTest, sign_flip_by_patient, sign_flip_by_seed
from bench.statistics.unit_hits import UnitHits, from_unit_tables

_UNIT = ["image", "finding"]
_RANDOM_SEED = 0
"""Of the resampling: the same results give the same comparison."""


@dataclass(frozen=True)
class SeedComparison:
    """One trial of each side.

    Attributes:
        seed: of the first side's trial; of the second's if the first is a reference.
        both: units that both hit.
        neither: units that neither hits.
        test: McNemar's exact test, with the units that only one hits.
    """

    seed: int
    both: int
    neither: int
    test: McNemarTest

    @property
    def difference(self) -> float:
        """Of the weighted accuracies."""
        units = self.both + self.neither + self.test.first_only + self.test.second_only
        return (self.test.first_only - self.test.second_only) / units


@dataclass(frozen=True)
class FindingComparison:
    """The units of one finding.

    Attributes:
        finding: which.
        num_units: its units.
        first: accuracy of the first side, mean over seeds.
        second: likewise.
        interval: of their difference, over patients.
        test: by patient.
        adjusted_p: by Holm over the findings.
    """

    finding: str
    num_units: int
    first: float
    second: float
    interval: Interval
    test: SignFlipTest
    adjusted_p: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """First − second, on the units that both have. Equal to itself only.

    Attributes:
        first: one side.
        second: the other.
        metric: whose hits.
        only_first: units that only the first side has, which are left out.
        only_second: likewise.
        accuracies: weighted accuracy of each side, mean over seeds.
        seeds: trial by trial.
        over_patients: the difference, over other patients.
        over_seeds_and_patients: the difference, over other seeds too.
        p_over_seeds_and_patients: that it is 0 there, which decides; NaN where it cannot be told.
        p_over_seeds: that it is 0 for other seeds and these images; NaN likewise.
        clustered: Obuchowski's test.
        by_patient: sign flips by patient.
        by_seed: sign flips by seed; None unless seeds are paired.
        findings: each by itself.
        units: one row per seed and unit: seed, image, patient, finding, first, second (bool).
    """

    first: Side
    second: Side
    metric: Metric
    only_first: int
    only_second: int
    accuracies: tuple[float, float]
    seeds: tuple[SeedComparison, ...]
    over_patients: Interval
    over_seeds_and_patients: Interval
    p_over_seeds_and_patients: float
    p_over_seeds: float
    clustered: ClusteredMcNemarTest
    by_patient: SignFlipTest
    by_seed: SignFlipTest | None
    findings: tuple[FindingComparison, ...]
    units: pd.DataFrame

    @property
    def num_units(self) -> int:
        """Units that are compared."""
        return len(self.units) // len(self.seeds)

    @property
    def difference(self) -> float:
        """Of the weighted accuracies."""
        return self.accuracies[0] - self.accuracies[1]


def compare(first: Side, second: Side, metric: Metric) -> Comparison:
    """Returns how the two sides differ on the units that both have.

    Raises:
        ResultsError: they share no unit, or no seed where seeds are paired.
    """
    hits, common, seeds = _paired(first, second)
    difference = hits[0].minus(hits[1])
    as_row = RowHits(f"{first.label} − {second.label}", seeds, difference)
    generator = np.random.default_rng(_RANDOM_SEED)
    weighted = tuple(float(side.accuracy("weighted").mean()) for side in hits)
    is_paired = not (first.is_reference or second.is_reference) and len(seeds) <= EXACT_UP_TO
    by_seed = sign_flip_by_seed(difference.accuracy("weighted").tolist()) if is_paired else None
    return Comparison(
        first,
        second,
        metric,
        only_first=_num_units(first) - len(common),
        only_second=_num_units(second) - len(common),
        accuracies=(weighted[0], weighted[1]),
        seeds=tuple(
            _compare_seed(seed, hits[0].hits[:, i] > 0, hits[1].hits[:, i] > 0)
            for i, seed in enumerate(seeds)
        ),
        over_patients=as_row.over_patients,
        over_seeds_and_patients=as_row.over_both,
        p_over_seeds_and_patients=as_row.p_over_both,
        p_over_seeds=as_row.p_over_seeds,
        clustered=clustered_mcnemar(difference),
        by_patient=sign_flip_by_patient(difference, "weighted", generator),
        by_seed=by_seed,
        findings=_compare_findings(*hits, difference, generator),
        units=_unit_rows(*hits, seeds),
    )


def _paired(first: Side, second: Side) -> tuple[tuple[UnitHits, UnitHits], pd.DataFrame, tuple[int, ...]]:
    """Hits of both sides on their common units, as many seeds each; these units; and the seeds."""
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

    def of(side: Side) -> UnitHits:
        tables = [side.tables.get(seed, next(iter(side.tables.values()))) for seed in seeds]
        chosen = [common.merge(table, on=_UNIT) for table in tables]
        try:
            return from_unit_tables([table.assign(patient=table["image"].map(patients)) for table in chosen])
        except ValueError as error:
            raise ResultsError(f"{side.label}: {error}") from None

    return (of(first), of(second)), common, seeds


def _num_units(side: Side) -> int:
    return len(next(iter(side.tables.values())))


def _compare_seed(seed: int, first: np.ndarray, second: np.ndarray) -> SeedComparison:
    only = (int((first & ~second).sum()), int((second & ~first).sum()))
    return SeedComparison(
        seed, int((first & second).sum()), int((~first & ~second).sum()), mcnemar_exact(*only)
    )


def _compare_findings(
    first: UnitHits, second: UnitHits, difference: UnitHits, generator: np.random.Generator
) -> tuple[FindingComparison, ...]:
    names = list(dict.fromkeys(sorted(difference.findings)))
    parts = {name: difference.of_finding(name) for name in names}
    tests = [sign_flip_by_patient(parts[name], "weighted", generator) for name in names]
    return tuple(
        FindingComparison(
            name,
            len(parts[name].hits),
            float(first.of_finding(name).hits.mean()),
            float(second.of_finding(name).hits.mean()),
            interval_over_patients(parts[name]),
            test,
            adjusted,
        )
        for name, test, adjusted in zip(names, tests, holm([test.p for test in tests]), strict=True)
    )


def _unit_rows(first: UnitHits, second: UnitHits, seeds: Sequence[int]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "seed": seed,
                "image": first.images,
                "patient": first.patients,
                "finding": first.findings,
                "first": first.hits[:, i] > 0,
                "second": second.hits[:, i] > 0,
            }
        )
        for i, seed in enumerate(seeds)
    ]
    return pd.concat(parts, ignore_index=True)
