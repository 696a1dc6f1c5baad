"""Radiographs that are in two parts as different files: changed copies are found, and nothing else."""

import csv
import json

import cv2
import numpy as np
import pytest
import scipy.fft
from extracts import WHOLE, needs_radiographs

from bench.cli.main import main
from bench.data.images.decoding import decode_each, square
from bench.data.images.likeness import candidates, detail_correlation, hash_of
from bench.data.phantom.render import render_phantom

DRAWN = 12
"""Phantoms of a data set; enough for three parts."""


@pytest.fixture(scope="module")
def phantoms():
    return [render_phantom(0, i, 256, "eight").image for i in range(DRAWN + 1)]


def quietly(done, total):
    assert done <= total


def jpeg(image, quality=60):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0)


def resized(image, side):
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def stretched(image, gamma=1.0, contrast=1.0, brightness=0.0):
    values = ((np.arange(256) / 255) ** gamma - 0.5) * contrast + 0.5 + brightness
    return np.clip(values * 255, 0, 255).astype(np.uint8)[image]


def store(folder, images):
    """Writes a folder data set of images by name and part, and returns the words that check it."""
    (folder / "images").mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "split", "Mass"])
        for i, (name, (part, image)) in enumerate(images.items()):
            writer.writerow([name, part, i % 2])
            if isinstance(image, bytes):
                (folder / "images" / name).write_bytes(image)
            else:
                cv2.imwrite(str(folder / "images" / name), image)
    own = ["--set", f"images={folder / 'images'}", "--set", f"labels={folder / 'labels.csv'}"]
    return ["data", "check", "folder", "--results-dir", str(folder.parent / "results"), "--json", *own]


def parts_of(images):
    """Two images to validate on, as many to test on, the others to train on."""
    parts = ["val"] * 2 + ["test"] * 2 + ["train"] * (len(images) - 4)
    return {f"p{i}.png": pair for i, pair in enumerate(zip(parts, images, strict=True))}


def alike(words, capsys):
    """What the check finds by pixels: pairs of names by the kind of violation."""
    code = main(words)
    found = json.loads(capsys.readouterr().out)
    kinds = {v["kind"]: v["examples"] for v in found["violations"] if "alike" in v["kind"]}
    assert code == (0 if found["is_clean"] else 1)
    return {kind: [tuple(pair.split(" ≈ ")) for pair in pairs] for kind, pairs in kinds.items()}


def test_the_hash_is_the_signs_of_the_lowest_frequencies(phantoms):
    image = resized(phantoms[0], 128)
    lowest = scipy.fft.dctn(image.astype(float), norm="ortho")[:32, :32]  # an independent transform
    clear = np.abs(lowest.ravel()) > 1e-2
    assert np.array_equal(np.unpackbits(hash_of(image))[clear], lowest.ravel()[clear] > 0)


def test_an_image_of_one_value_has_no_hash_and_no_detail():
    assert hash_of(np.full((128, 128), 7, np.uint8)) is None
    noise = np.random.default_rng(0).integers(0, 255, (256, 256), dtype=np.uint8)
    assert detail_correlation(np.zeros((256, 256), np.uint8), noise) == 0
    assert detail_correlation(noise, noise) == pytest.approx(1, abs=1e-5)


def test_candidates_differ_in_no_more_bits_than_the_limit_or_in_nearly_all():
    random = np.random.default_rng(0)
    base = random.integers(0, 256, 128, dtype=np.uint8)
    bits = np.unpackbits(base)

    def with_turned(num):
        turned = bits.copy()
        turned[1 : num + 1] ^= 1  # the first bit is of the mean, and does not count
        return np.packbits(turned)

    others = np.stack([with_turned(num) for num in (0, 347, 348, 512, 675, 676, 1023)])
    found = {j for _, j in candidates(base[None], others, quietly)}
    assert found == {0, 1, 5, 6}  # 347 / 1023 < .34 < 348 / 1023, and the same from the other end


def test_candidates_are_the_same_in_blocks(monkeypatch):
    hashes = np.random.default_rng(0).integers(0, 256, (50, 128), dtype=np.uint8)
    monkeypatch.setattr("bench.data.images.likeness._BLOCK", 7)
    assert list(candidates(hashes, hashes, quietly)) == [(i, i) for i in range(50)]


CHANGES = {
    "a JPEG": jpeg,
    "a smaller size": lambda image: resized(image, 128),
    "a larger size": lambda image: cv2.resize(image, (400, 400), interpolation=cv2.INTER_CUBIC),
    "another aspect": lambda image: cv2.resize(image, (300, 200), interpolation=cv2.INTER_AREA),
    "more contrast": lambda image: stretched(image, contrast=1.4),
    "less contrast": lambda image: stretched(image, contrast=0.5),
    "another gamma": lambda image: stretched(image, gamma=1.6),
    "an inverted image": lambda image: 255 - image,
    "all at once": lambda image: jpeg(resized(stretched(255 - image, 1.2, 0.8, 0.05), 200), 70),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_in_another_part_is_found(phantoms, tmp_path, capsys, change):
    images = parts_of(phantoms[:DRAWN]) | {"copy.png": ("test", CHANGES[change](phantoms[5]))}
    words = store(tmp_path / "data", images)
    assert alike(words, capsys) == {"images_alike_train_test": [("p5.png", "copy.png")]}
    assert alike([*words, "--accept", "images_alike_train_test"], capsys)  # which is no failure then


NO_PAIRS = {
    "different phantoms": {},
    "a copy in the same part": {"copy.png": ("train", 5)},
    "a mirrored copy": {"copy.png": ("test", "mirrored")},
    "images of one value": {"black.png": ("train", "black"), "gray.png": ("test", "gray")},
}


@pytest.mark.parametrize("case", NO_PAIRS)
def test_nothing_else_is_taken_for_a_copy(phantoms, tmp_path, capsys, case):
    made = {
        5: jpeg(phantoms[5]),
        "mirrored": phantoms[5][:, ::-1],
        "black": np.zeros((256, 256), np.uint8),
        "gray": np.full((256, 256), 99, np.uint8),
    }
    more = {name: (part, made[what]) for name, (part, what) in NO_PAIRS[case].items()}
    assert alike(store(tmp_path / "data", parts_of(phantoms[:DRAWN]) | more), capsys) == {}


def test_equal_files_are_told_once_by_their_digest(phantoms, tmp_path, capsys):
    content = cv2.imencode(".png", phantoms[5])[1].tobytes()
    images = parts_of(phantoms[:DRAWN]) | {"p5.png": ("train", content), "copy.png": ("test", content)}
    assert main(store(tmp_path / "data", images)) == 1
    found = json.loads(capsys.readouterr().out)
    assert [v["kind"] for v in found["violations"]] == ["images_shared_train_test"]


def test_a_pair_counts_as_long_as_its_files_are_what_they_were(phantoms, tmp_path, capsys):
    images = parts_of(phantoms[:DRAWN]) | {"copy.png": ("test", jpeg(phantoms[5]))}
    words = store(tmp_path / "data", images)
    assert alike(words, capsys)
    cv2.imwrite(str(tmp_path / "data" / "images" / "copy.png"), phantoms[DRAWN])
    assert alike(words, capsys) == {}


def test_no_file_is_decoded_for_its_hash_again(phantoms, tmp_path, capsys, monkeypatch):
    images = parts_of(phantoms[:DRAWN])
    words = store(tmp_path / "data", images)
    assert alike(words, capsys) == {}
    cv2.imwrite(str(tmp_path / "data" / "images" / "p5.png"), phantoms[DRAWN])
    decoded = []

    def counting(files, *arguments, **options):
        decoded.extend(files)
        return decode_each(files, *arguments, **options)

    monkeypatch.setattr("bench.data.checks.near_duplicates.decode_each", counting)
    assert alike(words, capsys) == {}
    assert [file.path.name for file in decoded] == ["p5.png"]


def test_test_images_are_looked_for_in_what_another_data_set_trains_on(phantoms, tmp_path, capsys):
    """The other one is named by its own options; equal files count too, those of its test part do not."""
    first = store(tmp_path / "first", parts_of(phantoms[:DRAWN]))
    content = (tmp_path / "first" / "images" / "p6.png").read_bytes()
    more = {
        "copy.png": ("test", jpeg(phantoms[5])),
        "equal.png": ("test", content),
        "tested.png": ("test", jpeg(phantoms[2])),
    }
    second = store(
        tmp_path / "second",
        {f"q{i}.png": ("train" if i else "val", phantoms[DRAWN] // (i + 1)) for i in (0, 1)} | more,
    )
    options = [word.replace("--set", "--set-other") for word in first[6:]]
    pairs = alike([*second, "--against", "folder", *options], capsys)["images_alike_elsewhere"]
    assert {(own, other.split()[0]) for own, other in pairs} == {
        ("copy.png", "p5.png"),
        ("equal.png", "p6.png"),
    }


def test_what_the_check_has_found_stops_a_run(phantoms, tmp_path, capsys):
    images = parts_of(phantoms[:DRAWN]) | {"copy.png": ("test", jpeg(phantoms[5]))}
    words = store(tmp_path / "data", images)
    suite = tmp_path / "gate.yaml"
    suite.write_text(
        "models: [baseline]\ndatasets: [{name: folder, images: data/images, labels: data/labels.csv}]\n"
        "resolutions: [64]\nseeds: [0]\nencoder: tu-test_resnet\nweights: none\n"
        "recipe: {batch_size: 4, max_epochs: 1}\n"
    )
    dirs = [f"--{what}-dir={tmp_path / what}" for what in ("results", "reports")]
    command = ["run", str(suite), *dirs, "--serial", "--no-mlflow"]
    assert alike(words, capsys)
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "images_alike_train_test" in error
    assert "p5.png ≈ copy.png" in error
    assert "accept: [images_alike_train_test] runs all the same" in error


def radiographs():
    return sorted(
        path for kind in ("boxes", "extra") for path in (WHOLE / "data" / f"nih_{kind}").glob("*.jpg")
    )


def changed_copies(paths, num):
    """A JPEG of each of `num` films by its name, in another contrast and size, one in ten inverted."""
    random = np.random.default_rng(7)
    for k, i in enumerate(random.choice(len(paths), num, replace=False)):
        image = cv2.imread(str(paths[i]), 0)
        gamma, contrast, brightness = random.uniform((0.6, 0.6, -0.1), (1.6, 1.5, 0.1))
        image = stretched(image, gamma, contrast, brightness)
        image = 255 - image if k % 10 == 0 else image
        side, quality = (512, 384, 1024, 256)[k % 4], int(random.integers(30, 95))
        changed = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        encoded = cv2.imencode(".jpg", changed, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        yield paths[i].name, encoded.tobytes()


@needs_radiographs
@pytest.mark.parametrize(
    ("num_films", "num_copies"), [(150, 15), pytest.param(2116, 100, marks=pytest.mark.slow)]
)
def test_changed_copies_of_radiographs_are_found_and_no_others(tmp_path, capsys, num_films, num_copies):
    """Among the films are several of one patient."""
    paths = radiographs()[:num_films]
    assert len(paths) == num_films
    copies = {f"copy{k}.jpg": made for k, made in enumerate(changed_copies(paths, num_copies))}
    images = {path.name: ("train", path.read_bytes()) for path in paths}
    parts = {name: "val" if name == "copy0.jpg" else "test" for name in copies}
    images |= {name: (parts[name], made) for name, (_, made) in copies.items()}
    found = alike(store(tmp_path / "data", images), capsys)
    pairs = {(copy, film) for pairs in found.values() for film, copy in pairs}
    assert pairs == {(name, film) for name, (film, _) in copies.items()}


@needs_radiographs
def test_different_films_of_one_patient_are_no_copies():
    """The nearest pairs of the 2,116 that are not one film, by their hashes; the last is of two patients."""
    for first, second in (
        ("00001568_001", "00001568_004"),
        ("00001170_045", "00001170_046"),
        ("00000005_004", "00000005_006"),
        ("00001803_017", "00003002_014"),
    ):
        paths = {path.stem: path for path in radiographs()}
        images = [square(cv2.imread(str(paths[name]), 0), 256, antialias=True) for name in (first, second)]
        assert detail_correlation(*images) < 0.40
