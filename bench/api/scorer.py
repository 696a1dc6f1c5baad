"""Scores stored maps in two ways, one beside the other, and remembers which it could not score."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from bench.api.scoring import Scoring
from bench.data.sources.tables import fixed_findings
from bench.errors import ResultsError
from bench.evaluation.rescore import rescore
from bench.evaluation.second_reading import SecondReading, second_reading
from bench.metrics.measure import metrics_of
from bench.metrics.protocol import DEFAULT, THESIS, LocalizationProtocol
from bench.metrics.units import hit_measures
from bench.results.grid_results import Results
from bench.results.references import ReferenceFolder, ReferenceRecord
from bench.results.stored_maps import StoredMaps, maps_of_reference, maps_of_trial
from bench.results.units import read_table
from bench.suite.cam import with_cam
from bench.suite.dataset_specs import title_of
from bench.suite.grid import Point

CHOSEN = "chosen"
"""The name of what is asked for, beside the default."""


@dataclass(frozen=True, eq=False)
class MapSet:
    """The maps of a trial by one method, or of a reference run. Equal to itself only.

    Attributes:
        name: in sentences.
        stored: where they are.
        dataset: name of the data set, or of the reference run.
        place: the images, and the side of the square that the boxes are in, px: equal for all that share
            both.
        load_tested: returns the names of these images, and the findings of the data set.
    """

    name: str
    stored: StoredMaps
    dataset: str
    place: tuple[str, int]
    load_tested: Callable[[], tuple[list[str], list[str]]]


@dataclass(frozen=True, eq=False)
class Side:
    """Maps scored in one way. Equal to itself only.

    Attributes:
        units: a row for each unit.
        boxes: that these were scored with.
        values: the metrics, by the names that records have.
    """

    units: pd.DataFrame
    boxes: pd.DataFrame
    values: dict[str, float]


@dataclass(frozen=True, eq=False)
class BothSides:
    """Maps scored in two ways, on the same units in the same order. Equal to itself only.

    Attributes:
        default: by the thesis' protocol; if there is an annotation by the own boxes and the chosen protocol.
        chosen: as asked for.
    """

    default: Side
    chosen: Side


@dataclass
class Scorer:
    """Scores maps, whose files it reads once.

    Attributes:
        scoring: what they are scored by.
        on_progress: called with a name, and (done, total) maps.
        readings: the annotation beside the own boxes, by `MapSet.place`.
        without_maps: names of those that have none.
        without_units: likewise of those of whose units the annotation has none.
        differing: likewise of those that were scored otherwise when they were made.
        unread: sentences on damaged files.
    """

    scoring: Scoring
    on_progress: Callable[[str, int, int], None]
    readings: dict[tuple[str, int], SecondReading] = field(default_factory=dict)
    without_maps: list[str] = field(default_factory=list)
    without_units: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def score(self, maps: MapSet) -> BothSides | None:
        """Returns the maps scored in both ways; None if they are missing, damaged or without a unit."""
        if not maps.stored.maps.exists():
            self.without_maps.append(maps.name)
            return None
        try:
            return self._by_protocols(maps) if self.scoring.annotation is None else self._by_readings(maps)
        except ResultsError as error:
            self.unread.append(str(error))
            return None

    def _by_protocols(self, maps: MapSet) -> BothSides:
        """Returns them by the thesis' protocol and by the chosen one."""
        chosen, stored = self.scoring.protocol, maps.stored
        protocols = {DEFAULT: THESIS} if chosen == THESIS else {DEFAULT: THESIS, CHOSEN: chosen}
        metrics, show = self.scoring.metrics, partial(self.on_progress, maps.name)
        tables = rescore(stored, protocols, show, metrics=metrics)
        if not _are_equal(tables[DEFAULT], read_table(stored.units)):
            self.differing.append(maps.name)
        boxes = read_table(stored.boxes)
        sides = {name: self._side(tables[name], boxes, protocol) for name, protocol in protocols.items()}
        return BothSides(sides[DEFAULT], sides.get(CHOSEN, sides[DEFAULT]))

    def _by_readings(self, maps: MapSet) -> BothSides | None:
        """Returns them by the own boxes and by the annotation, on the units that both have."""
        own, other = read_table(maps.stored.boxes), self._reading_of(maps).boxes
        units = ["image", "finding"]
        common = own[units].merge(other[units]).drop_duplicates()
        if common.empty:
            self.without_units.append(maps.name)
            return None
        sides, asked, show = [], {CHOSEN: self.scoring.protocol}, partial(self.on_progress, maps.name)
        metrics = None if self.scoring.judges_claims else self.scoring.metrics  # claims may be on any
        for boxes in (own.merge(common), other.merge(common)):
            table = rescore(maps.stored, asked, show, boxes, metrics)[CHOSEN]
            sides.append(self._side(table, boxes, self.scoring.protocol))
        return BothSides(*sides)

    def _side(self, units: pd.DataFrame, boxes: pd.DataFrame, protocol: LocalizationProtocol) -> Side:
        findings = tuple(dict.fromkeys(units["finding"]))
        return Side(units, boxes, metrics_of(self.scoring.metrics, units, findings, protocol))

    def _reading_of(self, maps: MapSet) -> SecondReading:
        assert self.scoring.annotation is not None, "asked for by who has one"
        if maps.place not in self.readings:
            own, stored = read_table(maps.stored.boxes), maps.stored
            self.readings[maps.place] = second_reading(
                self.scoring.annotation, maps.dataset, own, *maps.load_tested(), stored.size_px
            )
        return self.readings[maps.place]


def _are_equal(units: pd.DataFrame, recorded: pd.DataFrame) -> bool:
    """Whether each unit has the hits that are recorded; maps are kept as precisely as these need."""
    return all(
        bool((measure.statistic(units) == measure.statistic(recorded)).all())
        for measure in hit_measures().values()
        if set(measure.columns) <= {*units.columns} & {*recorded.columns}
    )


def maps_of_point(point: Point, results: Results) -> MapSet:
    """Returns the maps of a finished trial by a method."""
    trial, folder = point.trial, results.store.folder(point.trial.id)

    def tested() -> tuple[list[str], list[str]]:
        has_logits = folder.logits.exists()
        table = read_table(folder.logits if has_logits else folder.boxes, ("image", "finding"))
        return _names(table["image"]), _names(table["finding"])

    return MapSet(
        name=with_cam(trial.id, point.cam),
        stored=maps_of_trial(folder, trial.resolution, point.cam),
        dataset=title_of(trial.dataset),
        place=(trial.dataset.model_dump_json(), trial.resolution),
        load_tested=tested,
    )


def maps_of_run(folder: ReferenceFolder, record: ReferenceRecord) -> MapSet:
    """Returns the maps of a reference run."""

    def tested() -> tuple[list[str], list[str]]:
        table = read_table(folder.units, ("image", "finding"))
        found = _names(table["finding"])
        return _names(table["image"]), list(fixed_findings(record.dataset) or found)

    stored = maps_of_reference(folder, record)
    return MapSet(record.name, stored, record.dataset, (record.name, record.grid_px), tested)


def _names(column: pd.Series) -> list[str]:
    return list(dict.fromkeys(column))
