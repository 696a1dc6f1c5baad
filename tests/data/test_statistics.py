"""What a data set holds, against tables that were counted by hand, and the real boxes."""

import importlib
import shutil

import numpy as np
import pandas as pd
import pytest
from extracts import NIH_EXTRACT

from bench.data.checks.statistics import ALL, Counts, DatasetStatistics, describe
from bench.data.dataset import DataContext
from bench.data.loading import read_source
from bench.data.phantom.source import load_phantom
from bench.errors import DataError
from bench.reporting.published import published_area, published_mean
from bench.suite.dataset_specs import DATASET_SPECS, NihSpec, PhantomSpec, VindrSpec
from bench.suite.findings import NIH_BOXED_FINDINGS

NIH_ENTRIES = """\
Image Index,Finding Labels,Patient ID
a.png,Mass|Nodule,1
b.png,Mass,1
c.png,No Finding,2
d.png,Mass|Infiltration,3
e.png,Mass|Infiltration,3
f.png,Nodule,4
unlisted.png,Mass,9
"""
NIH_BOXES = """\
Image Index,Finding Label,Bbox [x,y,w,h],,,
d.png,Mass,0,0,512,512
d.png,Mass,10,10,256,256
d.png,Infiltrate,0,0,1024,512
f.png,Nodule,100,100,64,32
unlisted.png,Mass,0,0,1024,1024
"""
VINDR_HEADER = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n"


@pytest.fixture
def nih(tmp_path):
    """Text files alone: a, b and 12 without findings are no test images; one boxed image is in no list."""
    others = [f"{i:02d}.png" for i in range(11)]
    lines = [f"{name},No Finding,{100 + i}\n" for i, name in enumerate(others)]
    (tmp_path / "Data_Entry_2017.csv").write_text(NIH_ENTRIES + "".join(lines))
    (tmp_path / "BBox_List_2017.csv").write_text(NIH_BOXES)
    (tmp_path / "train_val_list.txt").write_text("\n".join(["a.png", "b.png", "c.png", *others]))
    (tmp_path / "test_list.txt").write_text("d.png\ne.png\nf.png\n")
    return tmp_path


@pytest.fixture
def vindr(tmp_path):
    """Twenty ids, of which the first is marked by two radiologists."""
    rows = [f"{i:02d},No finding,14,R1,,,,\n" for i in range(1, 20)]
    marks = ["00,Cardiomegaly,3,R1,0,0,50,20\n", "00,Cardiomegaly,3,R2,0,0,100,40\n"]
    (tmp_path / "train.csv").write_text(VINDR_HEADER + "".join(marks + rows))
    return tmp_path


def described(spec, root, tmp_path) -> DatasetStatistics:
    return describe(read_source(spec, DataContext(root, tmp_path / "cache", {})))


def test_counts_are_those_counted_by_hand(nih, tmp_path):
    found = described(NihSpec(), nih, tmp_path)
    assert found.parts == ("train", "val", "test", "all")
    assert found.of_finding["Mass", "test"] == Counts(2, 1, 1, 2, (0.25 + 0.0625) / 2)
    assert found.of_finding["Infiltration", "test"] == Counts(2, 1, 1, 1, 0.5)
    assert found.of_finding["Nodule", "test"] == Counts(1, 1, 1, 1, 64 * 32 / 1024**2)
    assert found.of_finding["Mass", ALL] == Counts(4, 2, 1, 2, 0.15625)
    assert found.of_finding["Hernia", ALL] == Counts(0, 0, 0, 0, None)
    assert [found.of_part[part].images for part in found.parts] == [13, 1, 3, 17]
    assert found.of_part["test"].patients == 2
    assert found.of_part[ALL] == Counts(17, 15, 3, 4, pytest.approx((0.3125 + 0.5 + 2048 / 1024**2) / 4))
    assert found.boxed_images == {"train": 0, "val": 0, "test": 2, "all": 2}
    assert found.area_reason is None


def test_images_with_two_findings_are_counted_for_both(nih, tmp_path):
    found = described(NihSpec(), nih, tmp_path)
    order = [found.findings.index(name) for name in ("Infiltration", "Mass", "Nodule")]
    assert found.co_occurrence[np.ix_(order, order)].tolist() == [[2, 2, 0], [2, 4, 1], [0, 1, 2]]
    assert (found.co_occurrence == found.co_occurrence.T).all()


def test_boxes_of_images_in_no_part_do_not_count(nih, tmp_path):
    found = described(NihSpec(), nih, tmp_path)
    assert found.areas["area"].max() == 0.5
    assert set(found.areas["part"]) == {"test"}


def test_image_of_the_lists_without_labels_is_an_error(nih, tmp_path):
    (nih / "test_list.txt").write_text("z.png\n")
    with pytest.raises(DataError, match=r"have no labels: z\.png"):
        described(NihSpec(), nih, tmp_path)


def test_areas_are_unknown_with_a_reason_where_sizes_of_originals_are(vindr, tmp_path):
    found = described(VindrSpec(), vindr, tmp_path)
    assert found.area("Cardiomegaly") is None
    assert "train_meta.csv" in found.area_reason
    assert found.of_finding["Cardiomegaly", ALL] == Counts(1, 1, 1, 2, None)
    assert not len(found.areas)
    assert not found.has_patients


def test_a_table_of_sizes_is_enough_for_areas(vindr, tmp_path):
    (vindr / "train_meta.csv").write_text("image_id,dim0,dim1\n00,100,200\n")
    found = described(VindrSpec(), vindr, tmp_path)
    assert found.area("Cardiomegaly") == pytest.approx((1000 / 20_000 + 4000 / 20_000) / 2)
    assert found.area_reason is None


def test_a_ratio_without_an_image_is_not_enough(vindr, tmp_path):
    (vindr / "images_ratio.csv").write_text("image_id,resize_ratio\n00,0.5\n")
    assert "images are missing" in described(VindrSpec(), vindr, tmp_path).area_reason


@pytest.mark.parametrize("findings", ["eight", "nih", "vindr"])
def test_phantoms_are_counted_as_they_are_rendered(tmp_path, findings):
    spec = PhantomSpec(findings=findings, train=12, val=5, test=9, seed=3)
    context = DataContext(None, tmp_path, {})
    found, data = described(spec, None, tmp_path), load_phantom(spec, 64, context)
    for part, images in (("train", data.train), ("val", data.val), ("test", data.test)):
        for i, finding in enumerate(data.findings):
            own = images.boxes[images.boxes["class_index"] == i]
            counts = found.of_finding[finding, part]
            assert (counts.images, counts.boxes) == (images.labels[:, i].sum(), len(own))
            assert counts.units == own["image_index"].nunique()
            if len(own):
                assert counts.box_area == pytest.approx((own["w"] * own["h"]).mean() / 64**2)
    together = data.train.labels.astype(int).T @ data.train.labels
    assert (found.co_occurrence >= together).all()


@pytest.mark.parametrize("spec", DATASET_SPECS.values(), ids=lambda spec: spec.__name__)
def test_every_data_set_says_how_its_text_is_read(spec):
    module, _, function = spec.reader.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_published_means_are_found_by_table_row_and_column():
    assert published_mean("5.1", "Average box area", "Cardiomegaly") == 0.18
    assert published_mean("5.5", "Baseline", "Macro avg.", section="Without transfer learning") is not None
    assert published_mean("5.1", "Average box area", "Hernia") is None
    assert published_area("vindr", "ILD") == 0.15
    assert published_area("phantom", "Mass") is None


def test_real_boxes_have_the_printed_areas_but_for_pneumonia(tmp_path):
    shutil.copytree(NIH_EXTRACT, tmp_path, dirs_exist_ok=True)
    images = set(pd.read_csv(NIH_EXTRACT / "Data_Entry_2017.csv")["Image Index"])
    boxed = set(pd.read_csv(NIH_EXTRACT / "BBox_List_2017.csv")["Image Index"])
    (tmp_path / "test_list.txt").write_text("\n".join(sorted(boxed)))
    (tmp_path / "train_val_list.txt").write_text("\n".join(sorted(images - boxed)))
    found = described(NihSpec(), tmp_path, tmp_path)
    whole = found.of_part[ALL]
    assert (whole.boxes, whole.units, found.boxed_images["test"]) == (984, 984, 880)
    printed = {finding: published_area("nih", finding) for finding in NIH_BOXED_FINDINGS}
    rounded = {finding: round(found.area(finding), 2) for finding in NIH_BOXED_FINDINGS}
    assert {finding for finding in printed if printed[finding] != rounded[finding]} == {"Pneumonia"}
    assert (round(found.area("Pneumonia"), 3), printed["Pneumonia"]) == (0.094, 0.10)
