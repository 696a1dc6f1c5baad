"""How the metrics of a trial's native maps move when one choice of the protocol is changed."""

from pathlib import Path

from bench.results.stored import read_stored, write_stored
from bench.suite.frozen import Frozen


class Sensitivity(Frozen):
    """Metrics of a trial's native maps by the default protocol and its variants."""

    num_units: int
    metrics: dict[str, dict[str, dict[str, float]]]
    """By metric, by the protocol's name in `bench.metrics.protocol` (the default, then each that differs),
    and by average."""


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
