"""Augmentation: geometry by definition, OpenCV and torchvision; distributions; independence of batches."""

import cv2
import numpy as np
import pytest
import torch

from bench.data.augment import WarpParameters, augment, draw_parameters
from bench.data.phantom.render import render_phantom
from bench.models.torchvision_compat import torchvision
from bench.suite.schema import Augmentation

NONE = Augmentation(
    rotation_probability=0.0,
    crop_area_min=1.0,
    crop_aspect_max=1.0,
    flip_probability=0.0,
    photometric_probability=0.0,
)


@pytest.fixture
def image():
    random = np.random.default_rng(0)
    coarse = torch.from_numpy(random.uniform(40, 200, (1, 1, 9, 9)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bicubic")
    return smooth.clamp(0, 255).to(torch.uint8)[:, 0]


def parameters(affine, gain=1.0, offset=0.0) -> WarpParameters:
    values = (np.array([value], dtype=np.float32) for value in (affine, gain, offset))
    return WarpParameters(*map(torch.from_numpy, values))


IDENTITY = [[1, 0, 0], [0, 1, 0]]


def test_nothing_to_do_changes_nothing(image):
    drawn = draw_parameters(NONE, 0, 1, np.arange(1))
    assert torch.allclose(augment(image, drawn, 64)[:, 0], image.float(), atol=1e-3)


def test_flip_mirrors_columns(image):
    flipping = NONE.model_copy(update={"flip_probability": 1.0})
    warped = augment(image, draw_parameters(flipping, 0, 1, np.arange(1)), 64)
    assert torch.allclose(warped[:, 0], image.float().flip(-1), atol=1e-2)


@pytest.mark.parametrize("degrees", [90, 180])
def test_right_angles_equal_rot90(image, degrees):
    radians = np.deg2rad(degrees)
    affine = [[np.cos(radians), -np.sin(radians), 0], [np.sin(radians), np.cos(radians), 0]]
    warped = augment(image, parameters(affine), 64)[:, 0]
    turned = [torch.rot90(image.float(), k, dims=(-2, -1)) for k in (degrees // 90, -degrees // 90)]
    assert min((warped - candidate).abs().max() for candidate in turned) < 0.1


def test_rotation_equals_torchvisions(image):
    radians = np.deg2rad(30)
    affine = [[np.cos(radians), -np.sin(radians), 0], [np.sin(radians), np.cos(radians), 0]]
    ours = augment(image, parameters(affine), 64)
    rotate = torchvision.transforms.functional.rotate
    bilinear = torchvision.transforms.InterpolationMode.BILINEAR
    theirs = rotate(image[:, None].float(), 30.0, interpolation=bilinear)
    inner = (slice(None), slice(None), slice(20, 44), slice(20, 44))
    assert (ours[inner] - theirs[inner]).abs().max() < 6  # cubic against bilinear of a smooth image


def test_crop_equals_cropping_and_resizing(image):
    # The left upper quarter: centre −0.5, half width 0.5.
    ours = augment(image, parameters([[0.5, 0, -0.5], [0, 0.5, -0.5]]), 64)
    crop = image[:, None, :32, :32].float()
    theirs = torch.nn.functional.interpolate(crop, size=(64, 64), mode="bicubic", align_corners=False)
    assert (ours[..., 8:56, 8:56] - theirs[..., 8:56, 8:56]).abs().max() < 0.5


def _cubic_weights(distance):
    """Keys' kernel with a = −0.75, at distances from a sample."""
    t = np.abs(distance)
    near = 1.25 * t**3 - 2.25 * t**2 + 1
    far = -0.75 * (t**3 - 5 * t**2 + 8 * t - 4)
    return np.where(t <= 1, near, np.where(t < 2, far, 0))


def _reference_warp(image, affine, size_px):
    """The warp by its definition: float64, every tap of every pixel, zero outside, clipped at the end."""
    side = image.shape[0]
    centres = (np.arange(size_px) + 0.5) / size_px * 2 - 1
    x, y = np.meshgrid(centres, centres)
    column, row = (((a * x + b * y + c + 1) * side - 1) / 2 for a, b, c in np.float64(affine))
    warped = np.zeros((size_px, size_px))
    for dy in range(-1, 3):
        for dx in range(-1, 3):
            i, j = np.floor(row).astype(int) + dy, np.floor(column).astype(int) + dx
            inside = (i >= 0) & (i < side) & (j >= 0) & (j < side)
            taps = np.where(inside, image[i.clip(0, side - 1), j.clip(0, side - 1)], 0.0)
            warped += taps * _cubic_weights(row - i) * _cubic_weights(column - j)
    return warped.clip(0, 255)


def test_pixels_are_what_their_definition_says():
    noise = np.random.default_rng(1).integers(0, 256, (12, 80, 80), dtype=np.uint8)  # the worst case
    drawn = draw_parameters(Augmentation(), 3, 1, np.arange(12))
    ours = augment(torch.from_numpy(noise), drawn, 64)[:, 0].numpy()
    affines, gains, offsets = drawn.affine.numpy(), drawn.gain.numpy(), drawn.offset.numpy()
    rows = zip(noise, affines, gains, offsets, ours, strict=True)
    for image, affine, gain, offset, augmented in rows:
        expected = (_reference_warp(image, affine, 64) * gain + offset * 255).clip(0, 255)
        assert np.abs(augmented - expected).max() < 0.01


def test_warp_equals_opencvs_up_to_its_rounding():
    """OpenCV rounds results to whole numbers and, before version 5, positions to 1/32 px."""
    images = np.stack([render_phantom(0, i, 80).image for i in range(6)])
    drawn = draw_parameters(Augmentation(photometric_probability=0.0), 3, 1, np.arange(6))
    ours = augment(torch.from_numpy(images), drawn, 64)[:, 0].numpy()
    for image, affine, warped in zip(images, drawn.affine.double().numpy(), ours, strict=True):
        linear = affine[:, :2] * 80 / 64
        in_pixels = np.column_stack([linear, (affine[:, 2] + 1) * 40 - 0.5 - linear @ [31.5, 31.5]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        difference = np.abs(warped - cv2.warpAffine(image, in_pixels, (64, 64), flags=flags))
        assert difference.mean() < 0.5
        assert np.quantile(difference, 0.99) < 2.5


def test_what_lies_outside_is_black(image):
    radians = np.deg2rad(45)
    affine = [[np.cos(radians), -np.sin(radians), 0], [np.sin(radians), np.cos(radians), 0]]
    corner = augment(image, parameters(affine), 64)[0, 0, :8, :8]
    assert (corner == 0).all()


def test_brightness_and_contrast_are_clipped(image):
    brighter = augment(image, parameters(IDENTITY, gain=1.2, offset=0.1), 64)[:, 0]
    assert torch.allclose(brighter, (image.float() * 1.2 + 25.5).clamp(0, 255), atol=1e-2)
    assert augment(image, parameters(IDENTITY, gain=1.5, offset=0.5), 64).max() == 255


@pytest.fixture
def restored_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("size_px", [64, 96, 256])
def test_pixels_do_not_depend_on_batch_order_or_threads(size_px, restored_threads):
    num = 37  # several parts of the batch at 64 px with two threads, the last one smaller
    pixels = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (num, 96, 96), dtype=np.uint8))

    def augmented(indices, threads):
        torch.set_num_threads(threads)
        drawn = draw_parameters(Augmentation(), 5, 2, indices)
        stays = torch.from_numpy(indices == 8)  # also what is left where it is
        drawn.affine[stays] = torch.tensor(IDENTITY, dtype=torch.float32)
        return augment(pixels[indices], drawn, size_px)

    together = augmented(np.arange(num), 1)
    assert torch.equal(augmented(np.arange(num), 2), together)
    assert torch.equal(augmented(np.arange(num)[::-1].copy(), 2).flip(0), together)
    for i in (0, 8, 36):
        assert torch.equal(augmented(np.array([i]), 1), together[[i]])
    assert torch.equal(augmented(np.array([30, 8, 1]), 2), together[[30, 8, 1]])


def _reference_draw(given: Augmentation, random: np.random.Generator) -> np.ndarray:
    """The eight parameters of one image by their definition, drawn one after another from its own stream."""
    rotated = random.random() < given.rotation_probability
    angle = random.uniform(-1, 1) * np.deg2rad(given.rotation_degrees) * rotated
    x, y, half_width, half_height = 0.0, 0.0, 1.0, 1.0
    limit = np.log(given.crop_aspect_max)
    for _ in range(10):
        area, aspect = random.uniform(given.crop_area_min, 1), np.exp(random.uniform(-limit, limit))
        width, height = np.sqrt(area * aspect), np.sqrt(area / aspect)
        if width <= 1 and height <= 1:
            x, y = random.uniform(width - 1, 1 - width), random.uniform(height - 1, 1 - height)
            half_width, half_height = width, height
            break
    mirror = -1 if random.random() < given.flip_probability else 1
    shaded = random.random() < given.photometric_probability
    gain = 1 + random.uniform(-1, 1) * given.contrast * shaded
    offset = random.uniform(-1, 1) * given.brightness * shaded
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    affine = turn @ np.array([[mirror * half_width, 0, x], [0, half_height, y]])
    return np.array([*affine.ravel(), gain, offset], dtype=np.float32)


@pytest.mark.parametrize(
    ("seed", "epoch", "given"),
    [
        (0, 1, Augmentation()),
        (2**31 - 1, 3, Augmentation(rotation_degrees=90, rotation_probability=1, brightness=0.5)),
        (4, 37, Augmentation(crop_area_min=0.95, crop_aspect_max=4)),  # most crops are given up
    ],
)
def test_parameters_are_those_of_a_numpy_generator_for_each_image(seed, epoch, given):
    """To the bit: 36,000 values."""
    indices = np.random.default_rng(seed).integers(0, 2**31, 1500)
    keys = (np.array([seed, epoch << 32 | int(index)], dtype=np.uint64) for index in indices)
    expected = np.stack(
        [_reference_draw(given, np.random.Generator(np.random.Philox(key=key))) for key in keys]
    )
    drawn = draw_parameters(given, seed, epoch, indices)
    found = torch.cat([drawn.affine.flatten(1), drawn.gain[:, None], drawn.offset[:, None]], dim=1).numpy()
    assert (found.view(np.uint32) == expected.view(np.uint32)).all()


def test_parameters_of_no_image_are_none():
    assert draw_parameters(Augmentation(), 0, 1, np.arange(0)).affine.shape == (0, 2, 3)


def test_parameters_do_not_depend_on_batch_or_order():
    augmentation = Augmentation()
    together = draw_parameters(augmentation, 7, 3, np.arange(10))
    apart = draw_parameters(augmentation, 7, 3, np.array([8, 2]))
    assert (apart.affine == together.affine[[8, 2]]).all()
    assert (apart.gain == together.gain[[8, 2]]).all()


@pytest.mark.parametrize(("seed", "epoch"), [(8, 3), (7, 4)])
def test_parameters_differ_between_seeds_and_epochs(seed, epoch):
    augmentation = Augmentation()
    first = draw_parameters(augmentation, 7, 3, np.arange(10))
    other = draw_parameters(augmentation, seed, epoch, np.arange(10))
    assert not (first.affine == other.affine).all()


def test_distributions_are_the_thesis():
    drawn = draw_parameters(Augmentation(), 0, 1, np.arange(20_000))
    affine, gain, offset = (values.double().numpy() for values in (drawn.affine, drawn.gain, drawn.offset))
    linear = affine[:, :, :2]
    areas = np.abs(np.linalg.det(linear))
    assert areas.min() >= 0.7 - 1e-6
    assert areas.max() <= 1 + 1e-6
    assert (np.linalg.det(linear) < 0).mean() == pytest.approx(0.5, abs=0.02)  # flipped
    upright = np.isclose(linear[:, 0, 1], 0)
    assert upright.mean() == pytest.approx(0.5, abs=0.02)
    widths = np.linalg.norm(linear[:, :, 0], axis=1)
    heights = np.linalg.norm(linear[:, :, 1], axis=1)
    assert (widths / heights).max() <= 4 / 3 + 1e-6
    assert (widths / heights).min() >= 3 / 4 - 1e-6
    shaded = gain != 1
    assert shaded.mean() == pytest.approx(0.5, abs=0.02)
    assert ((offset != 0) == shaded).all()
    assert gain.min() >= 0.5
    assert gain.max() <= 1.5
    assert offset[shaded].mean() == pytest.approx(0, abs=0.02)
