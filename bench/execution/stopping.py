"""Ctrl-C: once, running trials end their step, write a checkpoint and stop; twice, all stops at once.

The request travels as a file in the results folder, which workers on every machine see.
"""

import logging
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from os import getpid
from pathlib import Path
from types import FrameType

from bench.execution.context import RunContext

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
"""Between two looks for the file."""


class StopRequest:
    """Whether the user has asked for the end of a run: looked up now and then, remembered.

    Args:
        path: the file whose existence is the request; None if there never is one.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._looked_at_s = float("-inf")
        self._is_there = False

    def __bool__(self) -> bool:
        """Whether it was asked for."""
        if self._path is not None and not self._is_there:
            now_s = time.monotonic()
            if now_s - self._looked_at_s >= LOOK_EVERY_S:
                self._looked_at_s = now_s
                self._is_there = self._path.exists()
        return self._is_there

    def raise_if_made(self) -> None:
        """Raises KeyboardInterrupt if it was asked for."""
        if self:
            raise KeyboardInterrupt


class Abort:
    """The end of a run before all trials have ended: by the user, or by an error that all would meet.

    Running trials are asked to write a checkpoint and stop, as after Ctrl-C; the error is raised after that.

    Args:
        stop: the file whose existence is the user's request, see `StopRequest`.

    Attributes:
        is_idle: whether nothing runs.
    """

    def __init__(self, stop: Path | None) -> None:
        self._path, self._request = stop, StopRequest(stop)
        self._error: Exception | None = None
        self.is_idle = False

    def __bool__(self) -> bool:
        """Whether nothing more is to be started."""
        return self._error is not None or bool(self._request)

    def note(self, error: Exception) -> None:
        """Notes the error, the first one of several, and asks running trials to stop."""
        self._error = self._error or error
        if self._path is not None:
            with suppress(OSError):  # on a full disk: trials that meet it stop by themselves
                self._path.touch()

    def raise_error(self) -> None:
        """Raises the error if there was one."""
        if self._error is not None:
            raise self._error


@contextmanager
def stopping_on_interrupt(context: RunContext) -> Iterator[RunContext]:
    """Yields the context with the file that asks for the end; the first Ctrl-C within the block makes it.

    The second Ctrl-C raises KeyboardInterrupt. Outside of the main thread, where no signal arrives, it yields
    the context as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield context
        return
    path = context.results_dir / f".stop-{socket.gethostname()}-{getpid()}"
    before = signal.getsignal(signal.SIGINT)

    def ask(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            path.touch()
        except OSError as error:
            raise KeyboardInterrupt from error
        log.warning("Ctrl-C: running trials write a checkpoint and stop; once more stops at once")

    context.results_dir.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    signal.signal(signal.SIGINT, ask)
    try:
        yield replace(context, stop=path)
    finally:
        signal.signal(signal.SIGINT, before)
        path.unlink(missing_ok=True)
