"""Subjects in suites: entries with train: false, their classes, and the identity of their trials."""

import json

import pytest
import torch

from bench.errors import SuiteError
from bench.suite.load import load_suite
from bench.suite.schema import suite_schema
from bench.suite.subject import XRV_CLASSES, class_map

ENTRY = {
    "name": "torchvision",
    "architecture": "resnet18",
    "train": "false",
    "weights": "w.pth",
    "classes": "[Mass, Nodule]",
}


@pytest.fixture
def suite(tmp_path):
    """Loads a suite with one entry, `ENTRY` with changes, of which None leaves a key out."""
    torch.save({"a": torch.zeros(1)}, tmp_path / "w.pth")

    def load(more="", **changes):
        entry = {key: value for key, value in (ENTRY | changes).items() if value is not None}
        lines = "".join(f"    {key}: {value}\n" for key, value in entry.items())
        text = f"models:\n  -\n{lines}datasets: [phantom]\nresolutions: [64, 96]\nseeds: [0, 1, 2]\n{more}"
        (tmp_path / "s.yaml").write_text(text, "utf-8")
        return load_suite(tmp_path / "s.yaml")

    return load


class TestClasses:
    def test_names_meet_whatever_their_case_blanks_hyphens_and_underscores(self):
        found = class_map(["PLEURAL thickening", "mass"], ["Mass", "Pleural_Thickening"], {})
        assert found.class_of == {"Mass": 1, "Pleural_Thickening": 0}
        assert not found.unknown_findings
        assert not found.unused_classes

    def test_both_sides_that_do_not_meet_are_named(self):
        found = class_map(["Fluid", "Mass"], ["Mass", "Hernia"], {})
        assert found.unknown_findings == ("Hernia",)
        assert found.unused_classes == ("Fluid",)

    def test_synonyms_of_the_field_and_aliases_of_the_suite_meet(self):
        found = class_map(["Pleural Effusion", "Wet"], ["Effusion", "Edema"], {"Wet": "Edema"})
        assert found.class_of == {"Effusion": 0, "Edema": 1}

    def test_an_equal_name_goes_before_a_synonym(self):
        found = class_map(["Pleural Effusion", "Effusion"], ["Effusion"], {})
        assert found.class_of == {"Effusion": 1}

    def test_two_classes_of_one_finding_are_ambiguous(self):
        assert class_map(["mass", "Mass"], ["Mass"], {}).ambiguous == ("Mass",)

    def test_torchxrayvisions_are_its_own(self):
        datasets = pytest.importorskip("torchxrayvision").datasets
        assert tuple(datasets.default_pathologies) == XRV_CLASSES


def test_there_is_one_trial_for_each_resolution_and_none_for_each_seed(suite):
    trials = suite().grid.trials
    assert [trial.resolution for trial in trials] == [64, 96]
    assert all("-s0-" not in trial.id and "resnet18" in trial.id for trial in trials)


def test_seeds_and_recipe_of_training_do_not_change_it(suite):
    plain = suite().grid.trials
    trained = suite(
        "recipe: {max_epochs: 3, learning_rate: 0.1, mean: 0.1, plateau_patience: 7}\n"
    ).grid.trials
    assert [one.id for one in plain] == [one.id for one in trained]


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "resnet34"},
        {"classes": "[Nodule, Mass]"},
        {"aliases": "{Mass: Nodule}"},
        {"input": "{size: 224}"},
        {"input": "{range: [0, 255]}"},
    ],
)
def test_what_changes_its_numbers_changes_it(suite, changes):
    assert suite().grid.trials[0].id != suite(**changes).grid.trials[0].id


def test_its_weights_are_known_by_their_content(suite, tmp_path):
    before = suite().grid.trials[0]
    (tmp_path / "v.pth").write_bytes((tmp_path / "w.pth").read_bytes())
    assert suite(weights="v.pth").grid.trials[0].id == before.id
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pth")
    assert suite().grid.trials[0].id != before.id


def test_a_selection_of_seeds_keeps_it(suite, tmp_path):
    suite()
    text = (tmp_path / "s.yaml").read_text("utf-8").replace("models:\n", "models:\n  - pylon\n")
    (tmp_path / "both.yaml").write_text(text, "utf-8")
    chosen = load_suite(tmp_path / "both.yaml").grid.select(["resolution=64"], seeds="1-2").trials
    assert [trial.model for trial in chosen] == ["pylon", "pylon", "torchvision"]


def test_the_source_of_a_function_is_part_of_it(suite, tmp_path, monkeypatch):
    code = "def load(width: int = 3, weights=None):\n    return {}\n"
    ids = []
    for text, module in ((code, "first_nets"), (code + "# changed\n", "second_nets")):
        (tmp_path / f"{module}.py").write_text(text, "utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        trial = suite(name=f'"{module}:load"', architecture=None, weights=None, width=5).grid.trials[0]
        ids.append(trial.source)
        assert trial.options == {"width": 5}
    assert ids[0] != ids[1]


def test_classes_may_lie_in_a_file(suite, tmp_path):
    (tmp_path / "c.txt").write_text("Mass\n\nNodule\n", "utf-8")
    assert suite(classes="c.txt").grid.trials[0].id == suite().grid.trials[0].id


def test_hugging_faces_configuration_gives_the_classes(suite, tmp_path):
    config = {"model_type": "resnet", "id2label": {"1": "Nodule", "0": "Mass"}}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    subject = suite(name="huggingface", architecture=None, classes=None).grid.trials[0].subject
    assert subject.classes == ("Mass", "Nodule")
    assert subject.architecture == "resnet"


def test_torchxrayvision_states_its_range_unless_the_suite_does(suite):
    changes = {"name": "torchxrayvision", "architecture": None, "classes": None}
    assert suite(**changes).grid.trials[0].subject.input.range == (-1024, 1024)
    assert suite(**changes, input="{size: 224}").grid.trials[0].subject.input.range == (0, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": "imagenet"}, "file with all of its weights"),
        ({"weights": None}, "weights is missing"),
        ({"weights": "no.pth"}, "cannot read"),
        ({"classes": None}, "classes is missing"),
        ({"architecture": None}, "architecture is missing"),
        ({"train": "true"}, "train: false"),
        ({"train": "true", "name": "pylon"}, "means nothing without train: false"),
        ({"encoder": "resnet18"}, "encoder means nothing"),
        ({"phases": "[{}]"}, "phases means nothing"),
        ({"width": "3"}, "unknown key 'width'"),
        ({"aliases": "{Flu: Mass}"}, "no class 'Flu'"),
        ({"input": "{channels: 2}"}, "channels"),
        ({"input": "{range: [1, 0]}"}, "range"),
        ({"input": "{channels: 3, mean: [1, 2]}"}, "mean needs one value"),
        ({"name": "keras"}, "unknown subject 'keras'"),
        ({"name": '"no_such_nets:load"'}, "no module"),
        ({"name": "huggingface", "architecture": None}, "config.json"),
    ],
)
def test_a_mistake_is_told(suite, changes, words):
    with pytest.raises(SuiteError, match=words):
        suite(**changes)


def test_editors_know_its_keys():
    jsonschema = pytest.importorskip("jsonschema")
    entry = {"name": "torchvision", "architecture": "resnet18", "train": False, "weights": "w.pth"}
    entry |= {"classes": ["Mass"], "aliases": {}, "input": {"channels": 3, "mean": [0.5], "range": [0, 1]}}
    suite = {"datasets": [{"name": "phantom"}], "resolutions": [64], "seeds": [0]}
    validator = jsonschema.Draft202012Validator(suite_schema())
    assert validator.is_valid(suite | {"models": [entry]})
    assert not validator.is_valid(suite | {"models": [entry | {"input": {"channels": 5}}]})
