"""Tables of maps that were scored anew, few and long: a line for each model, or metric if these are more."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.cli.render import DASH, Column, Table, heading
from bench.suite.metrics import AVERAGES, METRICS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bench.api.rescoring import RescoredRow
    from bench.statistics.student import MeanInterval


def tables_of(
    place: str, rows: "Sequence[RescoredRow]", headings: tuple[str, str], of_others: str
) -> "Iterator[RenderableType]":
    """Yields tables of the metrics that are moved, then one of all others.

    Args:
        place: data set and resolution.
        rows: of it.
        headings: of what stands side by side.
        of_others: said of the metrics that are not moved.
    """
    metrics = dict.fromkeys(row.metric for row in rows)
    moved = [metric for metric in metrics if _is_moved([row for row in rows if row.metric == metric])]
    layout = _layout([row for row in rows if row.metric in moved])
    for part in layout.parts:
        columns: list[Column] = []
        for average, title in AVERAGES.items():
            own = [layout.at(part, line, average) for line in layout.lines]
            if any(own):
                cells = (
                    (headings[0], [_mean(row.default if row else None) for row in own]),
                    (headings[1], [_mean(row.chosen if row else None) for row in own]),
                    ("difference", [_mean(row.difference if row else None, is_signed=True) for row in own]),
                )
                columns += [Column(name, texts, group=title) for name, texts in cells]
        yield from ("", heading(f"{place}: {layout.title_of(part)}"), layout.table(columns))
    layout = _layout([row for row in rows if row.metric not in moved])
    columns = []
    for part in layout.parts:
        for average, title in AVERAGES.items():
            own = [layout.at(part, line, average) for line in layout.lines]
            if any(own):
                texts = [_mean(row.chosen if row else None) for row in own]
                columns.append(Column(title, texts, group=layout.title_of(part, is_short=True)))
    if columns:
        yield from ("", heading(place + of_others), layout.table(columns))


def _is_moved(rows: "Sequence[RescoredRow]") -> bool:
    return any(row.default != row.chosen or row.difference.half_width for row in rows)


@dataclass(frozen=True)
class _Layout:
    """The rows of tables, by what has a line, and what a table or a group of columns.

    Attributes:
        rows: of one data set and resolution.
        has_models_in_lines: whether a line is a model, and not a metric.
    """

    rows: "Sequence[RescoredRow]"
    has_models_in_lines: bool

    @property
    def lines(self) -> list[str]:
        """Models or metrics, by name."""
        return list(dict.fromkeys(map(self._line_of, self.rows)))

    @property
    def parts(self) -> list[str]:
        """The others of these."""
        return list(dict.fromkeys(map(self._part_of, self.rows)))

    def at(self, part: str, line: str, average: str) -> "RescoredRow | None":
        """Returns the row of both, if there is one."""
        asked = (part, line, average)
        found = (row for row in self.rows if (self._part_of(row), self._line_of(row), row.column) == asked)
        return next(found, None)

    def title_of(self, part: str, *, is_short: bool = False) -> str:
        """Returns what a part is called: a metric, or a model with its trials."""
        if not self.has_models_in_lines:
            return f"{part}, {_trials(next(row for row in self.rows if row.model == part))}"
        return METRICS[part].short if is_short else METRICS[part].title

    def table(self, columns: Sequence[Column]) -> Table:
        """Returns the columns beside what the lines are."""
        if not self.has_models_in_lines:
            return Table([Column("metric", [METRICS[line].title for line in self.lines]), *columns])
        first = [next(row for row in self.rows if row.model == line) for line in self.lines]
        keys = [Column("model", self.lines), Column("n", list(map(_trials, first)))]
        if len({row.num_units for row in first}) > 1:
            keys.append(Column("units", [str(row.num_units) for row in first], is_number=True))
        return Table([*keys, *columns], num_keys=len(keys))

    @property
    def _line_of(self) -> "Callable[[RescoredRow], str]":
        return _model_of if self.has_models_in_lines else _metric_of

    @property
    def _part_of(self) -> "Callable[[RescoredRow], str]":
        return _metric_of if self.has_models_in_lines else _model_of


def _layout(rows: "Sequence[RescoredRow]") -> _Layout:
    """Returns the layout that has more lines than tables."""
    num_models, num_metrics = (len(set(map(name_of, rows))) for name_of in (_model_of, _metric_of))
    return _Layout(rows, has_models_in_lines=num_models >= num_metrics)


def _model_of(row: "RescoredRow") -> str:
    return row.model


def _metric_of(row: "RescoredRow") -> str:
    return row.metric


def _trials(row: "RescoredRow") -> str:
    return f"{row.chosen.n}/{row.expected}"


def _mean(interval: "MeanInterval | None", *, is_signed: bool = False) -> str:
    from bench.reporting.tables.table import format_number

    if interval is None:
        return DASH
    width = "" if interval.half_width is None else f" ± {format_number(interval.half_width, 3)}"
    return f"{format_number(interval.mean, 3, is_signed=is_signed)}{width}"
