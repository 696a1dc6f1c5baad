"""The maps that a trained model can be scored on, in one table.

A suite is checked without torch, so a map is declared here; the function at its `target` computes it. A
function from outside of bench is named by ``module:function``, or offered by an installed distribution
(`bench.suite.plugins`).
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from bench.errors import PluginError, SuiteError
from bench.suite.plugin_source import PluginSource, module_file, parsed, source_of
from bench.suite.plugins import Declarations, imported

NATIVE = "native"
"""The heatmap that a model returns itself. Every trial is scored on it, and its failure is the trial's."""


@dataclass(frozen=True)
class Passes:
    """Passes of an image through the model that the map of one unit takes, about.

    Attributes:
        forward: forward passes.
        backward: backward passes; each takes about the time of two forward ones.
        per_channel: further forward passes for each channel of the features that the head reads.
        encodes_once: whether the encoder has no part in those.
    """

    forward: int = 1
    backward: int = 0
    per_channel: int = 0
    encodes_once: bool = False

    def num_forward(self, num_channels: int) -> int:
        """Returns the forward passes, where the head reads so many channels."""
        return self.forward + self.per_channel * num_channels

    def equivalents(self, num_channels: int, decoder_share: float) -> float:
        """Returns the whole forward passes that take as long.

        Args:
            num_channels: of the features that the head reads.
            decoder_share: what of a forward pass comes after the encoder.
        """
        share = decoder_share if self.encodes_once else 1
        return self.forward + 2 * self.backward + self.per_channel * num_channels * share

    @property
    def is_slow(self) -> bool:
        """Whether a unit takes many times as long as by Grad-CAM."""
        return self.per_channel > 0 or self.forward + 2 * self.backward > 20

    def __str__(self) -> str:
        part = "/channel after the encoder" if self.encodes_once else "/channel"
        more = f" + {self.per_channel}{part}" if self.per_channel else ""
        return f"{self.forward}{more} forward" + (f", {self.backward} backward" if self.backward else "")


_GRADIENT = Passes(backward=1)


@dataclass(frozen=True)
class Cam:
    """A map, and where it is computed.

    Attributes:
        title: its name in tables, as in its paper.
        target: ``module:function`` that computes it, a `bench.evaluation.cam.CamFunction`, imported when it
            is used; None for the native map.
        packages: names on PyPI of the packages that compute it; their versions stand beside its numbers.
        passes: what a unit costs; None where it is not known.
    """

    title: str
    target: str | None
    packages: tuple[str, ...] = ()
    passes: Passes | None = None

    @property
    def is_slow(self) -> bool:
        """Whether a unit is known to take many times as long as by Grad-CAM."""
        return self.passes is not None and self.passes.is_slow


def _library(title: str, name: str, passes: Passes = _GRADIENT, *others: str) -> Cam:
    return Cam(title, f"bench.evaluation.library_cams:{name}", ("grad-cam", *others), passes)


def _captum(title: str, name: str, passes: Passes) -> Cam:
    return Cam(title, f"bench.evaluation.captum_maps:{name}", ("captum",), passes)


_OWN: dict[str, Cam] = {
    NATIVE: Cam("native", None, passes=Passes()),
    "grad_cam": _library("Grad-CAM", "grad_cam"),
    "hires_cam": _library("HiResCAM", "hires_cam"),
    "grad_cam_plus_plus": _library("Grad-CAM++", "grad_cam_plus_plus"),
    "grad_cam_elementwise": _library("Grad-CAM (element-wise)", "grad_cam_elementwise"),
    "xgrad_cam": _library("XGrad-CAM", "xgrad_cam"),
    "layer_cam": _library("Layer-CAM", "layer_cam"),
    "shapley_cam": _library("Shapley-CAM", "shapley_cam", Passes(backward=2)),
    "finer_cam": _library("Finer-CAM", "finer_cam"),
    "eigen_cam": _library("Eigen-CAM", "eigen_cam", Passes()),
    "eigen_grad_cam": _library("EigenGrad-CAM", "eigen_grad_cam"),
    "seg_eigen_cam": _library("Seg-Eigen-CAM", "seg_eigen_cam"),
    "kpca_cam": _library("KPCA-CAM", "kpca_cam", Passes(), "scikit-learn"),
    "fem": _library("FEM", "fem", Passes()),
    "random_cam": _library("Random-CAM", "random_cam"),
    "score_cam": Cam("Score-CAM", "bench.evaluation.channel_cams:score_cam", passes=Passes(per_channel=1)),
    "ablation_cam": Cam(
        "Ablation-CAM",
        "bench.evaluation.channel_cams:ablation_cam",
        passes=Passes(per_channel=1, encodes_once=True),
    ),
    "full_grad": Cam("FullGrad", "bench.evaluation.full_grad:full_grad", passes=_GRADIENT),
    "integrated_gradients": _captum("Integrated gradients", "integrated_gradients", Passes(50, 50)),
    "occlusion": _captum("Occlusion", "occlusion", Passes(226)),
    "guided_grad_cam": _captum("Guided Grad-CAM", "guided_grad_cam", Passes(2, 2)),
}
"""Bench's own maps. One line adds one."""


def _declared(target: str) -> Cam:
    """Returns the declaration at a target: that of a function, which is not imported, or a `Cam`."""
    module, _, name = target.partition(":")
    functions = {node.name: node for node in parsed(module_file(module)).body if isinstance(node, _FUNCTIONS)}
    if name in functions:
        _require_three(functions[name], module)
        return Cam(name, target)
    found = imported(target)
    if isinstance(found, Cam) and found.target is not None:
        module_file(found.target.partition(":")[0])
        return found
    if not callable(found) or isinstance(found, type):
        raise PluginError("is neither a function nor a bench.suite.cam.Cam with a target", place=target)
    return Cam(name, target)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _require_three(function: ast.FunctionDef | ast.AsyncFunctionDef, module: str) -> None:
    arguments = function.args
    positional = len(arguments.posonlyargs + arguments.args)
    required = positional - len(arguments.defaults)
    needs_words = None in arguments.kw_defaults
    if required > 3 or (positional < 3 and arguments.vararg is None) or needs_words:
        problem = f"function {function.name!r} is to take (model, images, classes)"
        raise PluginError(problem, place=f"{module_file(module)}:{function.lineno}")


CAMS = Declarations("bench.cams", _OWN, _declared, takes_targets=True)
"""Every map that a suite can name."""


def _known(name: str) -> str:
    try:
        CAMS[name]
    except KeyError:
        raise PydanticCustomError("unknown_cam", "no such map") from None
    except PluginError as error:
        sentence = str(error).replace("{", "(").replace("}", ")")
        raise PydanticCustomError("unusable_cam", sentence) from None
    return name


class _Schema:
    """The JSON Schema of a map's name, made when it is asked for: plug-ins import this module."""

    def __get_pydantic_json_schema__(self, *_: object) -> dict[str, object]:
        return {"anyOf": [{"enum": list(CAMS)}, {"type": "string", "pattern": r"^[\w.]+:\w+$"}]}


if TYPE_CHECKING:
    CamMethod = str
else:
    CamMethod = Annotated[
        str,
        AfterValidator(_known),
        _Schema(),
    ]


def cam_source(name: CamMethod) -> PluginSource | None:
    """Returns the source of a map's function from outside of bench; None of bench's own.

    Raises:
        PluginError: it cannot be found or read.
    """
    if name in CAMS.own:
        return None
    target = CAMS[name].target
    assert target is not None
    return source_of(target.partition(":")[0])


def require_packages(names: Iterable[CamMethod]) -> None:
    """Checks that the packages are installed that compute some maps.

    Raises:
        SuiteError: one is not.
    """
    for name in dict.fromkeys(names):
        for package in CAMS[name].packages:
            if not list(metadata.distributions(name=package)):
                hint = f"pip install 'cam-bench[{package}]' brings it"
                raise SuiteError(f"map {name!r} is computed by {package}, which is not installed; {hint}")


def cam_title(name: CamMethod) -> str:
    """Returns the name of a map in tables; of a plug-in that is not here any more its name in suites."""
    try:
        return CAMS[name].title
    except (KeyError, PluginError):
        return name


def file_stem(name: CamMethod) -> str:
    """Returns the beginning of the names of a map's files: that of ``module:function`` without its colon."""
    return quote(name, safe="")


def with_cam(label: str, cam: CamMethod) -> str:
    """Returns `label` for the native map, else followed by the map's name: ``PYLON [Grad-CAM++]``."""
    return label if cam == NATIVE else f"{label} [{cam_title(cam)}]"
