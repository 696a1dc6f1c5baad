"""Which file is whose image: by its name, whatever system wrote it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.errors import DataError, listing
from bench.suite.keys import IMAGE_ENDINGS, clean

ENDINGS = IMAGE_ENDINGS
"""Endings of images, in any case; of files that differ in it alone the first counts."""


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Returns the files in the order of their endings, otherwise as they come."""
    return sorted(paths, key=lambda path: ENDINGS.index(path.suffix.lower()))


def match_files(
    names: Sequence[str], paths: Sequence[Path], folder: Path, *, is_unique: bool = False
) -> dict[str, Path]:
    """Returns the file of each of `names` that has one.

    A name is that of a file with or without its ending: the very same, else in another case. Of several files
    of a name the first in `paths` counts.

    Args:
        names: cleaned names of images.
        paths: files of images.
        folder: where they are.
        is_unique: whether several files of a name, endings aside, are refused.

    Raises:
        DataError: two names mean one file, or several files are refused.
    """
    exact: dict[str, list[Path]] = {}
    folded: dict[str, list[Path]] = {}
    for path in paths:
        for way in dict.fromkeys((clean(path.name), clean(path.stem))):
            exact.setdefault(way, []).append(path)
        for way in dict.fromkeys((clean(path.name).casefold(), clean(path.stem).casefold())):
            folded.setdefault(way, []).append(path)
    found = {name: exact.get(name) or folded.get(name.casefold(), []) for name in names}
    files = {name: matches[0] for name, matches in found.items() if matches}
    if is_unique:
        several = [name for name in files if len(_namesakes(found[name])) > 1]
        if several:
            first, second, *_ = _namesakes(found[several[0]])
            named = f"{first.relative_to(folder)} and {second.relative_to(folder)}"
            raise DataError(
                f"{folder}: several files have the name of an image: {listing(several[:5])} ({named})"
            )
    owner: dict[Path, str] = {}
    for name, path in files.items():
        if owner.setdefault(path, name) != name:
            raise DataError(f"{path}: is in the labels twice, as {owner[path]!r} and as {name!r}")
    return files


def _namesakes(matches: Sequence[Path]) -> list[Path]:
    """Those with the name and the ending of the first, whatever their case."""
    first = clean(matches[0].name).casefold()
    return [path for path in matches if clean(path.name).casefold() == first]
