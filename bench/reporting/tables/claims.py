"""Verdicts on a suite's claims: as a table, as CSV, and as the values of a JSON document."""

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence

from bench.amounts import count
from bench.errors import MOST_NAMED, listing
from bench.reporting.tables.table import DASH, Cell, Column, Row, Subject, Table, format_p
from bench.reporting.verdicts import VERDICTS, ClaimVerdict, ComparisonVerdict
from bench.statistics.spread import SEEDS_AND_PATIENTS
from bench.suite.claims import CLAIM_KINDS, Equivalent, LessVariable
from bench.suite.metrics import METRICS


def claims_csv(verdicts: Sequence[ClaimVerdict]) -> str:
    """Returns one line per comparison in full precision; what there is not is empty.

    Args:
        verdicts: of at least one claim.
    """
    rows = []
    for number, claim in enumerate(verdicts, start=1):
        for comparison in claim.comparisons:
            own, facts = claim_facts(claim), comparison_facts(comparison)
            column = {"column": facts.pop("column"), "margin": own.pop("margin")}
            rows.append({"claim": number} | own | column | facts | {"missing": " ".join(comparison.missing)})
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def claim_facts(claim: ClaimVerdict) -> dict[str, object]:
    """Returns a claim as values of a JSON document, without its comparisons."""
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
    """Returns a comparison as values of a JSON document; None stands for a number that there is not."""
    evidence, flip = comparison.evidence, comparison.evidence.sign_flip
    facts = {
        "column": comparison.comparison.column,
        "first": comparison.comparison.first.label,
        "second": comparison.comparison.second.label,
        "num_seeds": evidence.num_seeds,
        "effect": evidence.effect,
        "low": evidence.low,
        "high": evidence.high,
        "population": evidence.population if evidence.is_testable else None,
        "p": evidence.p,
        "adjusted_p": comparison.adjusted_p,
        "p_over_seeds": evidence.p_over_seeds,
        "has_wide_margin": evidence.has_wide_margin,
        "sign_flip_p": None if flip is None else flip.p,
        "sign_flip_least_p": None if flip is None else flip.smallest_p,
        "verdict": comparison.verdict,
        "missing": dict(comparison.missing),
    }
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value for key, value in facts.items()
    }


KEY = "claims"

_COLUMNS = (
    *map(Column, ("Column", "Seeds", "Effect", "Interval")),
    *(Column(heading, "Decides") for heading in ("p", "p, Holm", "Speaks of")),
    *(Column(heading, "Beside it, p") for heading in ("t by seed", "Sign-flip p (least)")),
    Column("Verdict"),
)

_CAPTION = (
    "Claims of the suite, tested on its finished trials. Each p is two-sided: a claim can be supported or "
    "refuted. One p decides, adjusted by Holm over all comparisons here; below .05 the side that the data "
    "lean to has the verdict. It is for other seeds and other patients where the metric has units, else for "
    "other seeds and these images; the p over seeds alone stands beside it. Superior, gains: paired "
    "differences, with mean and 95% interval, and exact sign flips by seed with the least p of so many "
    "seeds. Equivalent: two one-sided tests against the margin. Less variable: Brown–Forsythe test; the "
    "effect is how much smaller the standard deviation is. A claim is refuted if one comparison is, "
    "supported if all are."
)


def claims_table(verdicts: Sequence[ClaimVerdict]) -> Table:
    """Returns the table: each claim as a section, and a row for each of its comparisons."""
    found = Counter(claim.verdict for claim in verdicts)
    rows = tuple(
        Row(
            comparison_name(claim, comparison),
            _cells(claim, comparison),
            section=f"{claim_heading(claim)}: {claim.verdict}",
            kind="comparison",
        )
        for claim in verdicts
        for comparison in claim.comparisons
    )
    return Table(
        key=KEY,
        subject=Subject("claims"),
        title=f"Claims: {', '.join(f'{found[verdict]} {verdict}' for verdict in VERDICTS)}",
        columns=_COLUMNS,
        models=rows,
        caption=_CAPTION,
        notes=(*margin_notes(verdicts), *missing_notes(verdicts)),
    )


def claim_heading(claim: ClaimVerdict) -> str:
    """Returns the claim's group, if it has one, and its statement."""
    group = claim.stated.claim.group
    return f"{group}. {claim.stated.statement}" if group else claim.stated.statement


def margin_notes(verdicts: Sequence[ClaimVerdict]) -> tuple[str, ...]:
    """Returns a sentence on each claim whose margin is wide for what the rows score, if any is."""
    return tuple(
        f"±{claim.stated.margin:g}, the margin of “{claim.stated.statement}”, is more than a third of what "
        f"the rows score, or of what that lacks of 1, in {sum(found)} of {count(len(found), 'comparison')}: "
        "equivalent says little there."
        for claim in verdicts
        if any(found := [comparison.evidence.has_wide_margin for comparison in claim.comparisons])
    )


def missing_notes(verdicts: Sequence[ClaimVerdict]) -> tuple[str, ...]:
    """Returns a sentence for each reason why trials are missing: how many, and which."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in {key: why for claim in verdicts for key, why in claim.missing.items()}.items():
        by_reason.setdefault(reason, []).append(name)
    return tuple(
        f"{count(len(names), 'trial')} {reason}: {listing(names, MOST_NAMED)}."
        for reason, names in by_reason.items()
    )


def comparison_name(claim: ClaimVerdict, comparison: ComparisonVerdict) -> str:
    """Returns what is compared, e.g. ``PYLON − Baseline``."""
    sides = comparison.comparison.first, comparison.comparison.second
    if isinstance(claim.stated.claim, LessVariable):
        return f"s({sides[1].label}) − s({sides[0].label})"
    return " − ".join(
        f"({side.label})" if " − " in side.label or " + " in side.label else side.label for side in sides
    )


def column_name(claim: ClaimVerdict, comparison: ComparisonVerdict) -> str:
    """Returns what is compared in, e.g. ``AUROC weighted`` or ``point Nodule``."""
    column = comparison.comparison.column.replace("_", " ")
    return f"{METRICS[claim.stated.claim.metric].short} {column}"


def effect_text(value: float) -> str:
    """Returns a signed effect with three decimals; a dash where there is none."""
    return DASH if math.isnan(value) else f"{value:+.3f}".replace("-", "−")


def interval_text(comparison: ComparisonVerdict) -> str:
    """Returns the interval of the effect in brackets; a dash where there is none."""
    evidence = comparison.evidence
    if math.isnan(evidence.low):
        return DASH
    return f"[{effect_text(evidence.low)}, {effect_text(evidence.high)}]"


def _cells(claim: ClaimVerdict, comparison: ComparisonVerdict) -> tuple[Cell, ...]:
    evidence, flip = comparison.evidence, comparison.evidence.sign_flip
    low, high = (None if math.isnan(end) else end for end in (evidence.low, evidence.high))
    sides = comparison.comparison.first, comparison.comparison.second
    ids = tuple(point.trial.id for side in sides for point in side.points)
    interval = Cell(None, text=interval_text(comparison), low=low, high=high, is_signed=True, trial_ids=ids)
    before = (column_name(claim, comparison), str(evidence.num_seeds), effect_text(evidence.effect))
    behind = (
        format_p(evidence.p),
        format_p(comparison.adjusted_p),
        evidence.population if evidence.is_testable else DASH,
        format_p(evidence.p_over_seeds) if evidence.population == SEEDS_AND_PATIENTS else DASH,
        DASH if flip is None else f"{format_p(flip.p)} ({format_p(flip.smallest_p)})",
        comparison.verdict,
    )
    texts = [[Cell(None, text=text) for text in part] for part in (before, behind)]
    return (*texts[0], interval, *texts[1])
