"""Routes from the array to the device: the same pixels by each, copied once, freed with the image set."""

import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from pretended_gpu import GIB, pretend_memory

from bench.data.dataset import ImageSet
from bench.data.images import pixel_store as residency
from bench.data.images.pixel_store import fits_on_device, pixel_store, room_on_gpu
from bench.metrics.regions import COLUMNS
from bench.training.memory import begin_trial

CPU = torch.device("cpu")
ROUTES = ("mapped", "resident", "streamed")


@pytest.fixture
def images(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (10, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    names = tuple(map(str, range(10)))
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    return ImageSet(mapped, np.eye(10, 3, dtype=np.uint8), names, names, pd.DataFrame(columns=list(COLUMNS)))


@pytest.mark.parametrize(
    ("num_bytes", "room_bytes", "fits"),
    [(40, 100, True), (41, 100, False), (0, 0, True), (1, 0, False), (8_036_761_600, 80 * 10**9, True)],
)
def test_pixels_lie_on_the_device_within_a_share_of_the_room_there(num_bytes, room_bytes, fits):
    assert fits_on_device(num_bytes, room_bytes) is fits


def test_the_room_on_a_gpu_is_what_is_free_and_within_the_share_of_the_trial(monkeypatch):
    cuda, memory = torch.device("cuda"), pretend_memory(monkeypatch)
    memory.allocated, memory.reserved = 10 * GIB, 15 * GIB
    memory.free = 60 * GIB
    assert room_on_gpu(cuda) == 65 * GIB  # what is reserved and unused is this process' own
    begin_trial(cuda, 0.5)
    assert room_on_gpu(cuda) == int(39.5 * GIB) - 10 * GIB  # half of the GPU but for CUDA's own
    memory.allocated = memory.reserved = 50 * GIB
    assert room_on_gpu(cuda) == 0


def test_a_trial_with_a_third_of_a_gpu_does_not_take_what_is_free_of_all(images, monkeypatch):
    """Whoever comes first, each copies what fits its own third."""
    cuda, memory = torch.device("cuda"), pretend_memory(monkeypatch)
    monkeypatch.setattr(residency, "_copy", lambda pixels, device: torch.from_numpy(np.array(pixels)))
    memory.total = memory.free = 20 * images.pixels.nbytes
    monkeypatch.setattr("bench.training.memory.CONTEXT_BYTES", 0)
    routes = {}
    for share in (1.0, 1 / 3):
        begin_trial(cuda, share)
        large = ImageSet(
            np.repeat(images.pixels, 4, axis=0), np.repeat(images.labels, 4, axis=0), *[("x",) * 40] * 2, None
        )
        routes[share] = [isinstance(pixel_store(one, cuda).pixels, torch.Tensor) for one in (large, images)]
        residency._stores.clear()
    assert routes == {1.0: [True, True], 1 / 3: [False, True]}


def test_a_cpu_reads_the_array_itself_without_a_thread(images):
    store = pixel_store(images, CPU)
    assert store.num_ahead == 0
    assert store.pixels is images.pixels


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("indices", [[3], [9, 0, 3, 3], []])
def test_every_route_reads_the_images_that_are_asked_for(images, route, indices):
    store = pixel_store(images, CPU, route)
    chosen = np.array(indices, dtype=np.int64)
    (read,) = store.read(chosen, [slice(0, 4)])
    assert read.dtype == torch.uint8
    assert (read.numpy() == np.asarray(images.pixels)[chosen]).all()


def test_a_copy_in_parts_is_whole(images, monkeypatch):
    monkeypatch.setattr(residency, "_COPIED_AT_ONCE_BYTES", 3 * 64 + 1)  # 3, 3, 3 and 1 images
    assert (pixel_store(images, CPU, "resident").pixels.numpy() == images.pixels).all()


def test_the_copy_is_made_once_and_goes_with_its_image_set(images):
    alive = ImageSet(images.pixels, images.labels, images.names, images.patients, images.boxes)
    store = pixel_store(alive, CPU, "resident")
    assert pixel_store(alive, CPU, "resident") is store
    assert pixel_store(images, CPU, "resident") is not store
    copy = weakref.ref(store.pixels)
    del store
    assert copy() is not None
    del alive
    assert copy() is None


def test_pixels_that_do_not_fit_after_all_are_streamed(images, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(residency, "_copy", full)
    store = pixel_store(images, CPU, "resident")
    assert store.num_ahead == 2
    chosen = np.array([3, 1])
    (read,) = store.read(chosen, [slice(0, 2)])
    assert (read.numpy() == images.pixels[chosen]).all()
