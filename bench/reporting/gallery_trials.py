"""Which trials a gallery shows: those of one seed whose maps are there."""

from dataclasses import dataclass

from bench.reporting.slices import Slice, slices, table_key
from bench.results.store import ResultsStore
from bench.suite.grid import Grid
from bench.suite.identity import bytes_digest, canonical_json, file_digest


@dataclass(frozen=True)
class ShownTrials:
    """The trials of a slice whose maps a gallery shows.

    Attributes:
        seed: of all of them.
        trial_ids: by their row's label, in the order of the suite.
        left_out: labels of rows without maps of that seed.
    """

    seed: int
    trial_ids: dict[str, str]
    left_out: tuple[str, ...]


def shown_trials(piece: Slice, store: ResultsStore) -> ShownTrials | None:
    """Returns those of the lowest seed among the ones that most rows have maps of; None without maps."""
    rows = list(dict.fromkeys(point.label for point in piece.points))
    by_seed: dict[int, dict[str, str]] = {}
    for point in piece.points:
        trial = point.trial
        if point.cam == "native" and piece.is_localized(point) and store.folder(trial.id).maps.exists():
            by_seed.setdefault(trial.seed, {})[point.label] = trial.id
    if not by_seed:
        return None
    seed = min(by_seed, key=lambda seed: (-len(by_seed[seed]), seed))
    found = by_seed[seed]
    return ShownTrials(seed, found, tuple(label for label in rows if label not in found))


def gallery_sources(grid: Grid, store: ResultsStore) -> str:
    """Returns ``sha256:…`` of what galleries of the grid would show: which trials, and their units.

    Maps are not read: units change where maps do.

    Raises:
        ResultsError: a record cannot be read.
    """
    found = []
    for piece in slices(grid, store):
        shown = shown_trials(piece, store)
        if shown is None:
            continue
        folders = [(label, store.folder(trial_id)) for label, trial_id in shown.trial_ids.items()]
        files = [[label, file_digest(one.units), file_digest(one.boxes)] for label, one in folders]
        found.append([table_key("gallery", piece), shown.seed, files, list(shown.left_out)])
    return bytes_digest(canonical_json(found).encode())
