"""List models, metrics, data sets, suites, or the keys of suites."""

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.cli.render import Column, Sentence, Table, show, show_json

if TYPE_CHECKING:
    from rich.console import RenderableType

EXAMPLES = """\
examples:
  bench list suites
  bench list models pylon pan
  bench list models my_package.nets:TwoScale --check    for authors: is it what bench needs?
  bench list schema > suite.schema.json    for editors: they complete and check suites with it
"""


EXIT_PROBLEMS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True, title="what to list")
    models = what.add_parser(
        "models",
        help="models: source, options, variants, parameters, size of the map, cost",
        description="List models: source, options, and for each variant its size and the thesis' tables.",
    )
    models.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a model, e.g. pylon, or the class of your own, module:class (default: all)",
    )
    models.add_argument(
        "--check",
        action="store_true",
        help="run the checks that every model passes, on a small encoder; exits with 1 if one fails",
    )
    models.add_argument(
        "--encoder",
        default="resnet50",
        metavar="NAME",
        help="encoder that sizes are computed with, e.g. densenet121 (default: resnet50)",
    )
    shared.add_json(models)
    what.add_parser("metrics", help="metrics that all trials are scored by")
    what.add_parser("datasets", help="data sets and their options")
    suites = what.add_parser(
        "suites", help="suites that a name means: those in suites/, and the shipped ones"
    )
    suites.add_argument(
        "--suites-dir", type=shared.path, metavar="DIR", help="the suites of this folder, and no others"
    )
    what.add_parser("schema", help="every key of a suite, as JSON Schema for editors")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the listing."""
    match arguments.what:
        case "models":
            from bench.cli.data.models import model_parts, models_json, models_of

            if arguments.check:
                return _check(arguments.names)
            models = models_of(arguments.names, arguments.encoder)
            if arguments.json:
                show_json(models_json(models, arguments.encoder))
            else:
                show(*model_parts(models, arguments.encoder))
        case "metrics":
            show(_metrics_table())
        case "datasets":
            show(*_dataset_parts())
        case "suites":
            from bench.cli.data.suites import suites_table

            show(suites_table(arguments.suites_dir))
        case _:
            from bench.suite.schema import suite_schema

            show_json(suite_schema())
    return 0


def _check(names: Sequence[str]) -> int:
    from bench.cli.data.check_models import checked

    problems = False
    for sentence, is_problem in checked(names):
        show(Sentence(sentence, hang=2))
        problems |= is_problem
    return EXIT_PROBLEMS if problems else 0


def _metrics_table() -> Table:
    from bench.suite.metrics import METRICS, metric_plugins

    plugins = metric_plugins()
    origins = {name: f"{one.distribution} {one.version}" for name, one in plugins.items()}
    return Table(
        [
            Column("metric", list(METRICS)),
            Column("needs", [", ".join(sorted(metric.needs)) for metric in METRICS.values()]),
            Column("from", [origins.get(name, "bench") for name in METRICS]),
        ],
        text=Column("title", [metric.title for metric in METRICS.values()]),
    )


def _dataset_parts() -> "Iterator[RenderableType]":
    from bench.suite.dataset_specs import DATASET_SPECS

    for number, (name, spec) in enumerate(DATASET_SPECS.items()):
        if number:
            yield ""
        yield f"{name}: {(spec.__doc__ or '').splitlines()[0]}"
        for key, field in spec.model_fields.items():
            if key != "name":
                default = "required" if field.is_required() else f"default {field.default}"
                description = " ".join((field.description or "").split())
                yield Sentence(f"{key}: {description} ({default})", indent=4)
