"""The table of a map's units, units.parquet: which columns it has beside the names, and whose they are."""

from collections.abc import Collection

from bench.metrics.measure import MapMeasure, MeanMeasure, measure_of
from bench.results.units import UNIT_NAMES
from bench.suite.metrics import METRICS, Metric, UnitTable

PEAK_COLUMNS = ("peak_row", "peak_column", "score", "num_ties", "finite")
"""The peak of a map, px of the grid; its value there; pixels that share the maximum, 1 is no tie; whether all
of the map is finite."""


def map_metrics() -> tuple[Metric, ...]:
    """Returns the metrics of the maps of units, in their order."""
    return _metrics_from("units")


def model_metrics() -> tuple[Metric, ...]:
    """Returns the metrics of a model's logits, in their order."""
    return _metrics_from("logits")


def maxima_metrics() -> tuple[Metric, ...]:
    """Returns the metrics of the local maxima of all images, in their order."""
    return _metrics_from("maxima")


def sanity_metrics() -> tuple[Metric, ...]:
    """Returns the metrics that are sanity checks of maps, in their order."""
    return _metrics_from("sanity")


def _metrics_from(table: UnitTable) -> tuple[Metric, ...]:
    return tuple(metric for metric in METRICS.values() if metric.table == table)


def map_measures(metrics: Collection[Metric] | None = None) -> dict[str, MapMeasure]:
    """Returns what computes each of these metrics of maps, or of all, by its name."""
    found = {}
    for metric in map_metrics() if metrics is None else metrics:
        measure = measure_of(metric.name)
        assert isinstance(measure, MapMeasure), (
            f"{metric.name} is computed from units and is no metric of maps"
        )
        found[metric.name] = measure
    return found


def hit_measures() -> dict[str, MeanMeasure]:
    """Returns by name those of maps whose statistic is a hit: all that precise maps are kept for."""
    found = map_measures().items()
    return {name: one for name, one in found if isinstance(one, MeanMeasure) and one.is_hit}


def unit_columns() -> tuple[str, ...]:
    """Returns the columns of the table: names, peak, then those of each metric."""
    own = (column for measure in map_measures().values() for column in measure.columns)
    return tuple(dict.fromkeys((*UNIT_NAMES, *PEAK_COLUMNS, *own)))
