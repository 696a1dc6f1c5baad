"""Locks between processes, and over NFS between machines: one file each, held by who has it open.

A lock ends with its process, however that ends, so a killed run never blocks the next.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import ResultsError


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds the lock `path` within the block; waits while another process holds it.

    Args:
        path: its file, made if need be, as its folder is.
        on_wait: called before waiting.

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
                f"{path.parent}: its file system has no locks ({error.strerror}), which keep two processes "
                "from writing the same files; name a folder on a local disk, or on NFS with locks"
            ) from None
        yield
