"""The integrity gate: kinds of damage through the command line, the manifest, and what stops a run."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
from extracts import (
    NIH_EXTRACT,
    WHOLE,
    lay_out_radiographs,
    needs_nih_labels,
    needs_radiographs,
    needs_vindr,
)

from bench.cli.main import main
from bench.data.checks import manifest
from bench.data.checks.integrity import check
from bench.data.checks.statistics import COUNTS, EVERY, expected_counts
from bench.data.dataset import DataContext
from bench.data.loading import load_source
from bench.data.sources.nih import read_nih
from bench.errors import DataError
from bench.results.store import TrialFolder
from bench.suite.dataset_specs import NihSpec, SplitLists
from bench.suite.findings import NIH_FINDINGS, VINDR_FINDINGS
from bench.suite.identity import file_digest
from bench.suite.violation import ASKED_FOR, VIOLATIONS

NUM_IMAGES = 20
NAMES = [f"{i:08d}_000.png" for i in range(NUM_IMAGES)]
PARTS = {"train": NAMES[:10], "val": NAMES[10:14], "test": NAMES[14:]}


@pytest.fixture
def root(tmp_path):
    """Twenty images of as many patients in explicit parts, two boxes in test: nothing is wrong with it."""
    folder = tmp_path / "download"
    (folder / "images").mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in NAMES:
        cv2.imwrite(str(folder / "images" / name), random.integers(0, 255, (96, 96), dtype=np.uint8))
    labels = ["No Finding", "Mass|Nodule", "Pneumonia", "Mass"] * 5
    rows = [f"{name},{labels[i]},{i}" for i, name in enumerate(NAMES)]
    (folder / "Data_Entry_2017.csv").write_text("\n".join(["Image Index,Finding Labels,Patient ID", *rows]))
    (folder / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
        f"{NAMES[18]},Pneumonia,0,0,1024,96\n"
        f"{NAMES[19]},Mass,512,256,256,167\n"
    )
    for part, names in PARTS.items():
        (folder / f"{part}.txt").write_text("\n".join(names))
    return folder


def words(root, *more):
    split = ", ".join(f"{part}: {root / part}.txt" for part in PARTS)
    dirs = ["--data-root", str(root), "--cache-dir", str(root.parent / "cache")]
    return ["data", "check", "nih", *dirs, "--set", f"split={{{split}}}", *more]


def edit(name, old, new):
    def act(root):
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new, 1))

    return act


def on_image(index, change):
    def act(root):
        path = root / "images" / NAMES[index]
        path.write_bytes(change(path.read_bytes()))

    return act


def resize(root):
    cv2.imwrite(str(root / "images" / NAMES[2]), np.zeros((96, 128), np.uint8))


def copy(first, second):
    return lambda root: shutil.copy(root / "images" / NAMES[first], root / "images" / NAMES[second])


def turn(content):
    """One bit of the pixels turned."""
    return content[:500] + bytes([content[500] ^ 1]) + content[501:]


VIOLATED = {
    "truncated PNG": (
        on_image(3, lambda content: content[: len(content) // 2]),
        ("images_unreadable", f"images/{NAMES[3]} is cut off, damaged or no image"),
    ),
    "turned bit": (
        on_image(3, turn),
        ("images_unreadable", f"images/{NAMES[3]} is cut off, damaged or no image"),
    ),
    "empty file": (on_image(3, lambda _: b""), ("images_unreadable", f"images/{NAMES[3]} is empty")),
    "no image": (
        on_image(3, lambda _: b"GIF89a" * 99),
        ("images_unreadable", f"images/{NAMES[3]} is cut off, damaged or no image"),
    ),
    "missing file": (
        lambda root: (root / "images" / NAMES[3]).unlink(),
        ("images_missing", f"images of the split without a file: {NAMES[3]}"),
    ),
    "wrong size": (
        resize,
        ("image_sizes_differ", f"that are not 96 × 96 px as the other 19: {NAMES[2]} 128 × 96 px"),
    ),
    "box outside": (
        edit("BBox_List_2017.csv", "512,256,256,167", "900,256,256,167"),
        ("boxes_outside", f"{NAMES[19]} in 1024 × 1024 px"),
    ),
    "box without label": (
        edit("Data_Entry_2017.csv", f"{NAMES[18]},Pneumonia", f"{NAMES[18]},Edema"),
        ("boxes_without_label", f"Pneumonia on {NAMES[18]}"),
    ),
    "box twice": (
        edit("BBox_List_2017.csv", "512,256,256,167", f"512,256,256,167\n{NAMES[19]},Mass,512,256,256,167"),
        ("boxes_repeated", f"Mass on {NAMES[19]}"),
    ),
    "copy in train": (copy(0, 1), ("images_duplicate", f"{NAMES[0]} = {NAMES[1]}")),
    "copy of train in test": (copy(0, 15), ("images_shared_train_test", f"{NAMES[0]} = {NAMES[15]}")),
    "patient in train and val": (
        edit("Data_Entry_2017.csv", f"{NAMES[10]},Pneumonia,10", f"{NAMES[10]},Pneumonia,0"),
        ("patients_shared_train_val", "patients with images in train and in val: 0"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", VIOLATED)
def test_damage_is_one_violation(root, capsys, damage):
    act, (kind, text) = VIOLATED[damage]
    assert main(words(root, "--json")) == 0  # the manifest knows every file as it was
    act(root)
    capsys.readouterr()
    assert main(words(root, "--json")) == 1
    found = json.loads(capsys.readouterr().out)
    assert [violation["kind"] for violation in found["violations"]] == [kind]
    assert text in found["violations"][0]["text"]
    assert not found["is_clean"]


REFUSED = {
    "unknown label": (
        edit("Data_Entry_2017.csv", "Mass|Nodule", "Mass|Nodul"),
        r"Data_Entry_2017\.csv:3: unknown finding 'Nodul'; .*; did you mean 'Nodule'\?\n",
    ),
    "row twice": (
        edit("Data_Entry_2017.csv", f"{NAMES[3]},Mass,3", f"{NAMES[3]},Mass,3\n{NAMES[3]},Mass,3"),
        rf"Data_Entry_2017\.csv: 1 images occur twice: {NAMES[3]} .line 6.\n",
    ),
    "missing column": (
        edit("Data_Entry_2017.csv", "Patient ID", "Patient"),
        r"Data_Entry_2017\.csv: column 'Patient ID' is missing; it has: .*; did you mean 'Patient'\?\n",
    ),
    "listed twice": (
        lambda root: (root / "train.txt").write_text("\n".join([*PARTS["train"], NAMES[0]])),
        rf"train\.txt:11: names image {NAMES[0]} twice; .*\n",
    ),
    "not labelled": (
        edit("Data_Entry_2017.csv", f"{NAMES[3]},Mass,3\n", ""),
        rf"1 images of the split have no labels: {NAMES[3]}\n",
    ),
}


@pytest.mark.parametrize("damage", REFUSED)
def test_damaged_tables_are_one_sentence(root, capsys, damage):
    act, sentence = REFUSED[damage]
    act(root)
    assert main(words(root)) == 2
    shown = capsys.readouterr().err
    assert pd.Series([shown]).str.fullmatch(rf".*{sentence}")[0], shown


def test_marks_and_line_ends_of_windows_are_noted_and_change_nothing(root, capsys):
    assert main(words(root, "--json")) == 0
    plain = json.loads(capsys.readouterr().out)
    for name in ("Data_Entry_2017.csv", "BBox_List_2017.csv", "train.txt"):
        text = (root / name).read_text().replace("\n", "\r\n")
        (root / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert main(words(root, "--json")) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["notes"] == [
        f"{name} has a byte order mark and line ends of Windows; read as if it had not"
        for name in ("Data_Entry_2017.csv", "BBox_List_2017.csv", "train.txt")
    ]
    assert shown["digest"] == plain["digest"]


def test_a_folder_that_may_not_be_read_is_one_sentence(root):
    (root / "images").chmod(0)
    command = [sys.executable, "-m", "bench", *words(root)]
    if os.geteuid() == 0:  # root may read everything unless it gives that up
        if not shutil.which("setpriv"):
            pytest.skip("runs as root, and there is no setpriv to give up its rights")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root.parent)
    (root / "images").chmod(0o755)
    assert done.returncode == 2
    assert done.stderr == f"{root / 'images'}: the folder cannot be read (Permission denied)\n"


def test_a_full_disk_is_one_sentence_and_leaves_no_manifest(root, small_disk, capsys):
    blocks = (small_disk / "filler").open("wb")
    with blocks:
        blocks.write(b"x" * 62_000)
    arguments = words(root)
    arguments[arguments.index("--cache-dir") + 1] = str(small_disk / "cache")
    assert main(arguments) == 2
    shown = capsys.readouterr().err.splitlines()[-1]
    assert "manifest-" in shown
    assert shown.endswith("No space left on device)")
    assert not list(small_disk.rglob("*.parquet"))
    (small_disk / "filler").unlink()
    assert main(arguments) == 0


def spec_and_context(root, cache_dir=None):
    files = {file_digest(root / f"{part}.txt"): root / f"{part}.txt" for part in PARTS}
    lists = SplitLists(**dict(zip(PARTS, files, strict=True)))
    return NihSpec(split=lists), DataContext(root, cache_dir or root.parent / "cache", files)


def load_nih(spec, resolution, context):
    return load_source(read_nih(spec, context), resolution, spec.oversize, context)


def source_of(root):
    return read_nih(*spec_and_context(root))


@pytest.fixture
def examined(monkeypatch):
    """The files that were read; any clock tells changes of files apart."""
    monkeypatch.setattr(manifest, "_SETTLED_NS", -(10**18))
    names, examine = [], manifest.examine
    monkeypatch.setattr(manifest, "examine", lambda path: (names.append(path.name), examine(path))[1])
    return names


def test_only_files_that_changed_are_read_again(root, examined):
    check(source_of(root), root / "cache")
    assert sorted(examined) == NAMES
    examined.clear()
    check(source_of(root), root / "cache")
    assert examined == []
    on_image(5, lambda content: content + b"more")(root)
    os.utime(root / "images" / NAMES[6], ns=(0, 0))
    check(source_of(root), root / "cache")
    assert sorted(examined) == [NAMES[5], NAMES[6]]


def test_a_file_that_had_just_changed_when_it_was_read_is_read_again(root, examined, monkeypatch):
    monkeypatch.setattr(manifest, "_SETTLED_NS", 10**18)
    for _ in range(2):
        check(source_of(root), root / "cache")
    assert sorted(examined) == sorted([*NAMES, *NAMES])


def overwrite(path, content):
    """Puts other bytes of the same number where they were, at the same time of modification (cp -p)."""
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    assert len(content) == path.stat().st_size
    path.write_bytes(content)
    os.utime(path, ns=times)


def exchange(path, content):
    """The same by way of a new file (rsync -t)."""
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(content)
    assert len(content) == path.stat().st_size
    shutil.copystat(path, new)
    new.rename(path)


def exchange_as_link(path, content):
    """The same by way of a link that points elsewhere now, as managers of data sets have it."""
    other = path.parent.parent / f"other-{path.name}"
    other.write_bytes(content)
    shutil.copystat(path, other)
    path.unlink()
    path.symlink_to(other)


def nearly_the_same(path):
    """The same image with one bit turned, a PNG of the same size in bytes."""
    pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    for row, column in np.ndindex(pixels.shape):
        other = pixels.copy()
        other[row, column] ^= 1
        content = cv2.imencode(".png", other)[1].tobytes()
        if len(content) == path.stat().st_size:
            return content
    raise AssertionError("no such image")


REPLACEMENTS = (overwrite, exchange, exchange_as_link)


@pytest.mark.parametrize("is_settled", [True, False], ids=["later", "at once"])
@pytest.mark.parametrize("put", REPLACEMENTS)
def test_files_of_the_same_size_and_time_are_told_from_those_they_replace(
    root, examined, monkeypatch, put, is_settled
):
    """Digest, pixels and frames are those of one content, whichever way it came there."""
    if not is_settled:
        monkeypatch.undo()

    def load():
        spec, place = spec_and_context(root)
        data, digest = load_nih(spec, 64, place), check(source_of(root), place.cache_dir).digest
        arrays = {part: np.array(getattr(data, part).pixels) for part in ("train", "test")}
        return arrays, digest

    before, digest = load()
    path = root / "images" / NAMES[16]
    original, other = path.read_bytes(), nearly_the_same(path)
    put(path, other)
    examined.clear()
    after, other_digest = load()
    assert other_digest != digest
    assert [i for i in range(6) if (after["test"][i] != before["test"][i]).any()] == [2]
    assert (after["train"] == before["train"]).all()
    expected = cv2.resize(
        cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (64, 64), interpolation=cv2.INTER_CUBIC
    )
    assert (after["test"][2] == expected).all()
    if is_settled:
        assert examined == [NAMES[16]]
    overwrite(path, original)
    again, first_digest = load()
    assert first_digest == digest
    assert (again["test"] == before["test"]).all()


def test_a_data_set_that_was_moved_is_not_decoded_again(root, tmp_path, monkeypatch):
    spec, place = spec_and_context(root)
    before = load_nih(spec, 64, place)
    moved = root.rename(tmp_path / "moved")
    monkeypatch.setattr("bench.data.images.cache.decode_each", lambda *_: pytest.fail("decodes again"))
    spec, place = spec_and_context(moved, place.cache_dir)
    assert (load_nih(spec, 64, place).test.pixels == before.test.pixels).all()


def test_data_that_changes_after_the_check_is_not_trained_on(root):
    spec, place = spec_and_context(root)
    digest = check(source_of(root), place.cache_dir).digest
    place = replace(place, digest=digest)
    for limit in (None, 2):
        assert load_nih(spec, 64, replace(place, limit_images=limit)).findings == NIH_FINDINGS
    overwrite(root / "images" / NAMES[16], nearly_the_same(root / "images" / NAMES[16]))
    with pytest.raises(DataError, match=r"data set nih .* has been changed"):
        load_nih(spec, 64, place)


def test_a_manifest_that_is_cut_off_counts_for_nothing(root, examined):
    before = check(source_of(root), root / "cache")
    (stored,) = (root / "cache").rglob("*.parquet")
    stored.write_bytes(stored.read_bytes()[:-50])
    examined.clear()
    assert check(source_of(root), root / "cache") == before
    assert sorted(examined) == NAMES


def test_what_was_read_before_an_interruption_is_not_read_again(root, examined, monkeypatch):
    monkeypatch.setattr(manifest, "_SAVE_S", 0)
    monkeypatch.setattr(manifest, "_CHUNK", 1)

    def interrupt(done, _total):
        if done == 9:
            raise KeyboardInterrupt

    monkeypatch.setattr(manifest, "_PROGRESS_S", -1)
    with pytest.raises(KeyboardInterrupt):
        check(source_of(root), root / "cache", interrupt)
    examined.clear()
    check(source_of(root), root / "cache")
    assert len(examined) == NUM_IMAGES - 8


def test_the_digest_is_of_content_not_of_places(root, tmp_path):
    digest = check(source_of(root), tmp_path / "cache").digest
    moved = shutil.copytree(root, tmp_path / "elsewhere" / "download")
    for path in moved.glob("images/*"):
        os.utime(path, ns=(0, 0))
    assert check(source_of(moved), tmp_path / "another").digest == digest
    edit("BBox_List_2017.csv", "512,256,256,167", "512,256,256,168")(moved)
    assert check(source_of(moved), tmp_path / "another").digest != digest
    on_image(0, lambda content: content + b"more")(root)
    assert check(source_of(root), tmp_path / "cache").digest != digest


def test_official_counts_are_compared(root, capsys):
    (root / "train_val_list.txt").write_text("\n".join(NAMES[:14]))
    (root / "test_list.txt").write_text("\n".join(NAMES[14:]))
    dirs = ["--data-root", str(root), "--cache-dir", str(root.parent / "cache")]
    assert main(["data", "check", "nih", *dirs, "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert [violation["kind"] for violation in shown["violations"]] == ["counts_unexpected"]
    assert "every image in test: 6 images, not 25,596" in shown["violations"][0]["examples"]
    pairs = {(pair["parts"], pair["finding"], pair["what"]): pair for pair in shown["counts"]}
    assert pairs["train+val", "every image", "images"] == {
        "parts": "train+val", "finding": "every image", "what": "images", "found": 14, "expected": 86524,
    }  # fmt: skip
    assert main(["data", "check", "nih", *dirs, "--accept", "counts_unexpected"]) == 0
    assert "~ counts_unexpected: " in capsys.readouterr().out


def test_every_check_has_a_line(root, capsys):
    assert main(words(root)) == 0
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if line.startswith("✓ ")] == [
        f"✓ {kind}" for kind in VIOLATIONS if kind not in ASKED_FOR
    ]


def test_what_cannot_be_accepted_is_refused(root, capsys):
    assert main(words(root, "--accept", "images_missing")) == 2
    assert (
        "--accept 'images_missing': no such check, or one that cannot be accepted" in capsys.readouterr().err
    )


SUITE = """\
models: [baseline]
datasets: [{{name: nih, split: {{train: {0}/train.txt, val: {0}/val.txt, test: {0}/test.txt}}}}]
resolutions: [64]
seeds: [0]
encoder: tu-test_resnet
weights: none
recipe: {{batch_size: 4, max_epochs: 1}}
"""


def test_a_violation_stops_a_run_unless_the_suite_accepts_it(root, tmp_path, capsys):
    copy(0, 1)(root)
    suite = tmp_path / "gate.yaml"
    suite.write_text(SUITE.format(root))
    dirs = [f"--{what}-dir={tmp_path / what}" for what in ("results", "reports", "cache")]
    command = ["run", str(suite), "--data-root", str(root), *dirs, "--serial", "--no-mlflow"]
    assert main(command) == 2
    assert capsys.readouterr().err.splitlines()[-3:] == [
        f"data set nih in {root} is not as it should be:",
        f"  images_duplicate: {VIOLATIONS['images_duplicate']}: {NAMES[0]} = {NAMES[1]}",
        "a suite that says accept: [images_duplicate] runs all the same",
    ]
    assert not list(tmp_path.glob("results/trials/*"))

    suite.write_text(SUITE.format(root) + "accept: [images_duplicate]\n")
    assert main(command) == 0
    (path,) = (tmp_path / "results").glob("trials/*/record.json")
    outcome = TrialFolder(path.parent).read_record().outcome
    assert outcome is not None
    assert outcome.provenance.data == check(source_of(root), tmp_path / "cache").digest


def test_expected_numbers_of_boxes_are_those_of_the_real_table():
    boxes = pd.read_csv(NIH_EXTRACT / "BBox_List_2017.csv").replace("Infiltrate", "Infiltration")
    expected = expected_counts("nih")
    assert list(expected.loc[("test", EVERY)]) == [25_596, 984, 880]
    assert list(expected.loc[("train+val", EVERY)]) == [78_484 + 8_040, 0, 0]
    for finding in NIH_FINDINGS:
        own = boxes[boxes["Finding Label"] == finding]
        found = expected.loc[("test", finding), ["boxes", "boxed_images"]]
        assert list(found) == [len(own), own["Image Index"].nunique()]


@needs_nih_labels
def test_expected_numbers_of_images_are_those_of_the_real_table():
    table = pd.read_csv(WHOLE / "data" / "meta" / "nih_labels_splits.csv.gz")
    for finding in NIH_FINDINGS:
        images = table.loc[table[finding] == 1, "split"].replace({"train": "train+val", "val": "train+val"})
        for part, count in images.value_counts().items():
            assert expected_counts("nih").loc[(part, finding), "images"] == count


def test_phantoms_are_expected_in_any_number():
    assert set(expected_counts("phantom").columns) == set(COUNTS)
    assert expected_counts("phantom").empty


@needs_vindr
def test_expected_counts_of_vindr_are_those_of_the_real_table():
    rows = pd.read_csv(WHOLE / "data" / "meta" / "vindr" / "vinbigdata-train.csv.gz")
    for finding in VINDR_FINDINGS[:-1]:
        own = rows[rows["class_name"] == finding]
        count = own["image_id"].nunique()
        assert list(expected_counts("vindr").loc[("train+val+test", finding)]) == [count, len(own), count]


@needs_radiographs
def test_the_real_radiographs_in_the_official_layout(tmp_path):
    lay_out_radiographs(tmp_path / "nih", "--size", "64")
    source = read_nih(NihSpec(), DataContext(tmp_path / "nih", tmp_path / "cache", {}))
    found = {violation.kind: violation for violation in check(source, tmp_path / "cache").violations}
    assert list(found) == ["counts_unexpected", "images_duplicate", "patients_shared_train_val"]
    assert not [text for text in found["counts_unexpected"].examples if "boxes" in text]  # 984 on 880 images
    assert found["images_duplicate"].examples == ("00002658_001.png = 00002658_002.png",)
