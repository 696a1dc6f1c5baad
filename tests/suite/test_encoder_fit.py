"""Which model works on which encoder is said before anything is trained."""

import pytest

from bench.errors import SuiteError
from bench.suite.encoder_fit import misfit, wrong_size
from bench.suite.encoders import encoder_traits
from bench.suite.load import load_suite

SUITE = """\
models: [baseline, {name: pylon, encoder: resnet18}]
datasets: [phantom]
resolutions: [SIZES]
seeds: [0]
encoder: ENCODER
weights: none
"""

VIT_14, VIT_16 = "tu-vit_small_patch14_dinov2", "tu-vit_small_patch16_dinov3"


@pytest.mark.parametrize("encoder", [VIT_14, VIT_16, "tu-test_vit", "tu-deit_tiny_patch16_224"])
def test_models_that_read_one_map_work_on_plain_transformers_and_others_are_refused(encoder):
    fitting = [name for name in ("baseline", "li2018", "wang2017", "yao2018") if not misfit(name, encoder)]
    assert len(fitting) == 4
    for name in ("unet", "fpn", "deeplabv3plus", "pan", "pylon"):
        sentence = misfit(name, encoder)
        assert encoder in sentence
        assert "baseline, li2018, wang2017, yao2018" in sentence


@pytest.mark.parametrize(
    ("encoder", "can"),
    [
        *(("resnet50", True), ("densenet121", True), ("mit_b0", True), ("vgg16", False), ("xception", False)),
        *(("tu-convnext_atto", True), ("tu-tf_efficientnetv2_b0", True), ("tu-resnest14d", True)),
        *(("tu-swin_tiny_patch4_window7_224", False), ("tu-maxvit_tiny_tf_224", False)),
    ],
)
def test_what_cannot_be_dilated_is_refused_by_the_model_that_wants_it(encoder, can):
    assert (misfit("deeplabv3plus", encoder) is None) == can
    assert misfit("pylon", encoder) is None


@pytest.mark.parametrize(
    ("encoder", "taken", "refused"),
    [
        ("resnet50", (64, 96, 512), (100, 518)),
        (VIT_14, (70, 224, 518), (64, 256, 512)),
        (VIT_16, (80, 256, 512), (72, 518)),
        ("tu-vit_base_patch32_224", (96, 224), (112, 518)),
        ("tu-swin_tiny_patch4_window7_224.ms_in1k", (64, 224, 256), (100,)),
        ("tu-maxvit_tiny_tf_224", (224, 448), (256, 320)),
        ("tu-maxvit_tiny_tf_384", (384, 768), (192, 512)),
        ("tu-test_maxvit", (160, 320), (224, 256)),
        ("tu-coatnet_0_rw_224", (224,), (256, 448)),
        ("tu-hf-hub:someone/model", (64, 256), (100,)),
    ],
)
def test_images_have_a_side_that_the_encoder_takes(encoder, taken, refused):
    for size_px in taken:
        assert wrong_size(encoder, size_px) is None
        assert encoder_traits(encoder).nearest_px(size_px) == size_px
    for size_px in refused:
        assert encoder in wrong_size(encoder, size_px)
        assert encoder_traits(encoder).takes(encoder_traits(encoder).nearest_px(size_px))


def test_subjects_are_left_alone(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"")
    text = SUITE.replace("SIZES", "100").replace("ENCODER", VIT_14)
    own = "{name: pylon, train: false, weights: w.pth, classes: [Mass], input: {size: 224}}"
    (tmp_path / "s.yaml").write_text(text.replace("[baseline, {name: pylon, encoder: resnet18}]", f"[{own}]"))
    assert load_suite(tmp_path / "s.yaml").grid.trials[0].resolution == 100


def _loaded(tmp_path, sizes, encoder, more=""):
    path = tmp_path / "small.yaml"
    path.write_text(SUITE.replace("SIZES", sizes).replace("ENCODER", encoder) + more)
    return load_suite(path), path


def test_a_suite_is_refused_with_the_place_of_the_size_and_the_sizes_that_fit(tmp_path):
    with pytest.raises(SuiteError) as caught:
        _loaded(tmp_path, "224, 256", VIT_14)
    assert caught.value.place == f"{tmp_path / 'small.yaml'}:3:20"
    assert caught.value.value == 256
    assert "multiples of 14 px, such as 252 and 266" in str(caught.value)


def test_all_that_does_not_fit_is_said_at_once(tmp_path):
    with pytest.raises(SuiteError) as caught:
        _loaded(tmp_path, "518", VIT_14, "cams: [native]\n")
    assert "resnet18" in str(caught.value)
    path = tmp_path / "two.yaml"
    path.write_text(SUITE.replace("SIZES", "100").replace("resnet18", VIT_14).replace("ENCODER", "resnet18"))
    with pytest.raises(SuiteError) as caught:
        load_suite(path)
    places = [str(one.place).removeprefix(f"{path}:") for one in caught.value.mistakes]
    assert places == ["1:20", "3:15", "3:15"]  # pylon on one map; 100 px for either encoder


def test_trials_that_a_suite_leaves_out_are_not_judged(tmp_path):
    exclude = "exclude: [{model: pylon, resolution: 518}, {model: baseline, resolution: 256}]\n"
    loaded, _ = _loaded(tmp_path, "256, 518", VIT_14, exclude)
    assert {(trial.model, trial.resolution) for trial in loaded.grid.trials} == {
        ("pylon", 256),
        ("baseline", 518),
    }


def test_a_model_of_ones_own_says_how_many_maps_it_reads(tmp_path, monkeypatch):
    source = """\
from typing import ClassVar

from torch import nn


class Two(nn.Module):
    encoder_maps: ClassVar[int] = 2

    def __init__(self, encoder, num_classes):
        super().__init__()
"""
    (tmp_path / "fit_nets.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    assert "reads 2 scales" in misfit("fit_nets:Two", VIT_14)
    assert misfit("fit_nets:Two", "resnet18") is None
