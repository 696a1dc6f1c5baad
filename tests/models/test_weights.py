"""Initial weights from files."""

import re
from pathlib import Path

import pytest
import torch
from extracts import WHOLE, needs_imagenet_weights
from safetensors.torch import save_file

from bench.errors import WeightsError
from bench.models import build_model
from bench.models.encoders import build_encoder
from bench.models.torchvision_compat import torchvision
from bench.models.weights import load_weights_file


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


def test_report_of_a_whole_file_names_only_what_the_encoder_has_no_use_for(weights_file):
    report = load_weights_file(build_encoder("resnet18"), weights_file)
    assert report.skipped == ("fc.bias", "fc.weight")
    assert report.is_complete
    assert len(report.loaded) == 120
    assert str(report) == "resnet18.safetensors: 120 tensors loaded, 2 skipped (fc.bias, fc.weight)"


def test_report_names_every_skipped_missing_and_mismatched_tensor(tmp_path, resnet18_state):
    state = {key: value for key, value in resnet18_state.items() if not key.startswith(("fc.", "layer4."))}
    state |= {"layer1.0.conv1.weight": torch.zeros(8, 64, 3, 3), "projector.weight": torch.zeros(3)}
    path = tmp_path / "partial.safetensors"
    save_file(state, path)
    encoder = build_encoder("resnet18")
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    report = load_weights_file(encoder, path)
    after = encoder.state_dict()
    assert not report.is_complete
    assert report.skipped == ("projector.weight",)
    assert report.mismatched == ("layer1.0.conv1.weight: (8, 64, 3, 3) for (64, 64, 3, 3)",)
    assert {key.split(".")[0] for key in report.missing} == {"layer4"}
    assert not any(key.endswith("num_batches_tracked") for key in report.missing)
    untouched = {*report.missing, "layer1.0.conv1.weight"}
    assert all(torch.equal(after[key], before[key]) for key in untouched)
    assert all(torch.equal(after[key], state[key]) for key in report.loaded if key != "conv1.weight")


def test_incomplete_weights_are_a_warning_that_names_them(tmp_path, resnet18_state, caplog):
    path = tmp_path / "partial.safetensors"
    save_file({"layer1.0.conv1.weight": resnet18_state["layer1.0.conv1.weight"]}, path)
    build_encoder("resnet18", weights=str(path))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "1 tensors loaded, 99 missing (conv1.weight, bn1.weight" in record.getMessage()


@pytest.mark.parametrize("prefix", ["module.", "encoder.", "module.backbone."])
def test_names_may_carry_a_prefix(tmp_path, resnet18_state, prefix):
    path = tmp_path / "prefixed.safetensors"
    save_file({prefix + key: value for key, value in resnet18_state.items()}, path)
    encoder = build_encoder("resnet18")
    assert load_weights_file(encoder, path).is_complete
    assert torch.equal(encoder.layer2[0].bn1.weight, resnet18_state["layer2.0.bn1.weight"])


def test_of_two_encoders_in_a_file_the_first_by_name_is_taken(tmp_path, resnet18_state):
    """Momentum-contrast files hold one for queries and one for keys."""
    path = tmp_path / "two.safetensors"
    other = {"encoder_q." + key: torch.zeros_like(value) for key, value in resnet18_state.items()}
    save_file(other | {"encoder_k." + key: value for key, value in resnet18_state.items()}, path)
    encoder = build_encoder("resnet18")
    skipped = load_weights_file(encoder, path).skipped
    assert {"encoder_q.conv1.weight", "fc.weight"} <= set(skipped)
    assert "conv1.weight" not in skipped
    assert torch.equal(encoder.layer2[0].bn1.weight, resnet18_state["layer2.0.bn1.weight"])


def test_weights_of_a_trained_model_can_fill_another_s_encoder(tmp_path):
    path = tmp_path / "best.safetensors"
    trained = build_model("pylon", num_classes=3, encoder="resnet18")
    save_file(trained.state_dict(), path)
    model = build_model("baseline", num_classes=5, encoder="resnet18", encoder_weights=str(path))
    assert torch.equal(model.encoder.conv1.weight, trained.encoder.conv1.weight)


def test_published_densenet_names_are_understood(tmp_path):
    """Files on the web call a layer's parts norm.1, conv.1; torchvision renames them when it loads."""
    state = torchvision.models.densenet121(weights=None).state_dict()
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key): v for key, v in state.items()}
    assert old.keys() != state.keys()
    path = tmp_path / "densenet121.safetensors"
    save_file(old, path)
    encoder = build_encoder("densenet121")
    report = load_weights_file(encoder, path)
    assert report.is_complete
    assert report.skipped == ("classifier.bias", "classifier.weight")
    key = "features.denseblock1.denselayer1.conv2.weight"
    assert torch.equal(encoder.state_dict()[key], state[key])


def test_file_that_matches_nothing_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"blocks.0.weight": torch.zeros(3, 3), "blocks.0.bias": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match=r"blocks\.0\.weight.*conv1") as error:
        build_encoder("resnet18", weights=str(path))
    assert error.value.place == str(path)


def test_pth_files_are_read_too(tmp_path, resnet18_state):
    path = tmp_path / "resnet18.pth"
    torch.save({"state_dict": resnet18_state}, path)
    model = build_model("baseline", num_classes=2, encoder="resnet18", encoder_weights=str(path))
    assert torch.equal(model.encoder.layer1[0].conv1.weight, resnet18_state["layer1.0.conv1.weight"])


def test_weights_of_another_encoder_are_refused(weights_file):
    with pytest.raises(WeightsError) as error:
        build_encoder("efficientnet-b0", 1, str(weights_file))
    assert error.value.place == str(weights_file)


def test_missing_file_is_a_sentence():
    with pytest.raises(WeightsError) as error:
        build_encoder("resnet18", 1, "nowhere.safetensors")
    assert error.value.place == "nowhere.safetensors"


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_damaged_file_is_a_sentence(tmp_path, suffix):
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(b"\x00" * 100)
    with pytest.raises(WeightsError) as error:
        build_encoder("resnet18", 1, str(path))
    assert error.value.place == str(path)


def test_pickled_code_is_not_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "payload.pth"
    torch.save({"conv1.weight": Payload()}, path)
    with pytest.raises(WeightsError) as error:
        build_encoder("resnet18", 1, str(path))
    assert error.value.place == str(path)
    assert not (tmp_path / "ran").exists()


@needs_imagenet_weights
@pytest.mark.parametrize("encoder", ["resnet18", "resnet50"])
def test_real_imagenet_weights_load(encoder):
    (path,) = (WHOLE / "weights").glob(f"{encoder}_*.safetensors")
    loaded = build_encoder(encoder, 1, str(path))
    assert loaded.conv1.weight.shape[1] == 1
    assert torch.isfinite(loaded(torch.randn(2, 1, 64, 64))[-1]).all()
