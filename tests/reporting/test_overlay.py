"""Overlays: the image in its own aspect, the map over all of it, the peak where it is."""

import cv2
import numpy as np
import pytest

from bench.reporting.figures.files import save
from bench.reporting.figures.overlay import Overlay, draw_overlay

SIDE = 32


def heatmap(row: int, column: int) -> np.ndarray:
    values = np.full((SIDE, SIDE), 0.1, np.float32)
    values[row, column] = 0.9
    return values


def overlay(values: np.ndarray, peak: tuple[float, float] | None) -> Overlay:
    """Of a radiograph of 640 × 320 px, twice the size of the picture that is at hand."""
    return Overlay(np.full((160, 320), 90, np.uint8), 640, 320, values, peak)


def share_of_bare_image(picture: np.ndarray) -> float:
    """Returns the share of pixels that are gray as the image is, up to the rounding of colour maps."""
    return float((abs(picture - 90) <= 1).all(axis=2).mean())


def test_map_covers_the_image_and_the_mark_is_on_its_peak():
    figure = draw_overlay(overlay(heatmap(8, 24), (480.0, 80.0)), "Mass", ("a trial",))
    axes, bar = figure.axes
    image, heat = axes.get_images()
    assert image.get_extent() == heat.get_extent() == [0, 640, 320, 0]
    assert heat.get_clim() == pytest.approx((0.1, 0.9))
    assert axes.get_lines()
    for mark in axes.get_lines():  # the middle of the pixel of the input, 20 × 10 px of the image
        assert mark.get_xydata().tolist() == [[490, 85]]
    box = axes.get_window_extent()
    assert box.width / box.height == pytest.approx(2)
    assert bar.get_ylim() == pytest.approx((0.1, 0.9))


def test_what_the_map_does_not_mean_is_seen_as_it_is(tmp_path):
    """Colour is at the peak, and gray stays gray elsewhere."""
    save(draw_overlay(overlay(heatmap(8, 24), (480.0, 80.0)), "Mass", ("a trial",)), tmp_path / "a.png")
    picture = cv2.imread(str(tmp_path / "a.png")).astype(int)
    colour = picture.max(axis=2) - picture.min(axis=2)
    assert share_of_bare_image(picture) > 0.3
    assert (colour > 40).any()


@pytest.mark.parametrize(
    ("values", "peak", "num_axes"),
    [
        (np.full((SIDE, SIDE), 0.3, np.float32), (0.0, 0.0), 2),  # all of it is one tie
        (np.full((SIDE, SIDE), np.nan, np.float32), None, 1),
    ],
)
def test_maps_without_a_shape_are_drawn_too(tmp_path, values, peak, num_axes):
    figure = draw_overlay(overlay(values, peak), "Mass " * 30, ("a" * 300, "a trial"))
    save(figure, tmp_path / "a.png")
    picture = cv2.imread(str(tmp_path / "a.png")).astype(int)
    assert share_of_bare_image(picture) > 0.3
    assert len(figure.axes) == num_axes
