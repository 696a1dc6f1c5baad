"""`bench`: does a classifier's class activation map point at the disease?

A suite (YAML) expands to trials; each trial is trained and scored by a plain function; what happened is
written to results/, mirrored to MLflow, and reports are computed from results/ alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from bench.version import VERSION

if TYPE_CHECKING:
    from bench.api import compare, load_suite, plan, read_results, report, rescore, run

__all__ = ["compare", "load_suite", "plan", "read_results", "report", "rescore", "run"]
__version__ = VERSION

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Returns a function of `bench.api`, which is imported when one is first used."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module("bench.api"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
