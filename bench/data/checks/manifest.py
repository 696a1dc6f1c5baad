"""The content of a data set's image files, from reading every byte of them once: their one identity.

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
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from bench.data.images import dicom, raster
from bench.data.images.cache import OnProgress, refuse_unreadable
from bench.data.images.decoding import check_image, read_content
from bench.data.sources.source import DataSource, require_files
from bench.errors import DataError
from bench.results.files import replacing
from bench.suite.identity import DIGEST_PREFIX, canonical_json, short_hash

_SAVE_S, _PROGRESS_S = 10.0, 0.5
_SETTLED_NS = 2_000_000_000
"""Two changes of a file that far apart have different times, on every file system."""

_CHUNK = 64
"""Files that are handed to the threads at a time."""


class FileFacts(NamedTuple):
    """The content of one file.

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


def read_manifest(
    source: DataSource, cache_dir: Path, on_progress: OnProgress | None = None, *, reread: bool = False
) -> pd.DataFrame:
    """Returns the facts of the file of each image of the split that has one: columns as `FileFacts`.

    The index is the image's name. Files that the stored manifest knows as they are now, and as readable,
    are not read. `reread` reads every file, whatever the stored manifest says.

    Raises:
        DataError: the cache cannot be written.
    """
    # Other decoders find other files readable.
    key = short_hash([str(source.root), raster.CONVERSION, dicom.CONVERSION])
    target = cache_dir / source.name / f"manifest-{key}.parquet"
    names = [name for name in source.names if name in source.files]
    if not names:
        return _as_table({})
    known = {} if reread else _load(target)
    found = {name: known[name] for name in names if name in known and _is_same(known[name], name, source)}
    unread = [name for name in names if name not in found]
    try:
        saved_at = told_at = time.monotonic()
        for name, facts in _read_each(unread, source):
            found[name] = facts
            is_last = len(found) == len(names)
            if on_progress and (is_last or time.monotonic() - told_at > _PROGRESS_S):
                told_at = time.monotonic()
                on_progress(len(found), len(names))
            if is_last or time.monotonic() - saved_at > _SAVE_S:
                with replacing(target) as temporary:
                    _as_table(known | found).to_parquet(temporary)
                saved_at = time.monotonic()
    except OSError as error:
        raise DataError(f"the cache cannot be written ({error.strerror or error})", place=target) from None
    return _as_table({name: found[name] for name in names})


def stored_manifests(name: str, cache_dir: Path) -> dict[Path, pd.DataFrame]:
    """Returns the manifests that the cache has of a data set, one for each place that it was found at."""
    paths = sorted((cache_dir / name).glob("manifest-*.parquet"))
    return {path: _as_table(facts) for path in paths if (facts := _load(path))}  # a damaged one is empty


def digest_of(source: DataSource, manifest: pd.DataFrame, frames: pd.DataFrame) -> str:
    """Returns ``sha256:…`` of all that can move a number: split, files, labels, patients, boxes, frames.

    The same data gives the same digest wherever it lies. `frames` are those of images with boxes, as
    `DataSource.frames` gives them.
    """
    sha256 = hashlib.sha256(canonical_json(list(source.findings)).encode())
    for part, names in source.parts.items():
        hashes = manifest["sha256"].reindex(list(names)).fillna("").tolist()
        labels = source.labels.loc[list(names), list(source.findings)].to_numpy().tolist()
        patients = source.patients.loc[list(names)].astype(str).tolist()
        rows = [list(row) for row in zip(names, hashes, labels, patients, strict=True)]
        sha256.update(canonical_json([part, rows]).encode())
    boxes = source.boxes_of(source.names)
    boxes = boxes.sort_values(list(boxes.columns))
    sizes = frames[["rows", "columns"]].sort_index()
    geometry = [boxes.to_numpy().tolist(), sizes.index.tolist(), sizes.to_numpy(float).tolist()]
    sha256.update(canonical_json(geometry).encode())
    return DIGEST_PREFIX + sha256.hexdigest()


def sizes_from(manifest: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Returns the sizes that the manifest has, as `bench.data.sources.source.Sizes`."""
    require_files(names, manifest.index)
    return manifest.loc[list(names), ["rows", "columns"]].astype(float)


def require_readable(source: DataSource, manifest: pd.DataFrame) -> None:
    """Refuses a data set whose manifest has files that are not readable.

    Raises:
        DataError: some are; up to ten are named.
    """
    broken = manifest[manifest["problem"] != ""]
    places = [source.root / path for path in broken["path"]]
    problems = [f"{place}: {problem}" for place, problem in zip(places, broken["problem"], strict=True)]
    refuse_unreadable(problems, len(manifest))


def examine(path: Path) -> FileFacts:
    """Returns the content of the file; one that cannot be read has a problem."""
    name, began_ns = str(path), time.time_ns()
    size, modified_ns, changed_ns, inode = _status(path)  # before it is read: later changes are told from it
    try:
        content = read_content(path)
    except DataError as error:
        return FileFacts(name, 0, 0, 0, 0, "", 0, 0, str(error).removeprefix(f"{path}: "))
    sha256 = hashlib.sha256(content).hexdigest()
    rows, columns, problem = 0, 0, ""
    try:
        rows, columns = check_image(path, content)
    except DataError as error:
        problem = str(error).removeprefix(f"{path}: ")
    if changed_ns + _SETTLED_NS >= began_ns:
        changed_ns = 0
    return FileFacts(name, size, modified_ns, changed_ns, inode, sha256, rows, columns, problem)


def _is_same(facts: FileFacts, name: str, source: DataSource) -> bool:
    """Returns whether the image's file is readable and as it was."""
    path = source.files[name]
    is_readable = not facts.problem and facts.path == _relative(path, source.root)
    return is_readable and _status(path) == facts[1:5]


def _status(path: Path) -> tuple[int, int, int, int]:
    """Returns size, times and inode, which change whenever the content does; zeros if there is no file."""
    with suppress(OSError):
        status = path.stat()
        return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
    return 0, 0, 0, 0


def _read_each(names: Sequence[str], source: DataSource) -> Iterator[tuple[str, FileFacts]]:
    """Yields names with facts. Threads serve: hashing and checksums release the interpreter lock."""
    left = iter(names)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while chunk := list(islice(left, _CHUNK)):
            examined = pool.map(examine, [source.files[name] for name in chunk])
            for name, facts in zip(chunk, examined, strict=True):
                yield name, facts._replace(path=_relative(source.files[name], source.root))


def _relative(path: Path, root: Path) -> str:
    return str(path).removeprefix(f"{root}{os.sep}")


def _load(target: Path) -> dict[str, FileFacts]:
    """Returns the stored facts by image; none if there is no manifest, or one that is not readable."""
    try:
        table = pd.read_parquet(target, columns=list(FileFacts._fields))
    except (OSError, ValueError):  # pyarrow's errors are ValueErrors
        return {}
    rows = map(FileFacts._make, table.itertuples(index=False, name=None))
    return dict(zip(table.index.tolist(), rows, strict=True))


def _as_table(facts: Mapping[str, FileFacts]) -> pd.DataFrame:
    return pd.DataFrame(list(facts.values()), index=list(facts), columns=list(FileFacts._fields))
