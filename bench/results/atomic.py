"""Files that are either the old or the new version, whole, whatever happens while they are written."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import as_text

NOT_OFFERED = frozenset(
    {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES}
)
"""What a file system answers that cannot do what it is asked for."""


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yields a temporary path beside `path`; what was written there becomes `path` when the block ends.

    If the block raises, `path` stays as it was and the temporary file is removed. The file's mode is that of
    any new file, by the umask and the folder: people who share a group can share results.

    Args:
        path: the file to create or replace; its folder is made if need be.
        durable: flush to the disk before the rename, so that a power cut leaves no empty file.

    Raises:
        OSError: the file cannot be written; the error names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        if durable:
            with temporary.open("rb+") as stream:
                flush_to_disk(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.errno is None or str(error.filename) != str(temporary):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with suppress(OSError):  # what kept it from being written may keep it from being removed
            temporary.unlink(missing_ok=True)


def flush_to_disk(descriptor: int) -> None:
    """Brings what was written to the disk, as far as its file system offers that."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Writes `text` as UTF-8 to `path` in one step (see `replacing`).

    Bytes of file names that are not UTF-8 become escapes (see `as_text`), which JSON reads back.
    """
    with replacing(path, durable=durable) as temporary:
        temporary.write_text(as_text(text), encoding="utf-8")
