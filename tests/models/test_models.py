"""The thesis' architectures: sizes as published, parts as the library's, relations between models."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.errors import SuiteError
from bench.models import build_model
from bench.models.encoders import build_encoder
from bench.models.pylon import PyramidAttention
from bench.models.torchvision_compat import DECLARATIONS, compiled_operators_load, smp, torchvision

UP1 = {"up_layers": 1}

PUBLISHED = [
    # options, parameters of decoder, head and all, GMACs at 256 px, side of the map at 256 and 512 px
    ("baseline", {}, 0, 28_686, 23_530_446, 5.24, (8, 16)),
    ("li2018", {}, 9_438_720, 7_182, 32_947_662, 9.01, (20, 20)),
    ("unet", {}, 9_144_576, 8_078, 32_654_414, 16.48, (256, 512)),
    ("fpn", {}, 2_607_872, 1_806, 26_111_438, 7.69, (64, 128)),
    ("fpn", {"norm": "group"}, 2_607_872, 1_806, 26_111_438, 7.69, (64, 128)),
    ("deeplabv3plus", {}, 3_169_296, 3_598, 26_674_654, 9.05, (64, 128)),
    ("deeplabv3plus", {"gap_in_aspp": False}, 2_578_960, 3_598, 26_084_318, 9.03, (64, 128)),
    ("pan", {}, 2_741_383, 16_142, 26_259_285, 7.43, (64, 128)),
    ("pan", {"gap_in_fpa": False, "gap_in_gau": False}, 2_428_551, 16_142, 25_946_453, 7.43, (64, 128)),
    ("pylon", {}, 1_975_175, 1_806, 25_478_741, 6.30, (64, 128)),
    ("pylon", UP1, 593_543, 1_806, 24_097_109, 5.50, (64, 128)),
    ("pylon", UP1 | {"pyramid": False}, 493_056, 1_806, 23_996_622, 5.49, (64, 128)),
    ("pylon", UP1 | {"up_kernel": 3}, 2_428_551, 1_806, 25_932_117, 7.38, (64, 128)),
    ("pylon", UP1 | {"head_kernel": 3}, 593_543, 16_142, 24_111_445, 5.55, (64, 128)),
]
"""The thesis' models with ResNet-50, one input channel and 14 classes."""


@pytest.mark.parametrize(("name", "options", "decoder", "head", "total", "gmacs", "sides"), PUBLISHED)
def test_sizes_equal_the_published_ones(name, options, decoder, head, total, gmacs, sides):
    with torch.device("meta"), torch.no_grad():
        model = build_model(name, num_classes=14, encoder="resnet50", **options).eval()
        found = [model(torch.empty(1, 1, size_px, size_px)).heatmaps.shape[-2:] for size_px in (256, 512)]
        with FlopCounterMode(display=False) as counter:
            model(torch.empty(1, 1, 256, 256))
    assert num_parameters(model.encoder) == 23_501_760
    assert num_parameters(model.head) == head
    assert num_parameters(model) == total == 23_501_760 + decoder + head
    assert found == [(side, side) for side in sides]
    assert round(counter.get_total_flops() / 2e9, 2) == gmacs


def num_parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# What PAN's modules are called in PYLON.
_FPA = {
    "fpa.mid.0": "attention.project",
    "fpa.down1.1": "attention.down.0",
    "fpa.down2.1": "attention.down.1",
    "fpa.down3.1": "attention.down.2",
    "fpa.conv1": "attention.across.0",
    "fpa.conv2": "attention.across.1",
    "fpa.down3.2": "attention.across.2",
    "fpa.branch1.1": "attention.context.project",
}
_GAU = {"gau3": "ups.0", "gau2": "ups.1", "gau1": "ups.2"}


def as_pylon(key: str) -> str:
    """Returns PYLON's key for the tensor that PAN calls `key`."""
    for pan, pylon in _FPA.items():
        key = key.replace(f"{pan}.conv.", f"{pylon}.0.").replace(f"{pan}.bn.", f"{pylon}.1.")
    for pan, pylon in _GAU.items():
        key = key.replace(f"{pan}.conv1.1.conv.", f"{pylon}.gate.conv.")
        key = key.replace(f"{pan}.conv1.1.bn.", f"{pylon}.gate.norm.")
        key = key.replace(f"{pan}.conv2.conv.", f"{pylon}.lateral.0.0.")
        key = key.replace(f"{pan}.conv2.bn.", f"{pylon}.lateral.0.1.")
    return key


@pytest.mark.parametrize(("size_px", "training"), [(64, True), (256, False)])
@pytest.mark.parametrize("gap_in_fpa", [False, True])
@pytest.mark.parametrize("gap_in_gau", [False, True])
def test_pylon_with_3x3_convolutions_is_pan(gap_in_fpa, gap_in_gau, training, size_px):
    """Bit for bit, after renaming keys; with PAN's GAP put into PYLON where PAN has it."""
    torch.manual_seed(0)
    pan = build_model("pan", num_classes=3, encoder="resnet18", gap_in_fpa=gap_in_fpa, gap_in_gau=gap_in_gau)
    pylon = build_model(
        "pylon",
        num_classes=3,
        encoder="resnet18",
        up_layers=1,
        up_kernel=3,
        head_kernel=3,
        gap_in_pa=gap_in_fpa,
        gap_in_up=gap_in_gau,
    )
    for norm in (module for module in pan.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 2)
    pylon.load_state_dict({as_pylon(key): value for key, value in pan.state_dict().items()})
    images = torch.randn(2, 1, size_px, size_px)
    with torch.no_grad():
        expected, found = pan.train(training)(images), pylon.train(training)(images)
    assert torch.equal(found.heatmaps, expected.heatmaps)
    assert torch.equal(found.logits, expected.logits)


@pytest.mark.parametrize(
    ("ours", "library", "options"),
    [
        ("pan", "PAN", {"encoder_output_stride": 32, "decoder_channels": 128, "upsampling": 1}),
        ("fpn", "FPN", {"decoder_dropout": 0.0, "upsampling": 1}),
        ("deeplabv3plus", "DeepLabV3Plus", {"upsampling": 1}),
        ("unet", "Unet", {"decoder_channels": (256, 128, 64, 64, 64)}),
    ],
)
def test_decoders_are_the_library_s(ours, library, options):
    """The library's whole model says the same with the same weights, FPN with its group norm."""
    model = build_model(
        ours, num_classes=3, encoder="resnet18", **({"norm": "group"} if ours == "fpn" else {})
    ).eval()
    reference = getattr(smp, library)(
        "resnet18", encoder_weights=None, in_channels=1, classes=3, **options
    ).eval()
    state = {
        key.replace("head.", "segmentation_head.0.") if key.startswith("head.") else key: value
        for key, value in model.state_dict().items()
    }
    reference.load_state_dict(state)
    images = torch.randn(1, 1, 256, 256)
    with torch.no_grad():
        expected = reference(images)
        if ours == "fpn":  # its head is 1×1 with either
            assert reference.segmentation_head[0].kernel_size == (1, 1)
        assert torch.allclose(model(images).heatmaps, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("norm", "kind"), [("batch", torch.nn.BatchNorm2d), ("group", torch.nn.GroupNorm)])
def test_fpn_has_the_norm_that_it_is_asked_for(norm, kind):
    decoder = build_model("fpn", num_classes=3, encoder="resnet18", norm=norm).decoder
    norms = [m for m in decoder.modules() if isinstance(m, torch.nn.BatchNorm2d | torch.nn.GroupNorm)]
    assert len(norms) == 7
    assert {type(module) for module in norms} == {kind}
    if norm == "group":
        assert {module.num_groups for module in norms} == {32}


@pytest.mark.parametrize("name", ["baseline", "li2018", "deeplabv3plus"])
def test_decoders_that_keep_pytorch_s_initialisation(name):
    """PyTorch's bound for a convolution is 1/√fan_in, the same for its bias."""
    head = build_model(name, num_classes=64, encoder="resnet18").head
    bound = head.weight[0].numel() ** -0.5
    assert 0.98 * bound < head.weight.abs().max() <= bound
    assert 0.9 * bound < head.bias.abs().max() <= bound


@pytest.mark.parametrize("name", ["unet", "fpn", "pan", "pylon"])
def test_decoders_that_start_as_the_library_starts_them(name):
    """Kaiming uniform for convolutions of the decoder, Xavier uniform for the head; biases are 0."""
    model = build_model(name, num_classes=64, encoder="resnet18")
    for conv in (m for m in model.decoder.modules() if isinstance(m, torch.nn.Conv2d)):
        bound = (6 / conv.weight[0].numel()) ** 0.5
        assert conv.weight.abs().max() <= bound
        if conv.weight.numel() > 1000:
            assert conv.weight.abs().max() > 0.98 * bound
        assert conv.bias is None or (conv.bias == 0).all()
    area = model.head.weight[0, 0].numel()
    bound = (6 / (area * (model.head.in_channels + 64))) ** 0.5
    assert 0.98 * bound < model.head.weight.abs().max() <= bound
    assert (model.head.bias == 0).all()


def test_encoder_of_deeplab_alone_is_dilated():
    for name, side in (("deeplabv3plus", 8), ("pan", 4)):
        model = build_model(name, num_classes=3, encoder="resnet18").eval()
        assert model.encoder(torch.zeros(1, 1, 128, 128))[-1].shape[-1] == side


def test_dilated_densenet_sees_as_far_and_has_the_same_weights():
    plain = build_encoder("densenet121").eval()
    dilated = build_encoder("densenet121", output_stride=16).eval()
    dilated.load_state_dict(plain.state_dict())
    images = torch.zeros(1, 1, 128, 128)
    with torch.no_grad():
        assert torch.equal(dilated(images)[-2], plain(images)[-2])
        assert dilated(images)[-1].shape == (1, 1024, 8, 8)


def test_wang_2017_predicts_from_pooled_features_with_the_weights_of_its_map():
    model = build_model("wang2017", num_classes=3, encoder="resnet18", sharpness=2.0).eval()
    images = torch.randn(2, 1, 96, 96)
    with torch.no_grad():
        features = model.encoder(images)[-1]
        pooled = torch.log(torch.exp(2 * features.double()).mean(dim=(2, 3))) / 2
        weight, bias = model.head.weight[:, :, 0, 0].double(), model.head.bias.double()
        found = model(images)
    assert torch.allclose(found.logits.double(), pooled @ weight.T + bias, atol=1e-5)
    expected = torch.einsum("nkhw,ck->nchw", features.double(), weight) + bias[:, None, None]
    assert torch.allclose(found.heatmaps.double(), expected, atol=1e-5)


def test_yao_2018_learns_its_sharpness_above_the_bound():
    model = build_model("yao2018", num_classes=3, encoder="resnet18", lower_bound=4.0)
    assert model.sharpness.item() == 5.0
    heatmaps, logits = model(torch.randn(2, 1, 96, 96))
    expected = torch.log(torch.exp(5 * heatmaps.double()).mean(dim=(2, 3))) / 5
    assert torch.allclose(logits.double(), expected, atol=1e-5)
    logits.sum().backward()
    assert model.beta.grad != 0
    with torch.no_grad():
        model.beta.fill_(-50)
    assert model.sharpness.item() >= 4.0


@pytest.mark.parametrize("name", ["baseline", "unet", "fpn", "deeplabv3plus", "pan", "pylon"])
def test_class_logit_is_the_maximum_of_its_heatmap(name):
    model = build_model(name, num_classes=3, encoder="resnet18").eval()
    heatmaps, logits = model(torch.randn(2, 1, 64, 64))
    assert torch.equal(logits, heatmaps.flatten(2).max(dim=2).values)


def test_average_pooling_is_an_option_of_the_baseline():
    model = build_model("baseline", num_classes=3, encoder="resnet18", pooling="average").eval()
    heatmaps, logits = model(torch.randn(2, 1, 64, 64))
    assert torch.allclose(logits, heatmaps.flatten(2).mean(dim=2), atol=1e-6)


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


@pytest.mark.parametrize("name", ["pylon", "pan"])
def test_pyramid_attention_refuses_images_that_are_too_small(name):
    model = build_model(name, num_classes=3, encoder="resnet18").eval()
    with pytest.raises(ValueError, match="images of 64 px"):
        model(torch.zeros(1, 1, 32, 32))


@pytest.mark.parametrize(
    ("arguments", "value", "fact"),
    [
        ({"name": "pilon"}, "pilon", "did you mean 'pylon'"),
        ({"name": "pylon", "up_layer": 1}, "up_layer", "did you mean 'up_layers'"),
        ({"name": "pylon", "up_layers": 3}, 3, "1, 2"),
        ({"name": "baseline", "pooling": "maximum"}, "maximum", "max, average"),
        ({"name": "wang2017", "sharpness": 0.0}, 0.0, "float above 0"),
        ({"name": "yao2018", "lower_bound": -1.0}, -1.0, "float at least 0"),
        ({"name": "deeplabv3plus", "encoder": "vgg11"}, "vgg11", "output stride of 16"),
        ({"name": "deeplabv3plus", "encoder": "tu-dla34"}, "tu-dla34", "output stride of 16"),
        ({"name": "fpn", "encoder": "tu-vit_tiny_patch16_224"}, "tu-vit_tiny_patch16_224", "'tu-vit"),
        ({"name": "pylon", "encoder": "resnet19"}, "resnet19", "did you mean 'resnet"),
        ({"name": "pylon", "encoder": "tu-resnet19t"}, "tu-resnet19t", "'tu-resnet19t'"),
    ],
)
def test_unknown_words_are_refused_with_a_suggestion(arguments, value, fact):
    with pytest.raises(SuiteError) as error:
        build_model(num_classes=3, **arguments)
    assert error.value.value == value
    assert fact in str(error.value)


def test_torchvision_works_whatever_build_it_is():
    """Beside a CPU build of torch its operators do not load: they are declared then, and only then."""
    assert (DECLARATIONS is None) == compiled_operators_load()
    assert torchvision.models.resnet18(weights=None).fc.out_features == 1000
    assert smp.encoders.get_encoder("resnet18", weights=None).out_channels[-1] == 512
