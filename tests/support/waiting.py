"""Waiting for an event, however busy the machine is."""

import time
from collections.abc import Callable

LONG_S = 240
"""Until what waits gives up: more than anything takes on busy cores, where nodes and workers start slowly."""


def wait_until(
    is_true: Callable[[], object], what: str, timeout_s: float = LONG_S, pause_s: float = 0.1
) -> None:
    """Waits until it is true; if it never is, what did not happen is told."""
    deadline_s = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline_s, f"{what} did not happen within {timeout_s} s"
        time.sleep(pause_s)
