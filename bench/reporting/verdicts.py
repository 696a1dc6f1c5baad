"""Tests a suite's claims on its finished trials: effect, interval, p and verdict of each comparison.

The rules stand in docs/claims.md. In short: seeds are paired, and patients where the metric has units; one p
for each comparison, two-sided; Holm over all comparisons of the suite; at an adjusted p below .05 the side
that the data lean to has the verdict.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal, get_args

from bench.reporting.tables.metric_rows import MetricRows, RowScores
from bench.results.grid_results import Place, Results, native
from bench.statistics.equivalence import equivalence, is_wide
from bench.statistics.multiplicity import holm
from bench.statistics.paired import EXACT_UP_TO, SignFlipTest, sign_flip_by_seed
from bench.statistics.scores import ColumnScores
from bench.statistics.spread import (
    ALPHA,
    PATIENTS_ALONE,
    SEEDS_ALONE,
    SEEDS_AND_PATIENTS,
    Population,
    spread_over_seeds,
)
from bench.statistics.variance import FEWEST_SEEDS, compare_variances
from bench.suite.cam import with_cam
from bench.suite.claims import Equivalent, LessVariable, Superior
from bench.suite.comparisons import ComparedRow, RowComparison, StatedClaim
from bench.suite.dataset_specs import title_of
from bench.suite.grid import Point
from bench.suite.metrics import METRICS, WEIGHTED, Metric

Support = Literal["supported", "refuted", "inconclusive", "not testable yet", "not decidable by this metric"]
VERDICTS: tuple[Support, ...] = get_args(Support)


@dataclass(frozen=True)
class Evidence:
    """The evidence of finished trials on one comparison, before other comparisons are counted.

    Attributes:
        num_seeds: seeds that both sides have; of a claim on spread, those of the side that has fewer.
        effect: first − second; of a claim on spread, how much larger the standard deviation of the second
            is. NaN without trials.
        low: lower end of the 95% interval of the effect; NaN where there is none.
        high: upper end of it.
        population: whom p and the interval speak of.
        p: two-sided, which decides; NaN where nothing can be tested.
        p_over_seeds: the same for other seeds and these images; p itself where that decides.
        leans_to_claim: which side the data lean to.
        is_testable: whether there are seeds enough.
        sign_flip: the exact test over seeds beside Student's, where one is made.
        has_wide_margin: whether a margin of equivalence is wide for the values of the two sides.
    """

    num_seeds: int
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    population: Population = SEEDS_ALONE
    p: float = math.nan
    p_over_seeds: float = math.nan
    leans_to_claim: bool = False
    is_testable: bool = False
    sign_flip: SignFlipTest | None = None
    has_wide_margin: bool = False


@dataclass(frozen=True)
class ComparisonVerdict:
    """One comparison with its verdict.

    Attributes:
        comparison: what is compared.
        evidence: what the trials say.
        adjusted_p: Holm's, over all comparisons of the suite; NaN where nothing can be tested.
        missing: trials that should be there, by name, and why they are not.
        is_decidable: false of a claim to be superior by a metric on which no row is shown to beat the best
            control.
    """

    comparison: RowComparison
    evidence: Evidence
    adjusted_p: float
    missing: Mapping[str, str]
    is_decidable: bool = True

    @property
    def verdict(self) -> Support:
        """The verdict on the claim by this comparison alone."""
        if not self.evidence.is_testable:
            return "not testable yet"
        if not self.is_decidable:
            return "not decidable by this metric"
        if not self.adjusted_p < ALPHA:  # NaN too
            return "inconclusive"
        return "supported" if self.evidence.leans_to_claim else "refuted"


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim with its comparisons."""

    stated: StatedClaim
    comparisons: tuple[ComparisonVerdict, ...]

    @property
    def verdict(self) -> Support:
        """Refuted if any comparison is, supported if all are; not testable yet if none can be tested."""
        verdicts = {comparison.verdict for comparison in self.comparisons}
        if "refuted" in verdicts:
            return "refuted"
        return verdicts.pop() if len(verdicts) == 1 else "inconclusive"

    @property
    def missing(self) -> Mapping[str, str]:
        """Trials that should be there, by name, and why they are not."""
        return {name: why for comparison in self.comparisons for name, why in comparison.missing.items()}


def judge(claims: Sequence[StatedClaim], results: Results) -> tuple[ClaimVerdict, ...]:
    """Returns the verdict of each claim, from the records in the results folder.

    Args:
        claims: all of a suite's, since their comparisons count together.
        results: those of the suite; trials of other suites that claims name are read from the same folder.

    Raises:
        ResultsError: a record or a table of units cannot be read.
    """
    rows = _Rows(results)
    found: dict[object, Evidence] = {}
    for claim in claims:
        for comparison in claim.comparisons:
            test = claim.test_of(comparison)
            if test not in found:
                found[test] = _evidence(claim, comparison, rows)
    adjusted = dict(zip(found, holm([evidence.p for evidence in found.values()]), strict=True))

    def verdict(claim: StatedClaim, comparison: RowComparison) -> ComparisonVerdict:
        test, metric = claim.test_of(comparison), METRICS[claim.claim.metric]
        is_decidable = not isinstance(claim.claim, Superior) or not rows.are_undecided(comparison, metric)
        missing = rows.missing(comparison, metric)
        return ComparisonVerdict(comparison, found[test], adjusted[test], missing, is_decidable)

    return tuple(
        ClaimVerdict(claim, tuple(verdict(claim, one) for one in claim.comparisons)) for claim in claims
    )


_WHY = {"failed": "failed", "unreadable": "cannot be read"}
"""Why a trial or map in such a state has no values."""


class _Rows:
    """The scores of sides of comparisons; the units of each are read once."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._rows: dict[object, RowScores] = {}
        self._undecided: dict[object, bool] = {}

    def of(self, side: ComparedRow, metric: Metric) -> RowScores:
        """Returns what the side scores by the metric."""
        points = _points(side, metric)
        key = (metric.name, *((point.trial.id, point.cam) for point in points))
        if key not in self._rows:
            self._rows[key] = RowScores(side.label, metric, points, self._results)
        return self._rows[key]

    def are_undecided(self, comparison: RowComparison, metric: Metric) -> bool:
        """Returns whether no row of the comparison's table is shown to beat the metric's best control.

        The table is that of the suite which has the first side's trials; of trials of other suites both sides
        alone.
        """
        points = _points(comparison.first, metric) + _points(comparison.second, metric)
        finished = self._results.first_finished(points)
        if finished is None:
            return False
        trial = finished.trial
        place = next(
            (one for one in self._results.places if points[0] in one.points),
            Place(title_of(trial.dataset), trial.resolution, points),
        )
        key = (metric.name, *((point.trial.id, point.cam) for point in place.points))
        if key not in self._undecided:
            self._undecided[key] = MetricRows(place, metric, (WEIGHTED,), self._results).is_undecided
        return self._undecided[key]

    def missing(self, comparison: RowComparison, metric: Metric) -> dict[str, str]:
        """Returns why trials of either side have no value, by their names."""
        name = metric.key(comparison.column)
        points = (*_points(comparison.first, metric), *_points(comparison.second, metric))
        return {
            with_cam(point.trial.id, point.cam): self._why(point) or f"scored without {name}"
            for point in points
            if name not in self._results.metrics(point)
        }

    def _why(self, point: Point) -> str:
        """Returns why a point has no values; nothing where it has."""
        if not self._results.is_finished(point.trial.id):
            return _WHY.get(self._results.state(native(point)), "not finished")
        if self._results.metrics(point):
            return ""
        return _WHY.get(self._results.state(point), "not evaluated")


def _points(side: ComparedRow, metric: Metric) -> tuple[Point, ...]:
    return tuple(map(native, side.points)) if metric.is_of_model else side.points


def _evidence(stated: StatedClaim, comparison: RowComparison, rows: _Rows) -> Evidence:
    claim, metric = stated.claim, METRICS[stated.claim.metric]
    first, second = (
        rows.of(side, metric).in_column(comparison.column) for side in (comparison.first, comparison.second)
    )
    if isinstance(claim, LessVariable):
        return _on_spread(first.values, second.values)
    difference = first.minus(second)
    if difference is None:
        return Evidence(0)
    effect, num_seeds = fmean(difference.values), len(difference.values)
    if not difference.has_seeds:
        return _of_patients(stated, difference, (*first.values, *second.values))
    found = Evidence(num_seeds, effect, is_testable=num_seeds >= 2)
    over_seeds = spread_over_seeds(difference.values)
    if over_seeds is None:  # one seed, or the same for each, which leaves nothing to judge by
        return found
    decides = difference.spread or over_seeds
    found = replace(found, population=SEEDS_AND_PATIENTS if difference.spread else SEEDS_ALONE)
    if isinstance(claim, Equivalent):
        test = equivalence(effect, decides, stated.margin)
        return replace(
            found,
            low=test.low,
            high=test.high,
            p=test.p,
            p_over_seeds=equivalence(effect, over_seeds, stated.margin).p,
            leans_to_claim=test.leans_to_equivalence,
            has_wide_margin=is_wide(stated.margin, fmean([*first.values, *second.values])),
        )
    half_width = float(decides.half_width())
    return replace(
        found,
        low=effect - half_width,
        high=effect + half_width,
        p=decides.p_of(effect),
        p_over_seeds=over_seeds.p_of(effect),
        leans_to_claim=effect * metric.sign > 0,
        sign_flip=sign_flip_by_seed(difference.values) if num_seeds <= EXACT_UP_TO else None,
    )


def _of_patients(stated: StatedClaim, difference: ColumnScores, values: Sequence[float]) -> Evidence:
    """Returns the evidence on two rows without seeds: subjects, or maps of one."""
    effect, spread = fmean(difference.values), difference.spread_over_patients
    if spread is None or not spread.varies:
        return Evidence(1, effect, population=PATIENTS_ALONE)
    found = Evidence(1, effect, is_testable=True, population=PATIENTS_ALONE)
    if isinstance(stated.claim, Equivalent):
        test = equivalence(effect, spread, stated.margin)
        is_wide_margin = is_wide(stated.margin, fmean(values))
        leans = test.leans_to_equivalence
        return replace(
            found,
            low=test.low,
            high=test.high,
            p=test.p,
            leans_to_claim=leans,
            has_wide_margin=is_wide_margin,
        )
    half_width = float(spread.half_width())
    return replace(
        found,
        low=effect - half_width,
        high=effect + half_width,
        p=spread.p_of(effect),
        leans_to_claim=effect * METRICS[stated.claim.metric].sign > 0,
    )


def _on_spread(first: Sequence[float], second: Sequence[float]) -> Evidence:
    num_seeds = min(len(first), len(second))
    if num_seeds == 0:
        return Evidence(0)
    test = compare_variances(second, first)
    return Evidence(
        num_seeds,
        test.first_deviation - test.second_deviation,
        p=test.p,
        p_over_seeds=test.p,
        leans_to_claim=test.first_varies_more,
        is_testable=num_seeds >= FEWEST_SEEDS,
    )
