"""`bench`: does a classifier's class activation map point at the disease?

A suite (YAML) expands to trials; each trial is trained and scored by a plain function; what happened is
written to results/, mirrored to MLflow, and reports are computed from results/ alone.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.api import compare, load_suite, plan, read_results, report, rescore, run

__all__ = ["compare", "load_suite", "plan", "read_results", "report", "rescore", "run"]

try:
    __version__ = version("cam-bench")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Returns a function of `bench.api`, which is imported when one is first used."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module("bench.api"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
