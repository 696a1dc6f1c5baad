"""Reference runs: results that others reported, kept so that trials can be compared with them.

results/references/<name>/reference.json   title, source, how its protocol differs, metrics
                          units.parquet    one row per unit, as of a trial, in px of the grid
                          boxes.parquet    the boxes of those units, in px of the grid
                          maps.npz         the maps of those units, in the order of their table
"""

from pathlib import Path

from pydantic import Field

from bench.errors import ResultsError
from bench.results.stored import read_stored, write_stored
from bench.suite.dataset_specs import SHORT_NAME, Seed
from bench.suite.frozen import Frozen
from bench.suite.schema import Resolution


class SeedMetrics(Frozen):
    """The metrics of one seed."""

    seed: Seed
    metrics: dict[str, float]
    """By the names that trials use: ``point_accuracy/weighted``, ``auroc/Mass``, …"""


class ReferenceRecord(Frozen):
    """Facts of a reference run."""

    name: str = Field(pattern=SHORT_NAME)
    """By which suites and `bench compare` call it."""
    title: str
    """Heading of its rows in tables."""
    source: str
    """Origin of the numbers."""
    differs: str
    """Difference of the protocol of its metrics from that of trials, in a sentence without its full stop."""
    units_differ: str = ""
    """The same of its single units; empty if they are those of its metrics."""
    dataset: str
    """Name of the data set, as suites have it."""
    resolution: Resolution
    """Side of the network's input, px: the tables that it belongs to."""
    grid_px: int = Field(ge=1)
    """Side of the square that the peaks of its units were looked for in, px."""
    are_logits: bool = False
    """Whether the maps that it keeps are logits; else they are in [0, 1]."""
    seeds: tuple[SeedMetrics, ...] = Field(min_length=1)
    units_seed: Seed | None = None
    """The seed whose units are known."""
    notes: tuple[str, ...] = ()
    """Remarks for readers of the numbers."""
    inputs: dict[str, str] = Field(default_factory=dict)
    """``sha256:…`` of each file that it was made from, by the file's name."""
    bench: str = ""
    """Version of this package that scored it; empty if it was not scored here."""


class ReferenceFolder:
    """The files of one reference run; the module's docstring describes them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = path / "reference.json"
        self.units = path / "units.parquet"
        self.boxes = path / "boxes.parquet"
        self.maps = path / "maps.npz"

    @property
    def files(self) -> tuple[Path, ...]:
        """All of its files."""
        return self.record, self.units, self.boxes, self.maps

    def write_record(self, record: ReferenceRecord) -> None:
        """Writes what is known; last of all files, since it makes the folder a reference."""
        write_stored(self.record, record)

    def read_record(self) -> ReferenceRecord:
        """Returns what is known.

        Raises:
            ResultsError: it is missing, not readable, or of another name than its folder.
        """
        again = "move its folder out of references/, and bench reference add makes it again"
        record = read_stored(self.record, ReferenceRecord, "reference", again)
        if record is None:
            raise ResultsError("is missing", place=self.record)
        if record.name != self.path.name:
            raise ResultsError(f"is another reference, {record.name}", place=self.record, value=record.name)
        return record


def reference_folder(results_dir: Path, name: str) -> ReferenceFolder:
    """Returns the folder of a reference, whether it exists or not."""
    return ReferenceFolder(results_dir / "references" / name)


def stored_references(results_dir: Path) -> list[str]:
    """Returns the names of the references in the results folder."""
    return sorted(path.parent.name for path in (results_dir / "references").glob("*/reference.json"))
