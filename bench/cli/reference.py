"""Reference runs: results of others that suites show below their models, and `bench compare` compares with.

A suite names them under its key references.
"""

import argparse
import sys

from bench.cli import arguments as shared
from bench.cli import reference_add

EXAMPLES = """\
examples:
  bench reference list
  bench reference show authors_pylon_nih256
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True, title="what to do")
    listing = what.add_parser("list", help="all references", description="All references.")
    sheet = what.add_parser(
        "show", help="one of them", description="A reference: its source, protocol, metrics."
    )
    sheet.add_argument("name", metavar="NAME", help="a reference of `bench reference list`")
    for subverb in (listing, sheet):
        shared.add_results_dir(subverb)
        subverb.add_argument("--json", action="store_true", help="print JSON")
    reference_add.add_arguments(shared.add_verb(what, "add", reference_add))


def execute(arguments: argparse.Namespace) -> int:
    """Lists, shows or adds."""
    if arguments.what == "add":
        return reference_add.execute(arguments)

    from bench.cli.reference_listing import to_json, to_sheet, to_table
    from bench.reporting.references import known_references, load_readable, load_reference

    results_dir = shared.open_store(arguments).root
    is_sheet = arguments.what == "show"
    if is_sheet:
        references = [load_reference(arguments.name, results_dir)]
    else:
        references, problems = load_readable(known_references(results_dir), results_dir)
        for problem in problems:
            print(problem, file=sys.stderr)
    width = shared.terminal_width()
    if arguments.json:
        print(to_json(references))
    else:
        print(to_sheet(references[0], width) if is_sheet else to_table(references, width))
    return 0
