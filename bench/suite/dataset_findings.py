"""Which findings a data set has: the columns that a claim may name."""

from collections.abc import Mapping
from pathlib import Path

from bench.suite.findings import NO_FINDING_COLUMNS
from bench.suite.schema import DatasetSpec, FolderSpec
from bench.suite.text_table import read_columns


def labelled_findings(dataset: DatasetSpec, files: Mapping[str, Path]) -> tuple[str, ...]:
    """Returns the classes of the data set; of a folder, the columns of its table of labels.

    Args:
        dataset: with digests in place of paths.
        files: where the file of a digest is.

    Raises:
        DataError: the table of labels cannot be read.
    """
    if not isinstance(dataset, FolderSpec):
        return dataset.labelled
    columns = read_columns(files[dataset.labels])
    return tuple(column for column in columns if column.casefold() not in NO_FINDING_COLUMNS)


def boxed_findings(dataset: DatasetSpec, files: Mapping[str, Path]) -> tuple[str, ...]:
    """Returns those that may have boxes: of a folder with boxes, all; of one without, none.

    Raises:
        DataError: the table of labels cannot be read.
    """
    if not isinstance(dataset, FolderSpec):
        return dataset.boxed
    return labelled_findings(dataset, files) if dataset.boxes is not None else ()
