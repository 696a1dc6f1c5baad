"""Tests a suite's claims on its finished trials: effect, interval, p and verdict of each comparison.

The rules stand in docs/claims.md. In short: seeds are paired, and patients where the metric has units; one p
for each comparison, two-sided; Holm over all comparisons of the suite; at an adjusted p below .05 the side
that the data lean to has the verdict.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal, get_args

from bench.reporting.tables.metric_rows import RowScores
from bench.results.grid_results import Results, native
from bench.statistics.equivalence import equivalence, is_wide
from bench.statistics.multiplicity import holm
from bench.statistics.paired import EXACT_UP_TO, SignFlipTest, sign_flip_by_seed
from bench.statistics.spread import (
    ALPHA,
    SEEDS_ALONE,
    SEEDS_AND_PATIENTS,
    Population,
    Spread,
    spread_over_seeds,
)
from bench.statistics.variance import FEWEST_SEEDS, compare_variances
from bench.suite.cam import with_cam
from bench.suite.claims import Equivalent, LessVariable
from bench.suite.comparisons import Comparison, Side, StatedClaim
from bench.suite.grid import Point
from bench.suite.metrics import METRICS, Metric

Verdict = Literal["supported", "refuted", "inconclusive", "not testable yet"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Evidence:
    """What finished trials say of one comparison, before other comparisons are counted.

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
    """

    comparison: Comparison
    evidence: Evidence
    adjusted_p: float
    missing: Mapping[str, str]

    @property
    def verdict(self) -> Verdict:
        """What follows of the claim from this comparison alone."""
        if not self.evidence.is_testable:
            return "not testable yet"
        if not self.adjusted_p < ALPHA:  # NaN too
            return "inconclusive"
        return "supported" if self.evidence.leans_to_claim else "refuted"


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim with its comparisons."""

    stated: StatedClaim
    comparisons: tuple[ComparisonVerdict, ...]

    @property
    def verdict(self) -> Verdict:
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
    verdicts = []
    for claim in claims:
        comparisons = []
        for comparison in claim.comparisons:
            test, missing = claim.test_of(comparison), rows.missing(comparison, METRICS[claim.claim.metric])
            comparisons.append(ComparisonVerdict(comparison, found[test], adjusted[test], missing))
        verdicts.append(ClaimVerdict(claim, tuple(comparisons)))
    return tuple(verdicts)


_WHY = {"failed": "failed", "unreadable": "cannot be read"}
"""Why a trial or map in such a state has no values."""


def _trials_of(points: Iterable[Point]) -> tuple[tuple[str, str], ...]:
    return tuple((point.trial.id, point.cam) for point in points)


class _Rows:
    """What sides of comparisons score; the units of each are read once."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._rows: dict[object, RowScores] = {}

    def of(self, side: Side, metric: Metric) -> RowScores:
        """Returns what the side scores by the metric."""
        points = _points(side, metric)
        key = (metric.name, _trials_of(points))
        if key not in self._rows:
            self._rows[key] = RowScores(side.label, metric, points, self._results)
        return self._rows[key]

    def missing(self, comparison: Comparison, metric: Metric) -> dict[str, str]:
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


def _points(side: Side, metric: Metric) -> tuple[Point, ...]:
    return tuple(map(native, side.points)) if metric.is_of_model else side.points


def _evidence(stated: StatedClaim, comparison: Comparison, rows: _Rows) -> Evidence:
    claim, metric = stated.claim, METRICS[stated.claim.metric]
    first, second = (
        rows.of(side, metric).in_column(comparison.column) for side in (comparison.first, comparison.second)
    )
    if isinstance(claim, LessVariable):
        return _on_spread(first.by_seed, second.by_seed)
    difference = first.minus(second)
    if difference is None:
        return Evidence(0)
    effect, num_seeds = fmean(difference.values), len(difference.values)
    if num_seeds < 2:
        return Evidence(num_seeds, effect)
    over_seeds = spread_over_seeds(difference.values)
    if over_seeds is None:  # the same for each seed, which leaves nothing to judge by
        return Evidence(num_seeds, effect, is_testable=True)
    decides = difference.spread or over_seeds
    if isinstance(claim, Equivalent):
        found = _on_equivalence(difference.values, over_seeds, decides, stated.margin)
        is_wide_here = is_wide(stated.margin, fmean([*first.values, *second.values]))
        found = replace(found, has_wide_margin=is_wide_here)
    else:
        found = _on_difference(difference.values, over_seeds, decides, metric.sign)
    return replace(found, population=SEEDS_AND_PATIENTS) if difference.spread else found


def _on_difference(differences: Sequence[float], over_seeds: Spread, decides: Spread, sign: int) -> Evidence:
    effect = fmean(differences)
    half_width = float(decides.half_width())
    return Evidence(
        num_seeds=len(differences),
        effect=effect,
        low=effect - half_width,
        high=effect + half_width,
        p=decides.p_of(effect),
        p_over_seeds=over_seeds.p_of(effect),
        leans_to_claim=effect * sign > 0,
        is_testable=True,
        sign_flip=sign_flip_by_seed(differences) if len(differences) <= EXACT_UP_TO else None,
    )


def _on_equivalence(
    differences: Sequence[float], over_seeds: Spread, decides: Spread, margin: float
) -> Evidence:
    effect = fmean(differences)
    test = equivalence(effect, decides, margin)
    return Evidence(
        num_seeds=len(differences),
        effect=effect,
        low=test.low,
        high=test.high,
        p=test.p,
        p_over_seeds=equivalence(effect, over_seeds, margin).p,
        leans_to_claim=test.leans_to_equivalence,
        is_testable=True,
    )


def _on_spread(first: Mapping[int, float], second: Mapping[int, float]) -> Evidence:
    num_seeds = min(len(first), len(second))
    if num_seeds == 0:
        return Evidence(0)
    test = compare_variances(list(second.values()), list(first.values()))
    return Evidence(
        num_seeds=num_seeds,
        effect=test.first_deviation - test.second_deviation,
        p=test.p,
        p_over_seeds=test.p,
        leans_to_claim=test.first_varies_more,
        is_testable=num_seeds >= FEWEST_SEEDS,
    )
