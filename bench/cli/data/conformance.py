"""The checks that all models, maps, metrics, data sets and trackers pass, on some by name, for authors."""

import argparse
from collections.abc import Callable, Iterator, Mapping

from bench.cli import arguments as shared
from bench.cli.render import progress
from bench.errors import SuiteError

Found = Iterator[tuple[str, str, str | None]]
"""Of each check what was looked at, the check's name, and its problem or None."""


def checked(arguments: argparse.Namespace) -> Iterator[tuple[str, bool]]:
    """Yields a sentence on what each check found, and whether that is a problem.

    Raises:
        BenchError: an unknown name, or one whose object cannot be made.
    """
    for label, check, problem in KINDS[arguments.what](arguments):
        yield f"{label}: {'passed' if problem is None else problem} ({check})", problem is not None


def _models(arguments: argparse.Namespace) -> Found:
    from bench.suite.catalog import MODELS, display_name, plugin_source

    names = shared.chosen("model", arguments.names, MODELS)
    progress("loading torch")
    from bench.models.conformance import CHECKS, Candidate
    from bench.suite.conformance import examined

    progress("")
    for name in names:
        entry, source = MODELS[name], plugin_source(name)
        for options in ({}, *(variant.options for variant in entry.variants)):
            of = Candidate(name, options)
            of.model  # noqa: B018 - one that cannot be built has nothing to check
            for check, problem in examined(CHECKS, of, None if source is None else source.module):
                yield display_name(name, options), check, problem


def _cams(arguments: argparse.Namespace) -> Found:
    from bench.suite.cam import CAMS, NATIVE, cam_source

    names = shared.chosen("map", arguments.names, CAMS)
    if NATIVE in arguments.names:
        raise SuiteError("the native map is checked with its model: bench list models NAME --check")
    progress("loading torch")
    from bench.evaluation.conformance import CHECKS, candidate_of
    from bench.suite.conformance import examined

    progress("")
    for name in names:
        if name != NATIVE:
            source = cam_source(name)
            module = None if source is None else source.module
            found = examined(CHECKS, candidate_of(name), module)
            yield from ((name, check, problem) for check, problem in found)


def _metrics(arguments: argparse.Namespace) -> Found:
    from bench.metrics.conformance import CHECKS, candidate_of
    from bench.suite.conformance import examined
    from bench.suite.metrics import METRICS, metric_plugins

    for name in shared.chosen("metric", arguments.names, METRICS):
        source = metric_plugins().get(name)
        of, module = candidate_of(name), None if source is None else source.module
        yield from ((name, check, problem) for check, problem in examined(CHECKS, of, module))


def _datasets(arguments: argparse.Namespace) -> Found:
    from bench.data.conformance import CHECKS, Candidate
    from bench.suite.conformance import examined
    from bench.suite.dataset_specs import dataset_source
    from bench.suite.load import load_dataset_spec

    if not arguments.names:
        raise SuiteError("--check needs the name of a data set, whose data is read")
    for name in arguments.names:
        spec, files = load_dataset_spec(name, arguments.overrides)
        of, source = Candidate(spec, shared.data_context(arguments, files)), dataset_source(spec)
        of.source  # noqa: B018 - one that cannot be read has nothing to check
        module = None if source is None else source.module
        yield from ((name, check, problem) for check, problem in examined(CHECKS, of, module))


def _trackers(arguments: argparse.Namespace) -> Found:
    from bench.suite.conformance import examined
    from bench.tracking.conformance import CHECKS, Candidate
    from bench.tracking.trackers import TRACKERS, require_trackers

    require_trackers(arguments.names)
    for name in arguments.names or TRACKERS:
        of = Candidate(TRACKERS[name])
        module = None if name in TRACKERS.own else of.make.__module__
        yield from ((name, check, problem) for check, problem in examined(CHECKS, of, module))


KINDS: Mapping[str, Callable[[argparse.Namespace], Found]] = {
    "models": _models,
    "cams": _cams,
    "metrics": _metrics,
    "datasets": _datasets,
    "trackers": _trackers,
}
"""By the word after `bench list`; one line adds one."""
