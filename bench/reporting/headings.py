"""What tables call the values of a metric."""

from bench.metrics.localization import MACRO, WEIGHTED

_AVERAGES = {WEIGHTED: "Weighted avg.", MACRO: "Macro avg."}


def heading_of(name: str) -> str:
    """Returns the heading of the column of a metric's value: an average, or a finding."""
    return _AVERAGES.get(name, name.replace("_", " "))
