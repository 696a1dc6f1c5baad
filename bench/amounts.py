"""Durations, bytes and counts as people say them: exact, or as roughly as they are known."""

import math

_TIMES = (
    ("s", 1.0, 99.5),
    ("min", 60.0, 99.5),
    ("h", 3600.0, 99.5),
    ("days", 86_400.0, 995.0),
    ("years", 365 * 86_400.0, math.inf),
)
"""Units in s, and how many of them are said in the next."""

_BYTES = ("B", "kB", "MB", "GB", "TB")


def duration(seconds: float) -> str:
    """Returns seconds as people say them: 45 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def rough_duration(seconds: float) -> str:
    """Returns a duration to two significant digits: 45 s, 5.5 min, 14 h, 12 days, 3.4 years."""
    for unit, unit_s, most in _TIMES:
        if seconds < most * unit_s:
            return f"{rough(seconds / unit_s)} {unit}"
    raise AssertionError


def rough(value: float) -> str:
    """Returns a number to two significant digits: 0.012, 4.9, 4,900."""
    digits = float(f"{value:.2g}")
    return f"{digits:,.0f}" if digits >= 10 else f"{digits:g}"


def size(num_bytes: float) -> str:
    """Returns bytes in powers of 1000: 12 kB, 3.4 GB."""
    for unit in _BYTES:
        if num_bytes < 999.5 or unit == _BYTES[-1]:
            return f"{num_bytes:.2g} {unit}" if num_bytes < 10 else f"{num_bytes:.0f} {unit}"
        num_bytes /= 1000
    raise AssertionError


def count(number: int, noun: str) -> str:
    """Returns a number with its noun: 1 trial, 2 trials."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
