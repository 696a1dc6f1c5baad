"""Hits of one model by unit and seed, or their differences between two models."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Average = Literal["weighted", "macro"]
"""weighted: mean over units. macro: mean over findings of the mean over a finding's units."""


@dataclass(frozen=True)
class PatientSums:
    """What resampling patients needs to know of the units.

    Attributes:
        hits: sum over the units of a patient and finding, [patients, findings, seeds] float64.
        units: number of these units, [patients, findings] int64.
    """

    hits: NDArray[np.float64]
    units: NDArray[np.int64]

    def of_all_findings(self) -> "PatientSums":
        """Returns the sums over findings, as of a single one."""
        return PatientSums(self.hits.sum(axis=1, keepdims=True), self.units.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class UnitHits:
    """Hits of one model, unit by unit and seed by seed; a unit is a finding of an image that has a box.

    Attributes:
        hits: [units, seeds] float64; 0 or 1, or for the difference of two models −1, 0 or 1.
        images: image of each unit, [units].
        patients: patient of each unit, [units]; units of one patient are not independent.
        findings: finding of each unit, [units].
        is_difference: whether they are differences of two models.

    Raises:
        ValueError: no unit or no seed, shapes that do not fit, or hits that are not finite.
    """

    hits: NDArray[np.float64]
    images: NDArray[Any]
    patients: NDArray[Any]
    findings: NDArray[Any]
    is_difference: bool = False

    def __post_init__(self) -> None:
        if self.hits.ndim != 2 or 0 in self.hits.shape:
            raise ValueError(
                f"hits need the shape [units, seeds] with at least one of each; got {self.hits.shape}"
            )
        for name in ("images", "patients", "findings"):
            shape = getattr(self, name).shape
            if shape != self.hits.shape[:1]:
                raise ValueError(f"{name} need one value for each of {len(self.hits)} units; got {shape}")
        if not np.isfinite(self.hits).all():
            raise ValueError("hits need to be finite")

    @property
    def num_patients(self) -> int:
        """Number of different patients."""
        return len(np.unique(self.patients))

    @property
    def num_seeds(self) -> int:
        """Number of seeds."""
        return int(self.hits.shape[1])

    def of_finding(self, finding: object) -> "UnitHits":
        """Returns the units of one finding, so that its own patients are resampled.

        Raises:
            ValueError: no unit has this finding.
        """
        chosen = self.findings == finding
        return replace(
            self,
            hits=self.hits[chosen],
            images=self.images[chosen],
            patients=self.patients[chosen],
            findings=self.findings[chosen],
        )

    def minus(self, other: "UnitHits") -> "UnitHits":
        """Returns the differences to another model on the same units in the same order, seed by seed.

        Raises:
            ValueError: the units or the number of seeds differ.
        """
        same = (
            self.hits.shape == other.hits.shape
            and (self.images == other.images).all()
            and (self.findings == other.findings).all()
        )
        if not same:
            raise ValueError("only hits on the same units, by as many seeds, can be compared unit by unit")
        return replace(self, hits=self.hits - other.hits, is_difference=True)

    def by_patient(self) -> PatientSums:
        """Returns the sums over the units of each patient and finding."""
        patients, row = np.unique(self.patients, return_inverse=True)
        findings, column = np.unique(self.findings, return_inverse=True)
        shape = (len(patients), len(findings))
        units = np.zeros(shape, np.int64)
        hits = np.zeros((*shape, self.num_seeds))
        np.add.at(units, (row, column), 1)
        np.add.at(hits, (row, column), self.hits)
        return PatientSums(hits, units)

    def accuracy(self, average: Average) -> NDArray[np.float64]:
        """Returns the point localization accuracy of each seed, [seeds] float64 in [0, 1].

        Of differences between two models: the difference of their accuracies, in [−1, 1].

        Source: thesis §5.3, weighted and macro average.
        """
        if average == "weighted":
            weighted: NDArray[np.float64] = self.hits.mean(axis=0)
            return weighted
        findings = np.unique(self.findings)
        means = [self.hits[self.findings == finding].mean(axis=0) for finding in findings]
        macro: NDArray[np.float64] = np.mean(means, axis=0)
        return macro


def from_unit_tables(tables: Sequence[pd.DataFrame]) -> UnitHits:
    """Returns the hits of one model from its unit tables, one for each seed, sorted by image and finding.

    Args:
        tables: with image, patient, finding and hit (`bench.results.units`), rows in any order.

    Raises:
        ValueError: no table, a unit twice, or seeds with different units.
    """
    if not tables:
        raise ValueError("hits need the unit table of at least one seed")
    ordered = [table.sort_values(["image", "finding"], ignore_index=True) for table in tables]
    first = ordered[0]
    if first.duplicated(["image", "finding"]).any():
        raise ValueError("a unit table has a unit (image and finding) twice")
    units = ["image", "patient", "finding"]
    if not all(table[units].equals(first[units]) for table in ordered):
        raise ValueError("the unit tables of the seeds do not have the same units")
    images, patients, findings = (first[column].to_numpy() for column in units)
    hits = np.column_stack([table["hit"].to_numpy(float) for table in ordered])
    return UnitHits(hits, images, patients, findings)
