"""Trials that wait for a node which is gone: said so, and given up where none comes for long."""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from bench.errors import BenchError
from bench.planning.machine import Needs, num_rooms

log = logging.getLogger(__name__)

PATIENCE_S = 600.0
"""For a node to come back, or another one to join, where nothing else is left to do."""

LOOK_EVERY_S = 2.0
"""Between two looks at the cluster's nodes."""


class RoomWatch:
    """Looks whether trials that wait fit a node: those that lost theirs would wait in silence, for ever."""

    def __init__(
        self,
        needs: Mapping[str, Needs],
        nodes: Callable[[], Sequence[Needs]],
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Takes what trials need, by id, what tells the living nodes, and how long to wait for others."""
        self._needs, self._nodes, self._patience_s = needs, nodes, patience_s
        self._looked_at_s = float("-inf")
        self._since_s: float | None = None

    def look(self, waiting: Collection[str], *, is_any_running: bool) -> None:
        """Looks now and then; says once that a trial fits no node that is left.

        Args:
            waiting: ids of trials that are to be started and are not.
            is_any_running: whether others run, which may go on as long as they want.

        Raises:
            BenchError: nothing runs, and no node has come for what waits.
        """
        now_s = time.monotonic()
        if now_s - self._looked_at_s < LOOK_EVERY_S:
            return
        self._looked_at_s = now_s
        nodes = self._nodes() if waiting else []
        roomless = [one for one in waiting if not any(num_rooms(self._needs[one], node) for node in nodes)]
        if not roomless:
            self._since_s = None
            return
        need = self._needs[roomless[0]]
        wanted = f"a node with {need['cpu']:g} CPU cores and {need['gpu']:g} GPUs"
        if self._since_s is None:
            self._since_s = now_s
            log.warning(
                "%s waits for %s, since none of the cluster's %d has them any more; it goes on when one "
                "joins (ray start --address=…), and after Ctrl-C with the same command",
                roomless[0],
                wanted,
                len(nodes),
            )
        if not is_any_running and now_s - self._since_s >= self._patience_s:
            raise BenchError(
                f"{roomless[0]} has waited {self._patience_s / 60:g} min for {wanted}, and none of the "
                f"cluster's {len(nodes)} has them; start one (ray start --address=…), and the same command "
                "goes on"
            )
