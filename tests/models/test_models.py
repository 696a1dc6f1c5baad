"""Architectures: sizes as published, shapes at every scale, initialisation, numerics."""

import pytest
import torch

from bench.errors import SuiteError
from bench.models import build_model
from bench.models.blocks import ConvReLU
from bench.models.pylon import PyramidAttention
from bench.models.torchvision_compat import DECLARATIONS, compiled_operators_load, smp, torchvision


def num_parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "options", "published"),
    [
        ("baseline", {}, 23_530_446),
        ("pylon", {}, 25_478_741),
        ("pylon", {"up_layers": 1}, 24_097_109),
        ("pylon", {"up_layers": 1, "pyramid": False}, 23_996_622),
        ("pylon", {"up_layers": 1, "up_kernel": 3}, 25_932_117),
        ("pylon", {"up_layers": 1, "head_kernel": 3}, 24_111_445),
    ],
)
def test_parameter_counts_equal_the_published_ones(name, options, published):
    model = build_model(name, num_classes=14, encoder="resnet50", **options)
    assert num_parameters(model) == published


@pytest.mark.parametrize(
    ("name", "size_px", "side"),
    [("baseline", 256, 8), ("baseline", 64, 2), ("pylon", 256, 64), ("pylon", 96, 24), ("pylon", 64, 16)],
)
def test_heatmap_and_logits_have_the_stated_shape(name, size_px, side):
    model = build_model(name, num_classes=3, encoder="resnet18").eval()
    output = model(torch.zeros(2, 1, size_px, size_px))
    assert output.heatmaps.shape == (2, 3, side, side)
    assert output.logits.shape == (2, 3)


@pytest.mark.parametrize("name", ["baseline", "pylon"])
def test_class_logit_is_the_maximum_of_its_heatmap(name):
    model = build_model(name, num_classes=3, encoder="resnet18").eval()
    heatmaps, logits = model(torch.randn(2, 1, 64, 64))
    assert torch.equal(logits, heatmaps.flatten(2).max(dim=2).values)


def test_average_pooling_is_an_option_of_the_baseline():
    model = build_model("baseline", num_classes=3, encoder="resnet18", pooling="average").eval()
    heatmaps, logits = model(torch.randn(2, 1, 64, 64))
    assert torch.allclose(logits, heatmaps.flatten(2).mean(dim=2), atol=1e-6)


@pytest.mark.parametrize("name", ["baseline", "pylon"])
def test_every_parameter_gets_a_gradient_at_256_px(name):
    torch.manual_seed(0)
    model = build_model(name, num_classes=3, encoder="resnet18")
    heatmaps, _ = model(torch.randn(2, 1, 256, 256))
    heatmaps.square().sum().backward()
    dead = {key for key, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    # A bias right before batch norm is subtracted with the mean, so its gradient vanishes.
    before_norm = {f"{key}.0.bias" for key, m in model.named_modules() if isinstance(m, ConvReLU)}
    assert dead <= before_norm


def test_heatmaps_leave_autocast_in_float32():
    model = build_model("pylon", num_classes=3, encoder="resnet18").eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        heatmaps, logits = model(torch.randn(1, 1, 64, 64))
    assert heatmaps.dtype == logits.dtype == torch.float32


def test_pylon_decoder_starts_as_smp_initialises_decoders_and_heads():
    torch.manual_seed(0)
    model = build_model("pylon", num_classes=64, encoder="resnet18")
    fan_in = 512
    bound = (6 / fan_in) ** 0.5  # Kaiming uniform for ReLU
    weight = model.decoder.attention.project[0].weight
    assert weight.abs().max() <= bound
    assert weight.abs().max() > 0.98 * bound
    assert (model.decoder.attention.project[0].bias == 0).all()
    head_bound = (6 / (128 + 64)) ** 0.5  # Xavier uniform
    assert 0.98 * head_bound < model.head.weight.abs().max() <= head_bound
    assert (model.head.bias == 0).all()


def _reference_mask(attention: PyramidAttention, x: torch.Tensor) -> torch.Tensor:
    """The thesis' drawing of PA, written out with enlargement by a factor of two."""

    def pool(t):
        return torch.nn.functional.max_pool2d(t, 2)

    def up2(t):
        return torch.nn.functional.interpolate(t, scale_factor=2, mode="bilinear", align_corners=True)

    down7, down5, down3 = attention.down
    across7, across5, across3 = attention.across
    a1 = down7(pool(x))
    a2 = down5(pool(a1))
    a3 = down3(pool(a2))
    return up2(up2(up2(across3(a3)) + across5(a2)) + across7(a1))


@pytest.mark.parametrize("side", [8, 16])
def test_pyramid_attention_equals_the_factor_of_two_form_at_256_and_512_px(side):
    torch.manual_seed(0)
    attention = PyramidAttention(16, 4).eval()
    x = torch.randn(2, 16, side, side)
    with torch.no_grad():
        expected = attention.project(x) * _reference_mask(attention, x)
        assert torch.allclose(attention(x), expected, atol=1e-6)


def test_same_seed_gives_the_same_model():
    def build():
        torch.manual_seed(3)
        return build_model("pylon", num_classes=3, encoder="resnet18").state_dict()

    first, second = build(), build()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_pylon_refuses_images_that_are_too_small():
    model = build_model("pylon", num_classes=3, encoder="resnet18").eval()
    with pytest.raises(ValueError, match="at least 64 px"):
        model(torch.zeros(1, 1, 32, 32))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "pilon"}, "unknown model 'pilon'.*did you mean 'pylon'"),
        ({"name": "pylon", "up_layer": 1}, "no option 'up_layer'.*did you mean 'up_layers'"),
        ({"name": "pylon", "up_layers": 3}, "cannot be 3; allowed: 1, 2"),
        ({"name": "baseline", "pooling": "maximum"}, "allowed: max, average"),
        ({"name": "pylon", "encoder": "resnet19"}, "unknown encoder 'resnet19'.*did you mean 'resnet"),
        ({"name": "pylon", "encoder": "tu-resnet19t"}, "unknown encoder 'tu-resnet19t'"),
    ],
)
def test_unknown_words_are_refused_with_a_suggestion(arguments, sentence):
    with pytest.raises(SuiteError, match=sentence):
        build_model(num_classes=3, **arguments)


def test_torchvision_works_whatever_build_it_is():
    """Beside a CPU build of torch its operators do not load: they are declared then, and only then."""
    assert (DECLARATIONS is None) == compiled_operators_load()
    assert torchvision.models.resnet18(weights=None).fc.out_features == 1000
    assert smp.encoders.get_encoder("resnet18", weights=None).out_channels[-1] == 512
