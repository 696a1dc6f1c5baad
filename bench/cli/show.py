"""Show what stands behind a trial, or behind a cell of a report's table.

A trial: what was asked for, what came out, with what it was computed, its data, its files. A cell: the
trials behind it with their values, and whether their records give the cell's value again; exits with 1 if
they do not.
"""

import argparse

from bench.cli import arguments as shared

EXAMPLES = """\
examples:
  bench show pylon-phantom-128px-s0
  bench show reports/demo/point_accuracy-phantom-128px.csv --row PYLON --column Nodule
"""

EXIT_DIFFERS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument(
        "what",
        metavar="WHAT",
        help="a trial: its id, the beginning of one, or its folder; or a CSV file of a report",
    )
    parser.add_argument("--row", metavar="LABEL", help="of a table: a row")
    parser.add_argument("--column", metavar="NAME", help="of a table: a column, by its heading or name")
    parser.add_argument("--section", metavar="NAME", help="of the row, where several have its label")
    parser.add_argument(
        "--group", metavar="NAME", help="heading above the column, where several are called so"
    )
    parser.add_argument(
        "--suites-dir", type=shared.path, metavar="DIR", help="say which suites ask for the trial"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    shared.add_results_dir(parser)
    parser.add_argument(
        "--cache-dir",
        type=shared.path,
        metavar="DIR",
        help="where manifests of data sets are (default: cache/ in the results folder)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints the trial or the cell."""
    import json

    width = shared.terminal_width()
    if arguments.what.lower().endswith(".csv"):
        from bench.cli import cell_sheet
        from bench.errors import ResultsError
        from bench.reporting.cell_lineage import trace_cell
        from bench.suite.user_path import user_path

        if arguments.row is None or arguments.column is None:
            raise ResultsError(f"{arguments.what}: say which cell with --row and --column")
        store = shared.open_store(arguments)
        cell = trace_cell(
            user_path(arguments.what),
            arguments.row,
            arguments.column,
            store,
            arguments.section,
            arguments.group,
        )
        print(cell_sheet.to_json(cell) if arguments.json else cell_sheet.to_text(cell, width))
        return EXIT_DIFFERS if cell.is_contradicted else 0

    from bench.cli import trial_sheet
    from bench.results.store import find_trial

    folder = find_trial(shared.open_store(arguments), arguments.what)
    document = trial_sheet.describe(folder, shared.cache_dir(arguments), arguments.suites_dir)
    if arguments.json:
        print(json.dumps(document, indent=2))
    else:
        print(trial_sheet.to_text(document, width))
    return 0
