"""Sizes of models, and a cache of them in the user's cache folder, so that they are shown without torch.

The file is JSON and holds for one state of the models' code and of the libraries that can change a size;
what was kept in another state counts for nothing and goes with the next measurement.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from bench.results.files import write_text
from bench.suite.catalog import MODELS, OptionValue
from bench.suite.identity import sources_digest
from bench.suite.user_path import ensure_home

SIZES_PX = (256, 512)
"""Sides of the images for which a model's heatmap is measured."""

NUM_CLASSES, IN_CHANNELS = 14, 1
"""Models are measured for the thesis' classes and radiographs in shades of gray."""

_LIBRARIES = ("torch", "torchvision", "segmentation-models-pytorch", "timm")


@dataclass(frozen=True)
class ModelSize:
    """The size of a model, its encoder included, and its cost.

    Attributes:
        parameters: number of parameters.
        sides: side of the heatmap, by the side of the image in px (`SIZES_PX`).
        gmacs: 10⁹ multiply-accumulate operations for one image of 256 px.
    """

    parameters: int
    sides: Mapping[int, int]
    gmacs: float


@dataclass(frozen=True)
class Unusable:
    """A model without a size: it cannot use the encoder, by the `reason` in one sentence."""

    reason: str


def size_key(name: str, options: Mapping[str, OptionValue], encoder: str) -> str:
    """Returns the key under which the cache keeps the size that `bench.models.size.measure` finds."""
    return json.dumps([MODELS[name].target, dict(sorted(options.items())), encoder])


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
        document = {"made_by": made_by(), "sizes": {key: asdict(size) for key, size in self._sizes.items()}}
        with suppress(OSError):
            write_text(self._path, json.dumps(document, indent=1) + "\n", durable=False)

    def _read(self) -> dict[str, ModelSize | Unusable]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            if document["made_by"] != made_by():
                return {}
            return {key: _decode(size) for key, size in document["sizes"].items()}
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            return {}


def default_path() -> Path:
    """Returns the cache's file below XDG_CACHE_HOME, or ~/.cache."""
    ensure_home()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cam-bench" / "model_sizes.json"


@lru_cache
def made_by() -> dict[str, str]:
    """Returns everything that can change a size: a digest of the models' code, and versions of libraries."""
    models = Path(str(resources.files("bench").joinpath("models")))
    return {"models": sources_digest(models)} | {library: metadata.version(library) for library in _LIBRARIES}


def _decode(size: Mapping[str, Any]) -> ModelSize | Unusable:
    if "reason" in size:
        return Unusable(str(size["reason"]))
    sides = {size_px: int(size["sides"][str(size_px)]) for size_px in SIZES_PX}
    return ModelSize(int(size["parameters"]), sides, float(size["gmacs"]))
