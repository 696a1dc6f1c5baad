"""How steps and pieces are parted, and single images that batch norm refuses."""

import pytest
import torch
from torch import nn
from trials import make_trial

from bench.data.dataset import DataContext
from bench.data.loading import load_dataset
from bench.errors import TrainingError
from bench.models import build_model
from bench.training.micro_batches import part, refuses_single_images
from bench.training.session import Session

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("total", "size", "expected"),
    [(9, 4, [4, 4, 1]), (8, 4, [4, 4]), (3, 4, [3]), (1, 4, [1]), (5, 1, [1] * 5)],
)
def test_parts_are_full_but_the_last(total, size, expected):
    assert part(total, size, join_single=False) == expected


@pytest.mark.parametrize(
    ("total", "size", "expected"), [(9, 4, [4, 5]), (10, 4, [4, 4, 2]), (8, 4, [4, 4]), (1, 4, [1])]
)
def test_single_last_image_joins_the_part_before(total, size, expected):
    assert part(total, size, join_single=True) == expected


@pytest.mark.parametrize(
    ("name", "options", "refuses"),
    [
        ("deeplabv3plus", {}, True),  # global average pooling, then batch norm: one value per channel
        ("deeplabv3plus", {"gap_in_aspp": False}, False),
        ("pylon", {}, True),  # the top of its pyramid has one position, at 64 px and at 256
        ("pylon", {"pyramid": False}, False),
        ("baseline", {}, False),
    ],
)
def test_batch_norm_on_maps_of_one_position_refuses_single_images(name, options, refuses):
    torch.manual_seed(0)
    model = build_model(name, num_classes=3, encoder="tu-test_resnet", **options).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    assert refuses_single_images(model, 64, CPU) is refuses
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_other_errors_of_the_model_are_its_own():
    class Broken(nn.Module):
        def forward(self, images):
            raise ValueError("something else")

    with pytest.raises(ValueError, match="something else"):
        refuses_single_images(Broken(), 64, CPU)


def session_of(tmp_path, model: str, train: int, **recipe) -> Session:
    trial = make_trial(model=model, images=(train, 4, 4), batch_size=4, **recipe)
    data = load_dataset(trial.dataset, 64, DataContext(None, tmp_path, {}))
    torch.manual_seed(0)
    network = build_model(model, num_classes=len(data.findings), encoder=trial.encoder)
    return Session(network, data, trial, CPU)


def test_every_image_is_trained_on_where_the_last_one_would_be_alone(tmp_path):
    joining, usual = session_of(tmp_path, "pan", 9), session_of(tmp_path, "baseline", 9)
    seen = {session: [] for session in (joining, usual)}
    for session, indices in seen.items():
        optimise = session._optimise
        session._optimise = lambda batch, own=indices, call=optimise: own.append(batch.indices) or call(batch)
        done = [step.images_done for step in session.steps()]
        assert done == ([4, 9] if session is joining else [4, 8, 9])
    assert [len(indices) for indices in seen[joining]] == [4, 5]
    assert [len(indices) for indices in seen[usual]] == [4, 4, 1]
    assert [i for batch in seen[joining] for i in batch] == [i for batch in seen[usual] for i in batch]
    assert "the last image of each epoch joins the batch before" in joining.notes[0]
    assert usual.notes == ()


def test_a_model_that_refuses_single_images_needs_two(tmp_path):
    with pytest.raises(
        TrainingError, match=r"'pan' .* cannot be trained on pieces of one .* at most 2 leaves"
    ):
        session_of(tmp_path, "pan", 8, accumulate=4)
    list(session_of(tmp_path, "pan", 9, accumulate=2).steps())  # 2 + 2, 2 + 3


def without_batch_norm(session: Session) -> Session:
    """In evaluation mode batch norm treats each image alone: pieces then have to add up to the batch."""
    session._set_training_mode = session.model.eval
    return session


@pytest.mark.parametrize("accumulate", [2, 3, 4])
def test_accumulated_pieces_give_the_gradient_of_the_batch(tmp_path, accumulate):
    whole = without_batch_norm(session_of(tmp_path, "baseline", 7))
    pieces = without_batch_norm(session_of(tmp_path, "baseline", 7, accumulate=accumulate))
    gradients = []
    for session in (whole, pieces):
        steps = session.steps()
        for _ in range(2):  # a batch of four, then one of three: means are weighted by sizes
            next(steps)
        gradients.append([p.grad.clone() for p in session.model.parameters()])
    torch.testing.assert_close(whole.losses.running(), pieces.losses.running(), rtol=1e-5, atol=1e-6)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5 * float(one.abs().max()) + 1e-7)


def test_batch_norm_sees_pieces(tmp_path):
    whole, pieces = (session_of(tmp_path, "baseline", 4, accumulate=k) for k in (1, 2))
    for session in (whole, pieces):
        list(session.steps())
    counts = [
        session.model.state_dict()["encoder.model.bn1.num_batches_tracked"] for session in (whole, pieces)
    ]
    assert [int(count) for count in counts] == [1, 2]
