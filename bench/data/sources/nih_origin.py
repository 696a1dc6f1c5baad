"""Which images of another data set are ChestX-ray14's: their patients, and whether it trains on them.

ChestX-Det's, RSNA's and SIIM's images are ChestX-ray14's under other names. Which is which, one of these
files beside the data set's own says, where it is there:

- pneumonia-challenge-dataset-mappings_2018.json, which RSNA publishes: the name in the challenge
  (subset_img_id), that of ChestX-ray14 (img_id), and the DICOM's own (SOPInstanceUID), as SIIM's images are
  called;
- nih_images.csv, a table of one's own, with columns image and nih.

Its official training images are those of train_val_list.txt, beside these files, in the data root, or in nih/
below it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from bench.data.sources.json_files import read_json
from bench.data.sources.nih import TRAIN_VAL_LISTS, official_name, patients_of
from bench.data.sources.splits import (
    Parts,
    known_parts,
    read_list,
    read_lists,
    split_in_three,
    split_in_three_by_patient,
)
from bench.data.sources.tables import each_its_own, names_in, read_csv, refuse_repeated
from bench.errors import DataError
from bench.suite.dataset_specs import RsnaSpec, SiimSpec, SplitLists
from bench.suite.keys import Names

MAPPING_FILE, TABLE_FILE = "pneumonia-challenge-dataset-mappings_2018.json", "nih_images.csv"


class _Entry(BaseModel):
    subset_img_id: str
    img_id: str
    SOPInstanceUID: str = ""


@dataclass(frozen=True)
class Origin:
    """What is known of where images are from.

    Attributes:
        patients: of each image, indexed by image: ChestX-ray14's where it is known, else one of its own.
        nih: names in ChestX-ray14, by image, of those that are known.
        trained: names in ChestX-ray14 of its training images; empty if they are not known.
        tables: the files that this was read from.
    """

    patients: pd.Series
    nih: Mapping[str, str]
    trained: frozenset[str]
    tables: tuple[Path, ...]

    def trained_by_nih(self, test: Sequence[str]) -> tuple[str, ...]:
        """Returns the test images that ChestX-ray14 trains on."""
        pairs = ((name, self.nih.get(name)) for name in test)
        return tuple(f"{name} = {nih}" for name, nih in pairs if nih in self.trained)

    def require_all(self, names: Sequence[str], root: Path) -> None:
        """Refuses images whose patients are unknown, where the split is made from patients.

        Raises:
            DataError: there are some.
        """
        unknown = [name for name in names if name not in self.nih]
        if unknown:
            raise DataError(
                f"{len(unknown)} images have no known patient, which the split is made from; {MAPPING_FILE} "
                f"or {TABLE_FILE} would say which images of ChestX-ray14 they are",
                place=root,
                value=unknown[0],
            )


def read_origin(images: Sequence[str], root: Path, data_root: Path | None) -> Origin:
    """Returns what the files in `root` say of the images.

    Raises:
        DataError: a file is damaged.
    """
    tables = [path for path in (root / MAPPING_FILE, root / TABLE_FILE) if path.is_file()]
    patients = each_its_own(images).of_image
    if not tables:
        return Origin(patients, {}, frozenset(), ())
    known = Names(images)
    found = {known.find(name): official_name(nih) for name, nih in _pairs(tables[0])}
    nih = {name: official for name, official in found.items() if name is not None}
    own = pd.Series(nih, dtype=object)
    patients[own.index] = patients_of(own)
    folders = [folder for folder in (root, data_root, data_root and data_root / "nih") if folder]
    lists = [folder / name for folder in folders for name in TRAIN_VAL_LISTS if (folder / name).is_file()]
    trained = frozenset(map(official_name, read_list(lists[0]))) if lists else frozenset()
    return Origin(patients, nih, trained, (tables[0], *lists[:1]))


def split_by_origin(
    spec: RsnaSpec | SiimSpec, names: Sequence[str], origin: Origin, files: Mapping[str, Path], root: Path
) -> Parts:
    """Returns the parts: 70:10:20 at random, by the patients of ChestX-ray14, or from three lists.

    Raises:
        DataError: patients are not known, or a list is damaged.
    """
    if isinstance(spec.split, SplitLists):
        return known_parts(read_lists(spec.split, files), names, root)
    if spec.split == "random":
        return split_in_three(names, spec.split_seed)
    origin.require_all(names, root)
    return split_in_three_by_patient(names, origin.patients.loc[list(names)].tolist(), spec.split_seed)


def _pairs(path: Path) -> list[tuple[str, str]]:
    """Returns names of images, and their names in ChestX-ray14; an image may be called by two names."""
    if path.name == MAPPING_FILE:
        entries = read_json(path, list[_Entry])
        return [
            (name, entry.img_id)
            for entry in entries
            for name in (entry.subset_img_id, entry.SOPInstanceUID)
            if name
        ]
    table = read_csv(path, ("image", "nih"))
    images = names_in(table, "image", path)
    refuse_repeated(images, path)
    return list(zip(images, names_in(table, "nih", path), strict=True))
