"""Files of a results folder: written whole or not at all, and locked between processes and machines.

A lock ends with its process, however that ends, so a killed run never blocks the next.
"""

import errno
import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import FULL_DISK, ResultsError, as_text, explained

NOT_OFFERED = frozenset(
    {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES}
)
"""Answers of a file system that cannot do what it is asked for."""


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


def require_writable(folder: Path, option: str, *, with_locks: bool = False) -> None:
    """Checks that files can be made and replaced in the folder, which is made if need be.

    `option` names another folder; `with_locks` says whether locks are needed there too.

    Raises:
        ResultsError: one of it cannot be done.
    """
    if as_text(str(folder.absolute())) != str(folder.absolute()):
        raise ResultsError(f"the path is not UTF-8, which libraries need ({option})", place=folder)
    probe = folder / f".probe-{uuid.uuid4().hex[:8]}"
    try:
        write_text(probe, "first")
        if with_locks:
            with locked(probe):
                pass
        _replace(probe)
    except OSError as error:
        if str(error.filename) == str(probe):
            error = OSError(error.errno, error.strerror, str(folder))
        raise ResultsError(f"{explained(error, folder)} ({option})") from None
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _replace(probe: Path) -> None:
    try:
        write_text(probe, "second")
    except OSError as error:
        if error.errno in FULL_DISK:
            raise
        raise ResultsError(
            f"its file system does not put one file in the place of another ({error.strerror or error}), "
            "which keeps results whole; name a folder on a local disk or NFS",
            place=probe.parent,
        ) from None


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds the lock `path` within the block; waits while another process holds it.

    The file is made if need be, as its folder is; `on_wait` is called before waiting.

    Raises:
        ResultsError: the file system has no locks.
        OSError: the file cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError as error:
            raise ResultsError(
                f"its file system has no locks ({error.strerror}), which keep two processes from writing the "
                "same files; name a folder on a local disk, or on NFS with locks",
                place=path.parent,
            ) from None
        yield
