"""What is there in place of files that are missing: similar names, other endings or folders, archives."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.errors import listing
from bench.suite.keys import IMAGE_ENDINGS, alike, bare, clean, why_other

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip", ".7z", ".rar")
_NAMED = 3


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


def _describe(missing: Sequence[str], root: Path) -> Iterator[str]:
    if not root.is_dir():
        others = sorted(path.name for path in root.parent.iterdir()) if root.parent.is_dir() else []
        yield f"there is no folder {root}" + (f", but {listing(others, _NAMED)}" if others else "")
        return
    wanted = {bare(name): name for name in reversed(missing)}
    matches, archives = [], []
    for path in _files(root):
        name = next((wanted[way] for way in _ways(path) if way in wanted), None)
        if path.lower().endswith(_ARCHIVES):
            archives.append(path)
        elif name is not None:
            matches.append(f"{path}{_difference(name, Path(path))}")
    if len(matches) > 1:
        yield f"{len(matches):,} files have almost such names, such as {matches[0]}"
    elif matches:
        yield f"there is {matches[0]}"
    if archives:
        yield f"not unpacked: {listing(archives, _NAMED)}"
    if not matches and not archives:
        held = sorted(child.name + "/" * child.is_dir() for child in root.iterdir())
        yield f"{root.name} holds {listing(held, _NAMED)}" if held else f"{root.name} is empty"


def _files(root: Path) -> Iterator[str]:
    """Yields every file below `root`, relative to it, in order; folders that cannot be read are left out."""
    for place, folders, names in os.walk(root):
        folders.sort()
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
    ending = Path(name).suffix.lower()
    is_image = there.suffix.lower() in IMAGE_ENDINGS
    if alike(there.name) == alike(name):
        if ending in IMAGE_ENDINGS and is_image and ending != there.suffix.lower():
            return f", whose ending is not {ending}"
        return ", in another folder" if clean(there.name).startswith(clean(name)) else ", written otherwise"
    if alike(there.stem) == alike(name) and not is_image:
        return f", whose ending is none of {listing(IMAGE_ENDINGS)}" if ending != ".csv" else ""
    return why_other(there.name, name) or ", written otherwise"
