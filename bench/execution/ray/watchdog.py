"""Whether the processes of Ray that a driver hangs on live: after their death Ray ends it too, in silence.

Ray's own code leaves seconds later, past all that Python would still do, so the word on it comes first.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NoReturn

import ray
from rich.console import Console

from bench.execution.ray import cluster  # before Ray

# isort: split

LOOK_EVERY_S = 0.25
"""Between two looks whether the run has ended, and between two calls to one that hung up."""

_Call = Callable[[], socket.socket]


@contextmanager
def ending_when_cut_off() -> Iterator[None]:
    """Within the block, the end of Ray's processes is that of this one: one sentence, and exit code 2.

    They are its control service (GCS), on the head node, and its node service (raylet) on this machine. What
    was written stays, as after a kill of the driver, and workers end by themselves.
    """
    over = threading.Event()
    here = ray.get_runtime_context()
    host, _, port = here.gcs_address.rpartition(":")
    host = host.strip("[]")  # of IPv6
    calls: dict[str, _Call] = {
        f"Ray's control service (GCS) at {host}:{port}": partial(
            socket.create_connection, (host, int(port)), timeout=LOOK_EVERY_S
        ),
        "Ray's node service (raylet) on this machine": partial(_call_raylet, cluster.raylet_socket()),
    }
    threads = [threading.Thread(target=_follow, args=(*call, over), daemon=True) for call in calls.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _call_raylet(path: str) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(LOOK_EVERY_S)
    line.connect(path)
    return line


def _follow(name: str, call: _Call, over: threading.Event) -> None:
    """Holds a line to the service, calls again where it hangs up, and ends this process if nobody answers."""
    while not over.wait(LOOK_EVERY_S):
        try:
            with call() as line:
                _hold(line, over)
        except (ConnectionRefusedError, FileNotFoundError):
            if not over.is_set():
                _end(name)
        except OSError:  # a slow network: Ray decides how long is too long
            pass


def _hold(line: socket.socket, over: threading.Event) -> None:
    """Returns when the other side hangs up, or the run is over."""
    while not over.is_set():
        try:
            if not line.recv(4096):
                return
        except TimeoutError:
            pass


def _end(name: str) -> NoReturn:
    console = Console(stderr=True)
    console.show_cursor()  # which a live table has hidden
    console.print(
        f"{name} has ended, killed or crashed as happens where memory runs out; nothing that was written is "
        "lost, and the same command goes on from the last checkpoints",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    os._exit(2)
