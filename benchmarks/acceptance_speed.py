"""The part of an acceptance that asks how fast: training beside bare loops, sharing, scoring, feeding."""

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from acceptance_run import Run
from training import Case, Loop, Settings, authors_way, bare, harness, speeds

from bench.data.feeding import evaluation_batches, training_batches
from bench.data.images.pixel_store import pixel_store
from bench.evaluation.score import score
from bench.training.determinism import fix_arithmetic

SPEED = "PYLON, 256 px, batch 64: images/s"
SHARE = "PYLON, 256 px, batch 64: share of the bare loop"
AUTHORS = "PYLON, 256 px, batch 64: times the authors' way"
GOALS = {SPEED: 3000.0, SHARE: 0.95, AUTHORS: 5.0}
"""The least that is wanted of one H100."""


def speed(run: Run) -> None:
    """The harness beside a bare loop, whose settings are then changed one by one, in turns."""
    num_steps, num_turns = run.few(20, 2), run.few(5, 1)
    loops = {
        "harness": harness(run.case, run.device, (num_turns + 1) * num_steps + 1),
        "bare": bare(run.case, run.device),
    }
    rates, shares = speeds(loops, run.case, num_steps, num_turns)
    run.report.info("speed: harness", images_per_s=rates["harness"], gib=_peak_gib(run))
    run.report.info("speed: bare loop", images_per_s=rates["bare"])
    if not run.is_tiny:
        run.report.reach(SPEED, rates["harness"])
        run.report.reach(SHARE, shares["bare"])
    for name, make in _changed(run).items():
        if run.has_time:
            with run.report.surviving(f"speed: {name}"):
                _compare_with_bare(run, name, make(), loops["bare"], num_steps)
            run.clean()
    if run.is_cuda:
        run.report.info("speed: kernels of a bare step", number=_num_kernels(loops["bare"]))


def _compare_with_bare(run: Run, name: str, changed: Loop, unchanged: Loop, num_steps: int) -> None:
    beside = {name: changed, "bare": unchanged}
    rates, ratios = speeds(beside, run.case, num_steps, run.few(2, 1))
    run.report.info(f"speed: {name}", images_per_s=rates[name], of_bare=ratios["bare"])


def _changed(run: Run) -> dict[str, Callable[[], Loop]]:
    """Returns what makes each loop that differs from the bare one in one thing."""

    def of(settings: Settings, **recipe: object) -> Callable[[], Loop]:
        return lambda: bare(replace(run.case, recipe=recipe), run.device, settings)

    return {
        "bare, deterministic": of(Settings(deterministic=True)),
        "bare, deterministic, memory filled": of(Settings(deterministic=True, fills=True)),
        "bare, Adam of several kernels": of(Settings(fused=False)),
        "bare, channels first": of(Settings(channels_last=False)),
        "bare, bfloat16": of(Settings(), precision="bfloat16"),
        "bare, float32": of(Settings(), precision="float32"),
        "bare, cuDNN's fastest": of(Settings(benchmark=True)),
    }


def compiled(run: Run) -> None:
    """The harness and the bare loop through torch.compile, beside the bare loop as it is."""
    if not run.is_cuda:
        run.report.info("compiled: left to GPUs, since the compiler takes minutes on a CPU")
        return
    num_steps, num_turns = 20, 2
    through_compiler = replace(run.case, recipe={"compile": True})
    loops = {
        "harness, compiled": harness(through_compiler, run.device, (num_turns + 1) * num_steps + 1),
        "bare, compiled": bare(run.case, run.device, Settings(compiled=True)),
        "bare": bare(run.case, run.device),
    }
    rates, ratios = speeds(loops, run.case, num_steps, num_turns)
    for name, rate in rates.items():
        run.report.info(f"compiled: {name}", images_per_s=rate, of_it=ratios[name])


def _peak_gib(run: Run) -> float:
    return torch.cuda.max_memory_allocated(run.device) / 2**30 if run.is_cuda else 0.0


def _num_kernels(loop: Loop) -> int:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as recorded:
        loop(1)
    events = recorded.key_averages()
    return sum(event.count for event in events if event.device_type == torch.autograd.DeviceType.CUDA)


def waits(run: Run) -> None:
    """Where the host waits for the GPU in a step, by the line that does."""
    if not run.is_cuda:
        run.report.info("waits: a CPU has none")
        return
    fix_arithmetic(1)
    steps = run.session(run.case, 8 * run.case.batch_size).steps()
    for _ in range(3):
        next(steps)
    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        next(steps)
    torch.cuda.set_sync_debug_mode("default")
    lines = Counter(f"{Path(w.filename).name}:{w.lineno}" for w in told if "synchroniz" in str(w.message))
    run.report.check(
        "waits: one in a step at most", lines.total() <= 1, number=lines.total(), lines=dict(lines)
    )


def authors(run: Run) -> None:
    """The harness beside the authors' way: mixed precision, PNGs by worker processes."""
    num_steps, num_turns = run.few(20, 2), run.few(2, 1)
    workers = 0 if run.is_tiny else min(16, os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder:
        loops = {
            "harness": harness(run.case, run.device, (num_turns + 1) * num_steps + 1),
            "authors": authors_way(run.case, run.device, Path(folder), workers),
        }
        rates, ratios = speeds(loops, run.case, num_steps, num_turns)
    run.report.info("authors' way", images_per_s=rates["authors"], workers=workers, harness=rates["harness"])
    if not run.is_tiny:
        run.report.reach(AUTHORS, ratios["authors"])


def sharing(run: Run) -> None:
    """Two processes on one device, as trials with half of a GPU each are."""
    (alone,), both = (_side_by_side(run, number) for number in (1, 2))
    gain = sum(both) / alone
    run.report.check("sharing: two processes train", min(both) > 0, alone=alone, each=both, gain=gain)


def _side_by_side(run: Run, number: int) -> list[float]:
    """Returns images per second of each of so many processes that train at once."""
    case, num_steps = run.case, run.few(40, 2)
    task = json.dumps([str(run.device), case.size_px, case.batch_size, case.encoder, num_steps])
    command = [sys.executable, __file__, task]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(number)]
    try:
        return [json.loads(process.communicate(timeout=180)[0].splitlines()[-1]) for process in running]
    finally:
        for process in running:
            process.kill()


def one_of_several(device: str, size_px: int, batch_size: int, encoder: str, num_steps: int) -> float:
    """Returns the harness' images per second in this process."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    loop = harness(Case(size_px, batch_size, encoder), torch.device(device), 2 * num_steps + 1)
    loop(num_steps)
    started = time.perf_counter()
    loop(num_steps)
    return num_steps * batch_size / (time.perf_counter() - started)


def scoring(run: Run) -> None:
    """A pass over a test part as large as a seventh of NIH's, beside the network alone."""
    fix_arithmetic(1)
    case, num_images = run.case, run.few(3600, 48)
    recipe = case.trial.recipe
    data = case.data(2, 2, num_images, num_boxes=num_images // 29)
    network = case.network(run.device).eval()
    pixel_store(data.test, run.device)

    def alone() -> None:
        with torch.no_grad():
            for batch in evaluation_batches(data.test, recipe, run.device):
                network(batch.images)
            run.wait()

    def whole() -> None:
        score(network, data, recipe, run.device, lambda *_: None, lambda _: None)

    alone()
    of_network, of_both = (num_images / _seconds(work) for work in (alone, whole))
    run.report.info("scoring", images_per_s=of_both, network_alone=of_network, share=of_both / of_network)


def feed(run: Run) -> None:
    """Batches alone: all pixels copied to the device, or copied batch by batch."""
    case = run.case
    num_images = run.few(12_800, 64)
    images, num_steps = case.data(num_images).train, num_images // case.batch_size - 2
    seconds = _seconds(lambda: (pixel_store(images, run.device, "resident"), run.wait()))
    gigabytes = images.pixels.nbytes / 1e9
    run.report.info("feed: all pixels to the device", gb=gigabytes, gb_per_s=gigabytes / seconds)
    for route in ("resident", "streamed"):
        with run.report.surviving(f"feed: {route}"):
            batches = training_batches(images, case.trial, 1, run.device, 0, route)
            next(batches)
            seconds = _seconds(
                lambda batches=batches: ([next(batches) for _ in range(num_steps)], run.wait())
            )
            run.report.info(f"feed: {route}", images_per_s=num_steps * case.batch_size / seconds)
            batches.close()


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps(one_of_several(*json.loads(sys.argv[1]))))
