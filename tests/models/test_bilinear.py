"""Resizing has the bits of torch's kernel, and a gradient that no order of additions can change."""

from collections import Counter
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from bench.models import build_model
from bench.models.bilinear import BilinearResize, resize
from bench.models.blocks import upsample_to
from bench.models.torchvision_compat import smp
from bench.suite.catalog import MODELS
from bench.training.determinism import fix_arithmetic

ENCODER = "tu-test_resnet"

SIZES = [
    # from, to, aligned corners
    ((16, 16), (32, 32), True),
    ((8, 8), (20, 20), True),
    ((5, 7), (13, 9), False),
    ((64, 64), (256, 256), False),
    ((1, 1), (8, 8), True),
    ((1, 1), (7, 9), False),
    ((9, 9), (4, 4), True),
    ((6, 6), (6, 6), True),
]


def native(maps: torch.Tensor, size: tuple[int, int], align_corners: bool) -> torch.Tensor:
    return F.interpolate(maps, size, mode="bilinear", align_corners=align_corners)


def leaf(small: tuple[int, int], **how) -> torch.Tensor:
    return torch.randn(3, 8, *small, generator=torch.Generator().manual_seed(0)).to(**how).requires_grad_()


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.double() - other.double()).norm() / other.double().norm())


@pytest.mark.parametrize(("small", "large", "align_corners"), SIZES)
def test_forward_is_the_kernel_and_the_gradient_at_least_as_near_to_the_exact_one(
    small, large, align_corners
):
    ours, theirs = (leaf(small, memory_format=torch.channels_last) for _ in range(2))
    exact = leaf(small, dtype=torch.float64)
    found = BilinearResize.apply(ours, large, align_corners)
    expected = native(theirs, large, align_corners)
    assert torch.equal(found, expected)
    grad = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    found.backward(grad)
    expected.backward(grad)
    native(exact, large, align_corners).backward(grad.double())
    assert distance(ours.grad, exact.grad) <= 1.05 * distance(theirs.grad, exact.grad) + 1e-8


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_memory_format_stays(memory_format):
    maps = leaf((6, 6), memory_format=memory_format)
    found = BilinearResize.apply(maps, (9, 9), True)
    assert found.is_contiguous(memory_format=memory_format)
    found.backward(torch.randn_like(found))
    assert torch.isfinite(maps.grad).all()
    if memory_format == torch.channels_last:
        assert maps.grad.is_contiguous(memory_format=memory_format)


def test_gradient_is_that_of_the_map_twice_too():
    maps = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    for align_corners in (False, True):
        torch.autograd.gradcheck(lambda m, a=align_corners: BilinearResize.apply(m, (7, 9), a), maps)
        torch.autograd.gradgradcheck(lambda m, a=align_corners: BilinearResize.apply(m, (7, 9), a), maps)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gradient_of_half_precision_is_summed_in_float32(dtype):
    """64 × 64 pixels of one cell: each adds 1, which a sum in half precision stops counting."""
    maps = torch.ones(1, 1, 1, 1, dtype=dtype, requires_grad=True)
    BilinearResize.apply(maps, (64, 64), True).sum().backward()
    assert maps.grad.dtype == dtype
    assert maps.grad == 64 * 64


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_compiled_graph_holds_it_whole(backend):
    def loss(maps: torch.Tensor) -> torch.Tensor:
        return BilinearResize.apply(maps * 2, (9, 9), True).square().sum()

    torch._dynamo.reset()
    ours, expected = leaf((6, 6)), leaf((6, 6))
    torch.compile(loss, backend=backend, fullgraph=True, dynamic=False)(ours).backward()
    loss(expected).backward()
    torch.testing.assert_close(ours.grad, expected.grad, rtol=1e-5, atol=1e-6)


def test_tensors_without_values_leave_nothing_behind():
    """Weights that were made while tensors had no values are not those of later, real ones."""
    for mode in (FakeTensorMode(), FakeTensorMode()):
        with mode:
            maps = torch.randn(2, 3, 11, 11, requires_grad=True)
            BilinearResize.apply(maps, (23, 23), True).sum().backward()
            assert maps.grad.shape == (2, 3, 11, 11)
    maps = torch.randn(2, 3, 11, 11, requires_grad=True)
    BilinearResize.apply(maps, (23, 23), True).sum().backward()
    assert maps.grad.sum() == pytest.approx(2 * 3 * 23 * 23, rel=1e-4)


def test_on_a_cpu_both_directions_are_torch_s():
    fix_arithmetic(1)
    ours, theirs = leaf((6, 6)), leaf((6, 6))
    found, expected = upsample_to(ours, torch.empty(1, 1, 9, 9)), native(theirs, (9, 9), align_corners=True)
    assert torch.equal(found, expected)
    found.square().sum().backward()
    expected.square().sum().backward()
    assert torch.equal(ours.grad, theirs.grad)
    assert torch.equal(resize(ours, (6, 6), align_corners=False), ours)


class Operators(TorchDispatchMode):
    """Counts the operators that run within it."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.counts[function.overloadpacket.__name__] += 1
        return function(*args, **(kwargs or {}))


VARIANTS = [
    (name, options)
    for name, entry in MODELS.items()
    for options in ({}, *(variant.options for variant in entry.variants))
]


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)
def test_no_model_scatters_in_its_backward_pass_off_the_cpu(name, options):
    """On the meta device, where torch resizes as on CUDA if it is asked for deterministic algorithms."""
    fix_arithmetic(1)
    model = build_model(name, num_classes=3, encoder=ENCODER, **options).to("meta")
    with Operators() as operators:
        model(torch.empty(2, 1, 128, 128, device="meta")).logits.sum().backward()
    assert not [one for one in operators.counts if "index" in one or "scatter" in one or "gather" in one]
    assert not [one for one in operators.counts if one.startswith("upsample_bilinear2d_backward")]


def test_models_that_resize_do_it_with_the_kernel():
    for name, at_least in (("li2018", 1), ("fpn", 6), ("deeplabv3plus", 2), ("pan", 5), ("pylon", 5)):
        with torch.device("meta"), torch.no_grad():
            model = build_model(name, num_classes=3, encoder=ENCODER).to("meta")
            with Operators() as operators:
                model(torch.empty(2, 1, 128, 128))
        assert operators.counts["upsample_bilinear2d"] >= at_least


def test_gradients_of_pan_add_up_in_the_order_of_the_library_s():
    """Bit for bit: features that three layers read get a sum of three gradients."""
    torch.manual_seed(0)
    ours = build_model("pan", num_classes=3, encoder=ENCODER).to(memory_format=torch.channels_last)
    theirs = deepcopy(ours)
    for name in ("gau1", "gau2", "gau3"):
        own, library_s = getattr(theirs.decoder, name), smp.decoders.pan.decoder.GAUBlock(1, 1)
        library_s.conv1, library_s.conv2 = own.conv1, own.conv2
        setattr(theirs.decoder, name, library_s)
    images = torch.randn(8, 1, 64, 64)
    for model in (ours, theirs):
        model(images).heatmaps.square().mean().backward()
    found, expected = (
        {name: one.grad for name, one in model.named_parameters() if one.grad is not None}
        for model in (ours, theirs)
    )
    assert len(found) > 50
    assert all(torch.equal(grad, expected[name]) for name, grad in found.items())
