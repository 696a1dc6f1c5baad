"""How many images and boxes the published data sets have, by part and finding.

expected_counts.csv was counted from the official text files: BBox_List_2017.csv, Data_Entry_2017_v2020.csv
and the official lists of ChestX-ray14; train.csv of VinDr-CXR at Kaggle. What is drawn at random of a pool
(train and val; of VinDr-CXR all parts) has no expected count of its own: its pool has.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import pandas as pd

from bench.data.sources.source import Source

EVERY = "every image"
"""In place of a finding: images whatever they have."""

COUNTS = ("images", "boxes", "boxed_images")


@dataclass(frozen=True)
class Comparison:
    """One count beside the published one.

    Attributes:
        parts: the parts of the split that are counted together, joined by "+".
        finding: which images, or `EVERY`.
        what: one of `COUNTS`.
        found: the count.
        expected: the published one.
    """

    parts: str
    finding: str
    what: str
    found: int
    expected: int

    def __str__(self) -> str:
        where = self.parts.replace("+", ", ")
        return (
            f"{self.finding} in {where}: {self.found:,} {self.what.replace('_', ' ')}, not {self.expected:,}"
        )


@lru_cache
def expected_counts(name: str) -> pd.DataFrame:
    """Returns columns `COUNTS`, indexed by (part, finding); no rows for a data set that is not published.

    A part is what is counted together: "train+val", "test" or "train+val+test".
    """
    with resources.files("bench.data").joinpath("expected_counts.csv").open(encoding="utf-8") as stream:
        table = pd.read_csv(stream)
    own = table[table["dataset"] == name]
    return own.set_index(["part", "finding"])[list(COUNTS)]


def count(source: Source, parts: str) -> pd.DataFrame:
    """Returns columns `COUNTS`, indexed by finding, `EVERY` last, of all `parts`, joined by "+", together."""
    names = [name for part in parts.split("+") for name in source.parts[part]]
    boxes = source.boxes_of(names)
    by_finding = boxes.groupby("finding")["image"]
    found = pd.DataFrame(
        {
            "images": source.labels.loc[names, list(source.findings)].sum(),
            "boxes": by_finding.size(),
            "boxed_images": by_finding.nunique(),
        },
        index=list(source.findings),
    )
    found.loc[EVERY] = [len(names), len(boxes), boxes["image"].nunique()]
    return found.fillna(0).astype(int)


def comparisons(source: Source) -> Iterator[Comparison]:
    """Yields every count of a published data set beside the expected one; nothing of any other."""
    if not source.is_official:
        return
    expected = expected_counts(source.name)
    for parts in expected.index.unique("part"):
        found = count(source, parts)
        wanted = expected.loc[parts].reindex(found.index)
        for finding, *rows in zip(
            found.index, found.to_numpy().tolist(), wanted.to_numpy().tolist(), strict=True
        ):
            for what, came, due in zip(COUNTS, *rows, strict=True):
                yield Comparison(parts, finding, what, came, due)
