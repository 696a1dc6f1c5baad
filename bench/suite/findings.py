"""Names of findings, in the order of their sources.

Source: Wang et al. 2017 (ChestX-ray14); Nguyen et al. 2022 (VinDr-CXR); thesis §5.1 and §5.5.
"""

NIH_FINDINGS: tuple[str, ...] = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
"""The 14 labels of ChestX-ray14."""

NIH_BOXED_FINDINGS: tuple[str, ...] = NIH_FINDINGS[:8]
"""The eight labels that have boxes."""

VINDR_FINDINGS: tuple[str, ...] = (
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Consolidation",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Nodule/Mass",
    "Other lesion",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    "No finding",
)
"""The 15 labels of VinDr-CXR."""

VINDR_BOXED_FINDINGS: tuple[str, ...] = VINDR_FINDINGS[:-1]
"""The 14 labels that have boxes."""

VINDR_NO_FINDING = VINDR_FINDINGS[-1]
"""The complement of the other 14: a class of its own, never with boxes."""

NO_FINDING_COLUMNS: tuple[str, ...] = ("image", "patient", "split")
"""Columns of a folder's table of labels that are no findings."""
