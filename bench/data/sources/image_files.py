"""Finds the files of images by their names, and says what is there in place of missing ones."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from bench.errors import DataError, listing, nearest
from bench.suite.keys import IMAGE_ENDINGS, alike, bare, clean, why_other

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip", ".7z", ".rar")
_NAMED = 3
_DEEPEST, _MOST_FILES = 5, 300_000
"""How far it is looked around: the data root may be somebody's whole disk."""


def what_is_there(missing: Sequence[str], root: Path) -> str:
    """Returns, after a semicolon, what is at `root` in place of the files that were sought there.

    Args:
        missing: their names, with or without an ending.
        root: the folder below which they were sought.
    """
    try:
        return f"; {'; '.join(_describe(missing, root))}"
    except OSError:  # a folder may not be looked into: then nothing more can be said
        return ""


def nearest_folder(folder: Path) -> str:
    """Returns, after a semicolon, the folder of a similar name beside one that is not there, if any."""
    try:
        return nearest(folder.name, [path.name for path in folder.parent.iterdir() if path.is_dir()])
    except OSError:
        return ""


def _describe(missing: Sequence[str], root: Path) -> Iterator[str]:
    if not root.is_dir():
        yield f"there is no such folder{nearest_folder(root)}"
        return
    wanted = {bare(_last(name)): name for name in reversed(missing)}
    matches, archives = [], []
    for path in islice(_files(root), _MOST_FILES):
        name = next((wanted[way] for way in _ways(path) if way in wanted), None)
        if path.lower().endswith(_ARCHIVES):
            archives.append(path)
        elif name is not None:
            matches.append(f"{path}{_difference(name, Path(path))}")
    if len(matches) > 1:
        yield f"{len(matches):,} files have these or similar names, such as {matches[0]}"
    elif matches:
        yield f"there is {matches[0]}"
    if archives:
        yield f"not unpacked: {listing(archives, _NAMED)}"
    if matches or archives:
        return
    above = next((name for name in missing if (root.parent / name).is_file()), None)
    if above is not None:
        yield f"there is {root.parent / above}, a folder above"
    else:
        held = sorted(child.name + "/" * child.is_dir() for child in root.iterdir())
        yield f"{root.name} holds {listing(held, _NAMED)}" if held else f"{root.name} is empty"


def _last(name: str) -> str:
    """The name of a file without the folders that a table writes before it."""
    return re.split(r"[/\\]", name)[-1]


def _files(root: Path) -> Iterator[str]:
    """Yields every file below `root`, relative to it, in order; folders that cannot be read are left out."""
    for place, folders, names in os.walk(root):
        depth = len(Path(place).relative_to(root).parts)
        folders[:] = sorted(folders) if depth < _DEEPEST else []
        for name in sorted(names):
            if not name.startswith("."):
                yield str(Path(place, name).relative_to(root))


def _ways(path: str) -> Iterator[str]:
    """Yields what the file may have been meant for: its name, without its ending, without the one before."""
    name = Path(path)
    yield bare(name.name)
    yield bare(name.stem)
    yield bare(Path(name.stem).stem)


def _difference(name: str, there: Path) -> str:
    """How the file that is there differs from the one of the name that was sought."""
    if name != (last := _last(name)):
        return "" if alike(there.name) == alike(last) else ", written otherwise"
    ending = Path(name).suffix.lower()
    is_image = there.suffix.lower() in IMAGE_ENDINGS
    if alike(there.name) == alike(name):
        if ending in IMAGE_ENDINGS and is_image and ending != there.suffix.lower():
            return f", whose ending is not {ending}"
        return ", in another folder" if clean(there.name).startswith(clean(name)) else ", written otherwise"
    if alike(there.stem) == alike(name) and not is_image:
        return f", whose ending is none of {listing(IMAGE_ENDINGS)}" if ending != ".csv" else ""
    return why_other(there.name, name) or ", written otherwise"


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
