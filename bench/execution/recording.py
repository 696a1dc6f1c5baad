"""Writes down that a suite runs, and how that ended, whatever ends it; the tracker is told of both."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.errors import account
from bench.results.invocation import Invocations
from bench.results.store import ResultsStore
from bench.suite.load import LoadedSuite
from bench.tracking.tracker import Tracker


@dataclass
class Recording:
    """What the block that runs a suite has to hand over.

    Attributes:
        report: the folder of the suite's report, once it is written.
    """

    report: Path | None = None


@contextmanager
def recorded(
    loaded: LoadedSuite, command: Sequence[str], store: ResultsStore, tracker: Tracker
) -> Iterator[Recording]:
    """Yields where to hand over the report of the run that the block is.

    Args:
        loaded: the suite, narrowed to what is run of it.
        command: the words of the command line, from the verb on.
        store: where the run is written down.
        tracker: is told when it begins and when it has ended.
    """
    invocations, recording = Invocations(store), Recording()
    invocation = invocations.begin(loaded, command)
    tracker.invoked(invocation)
    error: str | None = None
    try:
        yield recording
    except KeyboardInterrupt:
        error = ""
        raise
    except Exception as reason:
        error = account(reason)
        raise
    finally:
        tracker.reported(invocations.end(invocation, report=recording.report, error=error))
