"""What a plan costs, as lines of text and for JSON."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from bench.cli.columns import wrap
from bench.errors import listing
from bench.execution.durations import rough, rough_duration
from bench.execution.machine import CPU
from bench.execution.plan_cost import PlanCost
from bench.execution.span import Span
from bench.execution.speed_prior import ANY_GPU, speed_prior

_LEAST_HOURS = 0.5
"""Device-hours that are worth a word."""

_UNITS = ("B", "kB", "MB", "GB", "TB")


def to_lines(cost: PlanCost, width: int) -> Iterator[str]:
    """Yields the time and the disk that are left to pay, as lines of at most `width` characters."""
    if cost.num_trials == 0:
        return
    known = cost.num_trials - cost.num_unknown
    if known:
        at_once = f"{cost.num_slots} at once" if cost.num_slots > 1 else "one at a time"
        where = "the CPU" if cost.device == CPU else cost.device
        times = between(cost.wall_s, rough_duration)
        if cost.device_hours.most >= _LEAST_HOURS:
            times += f"; {between(cost.device_hours, hours_word, hours_of(cost.device))}"
        yield from wrap(f"Time left, {count(known, 'trial')} on {where}, {at_once}: {times}.", width)
        yield from wrap(basis(cost.sources, cost.epochs, cost.device), width, is_indented=True)
    for sentence in unknown(cost.num_unknown - cost.num_unknown_data, cost.num_unknown_data):
        yield from wrap(sentence, width)
    yield from wrap(_disk(cost), width)


def between(span: Span, word: Callable[[float], str], unit: str = "") -> str:
    """Returns what is expected and, in brackets, between which values it is: about 3 h (1 h to 9 h)."""
    fewest, expected, most = word(span.fewest), word(span.expected), word(span.most)
    about = f"about {expected} {unit}".rstrip()
    return about if fewest == most else f"{about} ({fewest} to {most})"


def basis(speeds: Mapping[str, int], epochs: Mapping[str, int], device: str) -> str:
    """Returns what times rest on: of how many trials speed and number of epochs are from where."""
    words = [f"Speed: {_by_source(speeds)}."]
    if "prior" in speeds:
        prior = speed_prior(device)
        reached = between(prior.tflops, rough, f"TFLOP/s per {prior.per}")
        words.append(f"The prior is {reached}; `bench probe` measures in its place.")
        if device == ANY_GPU:
            words.append("--gpus 8xH100 says of which kind.")
    words.append(f"Epochs: {_by_source(epochs)}.")
    if "prior" in epochs:
        words.append("The prior is the geometric mean of the fewest and the most.")
    return " ".join(words)


def _by_source(counts: Mapping[str, int]) -> str:
    return listing(f"{number} {source}" for source, number in counts.items())


def unknown(num_models: int, num_data: int) -> Iterator[str]:
    """Yields why times of trials are not known, and what helps."""
    if num_models:
        yield (
            f"Not counted: {count(num_models, 'trial')} of unknown speed, with models that are none of the "
            "package's or on encoders that are none of its suites'; `bench probe` measures it in a few steps."
        )
    if num_data:
        yield (
            f"Not counted: {count(num_data, 'trial')} on data whose number of images is not known before one "
            "of them has trained."
        )


def count(number: int, noun: str) -> str:
    """Returns so many of it, in words."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def hours_of(device: str) -> str:
    """Returns the name of the unit of device-hours."""
    return "CPU-hours" if device == CPU else "GPU-hours"


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
        text += f". Not counted: {count(disk.num_unknown, 'trial')} with models of unknown size"
    if disk.unknown_data:
        text += f". Not counted: images of {listing(disk.unknown_data)}"
    return f"{text}."


def hours_word(hours: float) -> str:
    """Returns hours to two significant digits and two decimals at most."""
    return "<0.01" if 0 < hours < 0.005 else rough(round(hours, 2))


def size(num_bytes: float) -> str:
    """Returns bytes as people say them, in powers of 1000: 12 kB, 3.4 GB."""
    for unit in _UNITS:
        if num_bytes < 999.5 or unit == _UNITS[-1]:
            return f"{num_bytes:.2g} {unit}" if num_bytes < 10 else f"{num_bytes:.0f} {unit}"
        num_bytes /= 1000
    raise AssertionError


def to_json(cost: PlanCost) -> Mapping[str, Any]:
    """Returns the value of the plan's key "cost": `PlanCost`, with "unit" of the device-hours beside it."""
    counts = {"sources": dict(cost.sources), "epochs": dict(cost.epochs)}
    return {"unit": hours_of(cost.device)} | asdict(cost) | counts
