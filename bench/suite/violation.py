"""The checks of a data set, and which violations of them a suite can accept."""

from typing import TYPE_CHECKING, Literal

DATA_DIFFER = "data_differ"
"""Results that stand together had different data: a violation of results, and no check of a data set."""

TEST_IMAGES_SEEN = "test_images_seen"
"""A trial starts from what has seen its test images (`bench.suite.exposure`): a violation of suites,
and no check of a data set."""

VIOLATIONS = {
    "images_missing": "images of the split without a file",
    "images_unreadable": "image files that cannot be decoded",
    "image_sizes_differ": "images of another size than the rest, where all should have one",
    "counts_unexpected": "more or fewer images or boxes than the published data set has",
    "boxes_unmatched": "rows of boxes whose image or finding the labels do not have; they count for nothing",
    "boxes_outside": "images with boxes or masks that reach outside of them",
    "masks_empty": "masks without a pixel; they count for nothing",
    "masks_misfit": "masks whose width and height are not in their image's proportion",
    "boxes_without_label": "boxes or masks of a finding that the labels call absent from the image",
    "boxes_repeated": "boxes or masks that stand more than once",
    "images_duplicate": "files that are equal to the byte, within a part of the split",
    "images_shared_train_val": "files that are equal to the byte, in train and in val",
    "images_shared_train_test": "files that are equal to the byte, in train and in test",
    "images_shared_val_test": "files that are equal to the byte, in val and in test",
    "images_alike_train_val": "files of one radiograph by their pixels, in train and in val",
    "images_alike_train_test": "files of one radiograph by their pixels, in train and in test",
    "images_alike_val_test": "files of one radiograph by their pixels, in val and in test",
    "images_alike_elsewhere": "test images that another data set trains or validates on, by their pixels",
    "images_trained_by_nih": "test images that ChestX-ray14 trains on: who starts from that has seen them",
    "patients_absent": "images without a patient; each counts as one of its own",
    "patients_alike": "patients, counted as several, whose names differ in case, gaps, zeros or a '.0' alone",
    "patients_shared_train_val": "patients with images in train and in val",
    "patients_shared_train_test": "patients with images in train and in test",
    "patients_shared_val_test": "patients with images in val and in test",
}
"""Every check of `bench data check`, in the order in which its results are shown."""

ASKED_FOR = frozenset({"images_alike_elsewhere"})
"""Checks that are made only where another data set is named."""

ACCEPTABLE = tuple(kind for kind in VIOLATIONS if kind not in ("images_missing", "images_unreadable"))
"""The others cannot be accepted: there would be nothing to train on in place of the images."""

if TYPE_CHECKING:
    ViolationKind = str
    AcceptableKind = str
else:
    ViolationKind = Literal[tuple(VIOLATIONS)]
    AcceptableKind = Literal[(*ACCEPTABLE, DATA_DIFFER, TEST_IMAGES_SEEN)]
