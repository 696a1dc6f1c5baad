"""List what there is: models with their options and sizes, data sets, suites."""

import argparse
from pathlib import Path

from bench.cli import arguments as shared

EXAMPLES = """\
examples:
  bench list models pylon pan
  bench list suites
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True, title="what to list")
    models = what.add_parser(
        "models",
        help="models: source, options, variants, parameters, size of the map, cost",
        description="List models: source, options, and for each variant its size and the thesis' tables.",
    )
    models.add_argument("names", nargs="*", metavar="NAME", help="a model, e.g. pylon (default: all)")
    models.add_argument(
        "--encoder",
        default="resnet50",
        metavar="NAME",
        help="what sizes are computed with, e.g. densenet121 (default: resnet50)",
    )
    models.add_argument("--json", action="store_true", help="print JSON")
    what.add_parser("datasets", help="data sets and their options")
    suites = what.add_parser("suites", help="suites in a folder")
    suites.add_argument(
        "--suites-dir",
        type=shared.path,
        default=Path("suites"),
        metavar="DIR",
        help="folder of suites (default: suites)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints what is asked for."""
    match arguments.what:
        case "models":
            _models(arguments.names, arguments.encoder, as_json=arguments.json)
        case "datasets":
            _datasets()
        case _:
            _suites(arguments.suites_dir)
    return 0


def _models(names: list[str], encoder: str, *, as_json: bool) -> None:
    from bench.cli.model_listing import to_json, to_text
    from bench.cli.model_sheets import collect

    sheets = collect(names, encoder)
    print(to_json(sheets, encoder) if as_json else to_text(sheets, encoder, shared.terminal_width()))


def _datasets() -> None:
    from bench.suite.schema import DATASET_SPECS

    for name, spec in DATASET_SPECS.items():
        print(f"{name:<12}{(spec.__doc__ or '').splitlines()[0]}")
        for key, field in spec.model_fields.items():
            if key != "name":
                default = "required" if field.is_required() else f"default {field.default}"
                print(f"    {key}: {' '.join((field.description or '').split())} ({default})")


def _suites(folder: Path) -> None:
    from bench.errors import SuiteError
    from bench.suite.load import load_suite

    if not folder.is_dir():
        raise SuiteError(f"{folder}: no such folder of suites; say where they are with --suites-dir")
    for path in sorted(folder.glob("*.y*ml")):
        loaded = load_suite(path)
        title = loaded.suite.title or loaded.suite.name
        print(f"{path}  {title} ({len(loaded.grid.trials)} trials)")
