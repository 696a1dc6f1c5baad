"""Whose image it is: the patients of a table of labels, and those that a table leaves out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from bench.errors import DataError, listing
from bench.suite.keys import bare, clean

_NOBODY = frozenset({"", "-", "?", "#n/a", "n/a", "na", "nan", "none", "null", "unknown"})
"""What stands in a cell without a patient, in small letters: never the name of one patient of them all."""


@dataclass(frozen=True)
class Patients:
    """The patients of images.

    Attributes:
        of_image: patient of each image, indexed by image; an image without one counts as one of its own.
        absent: the images without one, each with its line in the table.
    """

    of_image: pd.Series
    absent: Mapping[str, int] = field(default_factory=dict)

    def require_all(self, path: Path) -> None:
        """Refuses images without a patient, where the split is made from patients.

        Raises:
            DataError: there are some.
        """
        if self.absent:
            raise DataError(
                f"{path}: {len(self.absent)} images have no patient, which the split is made from: "
                f"{listing(with_lines(self.absent), 5)}"
            )


def with_lines(lines: Mapping[str, int]) -> list[str]:
    """Returns each image with its line, for a sentence."""
    return [f"{image} (line {line})" for image, line in lines.items()]


def each_its_own(images: Iterable[str]) -> Patients:
    """Returns patients where none are published: each image counts as one."""
    names = list(images)
    return Patients(pd.Series(names, index=names, dtype=object))


def read_patients(cells: pd.Series, images: pd.Series) -> Patients:
    """Returns the patients that a table gives.

    Args:
        cells: its column of patients, indexed by line.
        images: the names of its images, indexed likewise.
    """
    named = cells.map(clean)
    is_absent = named.map(str.casefold).isin(_NOBODY)
    absent = dict(zip(images[is_absent], images.index[is_absent].tolist(), strict=True))
    patients = named.where(~is_absent, images)
    return Patients(pd.Series(patients.to_numpy(), index=images.to_numpy(), dtype=object), absent)


def written_alike(patients: Iterable[str]) -> list[str]:
    """Returns groups of patients whose names are the same but for case, gaps, leading zeros or a ".0"."""
    groups: dict[str, list[str]] = {}
    for patient in dict.fromkeys(patients):
        groups.setdefault(bare(patient), []).append(patient)
    return [" = ".join(map(repr, sorted(group))) for group in groups.values() if len(group) > 1]
