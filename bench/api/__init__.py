"""The public Python API: all that the command line does with a suite, from a script or a notebook.

load_suite     reads a suite
plan           its trials as a frame: how each stands, how long it takes
run            trains and scores the trials that are left, writes the report
read_results   its results as frames
compare        two rows of it, image by image
rescore        its stored maps by another protocol or annotation
report         its tables

Each is imported when it is first used: `import bench` costs nothing. docs/python-api.md shows them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.api.planning import plan
    from bench.api.reading import compare, read_results, rescore
    from bench.api.reports import report
    from bench.api.running import run
    from bench.api.suites import load_suite

_MODULES = {
    "load_suite": "suites",
    "plan": "planning",
    "run": "running",
    "read_results": "reading",
    "compare": "reading",
    "rescore": "reading",
    "report": "reports",
}

__all__ = ["compare", "load_suite", "plan", "read_results", "report", "rescore", "run"]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Returns a function, whose module is imported when it is first used."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
