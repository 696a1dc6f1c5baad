"""Every model passes the checks of `bench.models.conformance`: a new line in the catalog is tested by itself.

Each model with default options and each of its named variants runs on the smallest encoder; slow tests do the
same with larger encoders and with those of 2026. The checks of one case share its models.
"""

import importlib

import pytest
import torch
from torch import nn

from bench.models import CamOutput
from bench.models.conformance import CHECKS, NUM_CLASSES, Candidate, problem_of_shapes
from bench.suite.catalog import MODELS, display_name, encoder_needs
from bench.suite.encoder_fit import misfit

ENCODERS = ("resnet18", "resnet50", "densenet121", "efficientnet-b0")
MODERN = (
    *("tu-test_convnext", "tu-swin_tiny_patch4_window7_224", "tu-test_maxvit", "mit_b0"),
    *("tu-tf_efficientnetv2_b0", "tu-test_vit", "tu-eva02_tiny_patch14_224", "tu-vit_small_patch16_dinov3"),
    "tu-vit_small_patch14_dinov2",
)
QUICK = (
    *(("pylon", encoder) for encoder in ("tu-test_convnext", "tu-test_maxvit", "mit_b0")),
    *(("baseline", encoder) for encoder in ("tu-test_vit", "tu-eva02_tiny_patch14_224")),
    ("li2018", "tu-test_vit"),
)
"""Pairs of a model and an encoder of which all is checked in every run."""

DECODERS = ("baseline", "unet", "deeplabv3plus", "pylon")
"""Models that read one map, all scales, a dilated stage, and a pyramid: of others shapes are enough."""

SMALLEST = [
    Candidate(name, options, ENCODERS[0])
    for name, entry in MODELS.items()
    for options in ({}, *(variant.options for variant in entry.variants))
]
LARGER = [Candidate(name, {}, encoder) for name in MODELS for encoder in ENCODERS[1:]]
NEWER = [
    Candidate(name, {}, encoder) for encoder in MODERN for name in MODELS if misfit(name, encoder) is None
]
SMALLEST += [one for one in NEWER if (one.name, one.encoder) in QUICK]
LONG = LARGER + [one for one in NEWER if one.name in DECODERS and (one.name, one.encoder) not in QUICK]


def _label(one: Candidate) -> str:
    return f"{display_name(one.name, one.options).replace('−', '-')}, {one.encoder}"


@pytest.fixture(
    scope="module",
    params=[*SMALLEST, *(pytest.param(one, marks=pytest.mark.slow) for one in LONG)],
    ids=_label,
)
def candidate(request) -> Candidate:
    one = request.param
    return Candidate(one.name, one.options, one.encoder)  # its models go with the fixture


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_models_conform(candidate, check):
    assert check(candidate) is None


@pytest.mark.parametrize("of", LARGER, ids=_label)
def test_maps_have_their_shapes_on_every_encoder(of):
    assert CHECKS[1](of) is None


@pytest.mark.parametrize("encoder", MODERN)
def test_maps_have_their_shapes_on_encoders_of_2026(encoder):
    """One encoder serves all models that can use it as it is, for it is dear to build."""
    fitting = [one for one in NEWER if one.encoder == encoder and encoder_needs(one.name)[1] == 32]
    shared = fitting[0].build_without_memory().encoder
    for one in fitting:
        with torch.device("meta"):
            model = _class_of(one.name)(shared, NUM_CLASSES).eval()
        assert problem_of_shapes(model, one) is None, one.name


def _class_of(name):
    module, _, class_name = MODELS[name].target.partition(":")
    return getattr(importlib.import_module(module), class_name)


class _Faulty(nn.Module):
    """A model with the fault that a test names, in place of one that is built."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault
        self.encoder = nn.Conv2d(1, 4, 5, stride=8, padding=2)
        self.norm = nn.BatchNorm2d(4, affine=False)
        self.head = nn.Conv2d(4, 3, 1)
        self.unused = nn.Parameter(torch.ones(1)) if fault == "idle parameter" else None
        self.register_buffer("calls", torch.zeros(()))
        if fault == "no head":
            self.classifier = self.head
            del self.head

    def forward(self, images):
        head = self.classifier if self.fault == "no head" else self.head
        maps = head(self.encoder(images).relu())
        if self.fault == "half":
            return CamOutput(maps.half(), maps.half().mean((2, 3)))
        if self.fault == "not finite":
            maps = maps / 0
        if self.fault == "other classes":
            maps = maps[:, :2]
        if self.fault == "mean of the batch":
            maps = maps - maps.mean(0, keepdim=True)
        if self.fault == "remembers":
            self.calls += 1
        if self.fault == "mode" and self.training:
            maps = 2 * maps
        if self.fault == "transposed":
            maps = maps.transpose(2, 3)
        maps = maps.float()
        return CamOutput(maps, maps.amax((2, 3)))


@pytest.mark.parametrize(
    "fault",
    [
        *("no head", "half", "not finite", "other classes", "mean of the batch", "remembers", "mode"),
        *("idle parameter", "transposed"),
    ],
)
def test_each_fault_is_found_by_a_check(fault, monkeypatch):
    monkeypatch.setattr("bench.models.conformance.build_model", lambda *args, **options: _Faulty(fault))
    of = Candidate("faulty")
    assert [check.__name__ for check in CHECKS if check(of)]


def test_a_sound_model_passes_all(monkeypatch):
    monkeypatch.setattr("bench.models.conformance.build_model", lambda *args, **options: _Faulty(""))
    assert [check(Candidate("sound")) for check in CHECKS] == [None] * len(CHECKS)
