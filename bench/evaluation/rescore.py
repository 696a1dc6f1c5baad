"""Scores the stored maps of a finished trial again, by any protocol, on the CPU."""

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
from bench.results.units import FRAME_COLUMNS, UNIT_NAMES, read_maps, read_table
from bench.suite.cam import NATIVE, CamMethod
from bench.suite.metrics import METRICS, Metric


def rescore(
    folder: TrialFolder,
    size_px: int,
    protocols: Mapping[str, LocalizationProtocol],
    on_progress: Callable[[int, int], None] = lambda *_: None,
    cam: CamMethod = NATIVE,
    metrics: Collection[Metric] | None = None,
) -> dict[str, pd.DataFrame]:
    """Returns, for each protocol, a row for each of the trial's units, in the order of their table.

    Columns: image, patient, finding, and those of `bench.evaluation.localize.localize` from peak_row on.

    Args:
        folder: of a trial that has maps.
        size_px: side of its network's square input, px.
        protocols: by any names.
        on_progress: called with (done, total) units.
        cam: which maps.
        metrics: those whose columns are wanted; None is all of maps.

    Raises:
        ResultsError: maps or tables are missing, damaged or not of each other.
    """
    paths = folder.cam_units(cam), folder.cam_maps(cam)
    units = read_table(paths[0])
    if units.empty:
        return dict.fromkeys(protocols, units)
    boxes = read_table(folder.boxes)
    units = units.assign(image_index=range(len(units)), class_index=0)
    boxes = boxes.merge(units[["image", "finding", *UNIT]], on=["image", "finding"])
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in protocols}
    done = 0
    for maps in read_maps(paths[1]):
        chunk, done = units[done : done + len(maps)], done + len(maps)
        if done > len(units):
            break
        for name, protocol in protocols.items():
            tensor = torch.from_numpy(maps)
            rows = localize_units(
                tensor,
                chunk,
                boxes,
                size_px,
                are_probabilities=cam != NATIVE,
                protocol=protocol,
                metrics=metrics,
            )
            found[name].append(rows)
        on_progress(done, len(units))
    if done != len(units):
        raise ResultsError(f"the maps are not those of the units in {paths[0].name}", place=paths[1])
    return {
        name: pd.concat(
            [units[list(UNIT_NAMES)], pd.concat(parts, ignore_index=True).drop(columns=UNIT)], axis=1
        )
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
    rescored = rescore(folder, size_px, protocols, on_progress, metrics=tuple(wanted))
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
