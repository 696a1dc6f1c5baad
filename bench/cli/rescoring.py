"""A suite scored anew by another protocol: from its trials' stored maps to text or JSON."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from bench.errors import ResultsError, listing
from bench.evaluation.rescore import by_overlap, measure_sensitivity, rescore
from bench.metrics.localization import MACRO, WEIGHTED, point_accuracy
from bench.metrics.protocol import DEFAULT, THESIS, LocalizationProtocol
from bench.reporting.slices import Slice, slices
from bench.reporting.table import DASH, format_number
from bench.results.blocked import unreadable_sentences
from bench.results.differences import difference_notes, require_same_data
from bench.results.sensitivity import Sensitivity, write_sensitivity
from bench.results.store import ResultsStore, TrialFolder
from bench.results.units import read_table
from bench.statistics.paired import paired_difference
from bench.statistics.student import MeanInterval, mean_interval
from bench.suite.cam import NATIVE, CamMethod, with_cam
from bench.suite.grid import Grid, Point

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
        model: the row of a table, its label and the map if that is not the native one.
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
        grid: whose maps are scored.
        store: where trials are.
        protocol: the chosen one.
        on_progress: told what is done of which trial, and (done, total) units.

    Raises:
        ResultsError: tables or maps of all trials are damaged or lack what the protocol needs, or they are
            of different data.
    """
    require_same_data(grid.points, store, grid.accepted)
    pieces = slices(grid, store)
    found: dict[_Key, dict[str, Accuracies]] = {}
    without_maps, differing = [], []
    unwritten: list[str] = []
    unread = list(unreadable_sentences(grid.trials, store))
    for point, size_px in _to_score(pieces).values():
        folder, name = store.folder(point.trial.id), with_cam(point.trial.id, point.cam)
        if not folder.cam_maps(point.cam).exists():
            without_maps.append(name)
            continue
        protocols, told = {DEFAULT: THESIS, _CHOSEN: protocol}, partial(on_progress, name)
        try:
            tables = rescore(folder, size_px, protocols, told, point.cam)
            is_recorded = _is_recorded(tables[DEFAULT], folder.cam_units(point.cam))
        except ResultsError as error:
            unread.append(str(error))
            continue
        found[_key(point)] = {which: _accuracies(tables[which], one) for which, one in protocols.items()}
        if not is_recorded:
            differing.append(name)
        if point.cam == NATIVE and not folder.sensitivity.exists():
            show = partial(on_progress, f"{name}, each choice")
            unwritten += _write(folder, measure_sensitivity(folder, size_px, show))
    if unread and not found:
        raise ResultsError(unread[0])
    rows = tuple(row for piece in pieces for row in _rows(piece, found))
    notes = _notes(grid, pieces, without_maps, differing)
    return Rescored(rows, (*notes, *unwritten, *unread, *difference_notes(grid.points, store)))


_Key = tuple[str, CamMethod]
"""A trial, and which of its maps."""


def _key(point: Point) -> _Key:
    return point.trial.id, point.cam


def _to_score(pieces: Sequence[Slice]) -> dict[_Key, tuple[Point, int]]:
    """Returns the points of finished trials whose maps were evaluated, with the side of their input, px."""
    return {
        _key(point): (point, piece.resolution)
        for piece in pieces
        for point in piece.points
        if (result := piece.result_of(point)) is not None and result.status == "finished"
    }


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


def _is_recorded(units: pd.DataFrame, recorded: Path) -> bool:
    return bool((units["hit"].to_numpy(bool) == read_table(recorded)["hit"].to_numpy(bool)).all())


def _rows(piece: Slice, found: Mapping[_Key, Mapping[str, Accuracies]]) -> list[RescoredRow]:
    rows = []
    for label in dict.fromkeys(point.row for point in piece.points):
        trials = {point.trial.seed: _key(point) for point in piece.points if point.row == label}
        known = {seed: key for seed, key in trials.items() if found.get(key, {}).get(DEFAULT)}
        if not known:
            continue
        for metric in found[next(iter(known.values()))][DEFAULT]:
            default, chosen = (
                {seed: found[key][name][metric] for seed, key in known.items()} for name in (DEFAULT, _CHOSEN)
            )
            difference = paired_difference(chosen, default)
            assert difference is not None
            rows.append(
                RescoredRow(
                    dataset=piece.dataset,
                    resolution=piece.resolution,
                    model=label,
                    metric=metric,
                    trials=tuple(trial_id for trial_id, _ in known.values()),
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
