"""List what there is: models with their options, data sets, suites."""

import argparse
from pathlib import Path

EXAMPLES = """\
examples:
  bench list models
  bench list suites
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("what", choices=("models", "datasets", "suites"), help="what to list")
    parser.add_argument(
        "--suites-dir",
        type=Path,
        default=Path("suites"),
        metavar="DIR",
        help="folder of suites (default: suites)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints one entry per line, its options indented below."""
    match arguments.what:
        case "models":
            _models()
        case "datasets":
            _datasets()
        case _:
            _suites(arguments.suites_dir)
    return 0


def _models() -> None:
    from bench.suite.catalog import MODELS, model_options

    for name, entry in MODELS.items():
        print(f"{name:<12}{entry.label} ({entry.target})")
        for option in model_options(name).values():
            default = str(option.default).lower() if isinstance(option.default, bool) else option.default
            print(f"    {option.name}: {option.expectation()} (default {default})")


def _datasets() -> None:
    from bench.suite.schema import DATASET_SPECS

    for name, spec in DATASET_SPECS.items():
        print(f"{name:<12}{(spec.__doc__ or '').splitlines()[0]}")
        for key, field in spec.model_fields.items():
            if key != "name":
                print(f"    {key}: {' '.join((field.description or '').split())} (default {field.default})")


def _suites(folder: Path) -> None:
    from bench.errors import SuiteError
    from bench.suite.load import load_suite

    if not folder.is_dir():
        raise SuiteError(f"{folder}: no such folder of suites; say where they are with --suites-dir")
    for path in sorted(folder.glob("*.y*ml")):
        loaded = load_suite(path)
        title = loaded.suite.title or loaded.suite.name
        print(f"{path}  {title} ({len(loaded.grid.trials)} trials)")
