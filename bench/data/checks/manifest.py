"""What the image files of a data set hold, by reading every byte of them once: their one identity.

The digest of a file's bytes names its decoded pixels in the cache and stands in the data set's digest; the
size of the image is its boxes' frame. The manifest of all files is kept in the cache. Later only files are
read that may hold something else: whose size, inode or time of change is another. That is the inode's time
(ctime): no program sets it, as rsync -t and cp -p set the time of modification. A file that changed in the
two seconds before it was read is read again too, since a coarse clock would not tell a further change. So a
data set of 100,000 images is compared with its manifest in seconds. A file system that has no such time (FAT,
SFTP) gives that of modification: there `bench data check --reread` makes sure.

It is written every few seconds while files are read, each time in one step: a kill costs little, and never
leaves half of it.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from bench.data.checks.content import digest_of_content, read_content
from bench.data.images import dicom, raster
from bench.data.images.cache import refuse_unreadable
from bench.data.images.decoding import check
from bench.data.images.image_sizes import require_files
from bench.data.sources.source import Source
from bench.errors import DataError
from bench.results.files import replacing
from bench.suite.identity import DIGEST_PREFIX, canonical_json, short_hash

Progress = Callable[[int, int], None]

_SAVE_S, _PROGRESS_S = 10.0, 0.5
_SETTLED_NS = 2_000_000_000
"""After which a change of a file has another time than the one before, on every file system."""

_CHUNK = 64
"""Files that are handed to the threads at a time."""


class FileFacts(NamedTuple):
    """What one file holds.

    Attributes:
        path: relative to the data set's root where it is below that.
        num_bytes: its size.
        modified_ns: when it was last written, as the file system or a program says.
        changed_ns: when its inode was last changed, as the file system says; 0 if a further change might not
            be told from that one.
        inode: its number.
        sha256: of its bytes, hexadecimal.
        rows: of the image, px; 0 if it is not readable.
        columns: likewise.
        problem: why it is not readable; empty if it is.
    """

    path: str
    num_bytes: int
    modified_ns: int
    changed_ns: int
    inode: int
    sha256: str
    rows: int
    columns: int
    problem: str


_COLUMNS = FileFacts._fields


def read_manifest(
    source: Source, cache_dir: Path, on_progress: Progress | None = None, *, reread: bool = False
) -> pd.DataFrame:
    """Returns the facts of the file of each image of the split that has one: columns as `FileFacts`.

    The index is the image's name. Files that the stored manifest knows as they are now, and as readable, are
    not read.

    Args:
        source: the data set.
        cache_dir: where manifests are kept.
        on_progress: told (done, total) while files are read.
        reread: read every file, whatever the stored manifest says.

    Raises:
        DataError: the cache cannot be written.
    """
    key = short_hash(
        [str(source.root), raster.CONVERSION, dicom.CONVERSION]
    )  # others find other things readable
    target = cache_dir / source.name / f"manifest-{key}.parquet"
    names = [name for part in source.parts.values() for name in part if name in source.files]
    if not names:
        return pd.DataFrame(columns=list(_COLUMNS))
    known = {} if reread else _load(target)
    found, unread = _compare(names, source, known)
    try:
        saved_at = told_at = time.monotonic()
        for name, facts in _read_each(unread, source):
            found[name] = facts
            if on_progress and time.monotonic() - told_at > _PROGRESS_S:
                told_at = time.monotonic()
                on_progress(len(found), len(names))
            if time.monotonic() - saved_at > _SAVE_S:
                _save(known | found, target)
                saved_at = time.monotonic()
        if on_progress and unread:
            on_progress(len(found), len(names))
        if unread:
            _save(known | found, target)
    except OSError as error:
        raise DataError(f"{target}: the cache cannot be written ({error.strerror or error})") from None
    return _as_table({name: found[name] for name in names})


def stored_manifests(name: str, cache_dir: Path) -> dict[Path, pd.DataFrame]:
    """Returns the manifests that the cache has of a data set, one for each place that it was found at.

    Args:
        name: what a suite calls the data set.
        cache_dir: where manifests are kept.
    """
    paths = sorted((cache_dir / name).glob("manifest-*.parquet"))
    found = {path: _as_table(_load(path)) for path in paths}
    return {path: table for path, table in found.items() if len(table)}  # what is damaged is empty


def digest_of(source: Source, manifest: pd.DataFrame, frames: pd.DataFrame) -> str:
    """Returns ``sha256:…`` of all that can move a number: split, files, labels, patients, boxes, frames.

    The same data gives the same digest wherever it lies.

    Args:
        source: the data set.
        manifest: of its files.
        frames: of images with boxes, as `Source.frames` gives them.
    """
    sha256 = hashlib.sha256(canonical_json(list(source.findings)).encode())
    for part, names in source.parts.items():
        hashes = manifest["sha256"].reindex(list(names)).fillna("").tolist()
        labels = source.labels.loc[list(names), list(source.findings)].to_numpy().tolist()
        patients = source.patients.loc[list(names)].astype(str).tolist()
        rows = [list(row) for row in zip(names, hashes, labels, patients, strict=True)]
        sha256.update(canonical_json([part, rows]).encode())
    boxes = source.boxes_of(name for names in source.parts.values() for name in names)
    boxes = boxes.sort_values(list(boxes.columns))
    sizes = frames[["rows", "columns"]].sort_index()
    geometry = [boxes.to_numpy().tolist(), sizes.index.tolist(), sizes.to_numpy(float).tolist()]
    sha256.update(canonical_json(geometry).encode())
    return DIGEST_PREFIX + sha256.hexdigest()


def sizes_from(manifest: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Returns what the manifest says, as `bench.data.images.image_sizes.Sizes`."""
    require_files(names, manifest.index)
    return manifest.loc[list(names), ["rows", "columns"]].astype(float)


def require_readable(source: Source, manifest: pd.DataFrame) -> None:
    """Refuses a data set whose manifest has files that are not readable.

    Raises:
        DataError: some are; up to ten are named.
    """
    broken = manifest[manifest["problem"] != ""]
    problems = [
        f"{source.root / path}: {problem}"
        for path, problem in zip(broken["path"], broken["problem"], strict=True)
    ]
    refuse_unreadable(problems, len(manifest))


def examine(path: Path) -> FileFacts:
    """Returns what the file holds; one that cannot be read has a problem."""
    name, began_ns = str(path), time.time_ns()
    try:
        size, modified_ns, changed_ns, inode = _status(
            path
        )  # before it is read: later changes are told from it
        content = read_content(path)
    except DataError as error:
        return FileFacts(name, 0, 0, 0, 0, "", 0, 0, str(error).removeprefix(f"{path}: "))
    sha256 = digest_of_content(content)
    rows, columns, problem = 0, 0, ""
    try:
        rows, columns = check(path, content)
    except DataError as error:
        problem = str(error).removeprefix(f"{path}: ")
    is_settled = changed_ns + _SETTLED_NS < began_ns
    return FileFacts(
        name, size, modified_ns, changed_ns if is_settled else 0, inode, sha256, rows, columns, problem
    )


def _compare(
    names: Sequence[str], source: Source, known: Mapping[str, FileFacts]
) -> tuple[dict[str, FileFacts], list[str]]:
    """Returns the facts of files that are as they were, and the names of the others."""
    found: dict[str, FileFacts] = {}
    unread = []
    for name in names:
        facts = known.get(name)
        path = source.files[name]
        is_same = facts is not None and not facts.problem and facts.path == _relative(path, source.root)
        if is_same and facts is not None and _status(path) == facts[1:5]:
            found[name] = facts
        else:
            unread.append(name)
    return found, unread


def _status(path: Path) -> tuple[int, int, int, int]:
    """Size, times and inode, without which a file does not hold something else; zeros if there is none."""
    with suppress(OSError):
        status = path.stat()
        return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
    return 0, 0, 0, 0


def _read_each(names: Sequence[str], source: Source) -> Iterator[tuple[str, FileFacts]]:
    """Yields names with facts. Threads serve: hashing and checksums release the interpreter lock."""

    def read(name: str) -> FileFacts:
        return examine(source.files[name])._replace(path=_relative(source.files[name], source.root))

    left = iter(names)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while chunk := list(islice(left, _CHUNK)):
            yield from zip(chunk, pool.map(read, chunk), strict=True)


def _relative(path: Path, root: Path) -> str:
    return str(path).removeprefix(f"{root}{os.sep}")


def _load(target: Path) -> dict[str, FileFacts]:
    """The stored facts by image; none if there is no manifest, or one that is not readable."""
    try:
        table = pd.read_parquet(target)
        columns = [table[column].tolist() for column in _COLUMNS]
        return dict(zip(table.index.tolist(), map(FileFacts._make, zip(*columns, strict=True)), strict=True))
    except (OSError, ValueError, KeyError):  # pyarrow's errors are ValueErrors
        return {}


def _save(facts: Mapping[str, FileFacts], target: Path) -> None:
    with replacing(target) as temporary:
        _as_table(facts).to_parquet(temporary)


def _as_table(facts: Mapping[str, FileFacts]) -> pd.DataFrame:
    return pd.DataFrame(list(facts.values()), index=list(facts), columns=list(_COLUMNS))
