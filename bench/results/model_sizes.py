"""Sizes of models, and a cache of them in the user's cache folder, so that they are shown without torch.

The file is JSON and holds for one state of the models' code and of the libraries that can change a size;
what was kept in another state counts for nothing and goes with the next measurement.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata, resources
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bench.results.files import write_text
from bench.suite.catalog import MODELS, OptionValue, plugin_source
from bench.suite.encoders import encoder_traits
from bench.suite.identity import sources_digest
from bench.suite.user_path import ensure_home

_SIZES_PX = (256, 512)

NUM_CLASSES, IN_CHANNELS = 14, 1
"""Models are measured for the thesis' classes and radiographs in shades of gray."""

_LIBRARIES = ("torch", "torchvision", "segmentation-models-pytorch", "timm")


def sizes_px(encoder: str) -> tuple[int, int]:
    """Returns the sides of the images that a model is measured for: 256 and 512 px, or the nearest two.

    An encoder that takes one size is measured for it alone, so that both are the same.
    """
    small, large = map(encoder_traits(encoder).nearest_px, _SIZES_PX)
    return small, large


@dataclass(frozen=True)
class ModelSize:
    """The size of a model, its encoder included, and its cost.

    Attributes:
        parameters: number of parameters.
        sides: side of the heatmap, by the side of the image in px (`sizes_px`).
        gmacs: 10⁹ multiply-accumulate operations for one image of the first of these sides.
        head_channels: channels of the features that the head reads.
        decoder_share: what of the operations comes after the encoder, in [0, 1].
    """

    parameters: int
    sides: Mapping[int, int]
    gmacs: float
    head_channels: int
    decoder_share: float


@dataclass(frozen=True)
class Unusable:
    """A model without a size: it cannot use the encoder, by the `reason` in one sentence."""

    reason: str


@dataclass(frozen=True)
class _Kept:
    made_by: dict[str, str]
    sizes: dict[str, ModelSize | Unusable]


_KEPT = TypeAdapter(_Kept)


def size_key(name: str, options: Mapping[str, OptionValue], encoder: str) -> str:
    """Returns the key under which the cache keeps the size that `bench.models.size.measure` finds."""
    source = plugin_source(name)
    made_of = [] if source is None else [source.digest]
    return json.dumps([MODELS[name].target, dict(sorted(options.items())), encoder, *made_of])


class SizeCache:
    """Sizes by their keys: read once from the file, which is written again after each new one.

    A file that is missing or damaged is an empty one. Where it cannot be written nothing is kept.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or default_path()
        self._sizes = self._read()

    def __contains__(self, key: str) -> bool:
        return key in self._sizes

    def __getitem__(self, key: str) -> ModelSize | Unusable:
        return self._sizes[key]

    def __setitem__(self, key: str, size: ModelSize | Unusable) -> None:
        self._sizes[key] = size
        with suppress(OSError):
            kept = _KEPT.dump_json(_Kept(made_by(), self._sizes), indent=1).decode()
            write_text(self._path, kept + "\n", durable=False)

    def _read(self) -> dict[str, ModelSize | Unusable]:
        try:
            kept = _KEPT.validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return {}
        sizes = {key: size for key, size in kept.sizes.items() if isinstance(size, ModelSize)}
        is_whole = all({*size.sides} == {*sizes_px(json.loads(key)[2])} for key, size in sizes.items())
        return kept.sizes if is_whole and kept.made_by == made_by() else {}


def default_path() -> Path:
    """Returns the cache's file below XDG_CACHE_HOME, or ~/.cache."""
    ensure_home()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cam-bench" / "model_sizes.json"


@lru_cache
def made_by() -> dict[str, str]:
    """Returns everything that can change a size: a digest of the models' code, and versions of libraries."""
    models = Path(str(resources.files("bench").joinpath("models")))
    return {"models": sources_digest(models)} | {library: metadata.version(library) for library in _LIBRARIES}
