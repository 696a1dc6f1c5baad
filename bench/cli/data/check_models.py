"""The checks of `bench.models.conformance` on models by name, for authors."""

from collections.abc import Iterator, Sequence

from bench.cli.render import progress
from bench.errors import SuiteError
from bench.suite.catalog import MODELS, display_name, plugin_source


def checked(names: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yields what each check found of each model and its variants, and whether that is a problem.

    Args:
        names: of models; all where there are none.

    Raises:
        SuiteError: an unknown model, or one that cannot be built.
    """
    for name in names:
        if name not in MODELS:
            raise SuiteError(f"unknown model {name!r}", value=name, allowed=MODELS)
    progress("loading torch")
    from bench.models.conformance import CHECKS, Candidate
    from bench.suite.conformance import examined

    progress("")
    for name in names or MODELS:
        entry, source = MODELS[name], plugin_source(name)
        for options in ({}, *(variant.options for variant in entry.variants)):
            of = Candidate(name, options)
            of.model  # noqa: B018 - one that cannot be built has nothing to check
            label = display_name(name, options)
            for check, problem in examined(CHECKS, of, None if source is None else source.module):
                yield f"{label}: {'passed' if problem is None else problem} ({check})", bool(problem)
