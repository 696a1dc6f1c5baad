"""Names of findings, in the order that the sources give them.

Source: Wang et al. 2017 (ChestX-ray14); Nguyen et al. 2022 (VinDr-CXR); thesis §5.1 and §5.5.
"""

from bench.errors import DataError, nearest

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

NO_FINDING = "No Finding"
"""What `Finding Labels` says for an image with none of the 14."""

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
"""The 15 labels of VinDr-CXR; all but the last have boxes."""

VINDR_NO_FINDING = VINDR_FINDINGS[-1]
"""The complement of the other 14: a class of its own, never with boxes."""

FIXED_FINDINGS: dict[str, tuple[str, ...]] = {
    "nih": NIH_FINDINGS,
    "vindr": VINDR_FINDINGS,
    "phantom": NIH_BOXED_FINDINGS,
}
"""Of data sets by the name that a suite gives; those of a folder are its own, and phantoms with others than
these are of after records told their findings."""

ALIASES = {"Infiltrate": "Infiltration", "Pleural Thickening": "Pleural_Thickening"}
"""Spellings that occur in the official files for a finding of another name."""


def finding_index(name: str, findings: tuple[str, ...]) -> int:
    """Returns the position of `name`, or of the finding that it is an alias of, in `findings`.

    Raises:
        DataError: the name is neither a finding nor an alias of one.
    """
    canonical = ALIASES.get(name, name)
    if canonical not in findings:
        raise DataError(f"unknown finding {name!r}{nearest(name, findings)}")
    return findings.index(canonical)
