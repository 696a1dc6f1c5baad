"""Tables of how much each choice of the localization protocol, changed alone, moves each model."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from bench.errors import MOST_NAMED, ResultsError, listing
from bench.metrics.protocol import DEFAULT
from bench.reporting.tables.table import Cell, Column, Row, Subject, Table
from bench.results.grid_results import Place, Results
from bench.results.record import Sensitivity, read_sensitivity
from bench.statistics.paired import paired_difference
from bench.statistics.student import mean_interval
from bench.suite.cam import NATIVE
from bench.suite.metrics import MACRO, METRICS, PRIMARY, WEIGHTED, Metric, column_title

_DECIMALS = 3


class _Choice(NamedTuple):
    """A choice of the protocol: its heading, and its phrase in the caption."""

    heading: str
    phrase: str


_CHOICES: dict[str, _Choice] = {
    MACRO: _Choice("Macro avg.", "mean of the findings' accuracies instead of that of all units"),
    "sigmoid_after": _Choice("Sigmoid after", "sigmoid of the enlarged map instead of the small one"),
    "align_corners": _Choice("Aligned corners", "enlarged with align_corners"),
    "ties_last": _Choice("Last of ties", "the last of tied pixels in row-major order instead of the first"),
    "ties_mean": _Choice("Mean of ties", "their mean position"),
    "tolerance_15": _Choice(
        "15 px tolerance", "a peak within 15 px of a box is a hit, in px of the image's own frame"
    ),
    "native_grid": _Choice("Native grid", "enlarged to the image's own frame instead of the network's input"),
    "edges_exclusive": _Choice("Exclusive edges", "right and bottom edges of a box are not in it"),
    "boxes_truncated": _Choice("Truncated boxes", "x, y, w, h of a box truncated to integers"),
    "iobb_10": _Choice("T(IoBB) 0.1", "a hit is an IoBB above 0.1 instead of 0.5"),
    "iobb_25": _Choice("T(IoBB) 0.25", "above 0.25"),
    "threshold_10": _Choice(
        "Cut at 0.1", "predicted is what is above 0.1 of the map's maximum instead of 0.5; T(IoBB) stays 0.5"
    ),
    "threshold_25": _Choice("Cut at 0.25", "above 0.25 of it"),
}
"""By the names of `bench.metrics.protocol`, and the other average, in the order of columns."""

_CAPTION = (
    "Weighted average{of} by the thesis' protocol, then what one choice changed alone adds to it: mean over "
    "seeds of the paired changes ± half-width of their 95% Student-t interval (other seeds, these images). "
    "{phrases}."
)

_Known = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Values by trial id, by the protocol's name and by average."""


def sensitivity_tables(results: Results) -> tuple[Table, ...]:
    """Returns tables for each data set and resolution of which a trial has a sensitivity; native maps only.

    There is one for each metric that a choice moves. Rows are models. Choices that no trial was measured by
    have no column.
    """
    return tuple(table for place in results.places for table in _tables_of(place, results))


def _tables_of(place: Place, results: Results) -> Iterator[Table]:
    ids = dict.fromkeys(point.trial.id for point in place.points)
    read = {trial_id: _read(trial_id, results) for trial_id in ids if results.is_finished(trial_id)}
    for metric in METRICS.values():
        known = {
            trial_id: one.metrics[metric.name]
            for trial_id, one in read.items()
            if one is not None and metric.name in one.metrics
        }
        lacking = [trial_id for trial_id in read if trial_id not in known]
        if any(values != own[DEFAULT] for own in known.values() for values in own.values()):
            yield _table(metric, place, known, lacking)


def _table(metric: Metric, place: Place, known: _Known, lacking: list[str]) -> Table:
    subject = Subject("sensitivity", metric.name, place.dataset, place.resolution)
    measured = {name for found in known.values() for name in (*found, MACRO)}
    choices = {name: choice for name, choice in _CHOICES.items() if name in measured}
    labels = dict.fromkeys(point.label for point in place.points)
    phrases = "; ".join(f"{choice.heading}: {choice.phrase}" for choice in choices.values())
    key, of = ("", "") if metric is PRIMARY else (f"-{metric.short.lower()}", f" of {metric.phrase}")
    return Table(
        key=f"sensitivity{key}-{subject.place_key}",
        subject=subject,
        title=f"Sensitivity{of} to the protocol, {subject.place}",
        columns=(Column(column_title(WEIGHTED)), *(Column(choice.heading) for choice in choices.values())),
        models=tuple(_row(place, label, tuple(choices), known) for label in labels),
        caption=_CAPTION.format(of=of, phrases=phrases),
        notes=(f"Not measured: {listing(lacking, MOST_NAMED)}.",) if lacking else (),
    )


def _read(trial_id: str, results: Results) -> Sensitivity | None:
    """Returns the trial's sensitivity; None if it has none or it cannot be read, which `problems` tells."""
    with suppress(ResultsError):
        return read_sensitivity(results.store.folder(trial_id).sensitivity)
    return None


def _row(place: Place, label: str, choices: tuple[str, ...], known: _Known) -> Row:
    trials = {point.trial.seed: point.trial.id for point in place.points if point.label == label}
    found = {seed: known[trial_id] for seed, trial_id in trials.items() if trial_id in known}
    default = {seed: one[DEFAULT][WEIGHTED] for seed, one in found.items()}
    cells = [_cell(default, None, trials)]
    for choice in choices:
        if choice == MACRO:
            values = {seed: one[DEFAULT][MACRO] for seed, one in found.items()}
        else:
            values = {seed: one[choice][WEIGHTED] for seed, one in found.items() if choice in one}
        cells.append(_cell(values, default, trials))
    return Row(label, tuple(cells), cam=NATIVE)


def _cell(
    values: Mapping[int, float], default: Mapping[int, float] | None, trials: Mapping[int, str]
) -> Cell:
    """Returns the mean of the values, or of their differences to the default, by seed."""
    if not values:
        return Cell(None, expected=len(trials))
    interval = mean_interval(list(values.values())) if default is None else paired_difference(values, default)
    assert interval is not None
    return Cell.of_mean(
        interval,
        expected=len(trials),
        trial_ids=tuple(trials[seed] for seed in values),
        decimals=_DECIMALS,
        is_signed=default is not None,
    )
