"""Measure how fast a suite's models train on this machine, in a few steps each, for bench plan.

Each combination of model, options, encoder, resolution, batch and arithmetic is trained for some steps on
random pixels, one after the other; the first steps are not timed. No data is needed and no trial is touched:
speeds and the memory in use are kept in probes.json of the results folder, by device.
"""

import argparse
import sys

from bench.cli import arguments as shared

EXAMPLES = """\
examples:
  bench probe suites/nih_256.yaml
  bench probe suites/nih_512.yaml --only model=pan --steps 20
"""

STEPS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser)
    shared.add_shard(parser)
    shared.add_results_dir(parser)
    parser.add_argument(
        "--steps",
        type=shared.positive,
        default=STEPS,
        metavar="N",
        help=f"steps to time of each (default: {STEPS})",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints a line per combination; 1 if one cannot be trained here."""
    from bench.amounts import count, size
    from bench.errors import BenchError
    from bench.execution.executor import decide_gpu
    from bench.execution.serial import SerialExecutor

    loaded = shared.load(arguments)
    grid, store = shared.select(arguments, loaded), shared.open_store(arguments)

    from bench.planning.probing import probe_all, workloads
    from bench.results.files import require_writable

    require_writable(arguments.results_dir, "--results-dir")

    trials, code = workloads((*grid.required, *grid.trials)), 0
    print(f"{count(len(trials), 'combination')}, {arguments.steps} steps each", file=sys.stderr)
    on_gpu = decide_gpu(loaded.suite.resources, SerialExecutor(), cpu_only=False)
    for trial, found in probe_all(trials, store, num_steps=arguments.steps, use_gpu=on_gpu):
        what = f"{trial.label}, {trial.encoder}, {trial.resolution} px, batches of {trial.recipe.batch_size}"
        if isinstance(found, BenchError):
            print(f"{what}: {found}", flush=True)
            code = 1
        else:
            memory = size(found.memory_bytes)
            print(f"{what}: {found.images_per_s:.3g} images/s, {memory} in use ({found.device})", flush=True)
    print(f"bench plan {arguments.suite} counts with that", file=sys.stderr)
    return code
