"""Scores stored maps again, of finished trials and of references, by any protocol and boxes, on the CPU."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import pandas as pd
import torch

from bench.errors import ResultsError
from bench.evaluation.localize import localize_units
from bench.metrics.measure import measure_of, measured
from bench.metrics.protocol import DEFAULT, THESIS, VARIANTS, LocalizationProtocol
from bench.metrics.regions import UNIT
from bench.results.record import Sensitivity
from bench.results.store import TrialFolder
from bench.results.stored_maps import StoredMaps, maps_of_trial
from bench.results.units import FRAME_COLUMNS, UNIT_NAMES, read_maps, read_table
from bench.suite.metrics import METRICS, Metric


def rescore(
    stored: StoredMaps,
    protocols: Mapping[str, LocalizationProtocol],
    on_progress: Callable[[int, int], None] = lambda *_: None,
    boxes: pd.DataFrame | None = None,
    metrics: Collection[Metric] | None = None,
) -> dict[str, pd.DataFrame]:
    """Returns, for each protocol, a row for each unit that has a box, in the order of the stored table.

    Columns: image, patient, finding, and those of `bench.evaluation.localize.localize` from peak_row on.

    Args:
        stored: the maps.
        protocols: by any names.
        on_progress: called with (done, total) maps.
        boxes: image, finding, x, y, w, h, width_px, height_px, and maybe mask, in the square of the stored
            ones; these by default.
        metrics: those whose columns are wanted; None is all of maps.

    Raises:
        ResultsError: maps or tables are missing, damaged or not of each other.
    """
    units = read_table(stored.units)
    if units.empty:
        return dict.fromkeys(protocols, units)
    marked = read_table(stored.boxes) if boxes is None else boxes
    units = units.assign(image_index=range(len(units)), class_index=0)
    own = marked.merge(units[["image", "finding", *UNIT]], on=["image", "finding"])
    is_marked = units["image_index"].isin(own["image_index"]).to_numpy()
    if not is_marked.any():
        return dict.fromkeys(protocols, units.head(0))
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in protocols}
    done = 0
    for maps in read_maps(stored.maps):
        rows = slice(done, done + len(maps))
        done += len(maps)
        if done > len(units):
            break
        chunk, chosen = units[rows][is_marked[rows]], torch.from_numpy(maps[is_marked[rows]])
        for name, protocol in protocols.items() if len(chunk) else ():
            found[name].append(
                localize_units(
                    chosen,
                    chunk,
                    own,
                    stored.size_px,
                    are_probabilities=stored.are_probabilities,
                    protocol=protocol,
                    metrics=metrics,
                )
            )
        on_progress(done, len(units))
    if done != len(units):
        raise ResultsError(f"the maps are not those of the units in {stored.units.name}", place=stored.maps)
    names = units.loc[is_marked, list(UNIT_NAMES)].reset_index(drop=True)
    return {
        name: pd.concat([names, pd.concat(parts, ignore_index=True).drop(columns=UNIT)], axis=1)
        for name, parts in found.items()
    }


def measure_sensitivity(
    folder: TrialFolder, size_px: int, on_progress: Callable[[int, int], None] = lambda *_: None
) -> Sensitivity:
    """Returns metrics of the trial's native maps by the default protocol and by each of their `VARIANTS`.

    Left out is a variant that is the default for all images: the native grid of those that have the size of
    the input. A trial without units has no values.

    Args:
        folder: of a trial that has maps.
        size_px: side of its network's square input, px.
        on_progress: called with (done, total) units.

    Raises:
        ResultsError: see `rescore`.
    """
    frames = read_table(folder.boxes, FRAME_COLUMNS)
    is_native = bool((frames == size_px).all(axis=None))
    wanted = {
        METRICS[metric]: {
            name: protocol
            for name, protocol in ({DEFAULT: THESIS} | variants).items()
            if not (is_native and protocol.grid == "native")
        }
        for metric, variants in VARIANTS.items()
    }
    tables = {_of_units(protocol): name for of_one in wanted.values() for name, protocol in of_one.items()}
    protocols = {name: protocol for protocol, name in tables.items()}
    stored = maps_of_trial(folder, size_px)
    rescored = rescore(stored, protocols, on_progress, metrics=tuple(wanted))
    found: dict[str, dict[str, dict[str, float]]] = {}
    for metric, protocols in wanted.items():
        for name, protocol in protocols.items():
            units = rescored[tables[_of_units(protocol)]]
            findings = tuple(dict.fromkeys(units["finding"]))
            values = measured(measure_of(metric.name), units, findings, metric.averages, protocol)
            if values:
                found.setdefault(metric.name, {})[name] = {one: values[one] for one in metric.averages}
    return Sensitivity(num_units=len(next(iter(rescored.values()))), metrics=found)


def _of_units(protocol: LocalizationProtocol) -> LocalizationProtocol:
    """Returns the protocol without the choice that the table of units does not depend on."""
    return replace(protocol, iobb=THESIS.iobb)
