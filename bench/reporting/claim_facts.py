"""Verdicts for programs: as CSV, and as the values of a JSON document."""

import csv
import io
import math
from collections.abc import Sequence

from bench.reporting.verdicts import ClaimVerdict, ComparisonVerdict
from bench.suite.claims import CLAIM_KINDS, Equivalent

CSV_COLUMNS = (
    "claim",
    "group",
    "kind",
    "statement",
    "claim_verdict",
    "metric",
    "column",
    "margin",
    "first",
    "second",
    "num_seeds",
    "effect",
    "low",
    "high",
    "population",
    "p",
    "adjusted_p",
    "p_over_seeds",
    "has_wide_margin",
    "sign_flip_p",
    "sign_flip_least_p",
    "verdict",
    "missing",
)


def claims_csv(verdicts: Sequence[ClaimVerdict]) -> str:
    """Returns one line per comparison in full precision; what there is not is empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for number, claim in enumerate(verdicts, start=1):
        for comparison in claim.comparisons:
            facts = comparison_facts(comparison)
            facts["missing"] = " ".join(comparison.missing)
            writer.writerow({"claim": number, **claim_facts(claim), **facts})
    return buffer.getvalue()


def claim_facts(claim: ClaimVerdict) -> dict[str, object]:
    """Returns what a program wants to know of a claim, without its comparisons."""
    stated = claim.stated.claim
    return {
        "group": stated.group,
        "kind": next(key for key, kind in CLAIM_KINDS.items() if isinstance(stated, kind)),
        "statement": claim.stated.statement,
        "claim_verdict": claim.verdict,
        "metric": stated.metric,
        "margin": claim.stated.margin if isinstance(stated, Equivalent) else None,
    }


def comparison_facts(comparison: ComparisonVerdict) -> dict[str, object]:
    """Returns what a program wants to know of a comparison; None stands for what there is not."""
    evidence, flip = comparison.evidence, comparison.evidence.sign_flip
    numbers = {
        "effect": evidence.effect,
        "low": evidence.low,
        "high": evidence.high,
        "p": evidence.p,
        "adjusted_p": comparison.adjusted_p,
        "p_over_seeds": evidence.p_over_seeds,
        "sign_flip_p": math.nan if flip is None else flip.p,
        "sign_flip_least_p": math.nan if flip is None else flip.smallest_p,
    }
    return {
        "column": comparison.comparison.column,
        "first": comparison.comparison.first.label,
        "second": comparison.comparison.second.label,
        "num_seeds": evidence.num_seeds,
        "population": evidence.population if evidence.is_testable else None,
        **{key: None if math.isnan(value) else value for key, value in numbers.items()},
        "has_wide_margin": evidence.has_wide_margin,
        "verdict": comparison.verdict,
        "missing": dict(comparison.missing),
    }
