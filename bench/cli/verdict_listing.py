"""Verdicts on claims as text for a terminal, or as JSON."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from textwrap import wrap

from bench.reporting.tables.claims import (
    claim_facts,
    claim_heading,
    column_name,
    comparison_facts,
    comparison_name,
    effect_text,
    interval_text,
    margin_notes,
    missing_notes,
)
from bench.reporting.tables.table import format_p
from bench.reporting.verdicts import VERDICTS, ClaimVerdict, ComparisonVerdict
from bench.statistics.spread import SEEDS_ALONE

Judged = Sequence[tuple[str, tuple[ClaimVerdict, ...]]]
"""Suites by name, with the verdicts of their claims."""

_INDENT = "  "
_wrap = partial(wrap, break_on_hyphens=False, break_long_words=False)
_STUB = max(map(len, VERDICTS)) + len(_INDENT)


def to_json(judged: Judged) -> str:
    """Returns the verdicts as a JSON document; None stands for a number that there is not."""
    suites = [
        {
            "suite": name,
            "claims": [
                claim_facts(claim) | {"comparisons": [comparison_facts(item) for item in claim.comparisons]}
                for claim in claims
            ],
        }
        for name, claims in judged
    ]
    return json.dumps({"suites": suites, "counts": _counts(judged)}, indent=2)


def to_text(judged: Judged, width: int) -> str:
    """Returns each claim with its verdict and comparisons, what is missing, and a last line that counts.

    Args:
        judged: the suites.
        width: of the terminal, in characters.
    """
    lines: list[str] = []
    for name, claims in judged:
        lines += [name, *([] if claims else [f"{_INDENT}claims nothing"])]
        for claim in claims:
            lines += _claim_lines(claim, width)
        for note in (*margin_notes(claims), *missing_notes(claims)):
            lines += _wrap(note, width, initial_indent=_INDENT, subsequent_indent=_INDENT * 2)
        lines.append("")
    counts = _counts(judged)
    num = sum(counts.values())
    listed = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return "\n".join([*lines, f"{num} {'claim' if num == 1 else 'claims'}: {listed}"])


def _counts(judged: Judged) -> dict[str, int]:
    found = Counter(claim.verdict for _, claims in judged for claim in claims)
    return {verdict: found[verdict] for verdict in VERDICTS}


def _claim_lines(claim: ClaimVerdict, width: int) -> Iterator[str]:
    stub = f"{claim.verdict:<{_STUB}}"
    yield from _wrap(claim_heading(claim), width, initial_indent=stub, subsequent_indent=" " * _STUB)
    for comparison in claim.comparisons:
        own = comparison.verdict if len(claim.comparisons) > 1 else ""
        stub = f"{_INDENT}{own:<{_STUB}}"
        name = f"{comparison_name(claim, comparison)}, {column_name(claim, comparison)}"
        text = f"{name}: {', '.join(_numbers(comparison))}"
        yield from _wrap(text, width, initial_indent=stub, subsequent_indent=" " * (_STUB + 4))


def _numbers(comparison: ComparisonVerdict) -> Iterator[str]:
    evidence = comparison.evidence
    if not math.isnan(evidence.effect):
        has_interval = not math.isnan(evidence.low)
        interval = f" {interval_text(comparison)}" if has_interval else ""
        if max(abs(evidence.low), abs(evidence.high)) > 1:
            interval += " (symmetric, beyond what is possible)"
        yield f"{effect_text(evidence.effect)}{interval}"
    if not math.isnan(comparison.adjusted_p):
        yield f"p {format_p(comparison.adjusted_p)} for {evidence.population}".replace(",", " and")
        if evidence.population != SEEDS_ALONE:
            yield f"p by seed {format_p(evidence.p_over_seeds)}, not adjusted"
    if evidence.sign_flip is not None:
        yield f"sign-flip {format_p(evidence.sign_flip.p)} (least {format_p(evidence.sign_flip.smallest_p)})"
    yield f"{evidence.num_seeds} {'seed' if evidence.num_seeds == 1 else 'seeds'}"
    missing = len(comparison.missing)
    if missing:
        yield f"{missing} {'trial' if missing == 1 else 'trials'} missing"
