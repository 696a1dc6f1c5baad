"""How a trial's accuracy moves when one choice of the protocol is changed: sensitivity.json."""

from pathlib import Path

from pydantic import Field

from bench.results.stored import read_stored, write_stored
from bench.suite.frozen import Frozen
from bench.suite.schema import Fraction


class Accuracy(Frozen):
    """Accuracy by one protocol."""

    weighted: Fraction
    macro: Fraction


class Sensitivity(Frozen):
    """Accuracy of a trial's stored maps by the default protocol and its variants."""

    num_units: int
    accuracies: dict[str, Accuracy]
    """Of peaks, by the protocol's name in `bench.metrics.protocol`: the default, then each that differs."""

    overlaps: dict[str, Accuracy] = Field(default_factory=dict)
    """The same of hits by overlap."""


def read_sensitivity(path: Path) -> Sensitivity | None:
    """Returns what the file holds, or None if there is none.

    Raises:
        ResultsError: the file is there and cannot be read.
    """
    again = "move it out of the folder, and bench rescore computes it again from the stored maps"
    return read_stored(path, Sensitivity, "sensitivity", again)


def write_sensitivity(path: Path, sensitivity: Sensitivity) -> None:
    """Writes the file in one step."""
    write_stored(path, sensitivity)
