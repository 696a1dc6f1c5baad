"""Pairs of images in different files that are one radiograph (see `bench.data.images.likeness`).

Hashes are kept in the cache by the digests of files, and pairs by the digests of all files of the parts, so
that each file is decoded for this once. `bench data check` looks for pairs; whoever checks the data set
later, as a run does, is told those that were found. Equal files are no pair: their digests tell them.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.data.checks.manifest import read_manifest
from bench.data.images import dicom, raster
from bench.data.images.cache import OnProgress
from bench.data.images.decoding import ImageFile, decode_each
from bench.data.images.likeness import (
    DETAIL_PX,
    HASH_PX,
    LEAST_CORRELATION,
    METHOD,
    Hash,
    candidates,
    detail_correlation,
    hash_of,
)
from bench.data.sources.source import DataSource
from bench.errors import DataError
from bench.results.files import replacing, write_text
from bench.suite.identity import short_hash

_SAVE_S, _PROGRESS_S = 10.0, 0.5


OnPart = Callable[[str, int, int], None]
"""Told (what, done, total)."""


class Pair(NamedTuple):
    """Two images that are one radiograph, by their names."""

    first: str
    second: str

    def __str__(self) -> str:
        """Both names."""
        return f"{self.first} ≈ {self.second}"


def pairs_between(
    first: Mapping[str, ImageFile],
    second: Mapping[str, ImageFile],
    hashes: Mapping[str, Hash],
    on_progress: OnProgress,
) -> tuple[Pair, ...]:
    """Returns the pairs of one of the `first` images and one of the `second`, but for equal files.

    Args:
        first: files by the names of images.
        second: likewise.
        hashes: of files, by their digests; a file without one is in no pair.
        on_progress: told how many of the first are compared.
    """
    ours, theirs = ([name for name in files if files[name].sha256 in hashes] for files in (first, second))
    if not ours or not theirs:
        return ()
    own = np.stack([hashes[first[name].sha256] for name in ours])
    other = np.stack([hashes[second[name].sha256] for name in theirs])
    near = [Pair(ours[i], theirs[j]) for i, j in candidates(own, other, on_progress)]
    near = [pair for pair in near if first[pair.first].sha256 != second[pair.second].sha256]
    return tuple(pair for pair in near if _has_same_detail(first[pair.first], second[pair.second]))


def _has_same_detail(first: ImageFile, second: ImageFile) -> bool:
    images = list(decode_each([first, second], DETAIL_PX, antialias=True))
    if isinstance(images[0], DataError) or isinstance(images[1], DataError):
        return False
    return detail_correlation(images[0], images[1]) >= LEAST_CORRELATION


def files_of(source: DataSource, manifest: pd.DataFrame, names: Sequence[str]) -> dict[str, ImageFile]:
    """Returns the readable files of images of the source, by name; `manifest` is that of its files."""
    readable = manifest.loc[manifest["problem"] == "", "sha256"]
    return {name: ImageFile(source.files[name], readable[name]) for name in names if name in readable.index}


def read_hashes(files: Sequence[ImageFile], folder: Path, on_progress: OnProgress) -> dict[str, Hash]:
    """Returns the hashes of files by their digests, decoding those of which `folder` has none.

    Files that cannot be decoded, and images of one value, have none.

    Raises:
        DataError: the folder cannot be written, or processes that decode were killed.
    """
    target = folder / f"hashes-{short_hash([METHOD, raster.CONVERSION, dicom.CONVERSION])}.parquet"
    known = _load(target)
    missing = list({file.sha256: file for file in files if file.sha256 not in known}.values())
    saved_at = told_at = time.monotonic()
    images = zip(missing, decode_each(missing, HASH_PX, antialias=True), strict=True)
    try:
        for done, (file, image) in enumerate(images, 1):
            if not isinstance(image, DataError):  # which may be another one the next time
                known[file.sha256] = hash_of(image)
            is_last = done == len(missing)
            if is_last or time.monotonic() - told_at > _PROGRESS_S:
                told_at = time.monotonic()
                on_progress(done, len(missing))
            if is_last or time.monotonic() - saved_at > _SAVE_S:
                _save(known, target)
                saved_at = time.monotonic()
    except OSError as error:
        raise DataError(f"the cache cannot be written ({error.strerror or error})", place=target) from None
    found = ((file.sha256, known.get(file.sha256)) for file in files)
    return {sha256: one for sha256, one in found if one is not None}


def _load(target: Path) -> dict[str, Hash | None]:
    try:
        table = pd.read_parquet(target)
    except (OSError, ValueError):  # pyarrow's errors are ValueErrors
        return {}
    return {
        sha256: np.frombuffer(content, np.uint8) if content else None
        for sha256, content in zip(table["sha256"], table["hash"], strict=True)
    }


def _save(known: Mapping[str, Hash | None], target: Path) -> None:
    contents = [b"" if one is None else one.tobytes() for one in known.values()]
    with replacing(target) as temporary:
        pd.DataFrame({"sha256": list(known), "hash": contents}).to_parquet(temporary)


def find_near_duplicates(
    source: DataSource, manifest: pd.DataFrame, cache_dir: Path, on_progress: OnPart
) -> None:
    """Stores the pairs between parts of the source, for `stored_near_duplicates`, unless they are stored.

    Args:
        source: what the download says; of images that are drawn nothing is done.
        manifest: what its files hold.
        cache_dir: where hashes and pairs are kept.
        on_progress: told what is done, how many images of it, and of how many.

    Raises:
        DataError: as `read_hashes`.
    """
    target = _target(source, manifest, cache_dir)
    if source.draw is not None or target.exists():
        return
    files = {part: files_of(source, manifest, names) for part, names in source.parts.items()}
    every = [file for own in files.values() for file in own.values()]
    hashes = read_hashes(every, target.parent, partial(on_progress, f"hash {source.name}"))
    found = {}
    for first, second in combinations(source.parts, 2):
        progress = partial(on_progress, f"compare {first} with {second}")
        found[f"{first}_{second}"] = pairs_between(files[first], files[second], hashes, progress)
    write_text(target, json.dumps(found, indent=2) + "\n")


def pairs_elsewhere(
    source: DataSource,
    other: DataSource,
    cache_dir: Path,
    on_progress: OnPart,
) -> tuple[Pair, ...]:
    """Returns the pairs of an image that `other` trains or validates on and a test image of the source.

    Equal files are pairs too. Images that are drawn are in no pair.

    Args:
        source: the data set that is tested on.
        other: the data set that is trained on.
        cache_dir: where hashes are kept.
        on_progress: told what is done, how many images of it, and of how many.

    Raises:
        DataError: as `read_hashes`.
    """
    files: list[dict[str, ImageFile]] = []
    hashes: dict[str, Hash] = {}
    for one, parts in ((other, ("train", "val")), (source, ("test",))):
        manifest = read_manifest(one, cache_dir, partial(on_progress, f"check {one.name}"))
        own = files_of(one, manifest, [name for part in parts for name in one.parts[part]])
        progress = partial(on_progress, f"hash {one.name}")
        hashes |= read_hashes(list(own.values()), cache_dir / one.name, progress)
        files.append(own)
    by_digest: dict[str, str] = {file.sha256: name for name, file in files[0].items()}
    equal = (Pair(by_digest[f.sha256], name) for name, f in files[1].items() if f.sha256 in by_digest)
    progress = partial(on_progress, f"compare {other.name} with {source.name}")
    return (*equal, *pairs_between(files[0], files[1], hashes, progress))


def stored_near_duplicates(
    source: DataSource, manifest: pd.DataFrame, cache_dir: Path
) -> dict[str, tuple[Pair, ...]]:
    """Returns the pairs by their two parts, ``train_test``; empty where they were not looked for.

    They are of these files: where one holds something else by now, they were not looked for.
    """
    try:
        stored = json.loads(_target(source, manifest, cache_dir).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {parts: tuple(Pair(*pair) for pair in pairs) for parts, pairs in stored.items()}


def _target(source: DataSource, manifest: pd.DataFrame, cache_dir: Path) -> Path:
    digests = {part: manifest["sha256"].reindex(list(names)) for part, names in source.parts.items()}
    parts = {part: list(zip(own.index, own.fillna(""), strict=True)) for part, own in digests.items()}
    key = short_hash([METHOD, raster.CONVERSION, dicom.CONVERSION, parts])
    return cache_dir / source.name / f"near_duplicates-{key}.json"
