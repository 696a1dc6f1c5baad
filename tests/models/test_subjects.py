"""Classifiers of other libraries, with random weights of their true shapes, as models of bench."""

import json
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bench.errors import PluginError, SuiteError, WeightsError
from bench.evaluation.cam import cam_maps
from bench.models.subjects import build_subject
from bench.models.subjects.contract import Contract, doubt_of_first_norm, doubts, resized
from bench.models.subjects.networks import build_network
from bench.suite.subject import XRV_CLASSES, InputContract, Subject

SIDE = 64
CLASSES = ("a", "b", "c", "d")
HUGGINGFACE = {
    "resnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
    "swin": {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 1], "image_size": SIDE, "window_size": 2},
    "vit": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "image_size": SIDE,
        "patch_size": 16,
    },
}

WITH_NATIVE_MAP = [
    ("torchvision", "resnet18"),
    ("torchvision", "densenet121"),
    ("torchvision", "swin_t"),
    ("timm", "resnet18"),
    ("timm", "test_efficientnet"),
    ("torchxrayvision", "densenet121"),
    ("huggingface", "resnet"),
    ("huggingface", "swin"),
]
WITHOUT = [("torchvision", "mobilenet_v3_small"), ("timm", "test_vit"), ("huggingface", "vit")]
EVERY = [*WITH_NATIVE_MAP, *WITHOUT]


def _subject(name, architecture, channels=3):
    if name in ("torchxrayvision", "huggingface"):
        pytest.importorskip("transformers" if name == "huggingface" else name)
    config = None
    if name == "huggingface":
        more = {"num_channels": 3, "num_labels": len(CLASSES)}
        config = json.dumps({"model_type": architecture, **more, **HUGGINGFACE[architecture]})
    return Subject(
        architecture=architecture,
        config=config,
        classes=XRV_CLASSES if name == "torchxrayvision" else CLASSES,
        input=InputContract(channels=1 if name == "torchxrayvision" else channels, size=SIDE),
    )


def _random(name, subject):
    """The library's own network with random weights, running means among them."""
    torch.manual_seed(0)
    network = build_network(name, subject, None, {})
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(0.02 * torch.rand_like(tensor))
    return network.eval()


@pytest.fixture(params=EVERY, ids=" ".join, scope="module")
def trained(request, tmp_path_factory):
    """A library's network, and the subject that reads its weights from a file."""
    name, architecture = request.param
    subject = _subject(name, architecture)
    network = _random(name, subject)
    file = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(network.state_dict(), file)
    model = build_subject(name, subject, [2, 0], SIDE, weights=file)
    return network, model, request.param in WITH_NATIVE_MAP


def test_logits_are_those_of_the_library_for_the_findings_in_their_order(trained):
    network, model, _ = trained
    images = torch.rand(2, 1, SIDE, SIDE)
    with torch.no_grad():
        theirs, ours = network(model.contract(images)), model(images)
    theirs = getattr(theirs, "logits", theirs)[:, [2, 0]]
    assert torch.allclose(ours.logits, theirs, rtol=1e-4, atol=1e-5)


def test_native_map_is_the_linear_head_at_each_location_or_not_there(trained):
    _, model, has_map = trained
    with torch.no_grad():
        heatmaps, logits = model(torch.rand(2, 1, SIDE, SIDE))
    assert model.has_native_map == has_map
    assert torch.isnan(heatmaps).all() == (not has_map)
    if has_map:
        assert torch.allclose(heatmaps.mean((2, 3)), logits)
        assert heatmaps.shape[-1] > 1


def test_library_cams_have_maps_of_any_head(trained):
    _, model, _ = trained
    maps = cam_maps(model, torch.rand(2, 1, SIDE, SIDE), np.array([0, 1]), "grad_cam")
    assert maps.shape[-1] > 1
    assert torch.isfinite(maps).all()
    assert maps.min() >= 0
    assert maps.max() <= 1 + 1e-6


def test_a_saved_subject_is_built_again_without_the_users_file(tmp_path):
    subject = _subject("timm", "test_vit")
    torch.save(_random("timm", subject).state_dict(), tmp_path / "weights.pth")
    model = build_subject("timm", subject, [1], SIDE, weights=tmp_path / "weights.pth")
    again = build_subject("timm", subject, [1], SIDE, state=model.state_dict())
    again.load_state_dict(model.state_dict())
    images = torch.rand(1, 1, SIDE, SIDE)
    assert torch.equal(model(images).logits, again(images).logits)


def test_grad_cam_of_a_subject_is_that_of_the_library_on_the_network_itself():
    """Oracle: the gradient of the logit by torch, on torchvision's network as it is."""
    subject = _subject("torchvision", "resnet18")
    network = _random("torchvision", subject)
    model = build_subject("torchvision", subject, [1], SIDE, state={
        f"encoder.network.{key}": value for key, value in network.state_dict().items()
    })  # fmt: skip
    images = torch.rand(1, 1, SIDE, SIDE)
    kept = []
    hook = network.layer4.register_forward_hook(lambda *given: kept.append(given[-1]))
    logit = network(model.contract(images))[0, 1]
    hook.remove()
    (gradient,) = torch.autograd.grad(logit, kept[0])
    expected = (gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1).relu()[0].detach()
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    found = cam_maps(model, images, np.array([0]), "grad_cam")[0]
    assert torch.allclose(found, expected, atol=1e-4)


class TestFiles:
    def _load(self, path):
        return build_subject("torchvision", _subject("torchvision", "resnet18"), [0], SIDE, weights=path)

    @pytest.fixture(scope="class")
    def state(self):
        return dict(_random("torchvision", _subject("torchvision", "resnet18")).state_dict())

    def test_of_another_number_of_classes_is_refused(self, state, tmp_path):
        torch.save(state | {"fc.weight": torch.zeros(9, 512)}, tmp_path / "a.pth")
        with pytest.raises(WeightsError, match=r"fc\.weight"):
            self._load(tmp_path / "a.pth")

    def test_that_lacks_a_tensor_is_refused(self, state, tmp_path):
        save_file(
            {key: value for key, value in state.items() if key != "fc.bias"}, tmp_path / "a.safetensors"
        )
        with pytest.raises(WeightsError, match=r"missing: fc\.bias"):
            self._load(tmp_path / "a.safetensors")

    def test_in_colour_is_not_silently_made_gray(self, state, tmp_path):
        torch.save(state, tmp_path / "a.pth")
        with pytest.raises(WeightsError, match=r"conv1\.weight"):
            build_subject(
                "torchvision", _subject("torchvision", "resnet18", 1), [0], SIDE, weights=tmp_path / "a.pth"
            )

    def test_of_a_data_parallel_checkpoint_is_read(self, state, tmp_path):
        wrapped = {"epoch": torch.tensor(3), "state_dict": {f"module.{k}": v for k, v in state.items()}}
        torch.save(wrapped, tmp_path / "a.pth")
        assert self._load(tmp_path / "a.pth").has_native_map

    def test_with_a_pickled_network_is_read(self, tmp_path):
        subject = _subject("torchxrayvision", "densenet121")
        network = _random("torchxrayvision", subject)
        torch.save(network, tmp_path / "a.pt")
        model = build_subject("torchxrayvision", subject, [0], SIDE, weights=tmp_path / "a.pt")
        images = torch.rand(1, 1, SIDE, SIDE)
        with torch.no_grad():
            assert torch.allclose(model(images).logits[:, 0], network(images)[:, 0], atol=1e-5)

    def test_with_a_network_that_an_old_torch_pickled_is_refused_with_the_cure(self, tmp_path):
        network = _random("torchvision", _subject("torchvision", "resnet18"))
        torch.save(network, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
        with pytest.raises(WeightsError, match="state_dict"):
            self._load(tmp_path / "a.pt")

    def test_with_other_pickled_code_is_refused(self, tmp_path):
        torch.save(OrderedDict(a=Path("a")), tmp_path / "a.pt")
        with pytest.raises(WeightsError, match="refused"):
            self._load(tmp_path / "a.pt")


class TestContract:
    def test_gray_is_spread_repeated_and_normalised(self):
        """By hand: 0.25 of [-1024, 1024] is -512; less 0, by 512, is -1."""
        contract = Contract(InputContract(channels=3, range=(-1024, 1024), mean=(0, 0, 512), std=(512,)))
        given = contract(torch.full((1, 1, 32, 32), 0.25))
        assert given.shape == (1, 3, 32, 32)
        assert given[0, :, 0, 0].tolist() == [-1, -1, -2]
        assert contract.seen().in_range == (-512, -512)
        assert contract.seen().normalised == (-2, -1)

    def test_resizing_is_torchvisions(self):
        from torchvision.transforms.v2.functional import resize

        images = torch.rand(2, 1, 96, 96)
        for side in (64, 128):
            expected = resize(images, [side, side], antialias=True)
            assert torch.allclose(resized(images, side), expected, atol=1e-5)

    @pytest.mark.parametrize(
        ("contract", "is_doubted"),
        [
            (InputContract(mean=(0.5,), std=(0.25,)), False),
            (InputContract(range=(0, 255), mean=(0.485,), std=(0.229,)), True),  # those of [0, 1]
            (InputContract(mean=(127.0,), std=(64.0,)), True),  # those of [0, 255]
            (InputContract(range=(-1024, 1024)), False),
        ],
    )
    def test_normalisation_of_another_range_is_doubted(self, contract, is_doubted):
        converts = Contract(contract)
        converts(torch.linspace(0, 1, 32 * 32).reshape(1, 1, 32, 32))
        assert bool(doubts(contract, converts.seen())) == is_doubted

    def test_images_that_use_little_of_the_range_are_doubted(self):
        converts = Contract(InputContract())
        converts(torch.rand(1, 1, 32, 32) / 255)  # divided by 255 twice
        assert doubts(converts.contract, converts.seen())


@pytest.mark.parametrize(("given", "is_doubted"), [((-1024, 1024), False), ((0, 1), True)])
def test_a_first_batch_norm_of_other_images_is_doubted(tmp_path, monkeypatch, given, is_doubted):
    """Its statistics are those of images in [-1024, 1024]; that is all that is known of its training."""
    code = """
import torch
from torch import nn

def load():
    conv, norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4, momentum=None)
    with torch.no_grad():
        norm(conv(torch.rand(64, 1, 16, 16) * 2048 - 1024))
    return nn.Sequential(conv, norm, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4))
"""
    (tmp_path / "normed_nets.py").write_text(code, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    subject = Subject(classes=CLASSES, input=InputContract(range=given))
    model = build_subject("normed_nets:load", subject, [0], SIDE)
    assert bool(doubt_of_first_norm(model, torch.rand(4, 1, SIDE, SIDE))) == is_doubted


def test_unknown_architecture_is_told_with_the_nearest():
    with pytest.raises(SuiteError, match="resnet18"):
        build_network("torchvision", _subject("torchvision", "resnet81"), None, {})


def test_a_network_of_other_outputs_is_refused(tmp_path, monkeypatch):
    code = "from torch import nn\ndef load():\n    return nn.Sequential(nn.Flatten(), nn.Linear(4096, 7))\n"
    (tmp_path / "seven_nets.py").write_text(code, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PluginError, match="4 classes"):
        build_subject("seven_nets:load", Subject(classes=CLASSES), [0], SIDE)
    with pytest.raises(PluginError, match="no layer"):
        build_subject("seven_nets:load", Subject(classes=tuple("abcdefg")), [0], SIDE)
