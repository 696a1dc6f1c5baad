"""Tables 5.1 to 5.6, 6.1 and 6.2 of the thesis as data, in its rows, columns and order.

Table 5.5 has findings as rows and models as columns, as its published numbers are ordered. Tables 5.5 and 5.6
name rows of transfer differently ("PYLON (two-phase)", "PYLON (two-step)"): here they are the same model.
Source: thesis, chapters 5 and 6.
"""

from bench.reporting.published import AREA_ROW
from bench.reporting.thesis.layout import Axis, PrintedQuantity, RowSource, ThesisTable
from bench.suite.findings import NIH_BOXED_FINDINGS, VINDR_BOXED_FINDINGS
from bench.suite.metrics import AUROC, IOBB_ACCURACY, POINT_ACCURACY, Metric, column_title

_NIH_TITLE, _VINDR_TITLE = "NIH ChestX-ray14", "VinDr-CXR"


def _averages(metric: Metric, of: str = "") -> tuple[PrintedQuantity, ...]:
    """Returns weighted and macro average; Table 6.2 says in its columns' names of what they are."""
    return tuple(
        PrintedQuantity(metric.name, name, f"{of} {column_title(name).lower()}" if of else "")
        for name in metric.averages
    )


def _findings(metric: Metric, names: tuple[str, ...]) -> tuple[PrintedQuantity, ...]:
    return tuple(PrintedQuantity(metric.name, name) for name in names)


def _rows(*sources: RowSource) -> tuple[Axis, ...]:
    return tuple(Axis(source.label, source.section, source=source) for source in sources)


def _columns(
    quantities: tuple[PrintedQuantity, ...], resolution: int | None = None, group: str = ""
) -> tuple[Axis, ...]:
    return tuple(Axis(q.heading, group, quantity=q, resolution=resolution) for q in quantities)


def _model(label: str, suites: dict[int, str], *, published: str = "", section: str = "") -> RowSource:
    """Returns a model's row; the thesis adds "(ours)" to its own."""
    return RowSource(label, published or ("PYLON (ours)" if label == "PYLON" else label), section, suites)


def _ablated(label: str, base: str, section: str) -> RowSource:
    """Returns a row of Table 6.1, whose labels go without the model that they change."""
    model = f"{base} {label}" if label[0] in "−+" else label
    return RowSource(label, label.replace("−", "-"), section, {256: "gap_ablation"}, model)


_NIH = {256: "nih_256", 512: "nih_512"}
_VINDR, _VINDR_TRANSFER = {256: "vindr_256"}, {256: "vindr_transfer"}
_POINT_QUANTITIES = (*_averages(POINT_ACCURACY), *_findings(POINT_ACCURACY, NIH_BOXED_FINDINGS))
_FOUR = ("Baseline", "Li 2018", "FPN (BN)", "PYLON")
_SEVEN = ("Baseline", "Li 2018", "Unet", "FPN (BN)", "DeeplabV3+", "PAN", "PYLON")
_AREA_LABEL = "(Avg. box area)"
_SCRATCH, _TRANSFER = "Without transfer learning", "With transfer learning"

_IOBB_ROWS = (
    ("Wang 2017", 1024, RowSource("Wang 2017", "Wang 2017", IOBB_ACCURACY.title, kind="reported")),
    ("Yao 2018", 512, RowSource("Yao 2018", "Yao 2018", IOBB_ACCURACY.title, kind="reported")),
    ("Baseline", 512, _model("Baseline", {512: "nih_iobb"}, section=IOBB_ACCURACY.title)),
    ("PYLON", 512, _model("PYLON", {512: "nih_iobb"}, section=IOBB_ACCURACY.title)),
    ("PYLON", 256, _model("PYLON", {256: "nih_iobb"}, section=IOBB_ACCURACY.title)),
)

_TRANSFERRED = {
    "Baseline": "Baseline (fine-tuned)",
    "PYLON": "PYLON (fine-tuned)",
    "PYLON (two-phase)": "PYLON (two-phase)",
}
"""Models of Table 5.5 and what their suite calls them."""

_GAP_ROWS = {
    "(A) PAN": ("PAN", "− GAP in FPA", "− GAP in GAU", "− all GAP"),
    "(B) PYLON (UP1)": ("PYLON (UP1)", "+ GAP in PA", "+ GAP in UP"),
    "(C) DeeplabV3+": ("DeeplabV3+", "− all GAP"),
}

_VARIANT_ROWS = {
    "(A) PA module": ("PYLON (UP1)", "PYLON (no PY, UP1)"),
    "(B) UP module": ("PYLON (UP1)", "PYLON (Conv 3x3)", "PYLON"),
    "(C) Prediction head": ("PYLON (UP1)", "PYLON (Head 3x3)"),
}

THESIS_TABLES = (
    ThesisTable(
        "5.1",
        POINT_ACCURACY.title,
        _NIH_TITLE,
        POINT_ACCURACY.caption,
        rows=_rows(
            RowSource(_AREA_LABEL, AREA_ROW, suites=_NIH, kind="area"),
            *(_model(label, _NIH) for label in _SEVEN),
        ),
        columns=_columns(_POINT_QUANTITIES, 256),
    ),
    ThesisTable(
        "5.2",
        IOBB_ACCURACY.title,
        _NIH_TITLE,
        "Share of (image, finding) units whose heatmap, where it is above half of its maximum, has more than "
        "half of its area in boxes of the finding. IoU never exceeds IoBB, so that it never decides.",
        rows=tuple(
            Axis(f"{label}, {resolution} px", source=source, resolution=resolution)
            for label, resolution, source in _IOBB_ROWS
        ),
        columns=_columns(_findings(IOBB_ACCURACY, NIH_BOXED_FINDINGS)),
        compact=("Infiltration", "Nodule"),
    ),
    ThesisTable(
        "5.3",
        POINT_ACCURACY.title,
        _NIH_TITLE,
        POINT_ACCURACY.caption,
        rows=_rows(*(_model(label, _NIH) for label in _FOUR)),
        columns=_columns(_POINT_QUANTITIES, 512),
    ),
    ThesisTable(
        "5.4",
        AUROC.title,
        _NIH_TITLE,
        AUROC.caption,
        rows=_rows(*(_model(label, _NIH) for label in _FOUR)),
        columns=(*_columns(_averages(AUROC), 256, "256 px"), *_columns(_averages(AUROC), 512, "512 px")),
    ),
    ThesisTable(
        "5.5",
        POINT_ACCURACY.title,
        _VINDR_TITLE,
        POINT_ACCURACY.caption,
        rows=_columns((*_averages(POINT_ACCURACY), *_findings(POINT_ACCURACY, VINDR_BOXED_FINDINGS)), 256),
        columns=_rows(
            RowSource(_AREA_LABEL, AREA_ROW, suites=_VINDR, kind="area"),
            *(_model(label, _VINDR, published=label, section=_SCRATCH) for label in _FOUR),
            *(
                RowSource(label, label, _TRANSFER, _VINDR_TRANSFER, own)
                for label, own in _TRANSFERRED.items()
            ),
        ),
    ),
    ThesisTable(
        "5.6",
        AUROC.title,
        _VINDR_TITLE,
        AUROC.caption,
        rows=_rows(
            *(_model(label, _VINDR) for label in _FOUR),
            _model("Baseline (fine-tuned)", _VINDR_TRANSFER, published="Baseline (fine-tune)"),
            _model("PYLON (fine-tuned)", _VINDR_TRANSFER),
            _model("PYLON (two-phase)", _VINDR_TRANSFER, published="PYLON (two-step)"),
        ),
        columns=_columns(_averages(AUROC), 256),
    ),
    ThesisTable(
        "6.1",
        f"Global average pooling (GAP) in the decoder: {POINT_ACCURACY.phrase}",
        _NIH_TITLE,
        POINT_ACCURACY.caption,
        rows=_rows(
            *(_ablated(label, own[0], section) for section, own in _GAP_ROWS.items() for label in own)
        ),
        columns=_columns(_POINT_QUANTITIES, 256),
        best_within="section",
        has_variance=True,
    ),
    ThesisTable(
        "6.2",
        "What makes PYLON work",
        _NIH_TITLE,
        f"{POINT_ACCURACY.caption} {AUROC.caption}",
        rows=_rows(
            *(
                RowSource(label, label, section, {256: "pylon_ablation"})
                for section, labels in _VARIANT_ROWS.items()
                for label in labels
            )
        ),
        columns=tuple(
            axis
            for metric, heading in ((POINT_ACCURACY, "Point localization"), (AUROC, AUROC.title))
            for axis in _columns(_averages(metric, heading), 256, heading)
        ),
        best_within="section",
    ),
)
"""All that have numbers of trials; Table 2.1 is in `bench.reporting.thesis.datasets`."""
