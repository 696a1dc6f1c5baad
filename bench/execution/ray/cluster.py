"""The Ray cluster of a run: one of its own on this machine, or one that is there already."""

import logging
import os
import socket
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray._private.services import get_ray_address_from_environment

from bench.errors import BenchError, brief, explained
from bench.execution.ray.capacity import fits
from bench.planning.machine import Needs

_INIT = partial(ray.init, log_to_driver=False, logging_level=logging.ERROR)
_SHORT = "/tmp/ray"  # noqa: S108  # Ray's own choice where nothing says otherwise
_log = logging.getLogger(__name__)

ANSWER_S = 10.0
"""Time for a cluster to answer."""


def connect(address: str | None) -> None:
    """Starts a cluster on this machine, or joins the one at `address`: ``auto`` or ``HOST:PORT``.

    Raises:
        BenchError: nothing answers there, or this machine is no node of it.
    """
    if address is None:
        _start()
        return
    if address == "auto":
        address = _found_by_ray()
    check_address(address)
    try:
        _INIT(address=address)
    except (OSError, RuntimeError, ValueError) as error:
        raise BenchError(
            f"no Ray cluster can be joined there ({brief(error)}); start one with `ray start --head`, run "
            "bench on one of its nodes, or leave --address out",
            place=f"--address {address}",
            value=address,
        ) from None


def _start() -> None:
    """Starts a cluster on this machine, in a folder of the shortest path if Ray refuses its own.

    Ray's sockets are below its folder, and their paths may have 107 bytes: a job's folder of a batch system,
    which TMPDIR names, is often longer, or may not be written.

    Raises:
        BenchError: it cannot be started.
    """
    start = partial(_INIT, address="local", num_cpus=len(os.sched_getaffinity(0)), include_dashboard=False)
    try:
        start()
    except OSError as error:
        _log.warning("Ray cannot use its folder for temporary files (%s), so it gets %s", error, _SHORT)
        ray.shutdown()
        try:
            start(_temp_dir=_SHORT)
        except OSError as second:
            raise BenchError(
                f"Ray cannot start on this machine: {explained(second, Path(_SHORT))}; RAY_TMPDIR names "
                "another folder for it, of a short path, and --serial does without Ray"
            ) from None


def check_address(address: str) -> None:
    """Checks that something listens at the address.

    Raises:
        BenchError: nothing answers within `ANSWER_S`, or bench cannot join a cluster by such an address.
    """
    place = f"--address {address}"
    if address.startswith("ray://"):
        raise BenchError(
            "Tune would run on the cluster's side, where no record can be written; run bench on a node of "
            "the cluster with --address auto or HOST:PORT",
            place=place,
            value=address,
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise BenchError("give auto or HOST:PORT, e.g. 10.0.0.1:6379", place=place, value=address)
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except OSError as error:
        raise BenchError(
            f"nothing answers there ({error.strerror or error}); `ray status` on a node says where its "
            "cluster is",
            place=place,
            value=address,
        ) from None


def _found_by_ray() -> str:
    """Returns the address of the cluster that ``ray.init(address="auto")`` would join.

    Where that is looked for (RAY_ADDRESS, notes of `ray start`, running processes) is Ray's own business.
    """
    try:
        return str(get_ray_address_from_environment("auto", None))
    except OSError:
        raise BenchError(
            "Ray finds no cluster that runs on this machine; start one with `ray start --head`, or leave "
            "--address out",
            place="--address auto",
            value="auto",
        ) from None


def node_resources() -> list[dict[str, float]]:
    """Returns the resources of each living node, free or not, by the names that `Needs` uses."""
    return [_has(node) for node in _living_nodes()]


def raylet_socket() -> str:
    """Returns where Ray's service on this node listens."""
    here = ray.get_runtime_context().get_node_id()
    return next(str(node["RayletSocketName"]) for node in _living_nodes() if node["NodeID"] == here)


def nodes_for(needs: Collection[Needs]) -> dict[str, str]:
    """Returns the living nodes that one of the trials fits: their addresses, by Ray's id of the node."""
    return {
        node["NodeID"]: node["NodeManagerAddress"]
        for node in _living_nodes()
        if any(fits(need, [_has(node)]) for need in needs)
    }


def _living_nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _has(node: dict[str, Any]) -> dict[str, float]:
    return {name: float(node["Resources"].get(name.upper(), 0.0)) for name in ("cpu", "gpu")}
