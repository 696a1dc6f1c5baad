"""ChestX-Det, RSNA, SIIM, CheXlocalize, TBX11K and VinDr-CXR 1.0.0: drawn downloads, real annotations."""

import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from extracts import WHOLE, needs_mask_formats
from facts import require_facts

from bench.cli.main import main
from bench.data.checks.integrity import check
from bench.data.checks.statistics import compared_counts
from bench.data.dataset import DataContext
from bench.data.loading import load_dataset, read_source
from bench.errors import DataError
from bench.metrics.regions import MASK, num_pixels
from bench.suite.dataset_specs import (
    DATASET_SPECS,
    ChestXDetSpec,
    ChexlocalizeSpec,
    RsnaSpec,
    SiimSpec,
    Tbx11kSpec,
    Vindr100Spec,
)
from bench.suite.findings import CHEXPERT_FINDINGS, VINDR_1_0_0_FINDINGS

FORMATS = WHOLE / "data" / "formats"
NUM = 30
RSNA_NAMES = [f"0004cfab-14fd-4e49-80ba-{i:012x}" for i in range(NUM)]
SIIM_NAMES = [f"1.2.276.0.7230010.3.1.4.8323329.{i + 100}.1517875201.8508" for i in range(NUM)]
RECTANGLE = [[256, 256], [512, 256], [512, 511], [256, 511]]


def gray(i, rows=64, columns=64):
    return np.random.default_rng(i).integers(0, 255, (rows, columns), dtype=np.uint8)


def write_image(path, i, rows=64, columns=64):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), gray(i, rows, columns))


def lay_out_chestx_det(root, _write_dicom):
    for part, start, num in (("train", 36200, NUM), ("test", 36199 - 3, 3)):
        names = [f"{start + i}.png" for i in range(num)]
        records = [
            {
                "file_name": name,
                "syms": ["Effusion"],
                "boxes": [[256, 256, 512, 511]],
                "polygons": [RECTANGLE],
            }
            for name in names
        ]
        records[0] = {"file_name": names[0], "syms": [], "boxes": [], "polygons": []}
        (root / f"ChestX_Det_{part}.json").write_text(json.dumps(records))
        for i, name in enumerate(names):
            write_image(root / f"{part}_data" / part / name, start + i)


def lay_out_rsna(root, write_dicom):
    rows = [f"{name},256,256,256,255,1" if i % 3 else f"{name},,,,,0" for i, name in enumerate(RSNA_NAMES)]
    rows.append(f"{RSNA_NAMES[1]},0,0,64,64,1")
    (root / "stage_2_train_labels.csv").write_text("\n".join(["patientId,x,y,width,height,Target", *rows]))
    for i, name in enumerate(RSNA_NAMES):
        write_dicom(root / f"stage_2_train_images/{name}.dcm", gray(i).astype(np.uint16), bits=8)


def lay_out_siim(root, write_dicom):
    # the first run begins 256 px down in column 256; each of the next 255 columns likewise
    runs = f"{256 * 1024 + 256} 255 " + "769 255 " * 255
    rows = [f"{name},{runs if i % 3 else -1}" for i, name in enumerate(SIIM_NAMES)]
    rows.append(f"{SIIM_NAMES[1]},0 64")
    (root / "train-rle.csv").write_text("\n".join(["ImageId, EncodedPixels", *rows]))
    for i, name in enumerate(SIIM_NAMES):
        write_dicom(
            root / f"dicom-images-train/study{i}/series/{name}.dcm", gray(i).astype(np.uint16), bits=8
        )


def lay_out_chexlocalize(root, _write_dicom):
    for part, table, first, num in (
        ("train", "train", 1, 12),
        ("val", "val_labels", 64541, 3),
        ("test", "test_labels", 64741, 3),
    ):
        rows, masks = [], {}
        for i in range(first, first + num):
            where = f"{part}/patient{i:05d}/study1/view1_frontal.jpg"
            write_image(root / "CheXpert" / where, i, 60, 80)
            present = {name: "1.0" if name == "Lung Opacity" else "" for name in CHEXPERT_FINDINGS}
            present["Edema"] = "-1.0"
            rows.append({"Path": f"CheXpert-v1.0/{where}", "Sex": "Male", **present})
            lengths = [20 * 60, 10 * 60, 50 * 60]
            masks[f"patient{i:05d}_study1_view1_frontal"] = {
                "Airspace Opacity": {"size": [60, 80], "counts": lengths},
                "Edema": {"size": [60, 80], "counts": [4800]},
            }
        pd.DataFrame(rows).to_csv(root / "CheXpert" / f"{table}.csv", index=False)
        if part != "train":
            (root / f"gt_segmentations_{part}.json").write_text(json.dumps(masks))


def lay_out_tbx11k(root, _write_dicom):
    (root / "annotations/json").mkdir(parents=True)
    categories = ["ActiveTuberculosis", "ObsoletePulmonaryTuberculosis", "PulmonaryTuberculosis"]
    for part, first in (("train", 1001), ("val", 1100)):
        images = [
            {
                "id": i,
                "file_name": f"{'tb/tb' if i % 2 else 'health/h'}{i:04d}.png",
                "width": 512,
                "height": 512,
            }
            for i in range(first, first + 12)
        ]
        content = {
            "categories": [{"id": i, "name": name} for i, name in enumerate(categories, start=1)],
            "images": images,
            "annotations": [
                {
                    "id": i,
                    "image_id": image["id"],
                    "category_id": 1,
                    "iscrowd": 0,
                    "bbox": [128.0, 128, 128, 127.5],
                }
                for i, image in enumerate(images)
                if image["id"] % 2
            ],
        }
        (root / f"annotations/json/TBX11K_{part}.json").write_text(json.dumps(content))
        for image in images:
            write_image(root / "imgs" / image["file_name"], image["id"])


def lay_out_vindr_1_0_0(root, write_dicom):
    (root / "annotations").mkdir()
    for part, num, readers in (("train", 12, 3), ("test", 4, 1)):
        names = [f"{'ab'[part == 'test']}{i:031x}" for i in range(num)]
        header = "image_id,rad_id,class_name" if readers > 1 else "image_id,class_name"
        rows = [f"{header},x_min,y_min,x_max,y_max"]
        for i, name in enumerate(names):
            for reader in range(readers):
                who = f"{name},R{reader}" if readers > 1 else name
                rows.append(
                    f"{who},Rib fracture,20,15,{40 + reader},30" if i % 2 else f"{who},No finding,,,,"
                )
            write_dicom(root / part / f"{name}.dicom", gray(num + 20 * i, 60, 80).astype(np.uint16), bits=8)
        (root / f"annotations/annotations_{part}.csv").write_text("\n".join(rows))


LAY_OUT = {
    "chestx_det": lay_out_chestx_det,
    "rsna": lay_out_rsna,
    "siim": lay_out_siim,
    "chexlocalize": lay_out_chexlocalize,
    "tbx11k": lay_out_tbx11k,
    "vindr_1_0_0": lay_out_vindr_1_0_0,
}


@pytest.fixture
def download(tmp_path, write_dicom):
    """Lays a data set out below a data root, in a folder of its name."""

    def lay_out(name):
        (tmp_path / "data" / name).mkdir(parents=True)
        LAY_OUT[name](tmp_path / "data" / name, write_dicom)
        return DataContext(tmp_path / "data", tmp_path / "cache", {})

    return lay_out


@pytest.mark.parametrize("name", LAY_OUT)
def test_every_verb_of_data_works_on_it(download, name, tmp_path, capsys):
    context = download(name)
    dirs = ["--data-root", str(context.data_root), "--cache-dir", str(context.cache_dir)]
    code = main(["data", "check", name, *dirs, "--json"])
    found = [violation["kind"] for violation in json.loads(capsys.readouterr().out)["violations"]]
    is_counted = name in ("chestx_det", "rsna", "siim")  # a drawn download has not the published counts
    assert found == ["counts_unexpected"] * is_counted
    assert code == int(is_counted)
    assert main(["data", "stats", name, *dirs[:2]]) == 0
    assert f"{name}: " in capsys.readouterr().out
    sheet = tmp_path / "sheet.png"
    assert main(["data", "show", name, *dirs, "--part", "test", "--num", "2", "-o", str(sheet)]) == 0
    assert cv2.imread(str(sheet)).std() > 10


@pytest.mark.parametrize("name", LAY_OUT)
def test_boxes_and_masks_lie_at_their_place_on_the_input(download, name):
    """All are drawn from a quarter of the width to about a half, in frames of different sizes."""
    test = load_dataset(DATASET_SPECS[name](), 64, download(name)).test
    first = test.boxes[test.boxes["w"] < 30].iloc[-1]
    right, bottom = (24, 64) if name == "chexlocalize" else (32, 32)
    top = 0 if name == "chexlocalize" else 16
    assert first[["x", "y"]].tolist() == [16, top]
    assert first["x"] + first["w"] == pytest.approx(right, abs=0.1)
    assert first["y"] + first["h"] == pytest.approx(bottom, abs=0.1)
    assert test.labels.max() == 1


def test_chestx_det_s_official_parts_are_its_files(download):
    source = read_source(ChestXDetSpec(), download("chestx_det"))
    assert {part: len(names) for part, names in source.parts.items()} == {"train": 27, "val": 3, "test": 3}
    assert source.labels.sum()["Effusion"] == 31
    assert source.boxes[MASK].map(num_pixels).unique().tolist() == [257 * 256]


def test_several_rows_of_a_siim_image_are_one_mask(download):
    source = read_source(SiimSpec(), download("siim"))
    own = source.boxes[source.boxes["image"] == SIIM_NAMES[1]]
    assert own[MASK].map(num_pixels).tolist() == [256 * 255, 64]
    assert own[["x", "y", "w", "h"]].to_numpy().tolist() == [[256, 256, 256, 255], [0, 0, 1, 64]]
    assert len(source.labels) == NUM


def test_an_uncertain_label_of_chexpert_is_what_the_suite_says(download):
    context = download("chexlocalize")
    for uncertain, label in (("zeros", 0), ("ones", 1)):
        source = read_source(ChexlocalizeSpec(uncertain=uncertain), context)
        assert set(source.labels["Edema"]) == {label}
        assert set(source.labels["Lung Opacity"]) == {1}
    assert set(source.boxes["finding"]) == {"Lung Opacity"}  # an empty mask says that there is none
    assert source.patients.loc["patient00001_study1_view1_frontal"] == "patient00001"


def test_chexlocalize_s_polygons_count_where_there_are_no_run_lengths(download):
    context = download("chexlocalize")
    root = context.data_root / "chexlocalize"
    for part, first in (("val", 64541), ("test", 64741)):
        (root / f"gt_segmentations_{part}.json").unlink()
        outline = {"img_size": [60, 80], "Airspace Opacity": [[[20, 0], [29, 0], [29, 59], [20, 59]]]}
        films = {f"patient{i:05d}_study1_view1_frontal": outline for i in range(first, first + 3)}
        (root / f"gt_annotations_{part}.json").write_text(json.dumps(films))
    source = read_source(ChexlocalizeSpec(), context)
    assert source.boxes[MASK].map(num_pixels).tolist() == [600] * 6
    assert not check(source, context.cache_dir).violations


def test_tbx11k_s_validation_file_is_the_test_part(download):
    source = read_source(Tbx11kSpec(), download("tbx11k"))
    assert len(source.parts["test"]) == 12
    assert len(source.parts["train"]) + len(source.parts["val"]) == 12
    assert source.labels.sum().tolist() == [12, 0]


def test_vindr_1_0_0_tests_on_its_consensus(download):
    source = read_source(Vindr100Spec(), download("vindr_1_0_0"))
    assert source.findings == VINDR_1_0_0_FINDINGS
    assert len(VINDR_1_0_0_FINDINGS) == 23
    assert len(source.parts["test"]) == 4
    boxes = source.boxes_of(source.parts["test"])
    assert boxes[["x", "y", "w", "h"]].to_numpy().tolist() == [[20, 15, 20, 15]] * 2
    assert source.labels["No finding"].sum() == 8


def origin_of(names, key):
    """Of every second patient one image more; the official names of ChestX-ray14."""
    return [
        {"subset_img_id": "", "img_id": f"{i // 2:08d}_{i % 2:03d}.png", key: name}
        for i, name in enumerate(names)
    ]


@pytest.mark.parametrize(
    ("name", "spec", "key"), [("rsna", RsnaSpec, "subset_img_id"), ("siim", SiimSpec, "SOPInstanceUID")]
)
def test_test_images_that_chestx_ray14_trains_on_are_a_finding_where_it_can_be_known(
    download, name, spec, key
):
    context = download(name)
    names = {"rsna": RSNA_NAMES, "siim": SIIM_NAMES}[name]
    with pytest.raises(DataError) as caught:
        read_source(spec(split="patient"), context)
    require_facts(caught.value, "30 images have no known patient")
    mapping = context.data_root / name / "pneumonia-challenge-dataset-mappings_2018.json"
    mapping.write_text(json.dumps(origin_of(names, key)))
    source = read_source(spec(split="patient"), context)
    assert source.trained_by_nih == ()
    of_part = [set(source.patients.loc[list(part)]) for part in source.parts.values()]
    assert sum(map(len, of_part)) == len(set.union(*of_part)) == NUM // 2
    (context.data_root / "nih").mkdir()
    first, second, *others = source.parts["test"]
    trained = [entry["img_id"] for entry in origin_of(names, key) if entry[key] not in (first, second)]
    (context.data_root / "nih" / "train_val_list.txt").write_text("\n".join(trained))
    (violation,) = [
        violation
        for violation in check(read_source(spec(split="patient"), context), context.cache_dir).violations
        if violation.kind == "images_trained_by_nih"
    ]
    assert [example.split(" = ")[0] for example in violation.examples] == others


def test_a_table_of_one_s_own_says_which_images_of_chestx_ray14_these_are(download):
    context = download("chestx_det")
    (context.data_root / "chestx_det" / "nih_images.csv").write_text(
        "image,nih\n36196.png,00000072_000.png\n"
    )
    (context.data_root / "train_val_list.txt").write_text("00000072_000.png\n00000072_001.png\n")
    source = read_source(ChestXDetSpec(), context)
    assert source.patients["36196.png"] == "00000072"
    assert source.trained_by_nih == ("36196.png = 00000072_000.png",)


DAMAGES = {
    "chestx_det": ("ChestX_Det_test.json", '"syms": []', '"syms": ["Mass"]', "1 findings.*0 polygons"),
    "rsna": ("stage_2_train_labels.csv", "64,64,1", "64,64,0", "both 0 and 1"),
    "siim": ("train-rle.csv", "0 64", "0 64 1", "3 numbers"),
    "chexlocalize": ("gt_segmentations_test.json", "[60, 80]", "[60, 81]", "mask cannot be read"),
    "tbx11k": ("annotations/json/TBX11K_val.json", '"category_id": 1', '"category_id": 4', "id 4"),
    "vindr_1_0_0": ("annotations/annotations_test.csv", "Rib fracture", "Rib", "unknown finding 'Rib'"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_table_is_one_sentence(download, name):
    file, old, new, expected = DAMAGES[name]
    context = download(name)
    path = context.data_root / name / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DataError) as caught:
        read_source(DATASET_SPECS[name](), context)
    require_facts(caught.value, expected)


@pytest.mark.parametrize("name", LAY_OUT)
def test_a_folder_without_the_download_is_told_what_is_expected(tmp_path, name):
    with pytest.raises(DataError) as caught:
        read_source(DATASET_SPECS[name](), DataContext(tmp_path, tmp_path, {}))
    require_facts(caught.value, "; expected .*, or a folder ")


@needs_mask_formats
@pytest.mark.parametrize(
    ("name", "num_images", "num_boxes"),
    [("chestx_det", 3578, 9639), ("rsna", 26684, 9555), ("siim", 12047, 3576)],
)
def test_the_real_tables_have_the_published_counts(tmp_path, name, num_images, num_boxes):
    shutil.copytree(FORMATS / name, tmp_path / name)
    for archive in (tmp_path / name).glob("*.zip"):
        shutil.unpack_archive(archive, tmp_path / name)
    source = read_source(DATASET_SPECS[name](), DataContext(tmp_path, tmp_path / "cache", {}))
    assert len(source.labels) == num_images
    assert len(source.boxes) == num_boxes
    assert not source.empty_masks
    counts = list(compared_counts(source))
    assert counts
    assert [str(count) for count in counts if count.found != count.expected] == []


@needs_mask_formats
def test_the_real_films_of_chexlocalize_and_tbx11k_are_read(download, tmp_path):
    context = download("chexlocalize")
    root = context.data_root / "chexlocalize"
    real = FORMATS / "chexlocalize"
    shutil.copyfile(real / "gt_segmentations_val.json", root / "gt_segmentations_val.json")
    shutil.copyfile(real / "valid.csv", root / "CheXpert" / "val_labels.csv")
    shutil.copytree(real / "valid", root / "CheXpert" / "valid")
    source = read_source(ChexlocalizeSpec(), context)
    assert len(source.boxes_of(source.parts["val"])) == 4
    assert not check(source, context.cache_dir).violations
    context = download("tbx11k")
    root = context.data_root / "tbx11k"
    shutil.copytree(FORMATS / "tbx11k" / "imgs", root / "imgs", dirs_exist_ok=True)
    shutil.copyfile(
        FORMATS / "tbx11k/annotations/json/TBX11K_train.json", root / "annotations/json/TBX11K_val.json"
    )
    source = read_source(Tbx11kSpec(), context)
    assert source.parts["test"] == ("tb0005.png", "tb0007.png", "h0001.png")
    assert source.labels.loc[["tb0005.png", "tb0007.png", "h0001.png"]].to_numpy().tolist() == [
        [1, 0],
        [0, 1],
        [0, 0],
    ]
