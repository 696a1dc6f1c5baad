"""Tests a suite's claims on its finished trials: effect, interval, p and verdict of each comparison.

The rules stand in docs/claims.md. In short: seeds are paired, and patients where the metric has units; one p
for each comparison, two-sided; Holm over all comparisons of the suite; at an adjusted p below .05 the side
that the data lean to has the verdict.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Literal, get_args

from bench.reporting.row_hits import RowHits, have_units, rows_of_hits
from bench.reporting.sides import METRICS
from bench.results.store import ResultsStore
from bench.statistics.equivalence import equivalence, is_wide
from bench.statistics.multiplicity import holm
from bench.statistics.paired import differences_by_seed
from bench.statistics.permutation import EXACT_UP_TO, SignFlipTest, sign_flip_by_seed
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
from bench.suite.claims import Equivalent, LessVariable, Metric
from bench.suite.comparisons import Comparison, Side, StatedClaim
from bench.suite.grid import Point

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


def judge(claims: Sequence[StatedClaim], store: ResultsStore) -> tuple[ClaimVerdict, ...]:
    """Returns the verdict of each claim, from the records in the results folder.

    Args:
        claims: all of a suite's, since their comparisons count together.
        store: where the records are.

    Raises:
        ResultsError: a record cannot be read.
    """
    scores = _Scores(store)
    found: dict[_Test, Evidence] = {}
    for claim in claims:
        for comparison in claim.comparisons:
            test = _test_of(claim, comparison)
            if test not in found:
                found[test] = _evidence(claim, comparison, scores)
    adjusted = dict(zip(found, holm([evidence.p for evidence in found.values()]), strict=True))
    verdicts = []
    for claim in claims:
        comparisons = []
        for comparison in claim.comparisons:
            test, missing = _test_of(claim, comparison), scores.missing(comparison, claim.claim.metric)
            comparisons.append(ComparisonVerdict(comparison, found[test], adjusted[test], missing))
        verdicts.append(ClaimVerdict(claim, tuple(comparisons)))
    return tuple(verdicts)


_Test = tuple[object, ...]


def _test_of(stated: StatedClaim, comparison: Comparison) -> _Test:
    """Returns what tells tests apart: a comparison that two claims share counts once."""
    claim = stated.claim
    kind = LessVariable if isinstance(claim, LessVariable) else None
    margin = stated.margin if isinstance(claim, Equivalent) else None
    return (
        kind,
        margin,
        claim.metric,
        comparison.column,
        *map(_trials_of, (comparison.first, comparison.second)),
    )


_WHY = {"failed": "failed", "unreadable": "cannot be read"}
"""Why a trial or map in such a state has no values."""


def _trials_of(side: Side) -> tuple[tuple[str, str], ...]:
    return tuple((point.trial.id, point.cam) for point in side.points)


@dataclass
class _Scores:
    """Values and hits of finished trials; every record is read once."""

    store: ResultsStore
    _found: dict[tuple[str, str], tuple[Mapping[str, float], str]] = field(default_factory=dict)
    _hits: dict[tuple[object, ...], RowHits | None] = field(default_factory=dict)

    def by_seed(self, side: Side, metric: Metric, column: str) -> dict[int, float]:
        """Returns the value of each seed that has one."""
        name = f"{metric}/{column}"
        metrics = {point.trial.seed: self._metrics(point, metric)[0] for point in side.points}
        return {seed: values[name] for seed, values in metrics.items() if name in values}

    def hits(self, comparison: Comparison, metric: Metric) -> RowHits | None:
        """Returns first − second unit by unit in the comparison's column; None where there are no units."""
        with_units = next((name for name in METRICS if name == metric), None)
        sides = {"first": comparison.first, "second": comparison.second}
        key = (metric, *map(_trials_of, sides.values()))
        if key not in self._hits and with_units is not None:
            rows = {
                name: [point for point in side.points if self._has(point, metric)]
                for name, side in sides.items()
            }
            is_there = all(have_units(row, self.store) for row in rows.values())
            found = rows_of_hits(rows, self.store, with_units) if is_there else {}
            self._hits[key] = found["first"].minus(found["second"]) if found else None
        difference = self._hits.get(key)
        return None if difference is None else difference.in_column(comparison.column)

    def _has(self, point: Point, metric: Metric) -> bool:
        return any(name.startswith(f"{metric}/") for name in self._metrics(point, metric)[0])

    def missing(self, comparison: Comparison, metric: Metric) -> dict[str, str]:
        """Returns why trials of either side have no value, by their names."""
        name = f"{metric}/{comparison.column}"
        reasons = {}
        for point in (*comparison.first.points, *comparison.second.points):
            values, reason = self._metrics(point, metric)
            if name not in values:
                cam = "native" if metric == "auroc" else point.cam
                reasons[with_cam(point.trial.id, cam)] = reason or f"scored without {name}"
        return reasons

    def _metrics(self, point: Point, metric: Metric) -> tuple[Mapping[str, float], str]:
        """Returns the point's metrics, or none and why."""
        cam = "native" if metric == "auroc" else point.cam
        key = (point.trial.id, cam)
        if key not in self._found:
            self._found[key] = self._read(Point(point.trial, point.label, cam))
        return self._found[key]

    def _read(self, point: Point) -> tuple[Mapping[str, float], str]:
        record = self.store.record(point.trial.id)
        if record is None or record.outcome is None:
            return {}, _WHY.get(self.store.state(point.trial.id), "not finished")
        if point.cam == "native":
            return record.outcome.metrics, ""
        evaluation = self.store.evaluation(point.trial.id, point.cam)
        if evaluation is None or evaluation.status == "failed":
            return {}, _WHY.get(self.store.state(point.trial.id, point.cam), "not evaluated")
        return evaluation.metrics, ""


def _evidence(stated: StatedClaim, comparison: Comparison, scores: _Scores) -> Evidence:
    claim = stated.claim
    first, second = (
        scores.by_seed(side, claim.metric, comparison.column)
        for side in (comparison.first, comparison.second)
    )
    if isinstance(claim, LessVariable):
        return _on_spread(first, second)
    differences = differences_by_seed(first, second)
    if len(differences) < 2:
        return Evidence(len(differences), fmean(differences) if differences else math.nan)
    over_seeds = spread_over_seeds(differences)
    if over_seeds is None:  # the same for each seed, which leaves nothing to judge by
        return Evidence(len(differences), fmean(differences), is_testable=True)
    hits = scores.hits(comparison, claim.metric)
    over_both = None if hits is None else hits.spread
    decides = over_both or over_seeds
    if isinstance(claim, Equivalent):
        found = _on_equivalence(differences, over_seeds, decides, stated.margin)
        is_wide_here = is_wide(stated.margin, fmean([*first.values(), *second.values()]))
        found = replace(found, has_wide_margin=is_wide_here)
    else:
        found = _on_difference(differences, over_seeds, decides)
    return replace(found, population=SEEDS_AND_PATIENTS) if over_both else found


def _on_difference(differences: Sequence[float], over_seeds: Spread, decides: Spread) -> Evidence:
    effect = fmean(differences)
    half_width = float(decides.half_width())
    return Evidence(
        num_seeds=len(differences),
        effect=effect,
        low=effect - half_width,
        high=effect + half_width,
        p=decides.p_of(effect),
        p_over_seeds=over_seeds.p_of(effect),
        leans_to_claim=effect > 0,
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
