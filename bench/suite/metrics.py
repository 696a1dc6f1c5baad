"""Declarations of the metrics that trials are scored by; `bench/metrics/<name>.py` computes each.

Tables, captions, claims, margins, `bench compare`, `bench rescore`, MLflow, the JSON Schema of suites and the
names in records follow from a declaration. docs/adding-a-metric.md shows how to add one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

Average = Literal["weighted", "macro"]
"""Means over findings. weighted: by their numbers of units; macro: each finding counts the same."""

WEIGHTED: Average = "weighted"
MACRO: Average = "macro"

AVERAGES: dict[Average, str] = {WEIGHTED: "Weighted avg.", MACRO: "Macro avg."}
"""Their headings in tables."""

Need = Literal["peaks", "maps", "negatives", "logits"]
"""Input of a metric: positions of the maps' peaks, whole maps, images without the finding too, or logits."""


@dataclass(frozen=True)
class Metric:
    """A metric, as far as it is known without computing it.

    Attributes:
        name: its name in suites, records, names of files and MLflow.
        title: heading of its table.
        short: its name where there is little room.
        phrase: its name within a sentence.
        caption: sentences below its table that define it.
        needs: its input; the value of a metric that needs logits is the model's, whatever its maps.
        margin: largest difference that counts as none, unless a suite declares another.
        best: the better end of its range.
        low: least possible value.
        high: greatest possible value.
        decimals: least number of decimals in tables.
        averages: the averages over findings that are reported.
    """

    name: str
    title: str
    short: str
    phrase: str
    caption: str
    needs: frozenset[Need]
    margin: float = 0.05
    best: Literal["highest", "lowest"] = "highest"
    low: float = 0.0
    high: float = 1.0
    decimals: int = 2
    averages: tuple[Average, ...] = (WEIGHTED, MACRO)

    @property
    def is_of_model(self) -> bool:
        """Whether its value is the model's, the same for every map."""
        return "logits" in self.needs

    @property
    def sign(self) -> int:
        """1 where a higher value is better, −1 where a lower one is."""
        return 1 if self.best == "highest" else -1

    def key(self, column: str) -> str:
        """Returns the key in records of a column's value; a column is an average or a finding."""
        return f"{self.name}/{column}"

    def columns_in(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Returns the columns of this metric among keys of records, in their order."""
        prefix = f"{self.name}/"
        return tuple(key.removeprefix(prefix) for key in keys if key.startswith(prefix))


POINT_ACCURACY = Metric(
    "point_accuracy",
    title="Point localization accuracy",
    short="point",
    phrase="point localization accuracy",
    caption="Share of (image, finding) units whose heatmap peak lies in a box of the finding.",
    needs=frozenset({"peaks"}),
)

AUROC = Metric(
    "auroc",
    title="AUROC",
    short="AUROC",
    phrase="AUROC",
    caption="Area under the ROC curve on the test split.",
    needs=frozenset({"logits", "negatives"}),
    margin=0.005,
    decimals=3,
)

IOBB_ACCURACY = Metric(
    "iobb_accuracy",
    title="IoBB > 0.5 or IoU > 0.5",
    short="IoBB",
    phrase="accuracy by overlap",
    caption=(
        "Share of (image, finding) units whose heatmap, where it is above half of its maximum, has more than "
        "half of its area in boxes of the finding: IoBB is the intersection over that area, IoU over the "
        "union of both. A union is no smaller, so that IoU never exceeds IoBB and never decides; the thesis "
        "names both."
    ),
    needs=frozenset({"maps"}),
)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        POINT_ACCURACY,
        AUROC,
        IOBB_ACCURACY,
    )
}
"""In the order of a report's tables. Reports, displays and dashboards lead with the first one."""

PRIMARY = next(iter(METRICS.values()))

if TYPE_CHECKING:
    MetricName = str
else:
    MetricName = Literal[tuple(METRICS)]


def average_of(column: str) -> Average:
    """Returns the average of a column; a single finding has the same value by either."""
    return MACRO if column == MACRO else WEIGHTED


def column_title(column: str) -> str:
    """Returns the heading of a column, which is an average or a finding."""
    return next((title for name, title in AVERAGES.items() if name == column), column.replace("_", " "))
