"""Checks that every node has the same bench and data, and GPUs that torch can use where trials need some.

Results folder and data have to be seen by the same paths.
Otherwise trials would fail one by one on a node that lacks something, or write files where nobody looks.
"""

import os
import time
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bench.errors import BenchError, brief
from bench.execution.context import RunContext
from bench.execution.ray.cluster import nodes_for
from bench.execution.usable_gpus import usable_gpus
from bench.planning.machine import Needs
from bench.suite.identity import DIGEST_PREFIX, sources_digest
from bench.version import FOLDER, VERSION

ANSWER_S = 60.0
"""Time for all nodes to answer: each starts a process, and imports bench."""

SHOWN_S = 5.0
"""Time for a file to show on other nodes: network file systems remember missing files for seconds."""


def check_nodes(needs: Collection[Needs], context: RunContext) -> None:
    """Checks that trials can run on those nodes of the joined cluster that they may be placed on.

    Raises:
        BenchError: a node lacks something, does not answer within `ANSWER_S`, or cannot import bench.
    """
    context.results_dir.mkdir(parents=True, exist_ok=True)
    mark = context.results_dir / f".seen-{uuid.uuid4().hex}"
    data_root = context.data_root if context.data_root and context.data_root.is_dir() else None
    expected = code_here(), mark, data_root, tuple(context.files.values()), context.use_gpu
    # A process of its own for each: one that has asked CUDA for GPUs must not run a trial, which has others.
    addresses, look = nodes_for(needs), ray.remote(num_cpus=0, max_retries=0, max_calls=1)(lacks)
    mark.touch()
    try:
        answers = {}
        for node in addresses:
            there = NodeAffinitySchedulingStrategy(node, soft=False)
            answers[node] = look.options(scheduling_strategy=there).remote(*expected)
        ray.wait(list(answers.values()), num_returns=len(answers), timeout=ANSWER_S)
        found = [(addresses[node], _problem(answer)) for node, answer in answers.items()]
    finally:
        mark.unlink(missing_ok=True)
    if problems := [f"node {address} {problem}" for address, problem in found if problem]:
        raise BenchError("; ".join(problems))


def lacks(code: str, mark: Path, data_root: Path | None, files: Collection[Path], needs_gpu: bool) -> str:
    """Returns what this node lacks, in words that follow its name; nothing if it lacks nothing.

    Args:
        code: see `code_here`.
        mark: a file in the results folder.
        data_root: folder of downloaded data sets, or None.
        files: named by trials: weights, lists of images.
        needs_gpu: trials run on GPUs.
    """
    if code != code_here():
        return f"has {code_here()}, and this driver {code}; install the same on all nodes"
    folder = mark.parent
    deadline_s = time.monotonic() + SHOWN_S
    while not mark.exists():
        if time.monotonic() > deadline_s:
            return (
                f"does not see the results folder {folder}; --results-dir has to be on storage that all share"
            )
        time.sleep(0.2)
    try:
        own = folder / f"{mark.name}-{uuid.uuid4().hex}"
        own.touch()
        own.unlink()
    except OSError as error:
        return f"cannot write to the results folder {folder} ({error.strerror})"
    if data_root is not None and not data_root.is_dir():
        return f"has no folder {data_root}; --data-root has to be the same data on all nodes"
    if missing := [path for path in files if not path.exists()]:
        return f"has no file {missing[0]}, which trials need"
    return _lacks_gpu() if needs_gpu else ""


def _lacks_gpu() -> str:
    if not os.environ.get("CUDA_VISIBLE_DEVICES"):  # which Ray sets to nothing, for what asks for no GPU
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    num, problem = usable_gpus()
    return "" if num else problem or "has no GPU that torch can find, and Ray counts some there"


def code_here() -> str:
    """Returns the version of this process' bench, and the beginning of a digest of its source."""
    sources = sources_digest(FOLDER).removeprefix(DIGEST_PREFIX)
    return f"bench {VERSION} ({sources[:12]})"


def _problem(answer: "ray.ObjectRef[Any]") -> str:
    try:
        return cast("str", ray.get(answer, timeout=0))
    except ray.exceptions.GetTimeoutError:
        return f"did not answer within {ANSWER_S:g} s"
    except ray.exceptions.RayError as error:
        return f"cannot run bench ({brief(error)})"
