"""Leases: a file in a trial's folder says who runs it, so that drivers that share results train none twice.

results/trials/<id>/lease.json   the driver that has the trial: its machine, its process and when that began

The driver touches the file every few seconds. A lease is over when it was given back; when its process is
gone, which the same machine sees at once; or when the file was not touched for a minute of the reader's own
clock, whatever the clocks of other machines say. Who takes a lease holds a lock of the file system meanwhile,
which Linux keeps between processes, and over NFS between machines.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from pydantic import ValidationError

from bench.results.files import locked, write_text
from bench.results.store import ResultsStore
from bench.suite.frozen import Frozen

BEAT_S = 10.0
"""Time between two touches."""

EXPIRES_S = 60.0
"""Without a touch for so long a lease is over: six were missed."""


class Lease(Frozen):
    """A driver that has a trial."""

    machine: str
    """Its name, boot and process space: what process ids are unique in."""
    host: str
    """Its name, for people."""
    pid: int
    began_at: float
    """When the process began, s since 1970 by the machine's clock: process ids come again."""

    @property
    def is_gone(self) -> bool:
        """Returns whether the process is known to be no more; of another machine's nothing is known."""
        if self.machine != _machine():
            return False
        try:
            return bool(psutil.Process(self.pid).create_time() != self.began_at)
        except psutil.NoSuchProcess:
            return True

    def __str__(self) -> str:
        """Who it is, for people."""
        return f"process {self.pid} on {self.host}"


def holder(folder: Path) -> Lease | None:
    """Returns who has the trial of this folder now; None if nobody has, as far as one look can tell.

    A lease of another machine counts by that machine's clock and ours, which may differ.
    """
    path = folder / "lease.json"
    lease = _read(path)
    try:
        is_old = time.time() - path.stat().st_mtime > EXPIRES_S
    except OSError:
        return None
    return None if lease is None or lease.is_gone or is_old else lease


class Leases:
    """The leases of this process: a context, within which one thread touches all of them."""

    def __init__(self, store: ResultsStore, *, beat_s: float = BEAT_S, expires_s: float = EXPIRES_S) -> None:
        """Takes none yet. Without a touch for `expires_s` another's lease is over."""
        self._store, self._beat_s, self._expires_s = store, beat_s, expires_s
        self._mine = this_process()
        self._seen: dict[str, tuple[int, float]] = {}  # of others' leases: last touch, and when we saw it
        self._taken: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        """Starts touching."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives all leases back."""
        self._stop.set()
        self._thread.join()
        for trial_id in tuple(self._taken):
            self.give_back(trial_id)

    def take(self, trial_id: str) -> Lease | None:
        """Takes the trial for this process; returns who has it if that is another one."""
        with self._locked(trial_id) as path:
            lease = _read(path)
            if lease is not None and lease != self._mine and self._is_alive(trial_id, lease, path):
                return lease
            write_text(path, self._mine.model_dump_json() + "\n")
        self._seen.pop(trial_id, None)
        self._taken.add(trial_id)
        return None

    def give_back(self, trial_id: str) -> None:
        """Ends the lease, unless another process has taken it meanwhile."""
        self._taken.discard(trial_id)
        with self._locked(trial_id) as path:
            if _read(path) == self._mine:
                path.unlink(missing_ok=True)

    def _is_alive(self, trial_id: str, lease: Lease, path: Path) -> bool:
        if lease.is_gone:
            return False
        touched, now = path.stat().st_mtime_ns, time.monotonic()
        last, seen_at = self._seen.get(trial_id, (None, now))
        if touched != last:
            self._seen[trial_id] = (touched, now)
            return True
        return now - seen_at < self._expires_s

    @contextmanager
    def _locked(self, trial_id: str) -> Iterator[Path]:
        folder = self._store.folder(trial_id).path
        with locked(folder / ".lease"):
            yield folder / "lease.json"

    def _beat(self) -> None:
        while not self._stop.wait(self._beat_s):
            for trial_id in tuple(self._taken):
                path = self._store.folder(trial_id).path / "lease.json"
                try:
                    os.utime(path)
                except OSError:  # the folder is away for a while, or was removed
                    continue


def _read(path: Path) -> Lease | None:
    """Returns the lease; a damaged one, as a crash of the machine may leave it, is none."""
    try:
        return Lease.model_validate_json(path.read_bytes(), extra="ignore")
    except (OSError, ValidationError):
        return None


def this_process() -> Lease:
    """Returns who this process is, for leases and for whatever else a process holds."""
    process = psutil.Process()
    return Lease(
        machine=_machine(), host=socket.gethostname(), pid=process.pid, began_at=process.create_time()
    )


def _machine() -> str:
    """Returns an identity of this machine, this boot of it and this container's process ids."""
    parts = [socket.gethostname()]
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    try:
        parts += [boot.read_text().strip(), str(space.stat().st_ino)]
    except OSError:  # no Linux
        parts.append(str(psutil.boot_time()))
    return " ".join(parts)
