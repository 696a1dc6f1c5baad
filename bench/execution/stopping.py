"""Ctrl-C: once, running trials end their step, write a checkpoint and stop; twice, all stops at once.

The wish travels as a file in the results folder, which workers on every machine see.
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


class StopWish:
    """Whether the user has asked for the end of a run: looked up now and then, remembered."""

    def __init__(self, path: Path | None) -> None:
        """Takes the file whose existence is the wish; None if there never is one."""
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

    def obey(self) -> None:
        """Does nothing unless it was asked for.

        Raises:
            KeyboardInterrupt: it was.
        """
        if self:
            raise KeyboardInterrupt


class Halt:
    """The end of a run before all trials have ended: the user's wish, or an error that all would meet.

    What runs is asked to write a checkpoint and stop, as after Ctrl-C; the error is raised after that.

    Attributes:
        is_idle: whether nothing runs.
    """

    def __init__(self, stop: Path | None) -> None:
        """Takes the file whose existence is the user's wish, see `StopWish`."""
        self._path, self._wish = stop, StopWish(stop)
        self._error: Exception | None = None
        self.is_idle = False

    def __bool__(self) -> bool:
        """Whether nothing more is to be started."""
        return self._error is not None or bool(self._wish)

    def because(self, error: Exception) -> None:
        """Notes the error, the first one of several, and asks what runs to stop."""
        self._error = self._error or error
        if self._path is not None:
            with suppress(OSError):  # on a full disk: who meets it stops by itself
                self._path.touch()

    def obey(self) -> None:
        """Does nothing unless there was an error.

        Raises:
            Exception: that one.
        """
        if self._error is not None:
            raise self._error


@contextmanager
def stopping_on_interrupt(context: RunContext) -> Iterator[RunContext]:
    """Yields the context with the file that asks for the end, which the first Ctrl-C within makes.

    The second one raises KeyboardInterrupt. Outside of the main thread, where no signal arrives, it yields
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
        log.warning("Ctrl-C: trials that run write a checkpoint and stop; once more stops at once")

    context.results_dir.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    signal.signal(signal.SIGINT, ask)
    try:
        yield replace(context, stop=path)
    finally:
        signal.signal(signal.SIGINT, before)
        path.unlink(missing_ok=True)
