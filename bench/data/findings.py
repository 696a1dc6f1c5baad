"""How official files spell findings, and which classes data sets have whose names never change."""

from bench.errors import DataError, nearest
from bench.suite.findings import NIH_BOXED_FINDINGS, NIH_FINDINGS, VINDR_FINDINGS

__all__ = [
    "ALIASES",
    "FIXED_FINDINGS",
    "NIH_BOXED_FINDINGS",
    "NIH_FINDINGS",
    "NO_FINDING",
    "VINDR_FINDINGS",
    "VINDR_NO_FINDING",
    "finding_index",
]

NO_FINDING = "No Finding"
"""What `Finding Labels` says for an image with none of the 14."""

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
