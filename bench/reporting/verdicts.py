"""Tests a suite's claims on its finished trials: effect, interval, p and verdict of each comparison.

The rules stand in docs/claims.md. In short: seeds are paired; one p for each comparison, of the side that the
data lean to; Holm over all comparisons of the suite; at an adjusted p below .05 that side has the verdict.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from bench.results.store import ResultsStore
from bench.statistics.equivalence import ALPHA, equivalence_by_seed
from bench.statistics.multiplicity import holm
from bench.statistics.paired import differences_by_seed, paired_difference, paired_p
from bench.statistics.permutation import EXACT_UP_TO, SignFlipTest, sign_flip_by_seed
from bench.statistics.variance import compare_variances
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
        low: lower end of the interval of the effect; NaN where there is none.
        high: upper end of it.
        confidence: of the interval.
        p: of the side that the data lean to; NaN where nothing can be tested.
        leans_to_claim: which side that is.
        is_testable: whether there are seeds enough.
        sign_flip: the exact test beside Student's, where one is made.
    """

    num_seeds: int
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    confidence: float = 0.95
    p: float = math.nan
    leans_to_claim: bool = False
    is_testable: bool = False
    sign_flip: SignFlipTest | None = None


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


def _trials_of(side: Side) -> tuple[tuple[str, str], ...]:
    return tuple((point.trial.id, point.cam) for point in side.points)


@dataclass
class _Scores:
    """Values of finished trials; every record is read once."""

    store: ResultsStore
    _found: dict[tuple[str, str], tuple[Mapping[str, float], str]] = field(default_factory=dict)

    def by_seed(self, side: Side, metric: Metric, column: str) -> dict[int, float]:
        """Returns the value of each seed that has one."""
        name = f"{metric}/{column}"
        metrics = {point.trial.seed: self._metrics(point, metric)[0] for point in side.points}
        return {seed: values[name] for seed, values in metrics.items() if name in values}

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
            return {}, "not finished" if record is None else "failed"
        if point.cam == "native":
            return record.outcome.metrics, ""
        evaluation = self.store.evaluation(point.trial.id, point.cam)
        if evaluation is None or evaluation.status == "failed":
            return {}, "not evaluated" if evaluation is None else "failed"
        return evaluation.metrics, ""


def _evidence(stated: StatedClaim, comparison: Comparison, scores: _Scores) -> Evidence:
    claim = stated.claim
    first, second = (
        scores.by_seed(side, claim.metric, comparison.column)
        for side in (comparison.first, comparison.second)
    )
    if isinstance(claim, LessVariable):
        return _on_spread(first, second)
    if isinstance(claim, Equivalent):
        return _on_equivalence(first, second, stated.margin)
    return _on_difference(first, second)


def _on_difference(first: Mapping[int, float], second: Mapping[int, float]) -> Evidence:
    differences = differences_by_seed(first, second)
    interval = paired_difference(first, second)
    if interval is None or interval.half_width is None:
        return Evidence(len(differences), math.nan if interval is None else interval.mean)
    return Evidence(
        num_seeds=interval.n,
        effect=interval.mean,
        low=interval.mean - interval.half_width,
        high=interval.mean + interval.half_width,
        p=paired_p(differences),
        leans_to_claim=interval.mean > 0,
        is_testable=True,
        sign_flip=sign_flip_by_seed(differences) if len(differences) <= EXACT_UP_TO else None,
    )


def _on_equivalence(first: Mapping[int, float], second: Mapping[int, float], margin: float) -> Evidence:
    test = equivalence_by_seed(first, second, margin)
    num_seeds = len(first.keys() & second.keys())
    if test.verdict == "untestable":
        return Evidence(num_seeds, test.difference)
    return Evidence(
        num_seeds=num_seeds,
        effect=test.difference,
        low=test.low,
        high=test.high,
        confidence=1 - 2 * ALPHA,
        p=min(test.p, 1 - test.p),  # 1 − p is that of a difference beyond the margin
        leans_to_claim=test.p <= 0.5,
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
        p=min(test.p, 1 - test.p),
        leans_to_claim=test.p <= 0.5,
        is_testable=num_seeds >= 3,
    )
