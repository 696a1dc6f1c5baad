"""Declarations of the metrics that trials are scored by; `bench/metrics/<name>.py` computes each.

Tables, captions, claims, margins, `bench compare`, `bench rescore`, MLflow, the JSON Schema of suites and the
names in records follow from a declaration. docs/adding-a-metric.md shows how to add one; installed
distributions offer more (docs/plugins.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from bench.errors import PluginError
from bench.suite.plugin_source import PluginSource, source_of
from bench.suite.plugins import Declarations, imported, require_target

Average = Literal["weighted", "macro"]
"""Means over findings. weighted: by their numbers of units; macro: each finding counts the same."""

WEIGHTED: Average = "weighted"
MACRO: Average = "macro"

AVERAGES: dict[Average, str] = {WEIGHTED: "Weighted avg.", MACRO: "Macro avg."}
"""Their headings in tables."""

Need = Literal["peaks", "maps", "maxima", "negatives", "logits", "model"]
"""Input of a metric: positions of the maps' peaks, whole maps, all of their local maxima, images without the
finding too, logits, or the model itself, which is asked again."""

UnitTable = Literal["units", "maxima", "logits", "sanity"]
"""Tables of a trial that metrics are computed from: units with ground truth, of each map; local maxima of the
native map, and logits, both of all test images and findings; sanity checks of each map on some units."""

Group = Literal["pointing", "pixels", "boxes", "areas", "classification", "trust"]
"""Metrics that stand together in a summary: of where a map is highest, of its pixels, of boxes around its
parts, of the share of the image that has to be searched, of logits, and of whether a map shows what the model
does, whatever lies in the image; the last have a table of their own."""

GROUPS: tuple[Group, ...] = get_args(Group)
"""In the order of a summary."""

Threshold = Literal["none", "a_priori", "cross_fitted"]
"""Where the threshold of a metric is from: there is none; a convention; the boxes of other patients."""


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
        threshold: where its threshold is from.
        group: that it stands in.
        target: ``module:object`` of its `bench.metrics.measure.Measure`; where it is empty, ``MEASURE`` of
            `bench/metrics/<name>.py`, or of the module that an entry point leads to.
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
    threshold: Threshold = "none"
    group: Group = "pointing"
    target: str = ""

    @property
    def is_of_model(self) -> bool:
        """Whether its value is the model's, the same for every map."""
        return "logits" in self.needs

    @property
    def table(self) -> UnitTable:
        """The table of a trial that it is computed from."""
        if self.is_of_model:
            return "logits"
        if "model" in self.needs:
            return "sanity"
        return "maxima" if "negatives" in self.needs else "units"

    @property
    def has_controls(self) -> bool:
        """Whether maps that do not depend on the image can be scored by it: it needs units and their maps."""
        return self.table == "units"

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
    group="classification",
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
    threshold="a_priori",
    group="pixels",
)

_MAPS: frozenset[Need] = frozenset({"maps"})
_NORMALISED = "Heatmaps are min–max normalised one by one."
_CROSS_FITTED = f"{_NORMALISED} The threshold is the one that is best for other patients' boxes."

IOU_ACCURACY = Metric(
    "iou_accuracy",
    title="IoU > 0.5",
    short="IoU",
    phrase="accuracy by IoU",
    caption=(
        "Share of (image, finding) units whose heatmap, where it is above half of its maximum, has an "
        "intersection with boxes of the finding that is more than half of their union."
    ),
    needs=_MAPS,
    threshold="a_priori",
    group="pixels",
)

ENERGY = Metric(
    "energy",
    title="Energy in the region",
    short="energy",
    phrase="share of the heatmap's energy in the region",
    caption=f"Share of a heatmap's sum that lies in boxes of the finding. {_NORMALISED}",
    needs=_MAPS,
    margin=0.03,
)

RELEVANCE_RANK = Metric(
    "relevance_rank",
    title="Relevance rank accuracy",
    short="rank",
    phrase="relevance rank accuracy",
    caption=(
        "Share of a heatmap's highest pixels, as many as boxes of the finding have, that lies in these boxes."
    ),
    needs=_MAPS,
    margin=0.03,
)

MAX_BOX_ACC = Metric(
    "max_box_acc",
    title="MaxBoxAcc, IoU ≥ 0.5",
    short="MaxBox",
    phrase="MaxBoxAcc",
    caption=(
        "Share of (image, finding) units of which a box around a connected part of the heatmap above a "
        f"threshold fits a box of the finding by IoU ≥ 0.5. {_CROSS_FITTED}"
    ),
    needs=_MAPS,
    threshold="cross_fitted",
    group="boxes",
)

MAX_BOX_ACC_V2 = Metric(
    "max_box_acc_v2",
    title="MaxBoxAccV2",
    short="MaxBox V2",
    phrase="MaxBoxAccV2",
    caption=(
        "Mean, over IoU ≥ 0.3, 0.5 and 0.7, of the share of (image, finding) units of which a box around a "
        f"connected part of the heatmap above a threshold fits a box of the finding. {_CROSS_FITTED}"
    ),
    needs=_MAPS,
    threshold="cross_fitted",
    group="boxes",
)

BOX_MIOU = Metric(
    "box_miou",
    title="Mean IoU of boxes",
    short="box mIoU",
    phrase="mean IoU of boxes",
    caption=(
        "IoU of a box of the finding and the box that fits it best, of those around connected parts of the "
        f"heatmap above a threshold. {_CROSS_FITTED}"
    ),
    needs=_MAPS,
    margin=0.03,
    threshold="cross_fitted",
    group="boxes",
)

MIOU = Metric(
    "miou",
    title="Mean IoU of pixels",
    short="mIoU",
    phrase="mean IoU of pixels",
    caption=f"IoU of the heatmap above a threshold and the boxes of the finding. {_CROSS_FITTED}",
    needs=_MAPS,
    margin=0.03,
    threshold="cross_fitted",
    group="pixels",
)

DICE = Metric(
    "dice",
    title="Dice",
    short="Dice",
    phrase="Dice",
    caption=f"Dice of the heatmap above a threshold and the boxes of the finding. {_CROSS_FITTED}",
    needs=_MAPS,
    margin=0.03,
    threshold="cross_fitted",
    group="pixels",
)

PXAP = Metric(
    "pxap",
    title="Pixel average precision (PxAP)",
    short="PxAP",
    phrase="PxAP",
    caption=(
        "Area below the curve of precision and recall of pixels, over all thresholds; boxes count as masks. "
        f"The weighted average is that of the pixels of all findings together. {_NORMALISED}"
    ),
    needs=_MAPS,
    margin=0.03,
    group="pixels",
)

_AREA = (
    "The smallest share of the image, its pixels taken from the heatmap's highest value down, that {} boxes "
    "of the finding in 90% of cases, calibrated on patients: the conformal quantile. The weighted average is "
    "that of the units of all findings together. Less is better."
)

TOUCHING_AREA = Metric(
    "touching_area",
    title="Area that touches the region in 90% of cases",
    short="touch",
    phrase="area that touches the region in 90% of cases",
    caption=_AREA.format("touches"),
    needs=_MAPS,
    margin=0.03,
    best="lowest",
    decimals=3,
    group="areas",
)

COVERING_AREA = Metric(
    "covering_area",
    title="Area that covers the region in 90% of cases",
    short="cover",
    phrase="area that covers the region in 90% of cases",
    caption=_AREA.format("covers"),
    needs=_MAPS,
    best="lowest",
    decimals=3,
    group="areas",
)

SITE_RECALL = Metric(
    "site_recall",
    title="Site recall",
    short="sites",
    phrase="site recall",
    caption=(
        "Share of a unit's separate sites, boxes or connected parts of masks, that hold a local maximum of "
        "its heatmap: one of as many of the highest as it has sites, but for further ones in a site that is "
        "found already. Mean over units; of a unit with one site it is whether the highest maximum is in it."
    ),
    needs=frozenset({"maxima"}),
)

FROC = Metric(
    "froc",
    title="FROC, mean sensitivity at 1/8 to 8 false positives per image",
    short="FROC",
    phrase="mean sensitivity over false positives (FROC)",
    caption=(
        "Share of units with a local maximum of the heatmap in a box of the finding, above the level at "
        "which images without the finding have 1/8, 1/4, 1/2, 1, 2, 4 and 8 local maxima each; mean over "
        "these seven. Of native maps alone: others are not computed where there is nothing to find."
    ),
    needs=frozenset({"maxima", "negatives"}),
)

_MODEL: frozenset[Need] = frozenset({"model"})
SANITY_UNITS = 48
"""Units of a test part that are checked at most."""

_SOME_UNITS = f"On at most {SANITY_UNITS} units, the same for all models."

RANDOMISATION = Metric(
    "randomisation",
    title="Similarity after weights are randomised",
    short="randomised",
    phrase="similarity after randomisation",
    caption=(
        "Absolute rank correlation of a unit's map with that of the model whose weights are drawn anew, from "
        "the head down to the encoder's first layers; mean over the steps. A map that shows what the model "
        f"has learned changes. Less is better. {_SOME_UNITS}"
    ),
    needs=_MODEL,
    best="lowest",
    group="trust",
    target="bench.metrics.sanity:RANDOMISATION",
)

COUNTER_LABEL = Metric(
    "counter_label",
    title="Similarity to the map of another finding",
    short="other label",
    phrase="similarity to another finding's map",
    caption=(
        "Rank correlation of a unit's map with that of the finding which the model holds for the likeliest "
        "of the others, in the same image; 0 where it is negative. A map that shows where the finding is "
        f"moves. Less is better. {_SOME_UNITS}"
    ),
    needs=_MODEL,
    best="lowest",
    group="trust",
    target="bench.metrics.sanity:COUNTER_LABEL",
)

SHIFT = Metric(
    "shift",
    title="Peaks that follow a shifted image",
    short="shift",
    phrase="share of peaks that follow a shift",
    caption=(
        "Share of the shifts of an image by 32 px, up, down, left and right, after which the heatmap peaks "
        f"within 16 px of where its peak was moved to. {_SOME_UNITS}"
    ),
    needs=_MODEL,
    group="trust",
    target="bench.metrics.sanity:SHIFT",
)

DELETION = Metric(
    "deletion",
    title="Deletion",
    short="deletion",
    phrase="deletion",
    caption=(
        "Area below the curve of the finding's probability while pixels are made grey, from the heatmap's "
        f"highest down, a tenth of the image at a time. Less is better. {_SOME_UNITS}"
    ),
    needs=_MODEL,
    best="lowest",
    group="trust",
    target="bench.metrics.sanity:DELETION",
)

INSERTION = Metric(
    "insertion",
    title="Insertion",
    short="insertion",
    phrase="insertion",
    caption=(
        "Area below the curve of the finding's probability while pixels of a blurred image are made sharp, "
        f"from the heatmap's highest down, a tenth of the image at a time. {_SOME_UNITS}"
    ),
    needs=_MODEL,
    group="trust",
    target="bench.metrics.sanity:INSERTION",
)

ROAD = Metric(
    "road",
    title="ROAD",
    short="ROAD",
    phrase="ROAD",
    caption=(
        "Probability of the finding after the lowest 10, 20 and 30% of the heatmap's pixels are replaced by "
        "what surrounds them, less that after the highest are; mean over the three. A random map has 0. "
        f"{_SOME_UNITS}"
    ),
    needs=_MODEL,
    low=-1.0,
    group="trust",
    target="bench.metrics.sanity:ROAD",
)

_OWN: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        POINT_ACCURACY,
        AUROC,
        IOBB_ACCURACY,
        IOU_ACCURACY,
        ENERGY,
        RELEVANCE_RANK,
        MAX_BOX_ACC,
        MAX_BOX_ACC_V2,
        BOX_MIOU,
        MIOU,
        DICE,
        PXAP,
        TOUCHING_AREA,
        COVERING_AREA,
        SITE_RECALL,
        FROC,
        RANDOMISATION,
        COUNTER_LABEL,
        SHIFT,
        DELETION,
        INSERTION,
        ROAD,
    )
}
"""Bench's own metrics, in the order of a report's tables."""

PRIMARY = next(iter(_OWN.values()))
"""Reports, displays and dashboards lead with it."""


def _declared(target: str) -> Metric:
    metric = imported(target)
    if not isinstance(metric, Metric):
        raise PluginError("is no bench.suite.metrics.Metric", place=target)
    if metric.table == "sanity":
        raise PluginError("needs the model, as only bench's own metrics may", place=target)
    metric = replace(metric, target=metric.target or f"{target.partition(':')[0]}:MEASURE")
    measure = imported(metric.target)
    parts = ["columns", "statistic", "reduce", *(["of_maps"] if metric.table == "units" else [])]
    lacking = [part for part in parts if not hasattr(measure, part)]
    if lacking:
        needed = "MapMeasure" if metric.table == "units" else "Measure"
        raise PluginError(f"is no object of a class of bench.metrics.measure.{needed}", place=metric.target)
    return metric


METRICS = Declarations("bench.metrics", _OWN, _declared, takes_targets=False)
"""Every metric: bench's own, then those of installed distributions, then those that a suite has named. All
trials are scored by all of them."""


def take_metrics(targets: Iterable[str]) -> list[str]:
    """Has all trials that this process scores from now on scored by the metrics at these targets, too.

    Returns:
        Their names.

    Raises:
        PluginError: one is no metric, or another one has its name.
    """
    names = []
    for target in targets:
        require_target(target)
        names.append(_declared(target).name)
        METRICS.take(names[-1], target)
    return names


def metric_plugins() -> dict[str, PluginSource]:
    """Returns the sources of the metrics from outside of bench, by their names."""
    others = (name for name in METRICS if name not in METRICS.own)
    return {name: source_of(METRICS[name].target.partition(":")[0]) for name in others}


def average_of(column: str) -> Average:
    """Returns the average of a column; a single finding has the same value by either."""
    return MACRO if column == MACRO else WEIGHTED


def column_title(column: str) -> str:
    """Returns the heading of a column, which is an average or a finding."""
    return next((title for name, title in AVERAGES.items() if name == column), column.replace("_", " "))
