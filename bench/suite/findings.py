"""Names of findings, in the order that the sources give them, and which of them a data set has.

Source: Wang et al. 2017 (ChestX-ray14); Nguyen et al. 2022 (VinDr-CXR); thesis §5.1 and §5.5.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

from bench.suite.schema import DatasetSpec, FolderSpec, PhantomSpec

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
"""The 15 labels of VinDr-CXR; all but the last have boxes."""

_LABELLED = {"eight": NIH_BOXED_FINDINGS, "nih": NIH_FINDINGS, "vindr": VINDR_FINDINGS}
_BOXED = {"eight": NIH_BOXED_FINDINGS, "nih": NIH_BOXED_FINDINGS, "vindr": VINDR_FINDINGS[:-1]}

_NO_FINDINGS = {"image", "patient", "split"}
"""Columns of a table of labels that are none."""


def labelled_findings(dataset: DatasetSpec, files: Mapping[str, Path]) -> tuple[str, ...]:
    """Returns the classes of the data set; of a folder, the columns of its table of labels.

    Args:
        dataset: with digests in place of paths.
        files: where the file of a digest is.

    Raises:
        OSError: the table of labels cannot be read.
    """
    if not isinstance(dataset, FolderSpec):
        return _LABELLED[_population(dataset)]
    with files[dataset.labels].open(newline="", encoding="utf-8-sig") as stream:
        header = next(csv.reader(stream), [])
    return tuple(name.strip() for name in header if name.strip() not in _NO_FINDINGS)


def boxed_findings(dataset: DatasetSpec, files: Mapping[str, Path]) -> tuple[str, ...]:
    """Returns those that may have boxes: of a folder with boxes, all; of one without, none.

    Raises:
        OSError: the table of labels cannot be read.
    """
    if not isinstance(dataset, FolderSpec):
        return _BOXED[_population(dataset)]
    return labelled_findings(dataset, files) if dataset.boxes is not None else ()


def _population(dataset: DatasetSpec) -> str:
    return dataset.findings if isinstance(dataset, PhantomSpec) else dataset.name
