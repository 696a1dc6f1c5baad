"""Test what suites claim on their finished trials; exit 1 if a claim is refuted.

A claim is supported, refuted, inconclusive (its trials do not decide) or not testable yet (they are missing).
docs/claims.md says how suites state claims and how each is tested.

--json: {"suites": [{"suite", "claims"}], "counts"}; a claim has group, kind, statement, claim_verdict,
metric, margin and comparisons, each with column, first, second, num_seeds, effect, low, high (of the
95% interval), population (whom p speaks of), p (which decides), adjusted_p, p_over_seeds, sign_flip_p,
sign_flip_least_p, has_wide_margin (of equivalence: above a third of what the rows score, or of what that
lacks of 1), verdict and missing (trials by name, and why).
"""

import argparse

from bench.cli import arguments as shared

EXAMPLES = """\
examples:
  bench verify suites/demo.yaml
  bench verify suites/nih_*.yaml --strict     in continuous integration: fails unless every claim is supported
"""

_WIDTH_ELSEWHERE = 100
"""Characters, where the output is no terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument(
        "suites", type=shared.path, nargs="+", metavar="SUITE", help="YAML files that state claims"
    )
    shared.add_results_dir(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--strict", action="store_true", help="exit 1 for inconclusive and not testable claims too"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints every verdict; 1 if a claim is refuted, or with --strict if one is not supported."""
    import shutil

    from bench.cli.verdict_listing import to_json, to_text
    from bench.reporting.verdicts import judge
    from bench.results.differences import require_same_data
    from bench.results.grid_results import Results
    from bench.suite.load import load_suite

    store = shared.open_store(arguments)
    loaded = [load_suite(path) for path in arguments.suites]
    for suite in loaded:
        require_same_data(suite.points, store, suite.grid.accepted)
    judged = [(suite.suite.name, judge(suite.claims, Results(suite.grid, store))) for suite in loaded]
    if arguments.json:
        print(to_json(judged))
    else:
        print(to_text(judged, shutil.get_terminal_size((_WIDTH_ELSEWHERE, 0)).columns))
    for suite in loaded:
        shared.tell_differences(suite.points, store)
    verdicts = {claim.verdict for _, claims in judged for claim in claims}
    failing = verdicts - {"supported"} if arguments.strict else verdicts & {"refuted"}
    return 1 if failing else 0
