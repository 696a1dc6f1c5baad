"""A suite scored anew by another protocol: from its trials' stored maps to text or JSON."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import pandas as pd

from bench.errors import ResultsError, listing
from bench.evaluation.rescore import by_overlap, measure_sensitivity, rescore
from bench.metrics.localization import MACRO, WEIGHTED, point_accuracy
from bench.metrics.protocol import DEFAULT, THESIS, LocalizationProtocol
from bench.reporting.slices import Slice, slices
from bench.reporting.table import DASH, format_number
from bench.results.blocked import unreadable_sentences
from bench.results.sensitivity import Sensitivity, write_sensitivity
from bench.results.store import ResultsStore, TrialFolder
from bench.results.units import read_table
from bench.statistics.paired import paired_difference
from bench.statistics.student import MeanInterval, mean_interval
from bench.suite.grid import Grid

_CHOSEN = "chosen"
_NAMED = 8
"""Trials that a note names before it counts the rest."""

Accuracies = Mapping[str, float]
"""By metric: point or iobb, and weighted or macro, e.g. ``point weighted``."""


@dataclass(frozen=True)
class RescoredRow:
    """A metric of a model at one data set and resolution, by both protocols.

    Attributes:
        dataset: as tables call it.
        resolution: side of the input, px.
        model: its label.
        metric: see `Accuracies`.
        trials: ids of the trials that are behind it.
        expected: trials that the suite asks for.
        default: by the thesis' protocol.
        chosen: by the chosen one.
        difference: chosen less default, paired by seed.
    """

    dataset: str
    resolution: int
    model: str
    metric: str
    trials: tuple[str, ...]
    expected: int
    default: MeanInterval
    chosen: MeanInterval
    difference: MeanInterval


@dataclass(frozen=True)
class Rescored:
    """Rows in the order of the suite, and what a reader should know, in sentences."""

    rows: tuple[RescoredRow, ...]
    notes: tuple[str, ...]


def rescore_grid(
    grid: Grid,
    store: ResultsStore,
    protocol: LocalizationProtocol,
    on_progress: Callable[[str, int, int], None],
) -> Rescored:
    """Returns the grid's models by both protocols; writes the sensitivities that are lacking.

    Args:
        grid: native maps of it are scored.
        store: where trials are.
        protocol: the chosen one.
        on_progress: told what is done of which trial, and (done, total) units.

    Raises:
        ResultsError: tables or maps of all trials are damaged, or lack what the protocol needs.
    """
    pieces = slices(grid, store)
    found: dict[str, dict[str, Accuracies]] = {}
    without_maps, differing = [], []
    unwritten: list[str] = []
    unread = list(unreadable_sentences(grid.trials, store))
    resolutions = {trial_id: piece.resolution for piece in pieces for trial_id in piece.finished}
    for trial_id, size_px in resolutions.items():
        folder = store.folder(trial_id)
        if not folder.maps.exists():
            without_maps.append(trial_id)
            continue
        protocols = {DEFAULT: THESIS, _CHOSEN: protocol}
        try:
            tables = rescore(folder, size_px, protocols, partial(on_progress, trial_id))
            is_recorded = _is_recorded(tables[DEFAULT], folder)
        except ResultsError as error:
            unread.append(str(error))
            continue
        found[trial_id] = {name: _accuracies(tables[name], chosen) for name, chosen in protocols.items()}
        if not is_recorded:
            differing.append(trial_id)
        if not folder.sensitivity.exists():
            show = partial(on_progress, f"{trial_id}, each choice")
            unwritten += _write(folder, measure_sensitivity(folder, size_px, show))
    if unread and not found:
        raise ResultsError(unread[0])
    rows = tuple(row for piece in pieces for row in _rows(piece, found))
    return Rescored(rows, (*_notes(grid, pieces, without_maps, differing), *unwritten, *unread))


def _write(folder: TrialFolder, sensitivity: Sensitivity) -> list[str]:
    """Writes it, or says why it cannot be: rows are shown of results that may only be read, too."""
    try:
        write_sensitivity(folder.sensitivity, sensitivity)
    except OSError as error:
        return [f"{folder.sensitivity} cannot be written ({error.strerror or error})."]
    return []


def _accuracies(units: pd.DataFrame, protocol: LocalizationProtocol) -> Accuracies:
    findings = tuple(dict.fromkeys(units["finding"]))
    return {
        f"{metric} {average}": accuracies[average]
        for metric, hits in {"point": units, "iobb": by_overlap(units, protocol)}.items()
        if (accuracies := point_accuracy(hits, findings))
        for average in (WEIGHTED, MACRO)
    }


def _is_recorded(units: pd.DataFrame, folder: TrialFolder) -> bool:
    return bool((units["hit"].to_numpy(bool) == read_table(folder.units)["hit"].to_numpy(bool)).all())


def _rows(piece: Slice, found: Mapping[str, Mapping[str, Accuracies]]) -> list[RescoredRow]:
    rows = []
    for label in dict.fromkeys(point.label for point in piece.points):
        trials = {point.trial.seed: point.trial.id for point in piece.points if point.label == label}
        known = {seed: trial_id for seed, trial_id in trials.items() if found.get(trial_id, {}).get(DEFAULT)}
        if not known:
            continue
        for metric in found[next(iter(known.values()))][DEFAULT]:
            default, chosen = (
                {seed: found[trial_id][name][metric] for seed, trial_id in known.items()}
                for name in (DEFAULT, _CHOSEN)
            )
            difference = paired_difference(chosen, default)
            assert difference is not None
            rows.append(
                RescoredRow(
                    dataset=piece.dataset,
                    resolution=piece.resolution,
                    model=label,
                    metric=metric,
                    trials=tuple(known.values()),
                    expected=len(trials),
                    default=mean_interval(list(default.values())),
                    chosen=mean_interval(list(chosen.values())),
                    difference=difference,
                )
            )
    return rows


def _notes(
    grid: Grid, pieces: Sequence[Slice], without_maps: Sequence[str], differing: Sequence[str]
) -> tuple[str, ...]:
    notes = []
    unfinished = len(grid.trials) - sum(len(piece.finished) for piece in pieces)
    if unfinished:
        notes.append(f"{unfinished} of {len(grid.trials)} trials are not finished.")
    if without_maps:
        named = listing(without_maps, _NAMED)
        notes.append(f"Scored before maps were kept, so there are none to score again: {named}.")
    if differing:
        named = listing(differing, _NAMED)
        notes.append(
            f"Scored elsewhere, some hits differ from what this machine's arithmetic gives: {named}."
        )
    if any(point.cam != "native" for point in grid.points):
        notes.append("Only native maps are stored: others are left out.")
    return tuple(notes)


def to_json(suite: str, protocol: LocalizationProtocol, rescored: Rescored) -> str:
    """Returns the document that `bench rescore --help` describes."""
    document = {"suite": suite, "protocol": asdict(protocol)} | asdict(rescored)
    return json.dumps(document, indent=2)


def to_text(suite: str, protocol: LocalizationProtocol, rescored: Rescored) -> str:
    """Returns the protocol in a line, then a line for each row, and the notes."""
    chosen, thesis = asdict(protocol), asdict(THESIS)
    changed = [
        f"{name.removesuffix('_px')} {chosen[name]}" for name in chosen if chosen[name] != thesis[name]
    ]
    lines = [
        f"{suite}: {listing(changed) if changed else 'the protocol of the thesis, nothing is changed'}",
        "",
    ]
    for where in dict.fromkeys((row.dataset, row.resolution) for row in rescored.rows):
        rows = [row for row in rescored.rows if (row.dataset, row.resolution) == where]
        columns = {
            f"{where[0]}, {where[1]} px": [row.model for row in rows],
            "metric": [row.metric for row in rows],
            "n": [f"{len(row.trials)}/{row.expected}" for row in rows],
            DEFAULT: [_text(row.default) for row in rows],
            _CHOSEN: [_text(row.chosen) for row in rows],
            "difference": [_text(row.difference, is_signed=True) for row in rows],
        }
        widths = [max(map(len, (name, *words))) for name, words in columns.items()]
        lines += [
            "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
            for line in (tuple(columns), *zip(*columns.values(), strict=True))
        ]
        lines.append("")
    if not rescored.rows:
        lines += ["Nothing to score: no finished trial of this suite has stored maps.", ""]
    return "\n".join([*lines, *rescored.notes]).rstrip()


def _text(interval: MeanInterval, *, is_signed: bool = False) -> str:
    width = DASH if interval.half_width is None else format_number(interval.half_width, 3)
    return f"{format_number(interval.mean, 3, is_signed=is_signed)} ± {width}"
