"""Plain vision transformers as encoders of one map: geometry, weights from files, methods that explain."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from bench.errors import WeightsError
from bench.evaluation.cam import cam_maps
from bench.models import build_model
from bench.models.encoders import build_encoder
from bench.suite.cam import CAMS, NATIVE

SMALL = "tu-test_vit"  # patches of 16 px, one class token, width 64
RAD_DINO = "tu-vit_base_patch14_dinov2"


def test_rad_dinos_architecture_gives_37_by_37_patches_of_518_px():
    with torch.device("meta"), torch.no_grad():
        encoder = build_encoder(RAD_DINO, size_px=518).eval()
        (features,) = encoder(torch.empty(2, 1, 518, 518))
        model = build_model("li2018", num_classes=3, encoder=RAD_DINO, size_px=518)
        heatmaps = model(torch.empty(2, 1, 518, 518)).heatmaps
    assert features.shape == (2, 768, 37, 37)
    assert encoder.out_channels == (768,)
    assert encoder.model.pos_embed.shape == (1, 1 + 37 * 37, 768)
    assert heatmaps.shape == (2, 3, 20, 20)


@pytest.mark.parametrize(
    "name",
    ["tu-test_vit", "tu-test_vit2", "tu-test_vit3", "tu-test_vit4", "tu-deit_tiny_distilled_patch16_224"],
)
def test_a_patch_is_its_token_whatever_stands_before_it(name):
    """Without attention each cell depends on its own patch, so a changed patch changes one cell."""
    encoder = build_encoder(name, size_px=80).eval()
    for module in encoder.modules():
        if type(module).__name__ == "Attention":
            nn.init.zeros_(module.proj.weight)
    images = torch.randn(1, 1, 80, 80, generator=torch.Generator().manual_seed(0))
    changed = images.clone()
    changed[..., 16:32, 48:64] += 1
    with torch.no_grad():
        (before,), (after,) = encoder(images), encoder(changed)
    cells = (before != after).any(dim=1).nonzero().tolist()
    assert before.shape[-2:] == (5, 5)
    assert cells == [[0, 1, 3]]


def test_every_parameter_is_of_the_map():
    """Parts of classifiers are left out: an attention pool that no map passes through would never train."""
    assert not [key for key in build_encoder("tu-test_vit3").state_dict() if "attn_pool" in key]


def _timm_file(path, name, **changes):
    model = build_encoder(name, 3, **changes).model
    state = {key: torch.randn_like(value) for key, value in model.state_dict().items()}
    save_file(state, path)
    return state


def test_a_file_of_timm_fills_the_encoder_and_colours_are_summed(tmp_path):
    state = _timm_file(tmp_path / "w.safetensors", SMALL, size_px=64)
    reports = []
    encoder = build_encoder(SMALL, 1, str(tmp_path / "w.safetensors"), size_px=64, on_loaded=reports.append)
    (report,) = reports
    assert report.is_complete
    assert not report.resampled
    found = encoder.model.state_dict()
    torch.testing.assert_close(
        found["patch_embed.proj.weight"], state["patch_embed.proj.weight"].sum(1, keepdim=True)
    )
    assert all(torch.equal(found[key], state[key]) for key in state if key != "patch_embed.proj.weight")


def test_position_embeddings_of_another_size_are_resampled_and_said(tmp_path):
    state = _timm_file(tmp_path / "w.safetensors", SMALL, size_px=160)
    reports = []
    encoder = build_encoder(SMALL, 1, str(tmp_path / "w.safetensors"), size_px=64, on_loaded=reports.append)
    assert reports[0].resampled == ("pos_embed: 10×10 to 4×4",)
    assert "1 resampled (pos_embed: 10×10 to 4×4)" in str(reports[0])
    given, found = state["pos_embed"], encoder.model.pos_embed
    assert torch.equal(found[:, :1], given[:, :1])  # the class token has no place
    grid = given[:, 1:].reshape(1, 10, 10, -1).permute(0, 3, 1, 2)
    expected = nn.functional.interpolate(grid, (4, 4), mode="bicubic", antialias=True)
    torch.testing.assert_close(found[:, 1:], expected.flatten(2).transpose(1, 2))


def test_a_trained_model_is_a_file_of_weights_too(tmp_path):
    trained = build_model("baseline", num_classes=3, encoder=SMALL, size_px=64)
    save_file(trained.state_dict(), tmp_path / "best.safetensors")
    reports = []
    build_encoder(SMALL, 1, str(tmp_path / "best.safetensors"), size_px=64, on_loaded=reports.append)
    assert reports[0].is_complete
    assert reports[0].skipped == ("head.bias", "head.weight")


@pytest.mark.parametrize("encoder", [SMALL, "tu-eva02_tiny_patch14_224"])
def test_a_file_of_another_architecture_is_refused(tmp_path, encoder):
    save_file({"conv1.weight": torch.zeros(4, 3, 3, 3)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as caught:
        build_encoder(encoder, 1, str(tmp_path / "w.safetensors"))
    assert caught.value.place == str(tmp_path / "w.safetensors")


def _hugging_face_state(width, depth, num_patches, *, prefix=""):
    """Tensors of RAD-DINO's file, by their names: those of Hugging Face's Dinov2Model."""
    layer = {
        **{f"norm{i}.{part}": (width,) for i in (1, 2) for part in ("weight", "bias")},
        **{f"layer_scale{i}.lambda1": (width,) for i in (1, 2)},
        **{f"attention.attention.{name}.weight": (width, width) for name in ("query", "key", "value")},
        **{f"attention.attention.{name}.bias": (width,) for name in ("query", "key", "value")},
        "attention.output.dense.weight": (width, width),
        "attention.output.dense.bias": (width,),
        "mlp.fc1.weight": (4 * width, width),
        "mlp.fc1.bias": (4 * width,),
        "mlp.fc2.weight": (width, 4 * width),
        "mlp.fc2.bias": (width,),
    }
    shapes = {
        "embeddings.cls_token": (1, 1, width),
        "embeddings.mask_token": (1, width),
        "embeddings.position_embeddings": (1, 1 + num_patches, width),
        "embeddings.patch_embeddings.projection.weight": (width, 3, 14, 14),
        "embeddings.patch_embeddings.projection.bias": (width,),
        "layernorm.weight": (width,),
        "layernorm.bias": (width,),
        **{f"encoder.layer.{i}.{name}": shape for i in range(depth) for name, shape in layer.items()},
    }
    return {prefix + name: torch.randn(shape) * 0.02 for name, shape in shapes.items()}


@pytest.mark.parametrize("prefix", ["", "dinov2."])
def test_a_file_of_hugging_face_fills_every_tensor(tmp_path, prefix):
    """Of the true shapes of ViT-S/14, whose position embeddings are of 518 px as RAD-DINO's are."""
    state = _hugging_face_state(384, 12, 37 * 37, prefix=prefix)
    path = tmp_path / "model.safetensors"
    save_file(state, path)
    reports = []
    encoder = build_encoder(
        "tu-vit_small_patch14_dinov2", 1, str(path), size_px=518, on_loaded=reports.append
    )
    assert reports[0].is_complete
    assert not reports[0].skipped
    assert not reports[0].resampled
    block = encoder.model.blocks[11]
    own = f"{prefix}encoder.layer.11."
    names = ("query", "key", "value")
    joined = torch.cat([state[f"{own}attention.attention.{name}.weight"] for name in names])
    assert torch.equal(block.attn.qkv.weight, joined)
    assert torch.equal(block.ls2.gamma, state[f"{own}layer_scale2.lambda1"])
    assert torch.equal(encoder.model.pos_embed, state[f"{prefix}embeddings.position_embeddings"])


@pytest.mark.parametrize(
    "kind", ["Dinov2", *(pytest.param(one, marks=pytest.mark.slow) for one in ("Dinov2WithRegisters", "ViT"))]
)
def test_maps_are_those_of_hugging_faces_own_model(tmp_path, kind):
    transformers = pytest.importorskip("transformers")
    encoder, patch, size_px = {
        "Dinov2": ("tu-vit_small_patch14_dinov2", 14, 70),
        "Dinov2WithRegisters": ("tu-vit_small_patch14_reg4_dinov2", 14, 70),
        "ViT": ("tu-vit_small_patch16_224", 16, 64),
    }[kind]
    config = getattr(transformers, f"{kind}Config")(
        hidden_size=384,
        num_attention_heads=6,
        **({"intermediate_size": 1536, "layer_norm_eps": 1e-6} if kind == "ViT" else {}),
        patch_size=patch,
        image_size=size_px,
    )
    torch.manual_seed(0)
    model = getattr(transformers, f"{kind}Model")(config).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(tmp_path)
    path = str(tmp_path / "model.safetensors")
    ours = build_encoder(encoder, 3, path, size_px=size_px).eval()
    images = torch.randn(2, 3, size_px, size_px)
    with torch.no_grad():
        tokens, (found,) = model(images).last_hidden_state, ours(images)
    side = size_px // patch
    expected = tokens[:, -side * side :].transpose(1, 2).reshape(2, 384, side, side)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", [name for name, cam in CAMS.items() if name != NATIVE])
def test_every_method_explains_a_model_on_a_transformer(method):
    torch.manual_seed(0)
    model = build_model("baseline", num_classes=3, encoder=SMALL, size_px=64, pooling="average").eval()
    maps = cam_maps(model, torch.randn(2, 1, 64, 64), torch.tensor([0, 2]).numpy(), method)
    side = maps.shape[-1]
    assert maps.shape == (2, side, side)
    assert 4 <= side <= 64
    assert bool(maps.isfinite().all())


def test_grad_cam_on_patch_tokens_is_the_native_map():
    """Under average pooling the gradient is the weights of the head: the map less its bias, cut at zero."""
    torch.manual_seed(0)
    model = build_model("baseline", num_classes=3, encoder=SMALL, size_px=64, pooling="average").eval()
    images = torch.randn(2, 1, 64, 64)
    maps = cam_maps(model, images, torch.tensor([0, 1]).numpy(), "grad_cam")
    with torch.no_grad():
        native = model(images).heatmaps
    for index in range(2):
        expected = (native[index, index] - model.head.bias[index]).relu()
        expected = (expected - expected.min()) / (expected.max() - expected.min() + 1e-7)
        torch.testing.assert_close(maps[index], expected, rtol=1e-3, atol=1e-4)
