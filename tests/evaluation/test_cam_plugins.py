"""Maps by code from outside of bench: what a suite may name, and what is told of mistakes."""

import json

import numpy as np
import pytest
import torch
from jsonschema import Draft202012Validator

from bench.errors import PluginError, SuiteError
from bench.evaluation.cam import cam_maps
from bench.models import build_model
from bench.results.store import TrialFolder
from bench.suite.cam import CAMS, cam_source, cam_title, with_cam
from bench.suite.load import load_suite
from bench.suite.schema import suite_schema

MAPS = """
import torch

SIDE = 4
TEXT = "no function"


def even(model, images, classes):
    return torch.full((len(images), SIDE, SIDE), 0.5)


def few(model, images):
    return even(model, images, None)


def large(model, images, classes):
    return torch.zeros(len(images), 65, 65)


def oblong(model, images, classes):
    return torch.zeros(len(images), 4, 5)


def beyond(model, images, classes):
    return even(model, images, classes) * 3


def integers(model, images, classes):
    return torch.zeros(len(images), 4, 4, dtype=torch.int64)


def nothing(model, images, classes):
    pass


def not_finite(model, images, classes):
    return torch.full((len(images), 4, 4), torch.nan)


def raises(model, images, classes):
    return even(model, images[:, 5], classes)
"""

SUITE = """
models: [baseline]
datasets: [{{name: phantom, train: 8, val: 4, test: 4}}]
resolutions: [64]
seeds: [0]
encoder: tu-test_resnet
weights: none
cams: [native, {}]
"""


@pytest.fixture(scope="module", autouse=True)
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "my_maps.py").write_text(MAPS, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


@pytest.fixture
def suite(tmp_path):
    def write(cam):
        path = tmp_path / "some.yaml"
        path.write_text(SUITE.format(cam), "utf-8")
        return path

    return write


def maps_by(cam):
    torch.manual_seed(0)
    model = build_model("baseline", num_classes=2, encoder="tu-test_resnet")
    return cam_maps(model, torch.zeros(3, 1, 64, 64), np.array([0, 1, 0]), cam)


def test_a_suite_names_a_function(suite):
    loaded = load_suite(suite('"my_maps:even"'))
    assert [point.row for point in loaded.grid.points] == ["Baseline", "Baseline [even]"]
    assert len({point.trial.id for point in loaded.grid.points}) == 1
    assert (maps_by("my_maps:even") == 0.5).all()


def test_its_source_is_known_without_running_it():
    source = cam_source("my_maps:even")
    assert (source.module, source.distribution) == ("my_maps", None)
    assert source.digest.startswith("sha256:")
    assert cam_source("grad_cam") is None


@pytest.mark.parametrize(
    ("cam", "words"),
    [
        ("my_maps:evn", ["'evn'", "did you mean 'even'"]),
        ("my_maps:few", ["(model, images, classes)", "my_maps.py:12"]),
        ("my_maps:TEXT", ["my_maps:TEXT", "function"]),
        ("no_such_maps:even", ["no module 'no_such_maps'"]),
        ("my_maps:", ["module:object"]),
        ("grad_can", ["did you mean 'grad_cam'"]),
    ],
)
def test_mistakes_are_told_with_their_place_in_the_suite(suite, cam, words):
    with pytest.raises(SuiteError) as told:
        load_suite(suite(f'"{cam}"'))
    assert str(told.value).startswith(f"{suite(cam)}:8:")
    assert "\n" not in str(told.value)
    assert all(word in str(told.value) for word in words), str(told.value)


@pytest.mark.parametrize("name", ["large", "oblong", "beyond", "integers", "nothing"])
def test_a_result_that_is_not_what_is_needed_is_a_sentence(name):
    with pytest.raises(PluginError, match=f"map 'my_maps:{name}': returned .*; needed are float32 maps"):
        maps_by(f"my_maps:{name}")


def test_maps_that_are_not_finite_are_taken_as_counted_misses():
    assert maps_by("my_maps:not_finite").isnan().all()


def test_editors_know_the_form_of_its_name(suite):
    schema = Draft202012Validator(suite_schema())
    base = {
        "name": "a",
        "models": ["pylon"],
        "datasets": [{"name": "nih"}],
        "resolutions": [64],
        "seeds": [0],
    }
    assert schema.is_valid(base | {"cams": ["native", "my_maps:even"]})
    assert not schema.is_valid(base | {"cams": ["grad_can"]})


def test_its_files_have_names_for_any_disk(tmp_path):
    folder = TrialFolder(tmp_path)
    names = {folder.cam_maps(name).name for name in ("my_maps:even", "my_maps.even", "my_maps-even")}
    assert len(names) == 3
    assert not any(set(name) & set('<>:"/\\|?*') for name in names)
    folder.cams.mkdir()
    for name in ("my_maps:even", "grad_cam", "native"):
        folder.cam_evaluation(name).write_text(json.dumps({}), "utf-8")
    assert folder.evaluated() == ("native", "grad_cam", "my_maps:even")


def test_without_the_plugin_its_results_keep_their_name():
    assert "gone_maps:even" in CAMS
    assert cam_title("gone_maps:even") == "gone_maps:even"
    assert with_cam("PYLON", "gone_maps:even") == "PYLON [gone_maps:even]"
