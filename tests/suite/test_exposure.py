"""What rows have seen of their test images before they began: declared, known by name, or from a chain."""

from pathlib import Path

import pytest

from bench.errors import SuiteError
from bench.suite.exposure import known_sightings
from bench.suite.load import load_suite

TEST_IMAGES = ("00000001_000.png", "00000002_000.png", "00000003_000.png")


def grid(folder: Path, models: str, datasets: str = "[nih]", name: str = "mine", **more: str):
    path = folder / f"{name}.yaml"
    keys = {"models": models, "datasets": datasets, "resolutions": "[64]", "seeds": "[0]"} | more
    path.write_text("\n".join(f"{key}: {value}" for key, value in keys.items()))
    return load_suite(path).grid


def exposed(of, names=TEST_IMAGES) -> dict[str, list[str]]:
    """By row and data set, the sentences without them."""
    found: dict[str, list[str]] = {}
    for _, line in of.exposures(lambda _: names):
        row, _, sentence = line.partition(": ")
        found.setdefault(row, []).append(sentence)
    return found


ALL, SOME = "all of the test images", "which of the test images is not known"

DECLARED = {
    # what a row has seen, on which data set it is tested, and how much of the test part that is
    "the test part": ("[nih/test]", "[nih]", ALL),
    "everything": ("[nih]", "[nih]", ALL),
    "the training part": ("[nih/train]", "[nih]", None),
    "training and test": ("[nih/train, nih/test]", "[nih]", ALL),
    "the training part, of a split by patient with the same test part": (
        "[nih/train]", "[{name: nih, split: patient}]", None),
    "the test part of a data set whose split is at random": ("[vindr/test]", "[vindr]", SOME),
    "another data set": ("[vindr]", "[nih]", None),
    "a data set with the same images under other names": ("[nih/train]", "[rsna]", SOME),
    "all of the data set that another's images are from": ("[nih]", "[rsna]", ALL),
    "the other way round": ("[rsna]", "[chestx_det]", SOME),
    "two copies of one collection": ("[vindr_1_0_0/train]", "[vindr]", SOME),
    "phantoms to test on": ("[phantom/test]", "[phantom]", ALL),
    "phantoms to train on": ("[phantom/train]", "[phantom]", None),
    "nothing": ("[]", "[nih]", None),
}  # fmt: skip


@pytest.mark.parametrize("case", DECLARED)
def test_what_is_declared_is_compared_with_the_test_part(tmp_path, case):
    saw, datasets, share = DECLARED[case]
    found = exposed(grid(tmp_path, f"[{{name: pylon, saw: {saw}}}, baseline]", datasets))
    assert not any(row.startswith("Baseline") for row in found)
    sentences = [sentence for own in found.values() for sentence in own]
    assert [sentence.endswith(str(share)) for sentence in sentences] == ([] if share is None else [True])


def test_a_split_by_own_lists_leaves_open_which_images_were_seen(tmp_path):
    for part in ("train", "val", "test"):
        (tmp_path / f"{part}.txt").write_text(f"{part}.png\n")
    lists = "[{name: nih, split: {train: train.txt, val: val.txt, test: test.txt}}]"
    found = exposed(grid(tmp_path, "[{name: pylon, saw: [nih/train]}]", lists))
    assert found["PYLON on nih"][0].endswith(SOME)


def test_listed_images_are_counted_in_any_spelling(tmp_path):
    (tmp_path / "seen.txt").write_text("00000001_000\n 00000003_000.PNG\r\n\n00000009_000.png\n")
    found = exposed(grid(tmp_path, "[{name: pylon, saw: [seen.txt]}]"))
    assert found == {"PYLON on nih": ["its start saw 2 of 3 test images"]}


def test_a_list_without_a_test_image_is_no_exposure(tmp_path):
    (tmp_path / "seen.txt").write_text("00000009_000.png\n")
    of = grid(tmp_path, "[{name: pylon, saw: [seen.txt]}]")
    assert exposed(of) == {}
    assert exposed(of, names=None)["PYLON on nih"][0].endswith(SOME)  # until somebody knows the test part


def test_a_subject_saw_what_is_declared_or_known_by_its_file_and_nothing_of_the_suites_weights(tmp_path):
    xrv = "nih-densenet121-d121-tw-lr001.pt"
    for name, content in ((xrv, "xrv"), ("own.pth", "own"), ("seen.txt", TEST_IMAGES[0])):
        (tmp_path / name).write_text(content)
    subject = "name: torchvision, train: false, architecture: resnet18"
    models = f"""[{{{subject}, label: Silent, classes: [Mass], weights: own.pth}},
      {{{subject}, label: Known, classes: [Mass], weights: {xrv}}},
      {{{subject}, label: Cleared, classes: [Nodule], weights: {xrv}, saw: []}},
      {{{subject}, label: Listed, classes: [Nodule], weights: own.pth, saw: [seen.txt]}}]"""
    assert exposed(grid(tmp_path, models, saw="[nih/test]", sanity="true")) == {
        "Known on nih": [f"{xrv} saw nih: {ALL}"],
        "Listed on nih": ["its start saw 1 of 3 test images"],
    }


def test_what_the_suites_weights_saw_holds_for_models_that_name_none(tmp_path):
    models = "[pylon, {name: baseline, weights: none}, {name: baseline, pooling: average, saw: []}]"
    assert list(exposed(grid(tmp_path, models, saw="[nih/test]"))) == ["PYLON on nih"]


def test_own_data_are_named_by_their_title(tmp_path):
    (tmp_path / "labels.csv").write_text("image,Mass,split\n")
    own = "[{name: folder, title: clinic, images: ., labels: labels.csv}]"
    assert exposed(grid(tmp_path, "[{name: pylon, saw: [clinic/test]}]", own))["PYLON on clinic"]


@pytest.mark.parametrize("word", ["nhi/test", "nih/tests", "nih/", "/test", "nih/test/more", "gone.txt"])
def test_a_word_that_names_no_images_is_refused_at_its_place(tmp_path, word):
    with pytest.raises(SuiteError) as error:
        grid(tmp_path, f"[{{name: pylon, saw: ['{word}']}}]")
    assert error.value.value == word
    assert "models.0.saw" in str(error.value) or "mine.yaml:1" in str(error.value.place)


KNOWN = {
    "imagenet": [],
    "resnet50": [],
    "dinov2_vitb14.pth": [],
    "microsoft/rad-dino": ["nih"],
    "weights/RAD_DINO_vitb14.safetensors": ["nih"],
    "nih-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt": ["nih"],
    "pc-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt": [],
    "nih-pc-chex-mimic_ch-google-openi-kaggle-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt": [
        "nih", "chexlocalize/train", "rsna"],
    "pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt": ["nih", "rsna", "siim", "vindr"],
    "densenet121-res224-all": ["nih", "rsna", "chexlocalize/train"],
    "densenet121-res224-rsna": ["rsna"],
    "densenet121-res224-mimic_nb": [],
    "resnet50-res512-all": ["nih", "rsna", "siim", "vindr"],
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_published_weights_are_known_by_their_name(name):
    assert [sighting.of for sighting in known_sightings([name])] == KNOWN[name]


def test_known_weights_need_no_declaration_and_random_ones_have_seen_nothing(tmp_path):
    (tmp_path / "rad-dino.pth").write_bytes(b"")
    models = "[{name: pylon, weights: rad-dino.pth}, {name: baseline, weights: none}]"
    found = exposed(grid(tmp_path, models))
    assert found == {"PYLON on nih": [f"rad-dino.pth saw nih: {ALL}"]}
    own = grid(tmp_path, "[{name: pylon, weights: rad-dino.pth, saw: []}]", name="own")
    assert exposed(own) == {}  # its owner knows better


def test_a_row_inherits_what_its_start_has_seen(tmp_path):
    grid(tmp_path, "[{name: pylon, saw: [vindr]}]", name="first")
    of = grid(tmp_path, "[{name: pylon, init: {from: first, model: PYLON}}, baseline]", "[vindr, siim]")
    assert exposed(of) == {
        "PYLON (fine-tuned) on vindr": [f"its start saw vindr: {ALL}"],
        "PYLON (fine-tuned) on siim": [
            f"PYLON, which it starts from, was trained on nih (split official): {SOME}"
        ],
    }


CHAINS = {
    # trained on, then tested on; whether a test image may have been trained on
    "the same split": ("[nih]", "[nih]", False),
    "another split with the same test part": ("[nih]", "[{name: nih, split: patient}]", False),
    "another data set": ("[nih]", "[vindr]", False),
    "another division at random": ("[vindr]", "[{name: vindr, split_seed: 1}]", True),
    "the same division at random": (
        "[{name: vindr, split_seed: 1}]", "[{name: vindr, split_seed: 1}]", False),
    "the same images under other names": ("[rsna]", "[nih]", True),
    "phantoms": ("[{name: phantom, findings: nih, seed: 1}]", "[phantom]", False),
}  # fmt: skip


@pytest.mark.parametrize("case", CHAINS)
def test_a_row_has_seen_what_its_start_was_trained_on(tmp_path, case):
    trained_on, tested_on, is_exposed = CHAINS[case]
    grid(tmp_path, "[pylon]", trained_on, name="first")
    of = grid(tmp_path, "[{name: pylon, init: {from: first, model: PYLON}}]", tested_on)
    assert bool(exposed(of)) is is_exposed


def test_what_was_seen_is_no_part_of_a_trial(tmp_path):
    plain = grid(tmp_path, "[pylon]").trials
    assert grid(tmp_path, "[{name: pylon, saw: [nih/test]}]").trials == plain


def test_phases_of_one_training_expose_nothing(tmp_path):
    assert exposed(grid(tmp_path, "[{name: pylon, phases: [{freeze: encoder}, {freeze: none}]}]")) == {}
