"""Finds the folder and files of a download, and says what is there in place of missing ones."""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from bench.errors import DataError, listing, nearest
from bench.suite.keys import IMAGE_ENDINGS, alike, bare, clean, why_other
from bench.suite.text_table import read_text

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip", ".7z", ".rar")
_MOST_NAMED = 3
_MOST_LEVELS, _MOST_FILES = 5, 300_000
"""Limits of a look around: the data root may be somebody's whole disk."""


def find_root(name: str, title: str, label_files: Sequence[str], data_root: Path | None) -> Path:
    """Returns the folder that holds one of `label_files`: ``<data root>/<name>`` or the data root itself.

    Args:
        name: what a suite calls the data set.
        title: what people call it.
        label_files: names by which its folder is known.
        data_root: the folder that the user gave; None if none.

    Raises:
        DataError: no data root, or none of the files in either.
    """
    if data_root is None:
        raise DataError(
            "say where its download is with --data-root or BENCH_DATA_ROOT", place=f"data set {name}"
        )
    for folder in (data_root / name, data_root):
        if any((folder / file).is_file() for file in label_files):
            return folder
    expected = f"expected {' or '.join(label_files)}, or a folder {name}/"
    raise DataError(
        f"no {title} here; {expected}{what_is_there(label_files, data_root)}", place=data_root, value=name
    )


def only_file(names: Sequence[str], root: Path) -> Path:
    """Returns the file of `root` that has one of `names`, or where the first ought to be.

    Raises:
        DataError: there are several, and they differ.
    """
    found = [root / name for name in names if (root / name).is_file()]
    for other in found[1:]:
        if read_text(other).splitlines() != read_text(found[0]).splitlines():
            raise DataError(
                f"{found[0].name} and {other.name} are both there and differ, so that either may be meant; "
                "move one of them away",
                place=root,
                value=other.name,
            )
    return found[0] if found else root / names[0]


def files_below(folder: Path, suffixes: Collection[str], *, deep: bool = False) -> list[Path]:
    """Returns the files with one of the endings, in any case, in `folder`, by name; none if it is not there.

    Args:
        folder: where to look.
        suffixes: in small letters.
        deep: look in folders of the folder too.

    Raises:
        DataError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"the folder cannot be read ({error.strerror})", place=error.filename)

    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=refuse if folder.is_dir() else None):
        chosen = sorted(name for name in names if name.lower().endswith(tuple(suffixes)))
        found += [Path(place, name) for name in chosen]
        folders[:] = sorted(folders) if deep else []
    return found


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Returns image files in the order of `IMAGE_ENDINGS`, otherwise as they come."""
    return sorted(paths, key=lambda path: IMAGE_ENDINGS.index(path.suffix.lower()))


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
        for name in dict.fromkeys((clean(path.name), clean(path.stem))):
            exact.setdefault(name, []).append(path)
        for name in dict.fromkeys((clean(path.name).casefold(), clean(path.stem).casefold())):
            folded.setdefault(name, []).append(path)
    found = {name: exact.get(name) or folded.get(name.casefold(), []) for name in names}
    files = {name: matches[0] for name, matches in found.items() if matches}
    if is_unique:
        several = [name for name in files if len(_same_ending(found[name])) > 1]
        if several:
            first, second, *_ = (path.relative_to(folder) for path in _same_ending(found[several[0]]))
            raise DataError(
                f"several files have the name of an image: {listing(several[:5])} ({first} and {second})",
                place=folder,
                value=several[0],
            )
    owner: dict[Path, str] = {}
    for name, path in files.items():
        if owner.setdefault(path, name) != name:
            raise DataError(
                f"is in the labels twice, as {owner[path]!r} and as {name!r}", place=path, value=name
            )
    return files


def _same_ending(matches: Sequence[Path]) -> list[Path]:
    """Returns those with the name and the ending of the first, whatever their case."""
    first = clean(matches[0].name).casefold()
    return [path for path in matches if clean(path.name).casefold() == first]


def paths_of(part: str, names: Sequence[str], files: Mapping[str, Path], root: Path) -> list[Path]:
    """Returns the file of each of `names`.

    Raises:
        DataError: some have none.
    """
    missing = [name for name in names if name not in files]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(names)} {part} images are missing: {listing(missing[:5])}"
            f"{what_is_there(missing, root)}",
            place=root,
            value=missing[0],
        )
    return [files[name] for name in names]


def what_is_there(missing: Sequence[str], root: Path) -> str:
    """Returns, after a semicolon, what is at `root` in place of the files that were sought there."""
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
        # A file may have been meant by its name, without its ending, or without the one before that too.
        stem = Path(path).stem
        meant = (bare(Path(path).name), bare(stem), bare(Path(stem).stem))
        name = next((wanted[one] for one in meant if one in wanted), None)
        if path.lower().endswith(_ARCHIVES):
            archives.append(path)
        elif name is not None:
            matches.append(f"{path}{_difference(name, Path(path))}")
    if len(matches) > 1:
        yield f"{len(matches):,} files have these or similar names, such as {matches[0]}"
    elif matches:
        yield f"there is {matches[0]}"
    if archives:
        yield f"not unpacked: {listing(archives, _MOST_NAMED)}"
    if matches or archives:
        return
    above = next((name for name in missing if (root.parent / name).is_file()), None)
    if above is not None:
        yield f"there is {root.parent / above}, a folder above"
    else:
        held = sorted(child.name + "/" * child.is_dir() for child in root.iterdir())
        yield f"{root.name} holds {listing(held, _MOST_NAMED)}" if held else f"{root.name} is empty"


def _last(name: str) -> str:
    """Returns the name of a file without the folders that a table writes before it."""
    return re.split(r"[/\\]", name)[-1]


def _files(root: Path) -> Iterator[str]:
    """Yields every file below `root`, relative to it, in order; folders that cannot be read are left out."""
    for place, folders, names in os.walk(root):
        depth = len(Path(place).relative_to(root).parts)
        folders[:] = sorted(folders) if depth < _MOST_LEVELS else []
        for name in sorted(names):
            if not name.startswith("."):
                yield str(Path(place, name).relative_to(root))


def _difference(name: str, there: Path) -> str:
    """Returns how the file that is there differs from the one of the name that was sought."""
    if name != (last := _last(name)):
        return "" if alike(there.name) == alike(last) else ", written otherwise"
    ending, ending_there = Path(name).suffix.lower(), there.suffix.lower()
    is_image = ending_there in IMAGE_ENDINGS
    if alike(there.name) == alike(name):
        if ending in IMAGE_ENDINGS and is_image and ending != ending_there:
            return f", whose ending is not {ending}"
        return ", in another folder" if clean(there.name).startswith(clean(name)) else ", written otherwise"
    if alike(there.stem) == alike(name) and not is_image:
        return f", whose ending is none of {listing(IMAGE_ENDINGS)}" if ending != ".csv" else ""
    return why_other(there.name, name) or ", written otherwise"
