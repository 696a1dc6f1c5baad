"""How official files spell findings, and which classes data sets have whose names never change."""

from collections.abc import Iterable

from bench.errors import DataError, listing
from bench.suite.findings import NIH_BOXED_FINDINGS, NIH_FINDINGS, VINDR_FINDINGS
from bench.suite.keys import Names, spelled
from bench.suite.schema import DATASET_SPECS, PhantomSpec, StoredSpec

__all__ = [
    "FIXED_FINDINGS",
    "NIH_BOXED_FINDINGS",
    "NIH_FINDINGS",
    "NO_FINDING",
    "VINDR_FINDINGS",
    "VINDR_NO_FINDING",
    "finding_names",
    "require_finding",
]

NO_FINDING = "No Finding"
"""What `Finding Labels` says for an image with none of the 14."""

VINDR_NO_FINDING = VINDR_FINDINGS[-1]
"""The complement of the other 14: a class of its own, never with boxes."""

FIXED_FINDINGS: dict[str, tuple[str, ...]] = {
    name: spec.labelled
    for name, spec in DATASET_SPECS.items()
    if issubclass(spec, StoredSpec) and spec.labelled
} | {"phantom": PhantomSpec().labelled}
"""Of data sets by their name, where they never change; of phantoms those of the default population."""

_ALIASES = {"Infiltrate": "Infiltration"}
"""Names that occur in the official files for a finding of another name."""


def finding_names(findings: Iterable[str]) -> Names:
    """Returns the findings, to be found by any spelling, and by other names that official files have."""
    return Names(findings, spelled, _ALIASES)


def require_finding(written: str, known: Names, where: str) -> str:
    """Returns the finding that is meant.

    Args:
        written: as a file has it.
        known: as `finding_names` gives them.
        where: the place in the file.

    Raises:
        DataError: it is none.
    """
    found = known.find(written)
    if found is None:
        allowed = f"allowed: {listing(known)}{known.hint(written)}"
        raise DataError(f"{where}: unknown finding {written!r}; {allowed}")
    return found
