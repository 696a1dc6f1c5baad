"""Names of encoders, read from the sources of their libraries: importing those takes torch.

segmentation-models-pytorch has encoders of its own, and those of timm with ``tu-`` before their names.
"""

import importlib.util
import re
from functools import lru_cache
from pathlib import Path

from bench.errors import nearest

_TIMM, _OLD_TIMM = "tu-", "timm-"

_OWN_TABLE = re.compile(r"^\w+_encoders = \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_OWN_NAME = re.compile(r"""^    ["']([^"']+)["']: """, re.MULTILINE)
_TIMM_NAME = re.compile(r"^@register_model\s+def (\w+)", re.MULTILINE)
_TIMM_OLD_TABLE = re.compile(r"register_model_deprecations\(__name__, \{(.*?)\}\)", re.DOTALL)
_TIMM_OLD_NAME = re.compile(r"'(\w+)'\s*:")


def unknown_encoder(name: str) -> str | None:
    """Returns a sentence on the name of an encoder that no library has; None if one has it.

    None too if a library is not installed, or does not list its encoders in the expected way.
    """
    own = _own_names()
    if not own or name in own:
        return None
    if name.startswith((_TIMM, _OLD_TIMM)):
        return _unknown_in_timm(name)
    return f"unknown encoder {name!r} of segmentation-models-pytorch{nearest(name, own)}"


def _unknown_in_timm(name: str) -> str | None:
    known = _timm_names()
    prefix = _TIMM if name.startswith(_TIMM) else _OLD_TIMM
    model = name.removeprefix(prefix).partition(".")[0]  # after a dot the weights
    is_address = ":" in model  # say, hf-hub:…
    if not known or is_address or model in known or (prefix == _OLD_TIMM and f"tf_{model}" in known):
        return None
    return f"unknown encoder {name!r} of timm{nearest(_TIMM + model, [_TIMM + one for one in known])}"


@lru_cache
def _own_names() -> frozenset[str]:
    texts = _sources("segmentation_models_pytorch", "encoders")
    return frozenset(
        name for text in texts for table in _OWN_TABLE.findall(text) for name in _OWN_NAME.findall(table)
    )


@lru_cache
def _timm_names() -> frozenset[str]:
    texts = _sources("timm", "models")
    old = (
        name
        for text in texts
        for table in _TIMM_OLD_TABLE.findall(text)
        for name in _TIMM_OLD_NAME.findall(table)
    )
    return frozenset((*(name for text in texts for name in _TIMM_NAME.findall(text)), *old))


def _sources(package: str, folder: str) -> list[str]:
    """Returns the texts of the package's modules in a folder; none where it is not installed."""
    spec = importlib.util.find_spec(package)
    roots = spec.submodule_search_locations if spec is not None else None
    return [
        path.read_text("utf-8") for root in roots or () for path in sorted(Path(root, folder).rglob("*.py"))
    ]
