"""What every model owes, whatever it is: a new line in the catalog is tested here by itself.

Each model with default options and each of its named variants runs on the smallest encoder; slow tests do the
same with three others. Shapes at 256 and 512 px are computed without arithmetic (torch's meta device) on all
four; properties that need no large images are tested on small ones, and tests of one case share its models.
"""

from dataclasses import dataclass

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from bench.models import build_model
from bench.suite.catalog import MODELS, display_name

ENCODERS = ("resnet18", "resnet50", "densenet121", "efficientnet-b0")
NUM_CLASSES = 3
STRIDE_PX = 32
SHIFT_TOLERANCE_PX = STRIDE_PX // 4
"""Up-sampling with aligned corners stretches maps, by up to 8:7 at 256 px, so that peaks of finer maps move a
little further than the image did."""


@dataclass(frozen=True)
class Case:
    name: str
    options: tuple[tuple[str, object], ...]
    encoder: str

    def __str__(self) -> str:
        return f"{display_name(self.name, dict(self.options)).replace('−', '-')}, {self.encoder}"

    def build(self, seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        options = dict(self.options)
        return build_model(self.name, num_classes=NUM_CLASSES, encoder=self.encoder, **options).eval()


SMALLEST = [
    Case(name, tuple(options.items()), ENCODERS[0])
    for name, entry in MODELS.items()
    for options in ({}, *(variant.options for variant in entry.variants))
]
LARGER = [Case(name, (), encoder) for name in MODELS for encoder in ENCODERS[1:]]


@pytest.fixture(
    scope="module",
    params=[*SMALLEST, *(pytest.param(one, marks=pytest.mark.slow) for one in LARGER)],
    ids=str,
)
def case(request) -> Case:
    return request.param


@pytest.fixture(scope="module")
def model(case) -> nn.Module:
    """In evaluation mode; tests leave it as it was."""
    return case.build()


@pytest.fixture(scope="module")
def twin(case) -> nn.Module:
    """Of another seed; tests may do with it what they like."""
    return case.build(seed=1)


def images(num: int, size_px: int) -> torch.Tensor:
    return torch.randn(num, 1, size_px, size_px, generator=torch.Generator().manual_seed(0))


def test_parts_are_called_encoder_and_head(model):
    """Transfer freezes the one, CAM methods look at what the other reads."""
    assert {"encoder", "head"} <= dict(model.named_children()).keys()


@pytest.mark.parametrize("of", SMALLEST + LARGER, ids=str)
def test_map_and_logits_have_one_value_per_image_and_class_at_256_and_512_px(of):
    with torch.device("meta"), torch.no_grad():
        model = of.build()
        for size_px in (256, 512):
            heatmaps, logits = model(torch.empty(2, 1, size_px, size_px))
            side = heatmaps.shape[-1]
            assert heatmaps.shape == (2, NUM_CLASSES, side, side)
            assert 8 <= side <= size_px
            assert logits.shape == (2, NUM_CLASSES)


def test_evaluation_looks_at_each_image_alone_and_remembers_nothing(model):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    batch = images(3, 64)
    with torch.no_grad():
        together, alone = model(batch), model(batch[:1])
    scale = float(together.heatmaps.abs().max())
    assert torch.allclose(together.heatmaps[:1], alone.heatmaps, rtol=1e-4, atol=1e-5 * scale)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_training_mode_differs_by_batch_norm_and_dropout_only(model):
    """And by the stochastic depth that is a part of EfficientNets."""
    try:
        model.train()
        for module in model.modules():
            is_stochastic = isinstance(
                module, nn.modules.batchnorm._BatchNorm | nn.modules.dropout._DropoutNd
            )
            if is_stochastic or type(module).__name__ == "MBConvBlock":
                module.eval()
        with torch.no_grad():
            found = model(images(2, 64))
    finally:
        model.eval()
    with torch.no_grad():
        expected = model(images(2, 64))
    assert torch.equal(found.heatmaps, expected.heatmaps)
    assert torch.equal(found.logits, expected.logits)


def test_half_precision_gives_finite_maps_in_float32(model):
    for precision in (torch.bfloat16, torch.float16):
        with torch.no_grad(), torch.autocast("cpu", dtype=precision):
            heatmaps, logits = model(images(1, 64))
        assert heatmaps.dtype == logits.dtype == torch.float32
        assert heatmaps.isfinite().all()
        assert logits.isfinite().all()


def test_seed_decides_the_model(case, model, twin):
    state, same, other = model.state_dict(), case.build().state_dict(), twin.state_dict()
    assert all(torch.equal(value, same[key]) for key, value in state.items())
    assert any(not torch.equal(value, other[key]) for key, value in state.items())


def test_weights_survive_a_file(model, twin, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(model.state_dict(), path)
    twin.load_state_dict(load_file(path))
    with torch.no_grad():
        assert torch.equal(twin(images(1, 64)).heatmaps, model(images(1, 64)).heatmaps)


def test_every_parameter_gets_a_gradient(twin):
    """With norms that keep every unit alive, so that what is tested is the wiring and not chance.

    Small images first; pyramids have levels that only images of 256 px reach.
    """
    for module in twin.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm | nn.GroupNorm):
            nn.init.constant_(module.weight, 0.2)
            nn.init.constant_(module.bias, 2.0)
    without = {key for key, _ in twin.named_parameters()}
    for size_px in (64, 256):
        if without:
            output = twin(images(1, size_px))
            (output.heatmaps.square().mean() + output.logits.square().sum()).backward()
            without -= {k for k, p in twin.named_parameters() if p.grad is not None and p.grad.any()}
    assert not without


def test_lesion_moved_by_the_stride_moves_the_peak_by_as_much(twin):
    """Away from borders, with kernels made averages, so that what is tested is geometry and not chance."""
    for module in twin.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm | nn.GroupNorm):
            module.reset_parameters()
        if isinstance(module, nn.Conv2d):
            with torch.no_grad():
                module.weight.abs_().div_(module.weight.sum(dim=(1, 2, 3), keepdim=True))
    blank = torch.zeros(1, 256, 256)
    with torch.no_grad():
        maps = twin(torch.stack([blank, lesion(96, 96), lesion(128, 96), lesion(128, 128)])).heatmaps.sum(1)
    side = maps.shape[-1]
    peaks = torch.tensor([divmod(int(heatmap.argmax()), side) for heatmap in maps[1:] - maps[:1]])
    moves_px = peaks.diff(dim=0) * 256 / side
    tolerance_px = 256 / side if 256 % side else SHIFT_TOLERANCE_PX  # a grid that does not fit the image
    assert (moves_px - torch.tensor([[STRIDE_PX, 0], [0, STRIDE_PX]])).abs().max() <= tolerance_px


def lesion(row: int, column: int, sigma_px: float = 12.0) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(256.0), torch.arange(256.0), indexing="ij")
    return 4 * torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * sigma_px**2))[None]
