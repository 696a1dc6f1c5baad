"""The checks that every data set passes, bench's own and anyone's: each returns a sentence on a fault.

They need the data: its tables are read twice, its files once, and a few images are decoded or drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bench.data.checks.integrity import check
from bench.data.dataset import DataContext
from bench.data.loading import load_dataset, read_source
from bench.data.plugins import problem_of_source
from bench.data.sources.source import DataSource, read_images
from bench.errors import listing
from bench.suite.dataset_specs import DatasetSpec

_SIDE_PX, _NUM_IMAGES = 64, 4


@dataclass(frozen=True)
class Candidate:
    """A data set to be checked.

    Attributes:
        spec: which.
        context: where it is.
    """

    spec: DatasetSpec
    context: DataContext

    def read(self) -> DataSource:
        """Returns what its reader says.

        Raises:
            DataError: the reader refuses what it finds.
            PluginError: it raised an error, or returned no data set.
        """
        return read_source(self.spec, self.context)

    @cached_property
    def source(self) -> DataSource:
        """The same, read once."""
        return self.read()


Check = Callable[[Candidate], str | None]


def what_is_read_can_be_worked_with(of: Candidate) -> str | None:
    """Names are unique; labels are 0 or 1; parts and boxes are of images and findings of the labels."""
    problem = problem_of_source(of.source)
    return None if problem is None else f"returns {problem}"


def every_part_has_images(of: Candidate) -> str | None:
    """There is something to train on, to validate on and to test on."""
    empty = [part for part, names in of.source.parts.items() if not names]
    return f"has no images in {listing(empty)}" if empty else None


def reading_again_gives_the_same_in_the_same_order(of: Candidate) -> str | None:
    """A split is drawn from its seed, files are sorted."""
    one, other = of.source, of.read()
    parts = [part for part, names in one.parts.items() if names != other.parts[part]]
    if parts:
        return f"has other images, or another order, in {listing(parts)} the second time"
    tables = ("labels", "patients", "boxes")
    changed = [name for name in tables if not getattr(one, name).equals(getattr(other, name))]
    return f"has other {listing(changed)} the second time" if changed else None


def findings_are_those_that_its_class_declares(of: Candidate) -> str | None:
    """Claims are checked by them before anything is read; a class may declare none."""
    spec, source = of.spec, of.source
    if not spec.labelled:
        return None
    if source.findings != spec.labelled:
        return f"labels {listing(source.findings)}, and declares {listing(spec.labelled)}"
    strange = sorted(set(source.boxes["finding"]) - set(spec.boxed))
    return f"has boxes of {listing(strange)}, and does not declare them as boxed" if strange else None


def nothing_stops_a_run(of: Candidate) -> str | None:
    """The checks of `bench data check`: files, sizes, boxes in images, duplicates, patients of one part."""
    found = check(of.source, of.context.cache_dir, of.context.progress(f"check {of.spec.name}"))
    kinds = [f"{violation.kind} ({violation.text})" for violation in found.violations]
    return "; ".join(kinds) or None


def images_are_gray_squares_of_the_size_that_is_asked_for(of: Candidate) -> str | None:
    """And the same each time."""
    for part, names in of.source.parts.items():
        few = names[:_NUM_IMAGES]
        if few:
            images, again = (read_images(of.source, part, few, _SIDE_PX) for _ in range(2))
            if images.shape != (len(few), _SIDE_PX, _SIDE_PX) or images.dtype != np.uint8:
                return f"gives images {images.dtype} {list(images.shape)} of {len(few)} at {_SIDE_PX} px"
            if not np.array_equal(images, again):
                return f"gives other pixels of {few[0]} the second time"
    return None


def trials_get_boxes_within_their_images(of: Candidate) -> str | None:
    """A few images of each part are loaded as a trial loads them."""
    few = replace(of.context, limit_images=_NUM_IMAGES, digest=None)
    data, slack = load_dataset(of.spec, _SIDE_PX, few), _SIDE_PX * of.source.frame_tolerance
    for part, images in {"train": data.train, "val": data.val, "test": data.test}.items():
        if images.labels.shape != (len(images), len(data.findings)):
            return f"has labels {list(images.labels.shape)} of {len(images)} images in {part}"
        boxes, side_px = images.boxes, images.pixels.shape[-1]
        ends = boxes[["x", "y"]].to_numpy() + boxes[["w", "h"]].to_numpy()
        if len(boxes) and (boxes[["x", "y"]].to_numpy().min() < -slack or ends.max() > side_px + 2 * slack):
            return f"has boxes in {part} that reach beyond their images"
    return None


CHECKS: tuple[Check, ...] = (
    what_is_read_can_be_worked_with,
    every_part_has_images,
    reading_again_gives_the_same_in_the_same_order,
    findings_are_those_that_its_class_declares,
    nothing_stops_a_run,
    images_are_gray_squares_of_the_size_that_is_asked_for,
    trials_get_boxes_within_their_images,
)
