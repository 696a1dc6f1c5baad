"""Whether a folder takes files: asked before work whose results would have no place."""

import uuid
from contextlib import suppress
from pathlib import Path

from bench.errors import FULL_DISK, ResultsError, as_text, explained
from bench.results.atomic import write_text
from bench.results.file_lock import locked


def require_writable(folder: Path, option: str, *, with_locks: bool = False) -> None:
    """Checks that files can be made and replaced in the folder, which is made if need be.

    Args:
        folder: as the user has named it.
        option: that names another one.
        with_locks: whether locks are needed there too.

    Raises:
        ResultsError: one of it cannot be done.
    """
    if as_text(str(folder.absolute())) != str(folder.absolute()):
        raise ResultsError(f"{folder}: the path is not UTF-8, which libraries need ({option})")
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
            f"{probe.parent}: its file system does not put one file in the place of another "
            f"({error.strerror or error}), which keeps results whole; name a folder on a local disk or NFS"
        ) from None
