"""Names of encoders that are known without importing the libraries."""

import pytest

from bench.errors import SuiteError
from bench.suite.encoders import _own_names, _timm_names, unknown_encoder
from bench.suite.load import load_suite

SUITE = """\
models:
  - baseline
  - {name: pylon, encoder: MODEL}
datasets: [phantom]
resolutions: [64]
seeds: [0]
encoder: SUITE
weights: none
"""


def test_the_names_are_those_of_the_libraries():
    from bench.models.torchvision_compat import smp

    # isort: split
    from timm.models._registry import _deprecated_models, _model_entrypoints

    assert _own_names() == set(smp.encoders.get_encoder_names())
    assert _timm_names() == {*_model_entrypoints, *_deprecated_models}


@pytest.mark.parametrize(
    "name",
    [
        "resnet50",
        "timm-skresnet18",
        "tu-resnet18",
        "tu-test_resnet",
        "tu-resnet18.a1_in1k",
        "tu-hf-hub:someone/model",
        "timm-regnetx_002",
        "timm-mobilenetv3_large_075",
    ],
)
def test_known_names_are_known(name):
    assert unknown_encoder(name) is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [("resnet-50", "'resnet50'"), ("ResNet50", "'resnet50'"), ("tu-resnet_18", "'tu-resnet18'"), ("x", "")],
)
@pytest.mark.parametrize(("key", "line"), [("MODEL", 3), ("SUITE", 7)])
def test_a_misspelt_encoder_is_found_with_its_place(tmp_path, name, meant, key, line):
    path = tmp_path / "small.yaml"
    path.write_text(SUITE.replace(key, name).replace("MODEL", "resnet18").replace("SUITE", "resnet18"))
    with pytest.raises(SuiteError) as caught:
        load_suite(path)
    assert str(caught.value.place).startswith(f"{path}:{line}:")
    assert caught.value.value == name
    assert meant in str(caught.value)


def test_an_override_is_checked_too(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SUITE.replace("MODEL", "resnet18").replace("SUITE", "resnet18"))
    with pytest.raises(SuiteError) as caught:
        load_suite(path, ["encoder=resnet-34"])
    assert caught.value.place == "--set encoder"
