"""The checks that every model passes, bench's own and anyone's: each returns a sentence if it finds a fault.

``bench list models NAME --check`` and the tests run the same ones. Shapes at 256 and 512 px, or the nearest
sizes that the encoder takes, are computed without arithmetic (torch's meta device); properties that need no
large images are tested on small ones.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from bench.errors import SuiteError
from bench.models.blocks import CamOutput
from bench.models.registry import build_model, problem_of_output
from bench.suite.catalog import OptionValue
from bench.suite.encoders import encoder_traits

NUM_CLASSES = 3
STRIDE_PX = 32
"""Maps have a cell for this many pixels of a side, or more cells."""

SMALL_PX, MIDDLE_PX, LARGE_PX = 64, 256, 512
SHIFT_TOLERANCE_PX = STRIDE_PX // 4
"""Up-sampling with aligned corners stretches maps, by up to 8:7 at 256 px, so that peaks of finer maps move a
little further than the image did."""

_STOCHASTIC_DEPTH = ("MBConvBlock", "DropPath")
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm)


@dataclass(frozen=True)
class Candidate:
    """A model with options on an encoder, to be checked.

    Attributes:
        name: of `bench.suite.catalog.MODELS`.
        options: that differ from the defaults.
        encoder: of segmentation-models-pytorch, or of timm.
    """

    name: str
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    encoder: str = "resnet18"

    def size_px(self, size_px: int) -> int:
        """Returns the size nearest to this one that the encoder takes."""
        return encoder_traits(self.encoder).nearest_px(size_px)

    def build(self, seed: int = 0) -> nn.Module:
        """Returns it in evaluation mode, its weights drawn from the seed.

        Raises:
            SuiteError: it cannot be built.
        """
        torch.manual_seed(seed)
        options = dict(self.options)
        return build_model(
            self.name,
            num_classes=NUM_CLASSES,
            encoder=self.encoder,
            size_px=self.size_px(SMALL_PX),
            **options,  # type: ignore[arg-type]
        ).eval()

    def build_without_memory(self) -> nn.Module:
        """Returns it in evaluation mode on torch's meta device, which has shapes and no values."""
        try:
            with torch.device("meta"):
                return self.build()
        except (SuiteError, RuntimeError):  # some encoders look at values while they are built
            return self.build().to("meta")

    @cached_property
    def model(self) -> nn.Module:
        """Of seed 0; checks leave it as it was."""
        return self.build()

    @cached_property
    def twin(self) -> nn.Module:
        """Of seed 1; checks may do with it what they like."""
        return self.build(seed=1)


Check = Callable[[Candidate], str | None]


def parts_are_called_encoder_and_head(of: Candidate) -> str | None:
    """Transfer freezes the one, CAM methods look at what the other reads."""
    missing = sorted({"encoder", "head"} - dict(of.model.named_children()).keys())
    return f"has no part called {' or '.join(missing)}" if missing else None


def map_and_logits_have_one_value_per_image_and_class(of: Candidate) -> str | None:
    """At 256 and 512 px; a side of a map has a cell for 32 px at least, and for a pixel at most."""
    return problem_of_shapes(of.build_without_memory(), of)


def problem_of_shapes(model: nn.Module, of: Candidate) -> str | None:
    """Returns why a model on torch's meta device has maps of other shapes than it should; None if not.

    Args:
        model: a build of the candidate.
        of: it says which images the encoder takes.
    """
    with torch.device("meta"), torch.no_grad():
        for size_px in map(of.size_px, (MIDDLE_PX, LARGE_PX)):
            images = torch.empty(2, 1, size_px, size_px)
            output = model(images)
            problem = problem_of_output(output, images, NUM_CLASSES)
            if problem is None and not _is_map_of(output, size_px):
                problem = f"returns heatmaps {list(output.heatmaps.shape)}"
            if problem is not None:
                return f"{problem}, at {size_px} px"
    return None


def _is_map_of(output: CamOutput, size_px: int) -> bool:
    height, width = output.heatmaps.shape[-2:]
    return height == width and size_px // STRIDE_PX <= height <= size_px


def evaluation_looks_at_each_image_alone_and_remembers_nothing(of: Candidate) -> str | None:
    """Maps of an image do not depend on others of its batch, and no state changes."""
    before = {key: value.clone() for key, value in of.model.state_dict().items()}
    batch = _images(of, 3)
    with torch.no_grad():
        together, alone = of.model(batch), of.model(batch[:1])
    scale = float(together.heatmaps.abs().max())
    if not torch.allclose(together.heatmaps[:1], alone.heatmaps, rtol=1e-4, atol=1e-5 * scale):
        return "gives an image another map in another batch, in evaluation mode"
    changed = [key for key, value in of.model.state_dict().items() if not torch.equal(value, before[key])]
    return f"changes {changed[0]} in evaluation mode" if changed else None


def training_mode_differs_by_batch_norm_and_dropout_only(of: Candidate) -> str | None:
    """And by stochastic depth, which is a part of EfficientNets and transformers."""
    try:
        of.model.train()
        for module in of.model.modules():
            kinds = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
            if isinstance(module, kinds) or type(module).__name__ in _STOCHASTIC_DEPTH:
                module.eval()
        with torch.no_grad():
            found = of.model(_images(of, 2))
    finally:
        of.model.eval()
    with torch.no_grad():
        expected = of.model(_images(of, 2))
    is_same = all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    return None if is_same else "differs between training and evaluation by more than norms and dropout"


def half_precision_gives_finite_maps_in_float32(of: Candidate) -> str | None:
    """Under autocast to bfloat16 and to float16."""
    for precision in (torch.bfloat16, torch.float16):
        with torch.no_grad(), torch.autocast("cpu", dtype=precision):
            output = of.model(_images(of, 1))
        if not output.heatmaps.dtype == output.logits.dtype == torch.float32:
            return f"returns {output.heatmaps.dtype} and {output.logits.dtype} under {precision}"
        if not all(bool(one.isfinite().all()) for one in output):
            return f"returns values that are not finite under {precision}"
    return None


def seed_decides_the_model(of: Candidate) -> str | None:
    """The same seed gives the same weights, and another one others."""
    state, same, other = of.model.state_dict(), of.build().state_dict(), of.twin.state_dict()
    if not all(torch.equal(value, same[key]) for key, value in state.items()):
        return "has other weights when it is built again from the same seed"
    is_drawn = any(not torch.equal(value, other[key]) for key, value in state.items())
    return None if is_drawn else "has the same weights from another seed"


def weights_survive_a_file(of: Candidate) -> str | None:
    """A model that is loaded from a file gives the same maps."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_file(of.model.state_dict(), path)
        of.twin.load_state_dict(load_file(path))
    with torch.no_grad():
        found, expected = of.twin(_images(of, 1)).heatmaps, of.model(_images(of, 1)).heatmaps
    return None if torch.equal(found, expected) else "gives other maps with the same weights from a file"


def every_parameter_gets_a_gradient(of: Candidate) -> str | None:
    """With norms that keep every unit alive, so that what is tested is the wiring and not chance.

    Small images first; pyramids have levels that only images of 256 px reach.
    """
    twin = of.twin
    for module in twin.modules():
        if isinstance(module, _NORMS) and module.weight is not None:
            nn.init.constant_(module.weight, 0.2)
            nn.init.constant_(module.bias, 2.0)
    without = {key for key, _ in twin.named_parameters()}
    for size_px in (SMALL_PX, MIDDLE_PX):
        if without:
            output = twin(_images(of, 1, size_px))
            (output.heatmaps.square().mean() + output.logits.square().sum()).backward()
            without -= {k for k, p in twin.named_parameters() if p.grad is not None and p.grad.any()}
    return f"gives parameter {min(without)} no gradient" if without else None


def lesion_moved_by_the_stride_moves_the_peak_by_as_much(of: Candidate) -> str | None:
    """Away from borders, with kernels made averages, so that what is tested is geometry and not chance.

    Attention leaves some chance, which other seeds end: a fault of geometry is there with each of them.
    """
    is_plain = encoder_traits(of.encoder).is_plain
    stride_px = of.size_px(STRIDE_PX) if is_plain else STRIDE_PX
    off_px = 0.0
    for seed in (1, 2, 3):
        twin = of.twin if seed == 1 else of.build(seed)
        off_px, side = _peak_error(twin, of.size_px(MIDDLE_PX), stride_px)
        cell_px = of.size_px(MIDDLE_PX) / side
        is_coarse = is_plain or not cell_px.is_integer()  # a grid that does not fit the image
        if off_px <= (cell_px if is_coarse else SHIFT_TOLERANCE_PX):
            return None
    return f"moves its peak by {off_px:g} px more or less than a lesion that is moved by {stride_px} px"


def _peak_error(twin: nn.Module, size_px: int, stride_px: int) -> tuple[float, int]:
    """Returns by how many px the peak moves more or less than a lesion, and the side of the map."""
    for module in twin.modules():
        if isinstance(module, _NORMS):
            module.reset_parameters()
        if isinstance(module, nn.Conv2d):
            with torch.no_grad():
                module.weight.abs_().div_(module.weight.sum(dim=(1, 2, 3), keepdim=True))
    near, far = 3 * stride_px, 4 * stride_px
    places = ((near, near), (far, near), (far, far))
    images = [torch.zeros(1, size_px, size_px), *(_lesion(*place, size_px) for place in places)]
    with torch.no_grad():
        maps = twin(torch.stack(images)).heatmaps.sum(1)
    side = maps.shape[-1]
    peaks = torch.tensor([divmod(int(heatmap.argmax()), side) for heatmap in maps[1:] - maps[:1]])
    moves_px = peaks.diff(dim=0) * size_px / side
    return float((moves_px - torch.tensor([[stride_px, 0], [0, stride_px]])).abs().max()), side


CHECKS: tuple[Check, ...] = (
    parts_are_called_encoder_and_head,
    map_and_logits_have_one_value_per_image_and_class,
    evaluation_looks_at_each_image_alone_and_remembers_nothing,
    training_mode_differs_by_batch_norm_and_dropout_only,
    half_precision_gives_finite_maps_in_float32,
    seed_decides_the_model,
    weights_survive_a_file,
    every_parameter_gets_a_gradient,
    lesion_moved_by_the_stride_moves_the_peak_by_as_much,
)
"""In their order: the last ones change the twin."""


def _images(of: Candidate, num: int, size_px: int = SMALL_PX) -> Tensor:
    size_px = of.size_px(size_px)
    return torch.randn(num, 1, size_px, size_px, generator=torch.Generator().manual_seed(0))


def _lesion(row: int, column: int, size_px: int, sigma_px: float = 12.0) -> Tensor:
    side = torch.arange(float(size_px))
    rows, columns = torch.meshgrid(side, side, indexing="ij")
    return 4 * torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * sigma_px**2))[None]
