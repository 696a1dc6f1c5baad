"""Sizes of models as they are shown; all of the thesis' are compared in test_models.py."""

import pytest

from bench.errors import SuiteError
from bench.models.size import check_encoder, measure


@pytest.mark.parametrize(
    ("name", "options", "parameters", "sides", "gmacs"),
    [
        ("pylon", {}, 25_478_741, {256: 64, 512: 128}, 6.30),
        ("deeplabv3plus", {"gap_in_aspp": False}, 26_084_318, {256: 64, 512: 128}, 9.03),
        ("li2018", {}, 32_947_662, {256: 20, 512: 20}, 9.01),
    ],
)
def test_sizes_are_the_published_ones(name, options, parameters, sides, gmacs):
    size = measure(name, options, "resnet50")
    assert (size.parameters, size.sides) == (parameters, sides)
    assert round(size.gmacs, 2) == gmacs


def test_encoder_that_cannot_be_built_without_memory_is_measured_all_the_same():
    """Its constructor asks a tensor for its value."""
    assert measure("baseline", {}, "mit_b0").sides == {256: 8, 512: 16}


def test_sizes_on_a_transformer_are_measured_for_multiples_of_its_patch():
    size = measure("baseline", {}, "tu-vit_base_patch14_dinov2")
    assert size.sides == {252: 18, 518: 37}
    width, head = 768, 14 * 769
    assert 12 * 12 * width**2 < size.parameters - head < 1.02 * 12 * 12 * width**2
    tokens = 18 * 18 + 1
    blocks = 12 * (12 * tokens * width**2 + 2 * tokens**2 * width)
    ends = 18 * 18 * width * (14 * 14 + 14)
    assert size.gmacs == pytest.approx((blocks + ends) / 1e9, rel=1e-6)


def test_encoder_that_the_model_cannot_use_is_refused():
    with pytest.raises(SuiteError, match="output stride of 16") as error:
        measure("deeplabv3plus", {}, "vgg11")
    assert error.value.value == "vgg11"


@pytest.mark.parametrize("encoder", ["resnet19", "tu-cait_xxs24_224"])
def test_encoder_that_no_model_can_use_is_refused(encoder):
    with pytest.raises(SuiteError) as error:
        check_encoder(encoder)
    assert error.value.value == encoder
