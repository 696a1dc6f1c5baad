"""Names of encoders and the images they take, from their libraries' sources: importing those takes torch.

segmentation-models-pytorch has encoders of its own, and those of timm with ``tu-`` before their names.
"""

import importlib.util
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bench.errors import nearest

TIMM, _OLD_TIMM = "tu-", "timm-"

_OWN_TABLE = re.compile(r"^\w+_encoders = \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_OWN_NAME = re.compile(r"""^    ["']([^"']+)["']: """, re.MULTILINE)
_TIMM_MODEL = re.compile(r"^@register_model\s+def (\w+)(.*?)(?=^[@\w])", re.M | re.S)
_TIMM_OLD_TABLE = re.compile(r"register_model_deprecations\(__name__, \{(.*?)\}\)", re.DOTALL)
_TIMM_OLD_NAME = re.compile(r"'(\w+)'\s*:")

_PLAIN = frozenset({"vision_transformer", "deit", "eva"})
"""timm's modules whose models keep one scale from end to end."""

_SHIFTED = frozenset({"swin_transformer", "swin_transformer_v2", "swin_transformer_v2_cr"})
"""timm's modules whose windows are filled up at the border, once told that images may have any size."""

_WINDOWED = "maxxvit"
"""timm's module whose windows have to fill the map (MaxViT), or are the whole map (CoAtNet)."""

_PARENT = re.compile(r"^from \.([a-z]\w*) import", re.MULTILINE)
_PATCH = re.compile(r"patch_size=(\d+)")
_NATIVE_PX = re.compile(r"_(\d{3})$")


@dataclass(frozen=True)
class EncoderTraits:
    """The features that an encoder gives, and the images that it takes.

    Attributes:
        num_maps: 6, features at 1/1, 1/2, … 1/32, or 1 of a plain vision transformer.
        step_px: sides of images are multiples of this.
        is_fixed: whether they are `step_px` itself, and no other multiple.
        can_dilate: whether its last stage can be dilated, for features at 1/16 in place of 1/32.
        has_shifted_windows: whether it is a Swin transformer, which is to be told that images have any size.
    """

    num_maps: int = 6
    step_px: int = 32
    is_fixed: bool = False
    can_dilate: bool = True
    has_shifted_windows: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it is a plain vision transformer, which gives one map."""
        return self.num_maps == 1

    def takes(self, size_px: int) -> bool:
        """Returns whether images may have this side."""
        return size_px == self.step_px if self.is_fixed else size_px % self.step_px == 0

    def nearest_px(self, size_px: int) -> int:
        """Returns the side that images may have which is nearest to `size_px`."""
        return self.step_px * (1 if self.is_fixed else max(round(size_px / self.step_px), 1))


@lru_cache
def encoder_traits(name: str) -> EncoderTraits:
    """Returns the traits of an encoder; those of a ResNet where the sources do not tell others."""
    if not name.startswith(TIMM):
        return EncoderTraits(can_dilate=name not in _own_names(can_dilate=False))
    model = name.removeprefix(TIMM).partition(".")[0]
    module, source = _timm_models().get(model, ("", ""))
    if module in _PLAIN:
        patch = _PATCH.search(source)
        return EncoderTraits(1, int(patch[1]) if patch else 16, can_dilate=False)
    if module == _WINDOWED:
        return EncoderTraits(step_px=_native_px(model, module), is_fixed="coatne" in model, can_dilate=False)
    return EncoderTraits(can_dilate=not module or _may_dilate(module), has_shifted_windows=module in _SHIFTED)


def _may_dilate(module: str) -> bool:
    """Returns whether the module of timm, or one that it builds on, has models with an output stride."""
    texts = _timm_sources()
    parents = [name for name in _PARENT.findall(texts[module]) if name in texts]
    return any("output_stride" in texts[name] for name in (module, *parents))


def _native_px(model: str, module: str) -> int:
    """Returns the side of the images that the model is made for: from its name, or its configuration."""
    named = _NATIVE_PX.search(model)
    if named:
        return int(named[1])
    pattern = rf"'{model}(?:\.\w+)?': _cfg\(.*?input_size=\(3, (\d+),"
    given = re.search(pattern, _timm_sources()[module], re.DOTALL)
    return int(given[1]) if given else 224


def unknown_encoder(name: str) -> str | None:
    """Returns a sentence on the name of an encoder that no library has; None if one has it.

    None too if a library is not installed, or does not list its encoders in the expected way.
    """
    own = _own_names()
    if not own or name in own:
        return None
    if name.startswith((TIMM, _OLD_TIMM)):
        return _unknown_in_timm(name)
    return f"unknown encoder {name!r} of segmentation-models-pytorch{nearest(name, own)}"


def _unknown_in_timm(name: str) -> str | None:
    known = _timm_names()
    prefix = TIMM if name.startswith(TIMM) else _OLD_TIMM
    model = name.removeprefix(prefix).partition(".")[0]  # after a dot the weights
    is_address = ":" in model  # say, hf-hub:…
    if not known or is_address or model in known or (prefix == _OLD_TIMM and f"tf_{model}" in known):
        return None
    return f"unknown encoder {name!r} of timm{nearest(TIMM + model, [TIMM + one for one in known])}"


@lru_cache
def _own_names(*, can_dilate: bool | None = None) -> frozenset[str]:
    """Returns the library's own encoders; those alone that can be dilated, or cannot."""
    texts = _sources("segmentation_models_pytorch", "encoders")
    refusing = {module for module, text in texts.items() if "def make_dilated" in text}
    refusing -= {"_base", "densenet"}  # bench dilates DenseNets itself
    return frozenset(
        name
        for module, text in texts.items()
        if can_dilate is None or can_dilate == (module not in refusing)
        for table in _OWN_TABLE.findall(text)
        for name in _OWN_NAME.findall(table)
    )


@lru_cache
def _timm_names() -> frozenset[str]:
    old = (
        name
        for text in _timm_sources().values()
        for table in _TIMM_OLD_TABLE.findall(text)
        for name in _TIMM_OLD_NAME.findall(table)
    )
    return frozenset((*_timm_models(), *old))


@lru_cache
def _timm_models() -> dict[str, tuple[str, str]]:
    """Returns, for each of timm's models, the module that defines it and the source of its function."""
    return {
        name: (module, source)
        for module, text in _timm_sources().items()
        for name, source in _TIMM_MODEL.findall(text + "\n_")
    }


@lru_cache
def _timm_sources() -> dict[str, str]:
    return _sources("timm", "models")


def _sources(package: str, folder: str) -> dict[str, str]:
    """Returns the texts of the package's modules in a folder by name; none where it is not installed."""
    spec = importlib.util.find_spec(package)
    roots = spec.submodule_search_locations if spec is not None else None
    paths = [path for root in roots or () for path in sorted(Path(root, folder).rglob("*.py"))]
    return {path.stem: path.read_text("utf-8") for path in paths}
