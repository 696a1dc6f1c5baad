"""The lock of a report: the digests of its files and of all that they were computed from.

table.lock.json lies beside the tables. It holds no time, no path of a machine and no commit (records hold the
one that they were made by), so that the same results give the same lock.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from bench.reporting.references import digests_of
from bench.results.store import ResultsStore, State, TrialFolder
from bench.suite.cam import NATIVE, CamMethod
from bench.suite.dataset_specs import title_of
from bench.suite.frozen import Frozen
from bench.suite.identity import bytes_digest, canonical_json, file_digest
from bench.suite.load import LoadedSuite
from bench.suite.metrics import METRICS
from bench.version import VERSION

LOCK = "table.lock.json"


class LockedSuite(Frozen):
    """The suites that a report shows."""

    name: str
    """The name of the report."""
    digest: str
    """The digest of what the suites ask the report to show; see `suite_digest`."""


class LockedTrial(Frozen):
    """A trial behind a report."""

    id: str
    state: State
    files: dict[str, str]
    """Digests of its record and of the tables of its units, by their paths in its folder."""


class Lock(Frozen):
    """The content of table.lock.json; digests are ``sha256:…``."""

    format: Literal[1] = 1
    """Raised when the lock says other things, or says them otherwise."""
    bench: str
    """Version of this package."""
    suite: LockedSuite
    files: dict[str, str]
    """Digests of the report's other files."""
    trials: tuple[LockedTrial, ...]
    references: dict[str, dict[str, str]]
    """Digests of the files of each reference run."""


def render_lock(
    name: str, suites: Sequence[LoadedSuite], store: ResultsStore, files: Mapping[str, str]
) -> str:
    """Returns the lock of a report as JSON.

    Args:
        name: of the report.
        suites: those that it shows, each with the grid of trials that it shows.
        store: where their results are.
        files: name → text of the report's other files.
    """
    digests = [suite_digest(loaded) for loaded in suites]
    maps: dict[str, set[CamMethod]] = {}
    checked: set[str] = set()
    for point in (point for loaded in suites for point in loaded.points):
        maps.setdefault(point.trial.id, set()).add(point.cam)
        checked |= {point.trial.id} if point.is_checked else set()
    references = dict.fromkeys(name for loaded in suites for name in loaded.suite.references)
    lock = Lock(
        bench=VERSION,
        suite=LockedSuite(name=name, digest=bytes_digest(canonical_json(digests).encode())),
        files={file: bytes_digest(text.encode()) for file, text in sorted(files.items())},
        trials=tuple(
            LockedTrial(
                id=key,
                state=store.state(key),
                files=_files_of(store.folder(key), maps[key], is_checked=key in checked),
            )
            for key in maps
        ),
        references={key: digests_of(key, store.root) for key in references},
    )
    return lock.model_dump_json(indent=2) + "\n"


def suite_digest(loaded: LoadedSuite) -> str:
    """Returns ``sha256:…`` of what a report is asked to show: title, rows, trials, references and claims.

    Files count by their content, as in a trial's id. Settings that only say how trials are run do not count.
    """
    suite = loaded.suite
    points = [
        [p.label, p.cam, title_of(p.trial.dataset), p.trial.id, *(["sanity"] if p.is_checked else [])]
        for p in loaded.grid.points
    ]
    claims = [[stated.margin, stated.claim.model_dump(mode="json")] for stated in loaded.claims]
    margins = {name: suite.margins.of(name) for name in METRICS}
    content = [suite.name, suite.title, points, list(suite.references), claims, margins]
    return bytes_digest(canonical_json(content).encode())


def read_lock(path: Path) -> Lock | None:
    """Returns the lock in `path`, or None if there is none that this version can read."""
    try:
        return Lock.model_validate_json(path.read_bytes(), extra="ignore")
    except (OSError, ValidationError):
        return None


def _files_of(folder: TrialFolder, cams: Collection[CamMethod], *, is_checked: bool) -> dict[str, str]:
    shown = [NATIVE, *sorted(cam for cam in cams if cam != NATIVE)]
    of_cams = [path for cam in shown for path in (folder.cam_evaluation(cam), folder.cam_units(cam))]
    if is_checked:
        for cam in shown:
            of_cams += [folder.cam_evaluation(cam, "sanity"), folder.cam_sanity(cam), folder.cam_maps(cam)]
    paths = (folder.record, folder.boxes, folder.sensitivity, *of_cams)
    return {str(path.relative_to(folder.path)): file_digest(path) for path in paths if path.is_file()}
