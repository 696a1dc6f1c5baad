"""Initial weights from files."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bench.errors import WeightsError
from bench.models import build_model
from bench.models.registry import build_encoder
from bench.models.torchvision_compat import torchvision
from bench.models.weights import load_encoder_weights

SHARED = Path(__file__).parents[2].parent / "shared"


@pytest.fixture(scope="module")
def resnet18_state():
    torch.manual_seed(1)
    return torchvision.models.resnet18(weights=None).state_dict()


@pytest.fixture
def weights_file(tmp_path, resnet18_state):
    path = tmp_path / "resnet18.safetensors"
    save_file(
        {key: value.half() if value.is_floating_point() else value for key, value in resnet18_state.items()},
        path,
    )
    return path


def test_first_convolution_is_the_sum_over_colours(weights_file, resnet18_state):
    encoder = build_encoder("resnet18", 1, str(weights_file))
    expected = resnet18_state["conv1.weight"].half().float().sum(dim=1, keepdim=True)
    assert torch.equal(encoder.conv1.weight, expected)


def test_gray_encoder_sees_what_the_colour_encoder_sees_of_a_gray_image(weights_file, resnet18_state):
    encoder = build_encoder("resnet18", 1, str(weights_file)).eval()
    reference = torchvision.models.resnet18(weights=None)
    reference.load_state_dict({k: v.half().to(v.dtype) for k, v in resnet18_state.items()})
    gray = torch.randn(1, 1, 64, 64)
    reference.fc = reference.avgpool = torch.nn.Identity()
    with torch.no_grad():
        expected = reference.eval()(gray.expand(-1, 3, -1, -1)).reshape(1, 512, 2, 2)
        assert torch.allclose(encoder(gray)[-1], expected, rtol=1e-3, atol=1e-4)


def test_unused_tensors_of_the_file_are_named(weights_file):
    encoder = build_encoder("resnet18", 1, None)
    assert load_encoder_weights(encoder, weights_file) == ("fc.bias", "fc.weight")


def test_pth_files_are_read_too(tmp_path, resnet18_state):
    path = tmp_path / "resnet18.pth"
    torch.save({"state_dict": resnet18_state}, path)
    model = build_model("baseline", num_classes=2, encoder="resnet18", encoder_weights=str(path))
    assert torch.equal(model.encoder.layer1[0].conv1.weight, resnet18_state["layer1.0.conv1.weight"])


def test_weights_of_another_encoder_are_refused(weights_file):
    with pytest.raises(WeightsError, match=r"no tensor|has shape"):
        build_encoder("resnet50", 1, str(weights_file))


def test_missing_file_is_a_sentence():
    with pytest.raises(WeightsError, match="no such weights file"):
        build_encoder("resnet18", 1, "nowhere.safetensors")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_damaged_file_is_a_sentence(tmp_path, suffix):
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(b"\x00" * 100)
    with pytest.raises(WeightsError, match="damaged"):
        build_encoder("resnet18", 1, str(path))


def test_pickled_code_is_not_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "payload.pth"
    torch.save({"conv1.weight": Payload()}, path)
    with pytest.raises(WeightsError, match="refused"):
        build_encoder("resnet18", 1, str(path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(not (SHARED / "weights").is_dir(), reason="no ImageNet weights at hand")
@pytest.mark.parametrize("encoder", ["resnet18", "resnet50"])
def test_real_imagenet_weights_load(encoder):
    (path,) = (SHARED / "weights").glob(f"{encoder}_*.safetensors")
    loaded = build_encoder(encoder, 1, str(path))
    assert loaded.conv1.weight.shape[1] == 1
    assert torch.isfinite(loaded(torch.randn(2, 1, 64, 64))[-1]).all()
