"""Whether trials fit the nodes of a cluster: Ray would wait in silence, for ever, for one that fits none."""

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


def fits(need: Needs, nodes: Sequence[Needs]) -> bool:
    """Returns whether a trial fits one of the nodes while nothing else runs there."""
    return any(num_rooms(need, node) for node in nodes)


def check_fit(needs: Collection[Needs], nodes: Sequence[Needs]) -> None:
    """Checks that every trial fits one of the nodes.

    Raises:
        BenchError: one fits none of them.
    """
    for need in needs:
        if not fits(need, nodes):
            has = max(nodes, key=lambda node: (node["gpu"], node["cpu"]), default={"cpu": 0.0, "gpu": 0.0})
            raise BenchError(
                f"a trial asks for {_amounts(need)}, and no node of the cluster has them (the best of "
                f"{len(nodes)} has {_amounts(has)}); lower resources.cpu or resources.gpu, or run with --cpu "
                "or --serial"
            )


class CapacityWatch:
    """Looks whether waiting trials still fit a node: nodes may be lost while a run goes on.

    Args:
        needs: of the trials, by id.
        nodes: returns what the living nodes have.
        patience_s: how long to wait for another node.
    """

    def __init__(
        self, needs: Mapping[str, Needs], nodes: Callable[[], Sequence[Needs]], patience_s: float = PATIENCE_S
    ) -> None:
        self._needs, self._nodes, self._patience_s = needs, nodes, patience_s
        self._looked_at_s = float("-inf")
        self._since_s: float | None = None

    def look(self, waiting: Collection[str], *, is_any_running: bool) -> None:
        """Looks every `LOOK_EVERY_S`; warns once when a trial fits no node that is left.

        Args:
            waiting: ids of trials that are to be started and are not.
            is_any_running: whether others run, which may go on as long as they want.

        Raises:
            BenchError: nothing runs, and for `patience_s` no node has come for a waiting trial.
        """
        now_s = time.monotonic()
        if now_s - self._looked_at_s < LOOK_EVERY_S:
            return
        self._looked_at_s = now_s
        nodes = self._nodes() if waiting else []
        trial_id = next((one for one in waiting if not fits(self._needs[one], nodes)), None)
        if trial_id is None:
            self._since_s = None
            return
        wanted = f"a node with {_amounts(self._needs[trial_id])}"
        if self._since_s is None:
            self._since_s = now_s
            log.warning(
                "%s waits for %s: none of the cluster's %d nodes has them any more; the run goes on when one "
                "joins (ray start --address=…), and after Ctrl-C with the same command",
                trial_id,
                wanted,
                len(nodes),
            )
        if not is_any_running and now_s - self._since_s >= self._patience_s:
            raise BenchError(
                f"has waited {self._patience_s / 60:g} min for {wanted}, and none of the cluster's "
                f"{len(nodes)} nodes has them; start one (ray start --address=…), and the same command goes "
                "on",
                place=trial_id,
            )


def _amounts(resources: Needs) -> str:
    return f"{resources['cpu']:g} CPU cores and {resources['gpu']:g} GPUs"
