"""What stands under the thesis' tables: how numbers are printed, and what marks mean."""

from bench.errors import listing
from bench.reporting.tables.standing import standing_caption
from bench.reporting.tables.table import DIGITS
from bench.reporting.tables.table import VERDICT_SYMBOLS as _SYMBOLS
from bench.reporting.thesis.cells import HIGH_DEVIATION
from bench.reporting.thesis.layout import ThesisTable
from bench.reporting.thesis.measured import Measurements
from bench.statistics.spread import SEEDS_ALONE, SEEDS_AND_PATIENTS
from bench.suite.metrics import METRICS, Metric

INTERVAL = (
    "Mean ± half-width of the 95% Student-t interval over five seeds (other seeds, these images); n where "
    f"it is not five. {DIGITS}"
)

PUBLISHED = "Published: as the thesis prints it, over five seeds."


def best(table: ThesisTable, measurements: Measurements) -> str:
    """Returns what bold and the dagger mean."""
    where = "its section" if table.best_within == "section" else "its quantity"
    metrics = _metrics_of(table)
    by_seed = [one.title for one in metrics if measurements.population(table, one) == SEEDS_ALONE]
    if len(by_seed) == len(metrics):
        return standing_caption(where, SEEDS_ALONE)
    apart = f" Of {listing(by_seed)} the test is paired by seed, over other seeds and these images."
    return standing_caption(where, SEEDS_AND_PATIENTS) + (apart if by_seed else "")


def variance(table: ThesisTable) -> str:
    """Returns what underlining means, if the table has it."""
    if not table.has_variance:
        return ""
    return (
        f"Underlined: high variance, a standard deviation across seeds above {HIGH_DEVIATION:.2f} (of five "
        "seeds a half-width above 0.15)."
    )


def area(table: ThesisTable, *, is_compared: bool) -> str:
    """Returns what the row of areas is, if the table has one."""
    if all(slot.source.kind != "area" for slot in table.slots()):
        return ""
    text = "Areas: mean share of the image that a finding's boxes cover, from the boxes that trials had."
    rounding = " Areas have no chance in them: reproduced is what rounds to the printed number."
    return text + (rounding if is_compared else "")


def verdicts(table: ThesisTable, measurements: Measurements) -> str:
    """Returns the legend of verdicts, with the margins that the table's suites declare."""
    return (
        f"Difference: ours − published. {_SYMBOLS['reproduced']} reproduced: equivalent within "
        f"{_margins(table, measurements)}, its 95% interval within that; {_SYMBOLS['higher']} higher, "
        f"{_SYMBOLS['lower']} lower: it lies beyond; {_SYMBOLS['inconclusive']} inconclusive with this n; "
        "— missing. Over other seeds, these images: the thesis prints nothing of patients."
    )


def brief(table: ThesisTable, measurements: Measurements) -> str:
    """Returns what a compact table needs to be read."""
    return (
        "Mean ± half-width of the 95% Student-t interval, five seeds unless n says otherwise. Behind ours: "
        f"{_SYMBOLS['reproduced']} equivalent to published within {_margins(table, measurements)} (95% "
        f"interval of the difference); {_SYMBOLS['higher']} higher, {_SYMBOLS['lower']} lower by more; "
        f"{_SYMBOLS['inconclusive']} inconclusive; other seeds, these images."
    )


def _margins(table: ThesisTable, measurements: Measurements) -> str:
    metrics = _metrics_of(table)
    margins = [
        " or ".join(f"±{margin:g}" for margin in measurements.margins_of(table, metric.name))
        for metric in metrics
    ]
    if len(metrics) == 1:
        return margins[0]
    names = [metric.title if metric.is_of_model else "localization" for metric in metrics]
    return " and ".join(f"{margin} ({name})" for margin, name in zip(margins, names, strict=True))


def _metrics_of(table: ThesisTable) -> list[Metric]:
    return [METRICS[name] for name in dict.fromkeys(slot.quantity.metric for slot in table.slots())]


def joined(*sentences: str) -> str:
    """Returns the sentences that are not empty, as one text."""
    return " ".join(filter(None, sentences))
