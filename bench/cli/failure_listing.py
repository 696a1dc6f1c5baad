"""Failures as text, by cause, or as JSON."""

import json
import textwrap
from collections.abc import Iterator, Sequence

from bench.cli.columns import wrap
from bench.results.failures import Failure, by_cause
from bench.suite.cam import CAMS, NATIVE
from bench.suite.schema import title_of


def to_lines(failures: Sequence[Failure], width: int, *, is_full: bool) -> Iterator[str]:
    """Yields, for each cause, its reason and then a line per failure; ids are never cut.

    Args:
        failures: what failed.
        width: of the terminal, in characters.
        is_full: whether each failure's whole error follows it.
    """
    for group in by_cause(failures):
        first = group[0]
        yield from wrap(f"{_count(group)}: {first.reason or 'no reason is known'}", width)
        if first.place is not None:
            yield f"  at {first.place}"
        for failure in group:
            yield from _line(failure, width)
            if is_full:
                yield textwrap.indent(failure.error.rstrip(), "    ")
        yield ""


def _count(group: Sequence[Failure]) -> str:
    trials = sum(failure.cam == NATIVE for failure in group)
    maps = len(group) - trials
    words = [
        f"{count} {word if count == 1 else f'{word}s'}"
        for word, count in {"trial": trials, "map": maps}.items()
        if count
    ]
    return f"{' and '.join(words)} failed"


def _line(failure: Failure, width: int) -> Iterator[str]:
    """Yields the failure's id and, as far as there is room, what is not in it."""
    trial = failure.trial
    what = trial.label if failure.cam == NATIVE else f"{trial.label}, {CAMS[failure.cam].title}"
    line = f"  {trial.id}"
    for word in (what, title_of(trial.dataset), failure.ended_at):
        if len(line) + 2 + len(word) <= width:
            line += f"  {word}"
    yield line


def to_json(failures: Sequence[Failure], unreadable: Sequence[str]) -> str:
    """Returns the failures as a JSON document; see `bench failures --help`."""
    causes = {failure.cause: number for number, (failure, *_) in enumerate(by_cause(failures), start=1)}
    entries = [
        {
            "id": failure.trial.id,
            "cam": failure.cam,
            "reason": failure.reason,
            "place": failure.place,
            "error": failure.error,
            "ended_at": failure.ended_at,
            "cause": causes[failure.cause],
        }
        for failure in failures
    ]
    return json.dumps({"failures": entries, "unreadable": list(unreadable)}, indent=2)
