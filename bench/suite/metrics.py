"""Every metric that trials are scored by, declared; `bench/metrics/<name>.py` computes it.

Tables and their captions, claims and their margins, `bench compare` and `bench rescore`, MLflow, the JSON
Schema of suites and the names in records follow from a metric's declaration here. docs/adding-a-metric.md
adds one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

Average = Literal["weighted", "macro"]
"""weighted: over findings by how many units each has. macro: over findings, each counting the same."""

WEIGHTED: Average = "weighted"
MACRO: Average = "macro"

AVERAGES: dict[Average, str] = {WEIGHTED: "Weighted avg.", MACRO: "Macro avg."}
"""What tables call them."""

Need = Literal["peaks", "maps", "negatives", "logits"]
"""What a metric looks at: where maps peak, all of a map, images without the finding too, the logits."""


@dataclass(frozen=True)
class Metric:
    """What is known of a metric without computing it.

    Attributes:
        name: in suites, records, files' names and MLflow.
        title: heads its table.
        short: its name where there is little room.
        phrase: its name within a sentence.
        caption: says below its table what it is, in sentences.
        needs: what it looks at; of one that needs logits the value is the model's, whatever its maps.
        margin: largest difference that counts as none, unless a suite declares another.
        best: which end of its range is the better one.
        low: least possible value.
        high: greatest possible value.
        decimals: that tables print at least.
        averages: over findings, that it is reported by.
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
        """Whether it is the model's, whatever map its localization is scored on."""
        return "logits" in self.needs

    @property
    def sign(self) -> int:
        """1 where a higher value is better, −1 where a lower one is."""
        return 1 if self.best == "highest" else -1

    def key(self, column: str) -> str:
        """Returns what records call the value of a column: an average, or a finding."""
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
"""In the order of a report's tables. The first one is what reports, displays and dashboards lead with."""

PRIMARY = next(iter(METRICS.values()))

if TYPE_CHECKING:
    MetricName = str
else:
    MetricName = Literal[tuple(METRICS)]


def average_of(column: str) -> Average:
    """Returns how a column averages its units; a single finding's average is the same by either."""
    return MACRO if column == MACRO else WEIGHTED


def column_title(column: str) -> str:
    """Returns the heading of a metric's column: of an average, or of a finding."""
    return next((title for name, title in AVERAGES.items() if name == column), column.replace("_", " "))
