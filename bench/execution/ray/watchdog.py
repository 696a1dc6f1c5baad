"""Watches Ray's own processes: when they die Ray ends the driver in silence, so this says why before that."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import NoReturn

import ray
from rich.console import Console

from bench.execution.ray import cluster

LOOK_EVERY_S = 0.25
"""Between two looks whether the run has ended, and between two connections to a service that hung up."""


@contextmanager
def watching_ray() -> Iterator[None]:
    """Ends this process with one sentence and exit code 2 if Ray's processes die within the block.

    They are its control service (GCS), on the head node, and its node service (raylet) on this machine. Files
    stay as they are, as after a kill of the driver, and workers end by themselves.
    """
    over = threading.Event()
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    host = host.strip("[]")  # of IPv6
    services: dict[str, Callable[[], socket.socket]] = {
        f"Ray's control service (GCS) at {host}:{port}": partial(
            socket.create_connection, (host, int(port)), timeout=LOOK_EVERY_S
        ),
        "Ray's node service (raylet) on this machine": partial(_connect_raylet, cluster.raylet_socket()),
    }
    threads = [threading.Thread(target=_watch, args=(*one, over), daemon=True) for one in services.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _connect_raylet(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(LOOK_EVERY_S)
    connection.connect(path)
    return connection


def _watch(name: str, connect: Callable[[], socket.socket], over: threading.Event) -> None:
    """Holds a connection to the service, connects again when it hangs up, ends this process if it is gone."""
    while not over.wait(LOOK_EVERY_S):
        try:
            with connect() as connection:
                while not over.is_set():
                    with suppress(TimeoutError):
                        if not connection.recv(4096):
                            break
        except (ConnectionRefusedError, FileNotFoundError):
            if not over.is_set():
                _end(name)
        except OSError:  # a slow network: Ray decides how long is too long
            pass


def _end(name: str) -> NoReturn:
    console = Console(stderr=True)
    console.show_cursor()  # which a live table has hidden
    console.print(
        f"{name} has ended: it was killed or crashed, as happens where memory runs out; written files stay, "
        "and the same command goes on from the last checkpoints",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    os._exit(2)
