"""Batches: order, augmentation and normalisation are functions of seed and epoch, by every route."""

import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from trials import make_trial

from bench.data.dataset import ImageSet
from bench.data.feeding import evaluation_batches, training_batches
from bench.data.images.pixel_store import pixel_store
from bench.metrics.regions import COLUMNS
from bench.suite.schema import Recipe

CPU = torch.device("cpu")


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (10, 80, 80), dtype=np.uint8)
    labels = np.eye(10, 3, dtype=np.uint8)
    names = tuple(map(str, range(10)))
    return ImageSet(pixels, labels, names, names, pd.DataFrame(columns=list(COLUMNS)))


trial = partial(make_trial, batch_size=4)


def test_every_image_is_seen_once_an_epoch_and_the_last_batch_is_smaller(images):
    batches = list(training_batches(images, trial(), 1, CPU))
    assert [len(batch.indices) for batch in batches] == [4, 4, 2]
    assert sorted(np.concatenate([batch.indices for batch in batches])) == list(range(10))
    assert batches[0].images.shape == (4, 1, 64, 64)
    for batch in batches:
        assert (batch.labels.numpy() == images.labels[batch.indices]).all()


@pytest.mark.parametrize(("seed", "epoch", "same"), [(0, 1, True), (1, 1, False), (0, 2, False)])
def test_epoch_is_a_function_of_seed_and_number(images, seed, epoch, same):
    first = list(training_batches(images, trial(0), 1, CPU))
    other = list(training_batches(images, trial(seed), epoch, CPU))
    assert all(torch.equal(a.images, b.images) for a, b in zip(first, other, strict=True)) is same


def test_evaluation_is_in_order_and_normalised(images):
    (first, *_) = evaluation_batches(images, Recipe(batch_size=4), CPU)
    assert first.indices.tolist() == [0, 1, 2, 3]
    expected = (images.pixels[:4].astype(np.float32) / 255 - 0.4984) / 0.2483
    assert np.allclose(first.images[:, 0].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("first_batch", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("route", ["mapped", "streamed"])
def test_an_epoch_that_is_entered_later_goes_on_as_it_would_have(images, first_batch, route):
    whole = list(training_batches(images, trial(), 3, CPU))
    rest = list(training_batches(images, trial(), 3, CPU, first_batch, route))
    assert _same(rest, whole[first_batch:])


@pytest.mark.parametrize("route", ["resident", "streamed"])
def test_batches_are_the_same_by_every_route(images, route):
    def batches(route):
        for epoch in (1, 2):
            yield from training_batches(images, trial(), epoch, CPU, route=route)
        yield from evaluation_batches(images, trial().recipe, CPU, route)

    assert _same(list(batches(route)), list(batches("mapped")))


class HostCopies(TorchDispatchMode):
    """Counts copies from the host to another device."""

    num = 0

    def __torch_dispatch__(self, operator, types, arguments=(), options=None):
        result = operator(*arguments, **(options or {}))
        given = [one for one in arguments if isinstance(one, torch.Tensor) and one.device.type == "cpu"]
        self.num += bool(given) and isinstance(result, torch.Tensor) and result.device.type != "cpu"
        return result


@pytest.mark.parametrize("of_images", [training_batches, evaluation_batches])
def test_no_batch_of_resident_images_takes_anything_from_the_host(images, of_images):
    """All that they need is copied once a pass. On the meta device there are operators and no memory."""
    meta, counts = torch.device("meta"), []
    pixel_store(images, meta, "resident")
    for size in (2, 5):
        asked = trial(batch_size=size)
        given = (asked, 1) if of_images is training_batches else (asked.recipe,)
        with HostCopies() as copies:
            num_batches = len(list(of_images(images, *given, meta, route="resident")))
        assert num_batches == 10 // size
        counts.append(copies.num)
    assert counts[0] == counts[1] > 0


def test_the_array_stays_as_it_is(images):
    before = images.pixels.copy()
    for route in ("mapped", "resident", "streamed"):
        list(training_batches(images, trial(), 1, CPU, route=route))
        list(evaluation_batches(images, trial().recipe, CPU, route))
    assert (images.pixels == before).all()


def test_batches_can_be_kept_while_the_next_are_made(images):
    first, *others = training_batches(images, trial(), 1, CPU, route="streamed")
    (again, *_) = training_batches(images, trial(), 1, CPU)
    assert len(others) == 2
    assert torch.equal(first.images, again.images)


def test_a_consumer_that_fails_leaves_no_thread_behind(images):
    def train():
        for batch in training_batches(images, trial(), 1, CPU, route="streamed"):
            assert any(thread.name.startswith("prefetch") for thread in threading.enumerate())
            raise RuntimeError(batch.indices)

    with pytest.raises(RuntimeError):
        train()
    assert not any(thread.name.startswith("prefetch") for thread in threading.enumerate())


def test_what_goes_wrong_ahead_reaches_the_consumer(images):
    class Unreadable(np.ndarray):
        def __getitem__(self, indices):
            raise OSError("the disk is gone")

    broken = replace(images, pixels=images.pixels.view(Unreadable))
    with pytest.raises(OSError, match="the disk is gone"):
        list(evaluation_batches(broken, trial().recipe, CPU, "streamed"))


def _same(some, others) -> bool:
    return all(
        (a.indices == b.indices).all() and torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels)
        for a, b in zip(some, others, strict=True)
    )
