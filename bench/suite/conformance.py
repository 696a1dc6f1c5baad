"""Checks of a contract: each is a function that returns a sentence if it finds a fault, and else None.

Models, CAM methods, metrics, data sets and trackers have a tuple of such checks each, in a module called
``conformance``. Tests run them on bench's own, ``bench list KIND NAME --check`` on anyone's.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from bench.suite.plugins import mistake

Candidate = TypeVar("Candidate")


def examined(
    checks: Sequence[Callable[[Candidate], str | None]], candidate: Candidate, module: str | None
) -> Iterator[tuple[str, str | None]]:
    """Yields the name of each check as words, and the fault that it finds of the candidate, or None.

    Args:
        checks: of the candidate's kind.
        candidate: what they look at.
        module: that holds it, if it is from outside of bench: an error of it is a fault, with its place.
    """
    for check in checks:
        try:
            problem = check(candidate)
        except Exception as error:
            if module is None:
                raise
            problem = str(mistake(error, module))
        yield name_of(check), problem


def name_of(check: Callable[[Candidate], str | None]) -> str:
    """Returns the check's name as words."""
    return check.__name__.replace("_", " ")
