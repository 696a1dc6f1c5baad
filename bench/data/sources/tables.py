"""Text tables of data sets: names, labels, numbers, patients and boxes, read in one way for all."""

import math
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from bench.errors import DataError, listing, nearest
from bench.metrics.regions import MASK
from bench.suite.dataset_specs import DATASET_SPECS, PhantomSpec, StoredSpec
from bench.suite.keys import Names, bare, clean, spelled
from bench.suite.text_table import read_table

SIDES = ("x", "y", "w", "h")

_LABELS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
_ALIASES = {"Infiltrate": "Infiltration", "Airspace Opacity": "Lung Opacity"}
"""Names that occur in the official files for a finding of another name."""

_NO_PATIENT = frozenset({"", "-", "?", "#n/a", "n/a", "na", "nan", "none", "null", "unknown"})
"""Cells without a patient, in small letters: they never name one patient of all these images."""

_MOST_HINTS = 3
"""Rows without a match for which a similar name is looked for."""


def fixed_findings(dataset: str) -> tuple[str, ...] | None:
    """Returns the findings of a data set that always has the same; of phantoms, of the default population.

    None of another one, and of a name that is no data set's.
    """
    if dataset == "phantom":
        return PhantomSpec().labelled
    spec = DATASET_SPECS.get(dataset)
    return spec.labelled or None if spec is not None and issubclass(spec, StoredSpec) else None


def read_csv(path: Path, columns: Iterable[str] = (), optional: Iterable[str] = ()) -> pd.DataFrame:
    """Returns the table in `path`, which may be gzipped, with every cell as text; an empty one is "".

    The index is the line of the file at which a row begins. `bench.suite.text_table` says what a table is.

    Args:
        path: the file.
        columns: those that have to be there; the table may write them in another case.
        optional: those that may be there, likewise.

    Raises:
        DataError: the file is no such table, or one of `columns` is missing.
    """
    read = read_table(path)
    wanted = {column.casefold(): column for column in (*columns, *optional)}
    names = [wanted.get(name.casefold(), name) for name in read.columns]
    for column in columns:
        if column not in names:
            known = f"{listing(names, 8)}{nearest(column, names)}"
            raise DataError(f"column {column!r} is missing; it has: {known}", place=path, value=column)
    index = pd.Index(read.lines, dtype="int64", name="line")
    return pd.DataFrame(read.rows, index=index, columns=pd.Index(names, dtype=object), dtype=object)


def names_in(table: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """Returns the names in a column of a table that `read_csv` read, cleaned: `bench.suite.keys`.

    Raises:
        DataError: a cell is empty, or holds a line break or another control character.
    """
    names = table[column].map(clean)
    for line, name in names.items():
        require_name(name, f"{path}:{line}", f"column {column!r} ")
    return names


def require_name(name: str, place: str, what: str = "") -> None:
    """Refuses a text that cannot be a name.

    Raises:
        DataError: it is empty, or holds a line break or another control character.
    """
    if not name:
        raise DataError(f"{what}is empty; a name is expected", place=place, value=name)
    if not name.isprintable() and any(unicodedata.category(letter) == "Cc" for letter in name):
        raise DataError(
            f"{what}holds a line break or another control character: {name!r}", place=place, value=name
        )


def refuse_repeated(names: pd.Series, path: Path) -> None:
    """Refuses names of images, indexed by line, that occur more than once.

    Raises:
        DataError: some do.
    """
    twice = names[names.duplicated()]
    if len(twice):
        named = listing((f"{name} (line {line})" for line, name in twice.items()), 5)
        raise DataError(f"{len(twice)} images occur twice: {named}", place=path, value=twice.iloc[0])


def as_labels(
    table: pd.DataFrame, findings: Sequence[str], path: Path, others: Iterable[str] = ()
) -> pd.DataFrame:
    """Returns the columns `findings` as 0 and 1, uint8.

    Args:
        table: as `read_csv` gives it, with a column image.
        findings: those columns.
        path: the table's file.
        others: columns that are none, one of which may have been meant.

    Raises:
        DataError: a cell is neither 0 nor 1.
    """
    labels = table[list(findings)].apply(lambda column: column.str.strip().map(_LABELS))
    for finding in findings:
        wrong = table[labels[finding].isna()]
        if len(wrong):
            came, image = wrong[finding].iloc[0], wrong["image"].iloc[0]
            raise DataError(
                f"column {finding!r} of image {image} is {came!r}; allowed for a finding: 0, 1"
                f"{nearest(finding, others)}",
                place=f"{path}:{wrong.index[0]}",
                value=came,
            )
    numbers: pd.DataFrame = labels.astype("uint8")
    return numbers


def as_numbers(table: pd.DataFrame, columns: Iterable[str], path: Path, what: str) -> pd.DataFrame:
    """Returns `table` with `columns` as finite float64.

    Args:
        table: as `read_csv` gives it.
        columns: those with numbers.
        path: the table's file.
        what: what a number is called, with its article.

    Raises:
        DataError: a cell is empty, no number, or no finite one.
    """
    numbers = {column: table[column].map(_number) for column in columns}
    for column, values in numbers.items():
        wrong = table[column][values.isna()]
        if len(wrong):
            rest = f", and {len(wrong) - 1} more cells of the column" if len(wrong) > 1 else ""
            hint = "; decimals are written with a point" if "," in wrong.iloc[0] else ""
            raise DataError(
                f"column {column!r} is {wrong.iloc[0]!r}{rest}; {what} is a finite number{hint}",
                place=f"{path}:{wrong.index[0]}",
                value=wrong.iloc[0],
            )
    return table.assign(**{column: values.astype(float) for column, values in numbers.items()})


def _number(cell: str) -> float:
    """Returns the finite number that a cell holds, else NaN. Python would read 1_0 as ten."""
    try:
        value = float(cell) if "_" not in cell else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def finding_names(findings: Iterable[str]) -> Names:
    """Returns the findings, to be found by any spelling, and by other names that official files have."""
    return Names(findings, spelled, _ALIASES)


def require_finding(written: str, known: Names, place: str) -> str:
    """Returns the name of the finding that is meant.

    Raises:
        DataError: it is none.
    """
    found = known.find(written)
    if found is None:
        raise DataError(f"unknown finding {written!r}", place=place, value=written, allowed=known)
    return found


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
            named = listing(with_lines(self.absent), 5)
            raise DataError(
                f"{len(self.absent)} images have no patient, which the split is made from: {named}",
                place=path,
            )


def with_lines(lines: Mapping[str, int]) -> list[str]:
    """Returns each image with its line, for a sentence."""
    return [f"{image} (line {line})" for image, line in lines.items()]


def each_its_own(images: Collection[str]) -> Patients:
    """Returns patients where none are published: each image counts as one."""
    return Patients(pd.Series(list(images), index=list(images), dtype=object))


def read_patients(cells: pd.Series, images: pd.Series) -> Patients:
    """Returns the patients that a table gives.

    Cells and images are indexed by line.
    """
    named = cells.map(clean)
    is_absent = named.map(str.casefold).isin(_NO_PATIENT)
    absent = dict(zip(images[is_absent], images.index[is_absent].tolist(), strict=True))
    patients = named.where(~is_absent, images)
    return Patients(pd.Series(patients.to_numpy(), index=images.to_numpy(), dtype=object), absent)


def similar_patients(patients: Iterable[str]) -> list[str]:
    """Returns groups of patients whose names are the same but for case, gaps, leading zeros or a ".0"."""
    groups: dict[str, list[str]] = {}
    for patient in dict.fromkeys(patients):
        groups.setdefault(bare(patient), []).append(patient)
    return [" = ".join(map(repr, sorted(group))) for group in groups.values() if len(group) > 1]


@dataclass(frozen=True)
class BoxTable:
    """The boxes of a data set.

    Attributes:
        boxes: columns image, finding, x, y, w, h of the rows that match the labels, by their names; and mask
            where there are masks.
        unmatched: of each other row, where it stands and what it names that the labels do not have.
        empty: where each mask stands that has no pixel, and of what it is; it is left out.
        ignored: image and finding of each unit with a region to ignore: a map that points there is neither
            right nor wrong, so that the unit is left out.
    """

    boxes: pd.DataFrame
    unmatched: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()

    def with_others(self, other: "BoxTable") -> "BoxTable":
        """Returns the rows of both."""
        if other.boxes.empty or self.boxes.empty:
            boxes = self.boxes if other.boxes.empty else other.boxes
        else:
            boxes = pd.concat([self.boxes, other.boxes], ignore_index=True)
        if MASK in boxes:
            boxes = boxes.assign(mask=boxes[MASK].astype(object).where(boxes[MASK].notna(), None))
        ignored = self.ignored + other.ignored
        boxes = _without(boxes, ignored)
        return BoxTable(boxes, self.unmatched + other.unmatched, self.empty + other.empty, ignored)


def _without(boxes: pd.DataFrame, units: Collection[tuple[str, str]]) -> pd.DataFrame:
    """Returns the boxes but for those of these units."""
    if not units:
        return boxes
    is_one = pd.MultiIndex.from_frame(boxes[["image", "finding"]]).isin(list(units))
    return boxes[~is_one].reset_index(drop=True)


NO_BOXES = BoxTable(pd.DataFrame(columns=["image", "finding", *SIDES]))


def read_rows(table: pd.DataFrame, coordinates: Sequence[str], path: Path) -> pd.DataFrame:
    """Returns columns image, finding, x, y, w, h, indexed by line; names are cleaned, not looked up.

    Args:
        table: as `read_csv` gives it, with columns image and finding.
        coordinates: its columns of numbers: left, top, width, height; or, if their names say so by ``max``,
            left, top, right, bottom.
        path: its file.

    Raises:
        DataError: a name is empty, a coordinate is no finite number, or a box has no extent.
    """
    numbers = as_numbers(table[list(coordinates)], coordinates, path, "a coordinate").to_numpy(float)
    if "max" in coordinates[-1]:
        numbers[:, 2:] -= numbers[:, :2]
    names = {column: names_in(table, column, path) for column in ("image", "finding")}
    wrong = names["image"][~(np.minimum(numbers[:, 2], numbers[:, 3]) > 0)]
    if len(wrong):
        raise DataError(
            f"{len(wrong)} boxes have no extent or end before they begin, read as {listing(coordinates)}: "
            f"{listing(wrong.unique()[:5])}",
            place=f"{path}:{wrong.index[0]}",
        )
    return pd.DataFrame(names).join(pd.DataFrame(numbers, index=table.index, columns=list(SIDES)))


def match_rows(rows: pd.DataFrame, images: Names, findings: Names, path: Path) -> BoxTable:
    """Returns the boxes whose image and finding are known, by the names that these have.

    `rows` are those of `read_rows`, or of `bench.data.sources.masks.as_rows`, from the file `path`; columns
    beyond theirs are kept.
    """
    known = rows.assign(image=rows["image"].map(images.find), finding=rows["finding"].map(findings.find))
    unmatched: list[str] = []
    for what, names in (("image", images), ("finding", findings)):
        for line, name in rows[what][known[what].isna()].items():
            hint = names.hint(name, with_similar=len(unmatched) < _MOST_HINTS)
            unmatched.append(f"{path.name}:{line}: no {what} {name!r}{hint}")
    known = known.dropna(subset=["image", "finding"])
    is_empty = known["w"] == 0
    none = known[is_empty]
    empty = [f"{row.finding} on {row.image} ({path.name}:{row.Index})" for row in none.itertuples()]
    columns = [column for column in rows.columns if column != "is_ignored"]
    ignored: list[tuple[str, str]] = []
    if "is_ignored" in known:
        units = known.loc[known["is_ignored"], ["image", "finding"]].drop_duplicates()
        ignored = list(units.itertuples(index=False, name=None))
    boxes = _without(known.loc[~is_empty, columns].reset_index(drop=True), ignored)
    return BoxTable(boxes, tuple(unmatched), tuple(empty), tuple(ignored))


def read_readings(
    table: pd.DataFrame, coordinates: Sequence[str], images: Names, findings: Names, path: Path
) -> pd.DataFrame:
    """Returns what `DataSource.readings` does, of the images and findings that are known.

    Args:
        table: as `read_csv` gives it, with columns image, finding and reader: a row for each box, and for
            each image in which a reader marks nothing one whose finding is empty.
        coordinates: see `read_rows`.
        images: those of the labels.
        findings: likewise.
        path: the table's file.

    Raises:
        DataError: a name is empty, a coordinate is no finite number, or a box has no extent.
    """
    readers = names_in(table, "reader", path)
    images_read = names_in(table, "image", path).map(images.find)
    read = pd.DataFrame({"image": images_read, "reader": readers}).dropna().drop_duplicates()
    rows = read_rows(table[table["finding"].map(clean) != ""], coordinates, path)
    marked = match_rows(rows.assign(reader=readers), images, findings, path).boxes
    return read.merge(marked, how="left", on=["image", "reader"])
