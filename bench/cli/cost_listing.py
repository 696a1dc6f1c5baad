"""What a plan costs, as lines of text and for JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from bench.cli.columns import wrap
from bench.errors import listing
from bench.execution.cost import ASSUMED_TFLOPS_CORE, ASSUMED_TFLOPS_GPU
from bench.execution.live import duration
from bench.execution.machine import CPU
from bench.execution.plan_cost import PlanCost

_UNITS = ("B", "kB", "MB", "GB", "TB")


def to_lines(cost: PlanCost, width: int) -> Iterator[str]:
    """Yields the time and the disk that are left to pay, as lines of at most `width` characters."""
    if cost.num_trials == 0:
        return
    known = cost.num_trials - cost.num_unknown
    if known:
        at_once = f"{cost.num_slots} at once" if cost.num_slots > 1 else "one at a time"
        noun = "trial" if known == 1 else "trials"
        sentence = (
            f"Time left, {known} {noun} on {cost.device}, {at_once}: {_time(cost)}. Speed: {_sources(cost)}."
        )
        yield from wrap(sentence, width)
    if cost.num_unknown:
        which = "One trial has" if cost.num_unknown == 1 else f"{cost.num_unknown} trials have"
        sentence = (
            f"{which} no known speed: nothing like it has run here. `bench probe` measures it in a few "
            "steps, or `bench list models --encoder NAME` what a model costs, from which a speed is assumed."
        )
        yield from wrap(sentence, width)
    yield from wrap(_disk(cost), width)


def _time(cost: PlanCost) -> str:
    """Returns wall clock and device-hours: expected, and between which they are."""

    def both(wall_s: float, hours: float) -> str:
        return f"{long(wall_s)} ({rough(hours)} {hours_of(cost.device)})"

    wall, hours = cost.wall_s, cost.device_hours
    fewest, most = both(wall.fewest, hours.fewest), both(wall.most, hours.most)
    if fewest == most:
        return f"about {most}"
    between = f"between {fewest} and {most}, by when training stops"
    if wall.expected is None or hours.expected is None:
        return between
    return f"about {both(wall.expected, hours.expected)}, {between}"


def hours_of(device: str) -> str:
    """Returns the name of the unit of device-hours."""
    return "CPU-hours" if device == CPU else "GPU-hours"


def _sources(cost: PlanCost) -> str:
    on_cpu = cost.device == CPU
    tflops, what = (ASSUMED_TFLOPS_CORE, "core") if on_cpu else (ASSUMED_TFLOPS_GPU, "GPU")
    remarks = {"assumed": f" ({tflops:g} TFLOP/s per {what}, not measured)"}
    return listing(f"{count} {source}{remarks.get(source, '')}" for source, count in cost.sources.items())


def _disk(cost: PlanCost) -> str:
    disk = cost.disk
    words = []
    if disk.kept:
        words += [f"{size(disk.kept)} for their results", f"{size(disk.running)} more while they run"]
    if disk.cache:
        words.append(f"{size(disk.cache)} of decoded images")
    text = f"Disk: {listing([*words, f'{size(cost.free_bytes)} are free'])}"
    if disk.kept + disk.running + disk.cache > cost.free_bytes:
        text += ", which may be too little"
    if disk.num_unknown:
        text += f". Trials whose models have no known size, {disk.num_unknown}, are not counted"
    if disk.unknown_data:
        text += f". Images of {listing(disk.unknown_data)} are not counted"
    return f"{text}."


def rough(value: float) -> str:
    """Returns a number to two significant digits: 0.12, 4.9, 4,900."""
    digits = float(f"{value:.2g}")
    return f"{digits:,.0f}" if digits >= 10 else f"{digits:g}"


def long(seconds: float) -> str:
    """Returns a duration as people say it; from a hundred hours on to two significant digits."""
    hours = seconds / 3600
    return duration(seconds) if hours < 100 else f"{rough(hours)} h"


def size(num_bytes: float) -> str:
    """Returns bytes as people say them, in powers of 1000: 12 kB, 3.4 GB."""
    for unit in _UNITS:
        if num_bytes < 999.5 or unit == _UNITS[-1]:
            return f"{num_bytes:.2g} {unit}" if num_bytes < 10 else f"{num_bytes:.0f} {unit}"
        num_bytes /= 1000
    raise AssertionError


def to_json(cost: PlanCost) -> Mapping[str, Any]:
    """Returns the value of the plan's key "cost": `PlanCost`, with "unit" of the device-hours beside it."""
    return {"unit": hours_of(cost.device)} | asdict(cost) | {"sources": dict(cost.sources)}
