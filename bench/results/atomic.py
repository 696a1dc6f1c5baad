"""Files that are either the old or the new version, whole, whatever happens while they are written."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yields a temporary path beside `path`; what was written there becomes `path` when the block ends.

    If the block raises, `path` stays as it was and the temporary file is removed.

    Args:
        path: the file to create or replace; its folder is made if need be.
        durable: flush to the disk before the rename, so that a power cut leaves no empty file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if durable:
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Writes `text` as UTF-8 to `path` in one step (see `replacing`)."""
    with replacing(path, durable=durable) as temporary:
        temporary.write_text(text, encoding="utf-8")
