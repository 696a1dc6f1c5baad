"""Workers that end because their GPU fails: why, and when a node has too many of them."""

from collections import Counter

from bench.errors import LostGpuError

MOST_PER_NODE = 3
"""Workers on one node after which the run ends: its GPU is broken, and would fail trial after trial."""


class LostGpus:
    """Remembers which workers of a run a GPU has failed."""

    def __init__(self) -> None:
        self._by_node: Counter[str] = Counter()
        self._reasons: dict[str, str] = {}

    def note(self, trial_id: str, node: str, reason: str) -> None:
        """Notes that the worker of a trial ends.

        Args:
            trial_id: the trial's.
            node: host name and address of the worker's.
            reason: CUDA's error.

        Raises:
            LostGpuError: it is the last one that its node may have.
        """
        self._reasons[trial_id] = f"a GPU of {node} failed it ({reason})"
        self._by_node[node] += 1
        if self._by_node[node] >= MOST_PER_NODE:
            raise LostGpuError(
                f"a GPU has failed {MOST_PER_NODE} workers on node {node}, the last one by {reason}; "
                "nvidia-smi and dmesg there say more; the same command goes on from the last checkpoints",
                value=reason,
            )

    def take_reason(self, trial_id: str) -> str | None:
        """Returns why the trial's worker has ended, once, in words for the end of a sentence; else None."""
        return self._reasons.pop(trial_id, None)
