"""The readers of a data set scored against each other, from annotations alone."""

from collections.abc import Sequence

from bench.data.dataset import DataContext
from bench.data.loading import read_source
from bench.errors import DataError
from bench.metrics.readers import score_readers
from bench.statistics.readers import ReaderPanel
from bench.suite.dataset_specs import DatasetSpec


def read_panel(spec: DatasetSpec, context: DataContext, parts: Sequence[str]) -> ReaderPanel:
    """Returns the readers of the images in these parts of a data set, scored against each other.

    Raises:
        DataError: the data set cannot be read, does not say who marked what, or no reader marks a finding of
            an image that another has read.
    """
    source = read_source(spec, context)
    if source.readings is None:
        raise DataError(
            f"{spec.name} does not say who marked what; VinDr-CXR does, and so does a folder whose table of "
            "boxes has a column reader",
            value=spec.name,
        )
    images = {name for part in parts for name in source.parts[part]}
    readings = source.readings()
    own = readings[readings["image"].isin(images)]
    tasks = score_readers(own)
    if tasks.empty:
        raise DataError(f"{spec.name} has no finding that one reader marks in an image that another has read")
    tasks["patient"] = tasks["image"].map(source.patients)
    found = set(tasks["finding"])
    return ReaderPanel(
        dataset=spec.name,
        num_images=own["image"].nunique(),
        num_readers=own["reader"].nunique(),
        findings=tuple(finding for finding in source.findings if finding in found),
        tasks=tasks,
    )
