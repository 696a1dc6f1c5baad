"""Measure how fast a suite's models train here, for bench plan.

Each combination of model, options, encoder, resolution, batch and arithmetic is trained for some steps on
random pixels, one after the other; the first steps are not timed. No data is needed and no trial changes:
speeds and the memory in use are kept in probes.json of the results folder, by device.
"""

import argparse

from bench.amounts import count, size
from bench.cli import arguments as shared
from bench.cli.render import note, show
from bench.results.files import require_writable

EXAMPLES = """\
examples:
  bench probe nih_256
  bench probe nih_512 --only model=pan --steps 20
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser)
    shared.add_shard(parser)
    shared.add_results_dir(parser)
    parser.add_argument(
        "--steps",
        type=shared.positive,
        metavar="N",
        help="number of steps to time (default: 5 on a CPU, 20 on a GPU)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints a line per combination; 1 if one cannot be trained here."""
    from bench.errors import BenchError
    from bench.execution.executor import decide_gpu
    from bench.execution.serial import SerialExecutor

    loaded, grid, store = shared.opened(arguments)

    import torch

    from bench.planning.machine import gpu_share
    from bench.planning.probing import TIMED_STEPS, probe_all, workloads

    require_writable(arguments.results_dir, "--results-dir")

    trials, code = workloads((*grid.required, *grid.trials)), 0
    resources = loaded.suite.resources
    device = torch.device("cuda" if decide_gpu(resources, SerialExecutor(), cpu_only=False) else "cpu")
    num_steps = arguments.steps or TIMED_STEPS[device.type]
    note(f"{count(len(trials), 'combination')}, {count(num_steps, 'step')} each")
    share = gpu_share(resources)
    found_all = probe_all(trials, store, grid.files, num_steps=num_steps, device=device, gpu_share=share)
    for trial, found in found_all:
        name = f"{trial.label}, {trial.encoder}, {trial.resolution} px, batches of {trial.recipe.batch_size}"
        if isinstance(found, BenchError):
            show(f"{name}: {found}")
            code = 1
        else:
            speed = f"{found.images_per_s:.3g} images/s, {size(found.memory_bytes)} in use ({found.device})"
            show(f"{name}: {speed}")
    note(f"bench plan {arguments.suite} uses these speeds")
    return code
