"""Test what suites claim on their finished trials.

A claim is supported, refuted, inconclusive (its trials do not decide), not testable yet (trials are
missing) or not decidable by this metric (no row beats a map that sees no image). Exits with 1 if one is
refuted. docs/claims.md says how suites state claims and how each is tested.

--json: {"suites": [{"suite", "claims"}], "counts"}. A claim has group, kind, statement, claim_verdict,
metric, margin and comparisons, each with column, first, second, num_seeds, effect, low, high (of the
95% interval), population (that p refers to), p (which decides), adjusted_p, p_over_seeds, sign_flip_p,
sign_flip_least_p, has_wide_margin (of equivalence: above a third of what the rows score, or of what that
lacks of 1), verdict and missing (trials by name, with the reason).
"""

import argparse
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.amounts import count
from bench.cli import arguments as shared
from bench.cli.render import Sentence, coloured, heading, show, show_json

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from bench.reporting.verdicts import ClaimVerdict, ComparisonVerdict

EXAMPLES = """\
examples:
  bench verify demo
  bench verify suites/nih_*.yaml --strict     in continuous integration: fails unless every claim is supported
"""

Judged = Sequence[tuple[str, "tuple[ClaimVerdict, ...]"]]
"""Suites by name, with the verdicts of their claims."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument(
        "suites", type=shared.suite, nargs="+", metavar="SUITE", help="YAML files that state claims, or names"
    )
    shared.add_results_dir(parser)
    shared.add_json(parser)
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 for inconclusive and not testable claims too"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints every verdict; 1 if a claim is refuted, or with --strict if one is not supported."""
    from bench.reporting.tables.claims import claim_facts, comparison_facts
    from bench.reporting.verdicts import VERDICTS, judge
    from bench.results.differences import require_same_data
    from bench.results.grid_results import Results
    from bench.suite.load import load_suite

    store = shared.open_store(arguments)
    loaded = [load_suite(path) for path in arguments.suites]
    for suite in loaded:
        require_same_data(suite.points, store, suite.grid.accepted)
    judged = [(suite.suite.name, judge(suite.claims, Results(suite.grid, store))) for suite in loaded]
    found = Counter(claim.verdict for _, claims in judged for claim in claims)
    counts = {verdict: found[verdict] for verdict in VERDICTS}
    if arguments.json:
        suites = [
            {
                "suite": name,
                "claims": [
                    claim_facts(claim)
                    | {"comparisons": [comparison_facts(item) for item in claim.comparisons]}
                    for claim in claims
                ],
            }
            for name, claims in judged
        ]
        show_json({"suites": suites, "counts": counts})
    else:
        show(*verdict_sentences(judged))
        numbers = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
        show(f"{count(found.total(), 'claim')}: {numbers}")
    for suite in loaded:
        shared.note_differences(suite.points, store)
    failing = set(found) - {"supported"} if arguments.strict else set(found) & {"refuted"}
    return 1 if failing else 0


def verdict_sentences(judged: Judged) -> "Iterator[RenderableType]":
    """Yields each claim with its verdict, its comparisons, and what is missing."""
    from bench.reporting.tables.claims import claim_heading, margin_notes, missing_notes

    for name, claims in judged:
        yield heading(name)
        if not claims:
            yield Sentence("claims nothing", indent=2)
        for claim in claims:
            yield Sentence(claim_heading(claim), lead=_stub(claim.verdict), hang=0)
            for comparison in claim.comparisons:
                own = comparison.verdict if len(claim.comparisons) > 1 else ""
                yield Sentence(_comparison(claim, comparison), lead=_stub(own), indent=2)
        for sentence in (*margin_notes(claims), *missing_notes(claims)):
            yield Sentence(sentence, indent=2)
        yield ""


_WIDTH = len("not testable yet")
"""Of the column of verdicts; the rare longer one moves its own line to the right."""


def _stub(verdict: str) -> "Text":
    stub = coloured(verdict)
    stub.pad_right(max(_WIDTH - len(verdict), 0) + 2)
    return stub


def _comparison(claim: "ClaimVerdict", comparison: "ComparisonVerdict") -> str:
    from bench.reporting.tables.claims import column_name, comparison_name

    name = f"{comparison_name(claim, comparison)}, {column_name(claim, comparison)}"
    return f"{name}: {', '.join(_numbers(comparison))}"


def _numbers(comparison: "ComparisonVerdict") -> Iterator[str]:
    from bench.reporting.tables.claims import effect_text, interval_text
    from bench.reporting.tables.table import format_p
    from bench.statistics.spread import SEEDS_AND_PATIENTS

    evidence = comparison.evidence
    if not math.isnan(evidence.effect):
        interval = "" if math.isnan(evidence.low) else f" {interval_text(comparison)}"
        if max(abs(evidence.low), abs(evidence.high)) > 1:
            interval += " (symmetric, beyond what is possible)"
        yield f"{effect_text(evidence.effect)}{interval}"
    if not math.isnan(comparison.adjusted_p):
        yield f"p {format_p(comparison.adjusted_p)} for {evidence.population}".replace(",", " and")
        if evidence.population == SEEDS_AND_PATIENTS:
            yield f"p by seed {format_p(evidence.p_over_seeds)}, not adjusted"
    if evidence.sign_flip is not None:
        yield f"sign-flip {format_p(evidence.sign_flip.p)} (least {format_p(evidence.sign_flip.smallest_p)})"
    yield count(evidence.num_seeds, "seed")
    if comparison.missing:
        yield f"{count(len(comparison.missing), 'trial')} missing"
