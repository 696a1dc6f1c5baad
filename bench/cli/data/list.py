"""List models, maps, metrics, data sets, trackers, suites, or the keys of suites."""

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
  bench list datasets my_package.clinic:Clinic --check --data-root ~/clinic
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
    _add_names(models, "a model, e.g. pylon, or the class of your own, module:class")
    models.add_argument(
        "--encoder",
        default="resnet50",
        metavar="NAME",
        help="encoder that sizes are computed with, e.g. densenet121 (default: resnet50)",
    )
    shared.add_json(models)
    cams = what.add_parser(
        "cams", help="maps that a suite can name beside the native one, and what a unit of each costs"
    )
    _add_names(cams, "a map, e.g. grad_cam, or the function of your own, module:function")
    shared.add_json(cams)
    metrics = what.add_parser("metrics", help="metrics that all trials are scored by")
    _add_names(metrics, "a metric, e.g. point_accuracy, or where your own is declared, module:METRIC")
    datasets = what.add_parser("datasets", help="data sets and their options")
    _add_names(datasets, "a data set, e.g. nih, or the class of your own, module:class")
    shared.add_overrides(datasets)
    shared.add_results_dir(datasets)
    shared.add_data_dirs(datasets)
    trackers = what.add_parser("trackers", help="trackers that a run can tell what happens")
    _add_names(trackers, "a tracker, or the class of your own, module:class")
    suites = what.add_parser(
        "suites", help="suites that a name means: those in suites/, and the shipped ones"
    )
    suites.add_argument(
        "--suites-dir", type=shared.path, metavar="DIR", help="the suites of this folder, and no others"
    )
    what.add_parser("schema", help="every key of a suite, as JSON Schema for editors")


def _add_names(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{what} (default: all)")
    parser.add_argument(
        "--check",
        action="store_true",
        help="run the checks that all of bench's own pass; exits with 1 if one fails",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints the listing, or what the checks found."""
    if arguments.what == "metrics":
        arguments.names = _names_of_metrics(arguments.names)
    if getattr(arguments, "check", False):
        return _check(arguments)
    match arguments.what:
        case "models":
            _show_models(arguments)
        case "cams":
            _show_cams(arguments)
        case "metrics":
            show(_metrics_table(arguments.names))
        case "datasets":
            show(*_dataset_parts(arguments.names))
        case "trackers":
            show(_trackers_table(arguments.names))
        case "suites":
            from bench.cli.data.suites import suites_table

            show(suites_table(arguments.suites_dir))
        case _:
            from bench.suite.schema import suite_schema

            show_json(suite_schema())
    return 0


def _show_models(arguments: argparse.Namespace) -> None:
    from bench.cli.data.models import model_parts, models_json, models_of

    models = models_of(arguments.names, arguments.encoder)
    if arguments.json:
        show_json(models_json(models, arguments.encoder))
    else:
        show(*model_parts(models, arguments.encoder))


def _show_cams(arguments: argparse.Namespace) -> None:
    from bench.cli.data.cams import cam_parts, cams_json
    from bench.suite.cam import CAMS

    cams = {name: CAMS[name] for name in shared.chosen("map", arguments.names, CAMS)}
    if arguments.json:
        show_json(cams_json(cams))
    else:
        show(*cam_parts(cams))


def _check(arguments: argparse.Namespace) -> int:
    from bench.cli.data.conformance import checked

    problems = False
    for sentence, is_problem in checked(arguments):
        show(Sentence(sentence, hang=2))
        problems |= is_problem
    return EXIT_PROBLEMS if problems else 0


def _names_of_metrics(words: Sequence[str]) -> list[str]:
    """Returns the names of metrics; those that are given by where they are declared are taken."""
    from bench.suite.metrics import take_metrics

    return [take_metrics([word])[0] if ":" in word else word for word in words]


def _metrics_table(names: Sequence[str]) -> Table:
    from bench.suite.metrics import METRICS, metric_plugins

    origins = {name: source.origin for name, source in metric_plugins().items()}
    metrics = {name: METRICS[name] for name in shared.chosen("metric", names, METRICS)}
    return Table(
        [
            Column("metric", list(metrics)),
            Column("needs", [", ".join(sorted(metric.needs)) for metric in metrics.values()]),
            Column("from", [origins.get(name, "bench") for name in metrics]),
        ],
        text=Column("title", [metric.title for metric in metrics.values()]),
    )


def _dataset_parts(names: Sequence[str]) -> "Iterator[RenderableType]":
    from bench.suite.dataset_specs import DATASET_SPECS

    for number, name in enumerate(shared.chosen("data set", names, DATASET_SPECS)):
        spec = DATASET_SPECS[name]
        if number:
            yield ""
        yield f"{name}: {(spec.__doc__ or '-').strip().splitlines()[0]}"
        for key, field in spec.model_fields.items():
            if key != "name":
                default = "required" if field.is_required() else f"default {field.default}"
                description = " ".join((field.description or "").split())
                yield Sentence(f"{key}: {description} ({default})", indent=4)


def _trackers_table(names: Sequence[str]) -> Table:
    from bench.suite.plugin_source import source_of
    from bench.tracking.trackers import TRACKERS, require_trackers

    require_trackers(names)
    found = list(names or TRACKERS)
    origins = ["bench" if n in TRACKERS.own else source_of(TRACKERS[n].__module__).origin for n in found]
    return Table([Column("tracker", found), Column("from", origins)])
