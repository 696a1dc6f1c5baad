"""Which maps a gallery shows: those of one seed that are there, a column for each row of the tables."""

from dataclasses import dataclass
from pathlib import Path

from bench.reporting.table import Subject
from bench.results.frame import Place, Results
from bench.results.store import ResultsStore
from bench.suite.cam import CamMethod
from bench.suite.identity import bytes_digest, canonical_json, file_digest
from bench.suite.metrics import PRIMARY


@dataclass(frozen=True)
class ShownMaps:
    """The maps of a trial by one method.

    Attributes:
        trial_id: names the trial.
        cam: the method; native maps are logits, others in [0, 1].
        units: the table of its units.
        boxes: the table of their boxes.
        maps: the maps of its units.
    """

    trial_id: str
    cam: CamMethod
    units: Path
    boxes: Path
    maps: Path


@dataclass(frozen=True)
class ShownSeed:
    """What a gallery of a data set and resolution shows.

    Attributes:
        seed: of all trials.
        maps: by their row, in the order of the suite.
        left_out: rows without maps of that seed.
    """

    seed: int
    maps: dict[str, ShownMaps]
    left_out: tuple[str, ...]


def maps_of(trial_id: str, cam: CamMethod, store: ResultsStore) -> ShownMaps:
    """Returns where the maps of a trial are, whether they are there or not."""
    folder = store.folder(trial_id)
    return ShownMaps(trial_id, cam, folder.cam_units(cam), folder.boxes, folder.cam_maps(cam))


def shown_seed(place: Place, results: Results) -> ShownSeed | None:
    """Returns the lowest seed among those that most rows have maps of, with these; None without maps."""
    found: dict[int, dict[str, ShownMaps]] = {}
    for point in place.points:
        shown = maps_of(point.trial.id, point.cam, results.store)
        if results.has(point, PRIMARY) and shown.maps.exists():
            found.setdefault(point.trial.seed, {})[point.row] = shown
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
        files = [[row, file_digest(one.units), file_digest(one.boxes)] for row, one in shown.maps.items()]
        found.append(
            [
                f"gallery-{Subject('gallery', '', place.dataset, place.resolution).place_key}",
                shown.seed,
                files,
                list(shown.left_out),
            ]
        )
    return bytes_digest(canonical_json(found).encode())
