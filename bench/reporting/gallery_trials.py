"""Which maps a gallery shows: those of one seed that are there, a column for each row of the tables."""

from dataclasses import dataclass

from bench.reporting.table import Subject
from bench.results.frame import Place, Results
from bench.suite.grid import Point
from bench.suite.identity import bytes_digest, canonical_json, file_digest
from bench.suite.metrics import PRIMARY


@dataclass(frozen=True)
class ShownSeed:
    """What a gallery of a data set and resolution shows.

    Attributes:
        seed: of all trials.
        points: trials and maps by their row, in the order of the suite.
        left_out: rows without maps of that seed.
    """

    seed: int
    points: dict[str, Point]
    left_out: tuple[str, ...]


def shown_seed(place: Place, results: Results) -> ShownSeed | None:
    """Returns the lowest seed among those that most rows have maps of, with these; None without maps."""
    found: dict[int, dict[str, Point]] = {}
    for point in place.points:
        if results.has(point, PRIMARY) and results.has_maps(point):
            found.setdefault(point.trial.seed, {})[point.row] = point
    if not found:
        return None
    seed = min(found, key=lambda seed: (-len(found[seed]), seed))
    rows = dict.fromkeys(point.row for point in place.points)
    return ShownSeed(seed, found[seed], tuple(row for row in rows if row not in found[seed]))


def gallery_sources(results: Results) -> str:
    """Returns ``sha256:…`` of what galleries of the results would show: which rows, and their units.

    Maps are not read: units change where maps do.

    Raises:
        ResultsError: a record cannot be read.
    """
    found = []
    for place in results.places:
        shown = shown_seed(place, results)
        if shown is None:
            continue
        files = []
        for row, point in shown.points.items():
            folder = results.store.folder(point.trial.id)
            files.append([row, file_digest(folder.cam_units(point.cam)), file_digest(folder.boxes)])
        key = Subject("gallery", "", place.dataset, place.resolution).place_key
        found.append([f"gallery-{key}", shown.seed, files, list(shown.left_out)])
    return bytes_digest(canonical_json(found).encode())
