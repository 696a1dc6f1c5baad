"""Whether two images are one radiograph: stored again as a JPEG, in another size, contrast or inverted.

They are if both of these say so:

- a perceptual hash: the signs of the 32 × 32 lowest frequencies of the image at 128 × 128 px (but for its
  mean), as Zauner's pHash has 8 × 8 of them. Chest radiographs are so much alike that 64 bits do not tell
  them apart;
- the detail of both: the correlation of what is finer than a few px at 256 × 256 px, in units of its spread
  nearby, which no change of contrast moves much.

docs/exposure.md has the distributions that the limits are from, and what is not found: mirrored and turned
copies, and crops.

Source: C. Zauner, Implementation and benchmarking of perceptual image hash functions (2010), §3.2; the number
of frequencies and the detail are ours.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bench.data.images.cache import OnProgress

METHOD = "dct-1023-detail-1"
"""Names what makes hashes and compares images, for what is stored of them."""

MOST_BITS_APART = 0.34
"""Share of the hash's bits in which two images of one radiograph differ at most."""

LEAST_CORRELATION = 0.45
"""Of the detail of two images of one radiograph."""

HASH_PX, DETAIL_PX = 128, 256
"""Sides of the images that are hashed, and whose detail is compared."""

_FREQUENCIES = 32
_NUM_BITS = _FREQUENCIES**2 - 1
_SIGMA_PX, _LEAST_SPREAD = 4.0, 2.0
_BLOCK = 2048
"""Hashes that are compared at a time, with as many others."""

Hash = npt.NDArray[np.uint8]
Gray = npt.NDArray[np.uint8]


def hash_of(image: Gray) -> Hash | None:
    """Returns uint8 [128], a bit for each frequency; None of an image of one value, which is like any other.

    Args:
        image: uint8 [128, 128].
    """
    import cv2

    if image.min() == image.max():
        return None
    lowest = cv2.dct(image.astype(np.float32))[:_FREQUENCIES, :_FREQUENCIES]
    packed: Hash = np.packbits(lowest.ravel() > 0)
    return packed


def candidates(
    first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8], on_progress: OnProgress
) -> Iterator[tuple[int, int]]:
    """Yields the positions of hashes that are near enough for a pair, or near enough if one is inverted.

    Every hash is compared with every other: 50 million pairs take about a second on two cores.

    Args:
        first: hashes [n, 128].
        second: hashes [m, 128].
        on_progress: told how many of the n are compared.
    """
    least = _NUM_BITS * (1 - 2 * MOST_BITS_APART)
    for start in range(0, len(first), _BLOCK):
        rows = _signs(first[start : start + _BLOCK])
        for begin in range(0, len(second), _BLOCK):
            equal_less_other = rows @ _signs(second[begin : begin + _BLOCK]).T
            for i, j in np.argwhere(np.abs(equal_less_other) >= least).tolist():
                yield start + i, begin + j
        on_progress(min(start + _BLOCK, len(first)), len(first))


def _signs(hashes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Returns ±1 for each bit, and 0 for that of the mean."""
    signs = np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1
    signs[:, 0] = 0
    return signs


def detail_correlation(first: Gray, second: Gray) -> float:
    """Returns the correlation of the detail of two images uint8 [256, 256], without its sign, in [0, 1].

    Of shifts by up to one px the best counts. It is 0 if one has no detail.
    """
    import cv2

    inner = _detail(second)[1:-1, 1:-1]
    whole = _detail(first)
    if not whole.any() or not inner.any():
        return 0.0
    return float(np.abs(cv2.matchTemplate(whole, inner, cv2.TM_CCOEFF_NORMED)).max())


def _detail(image: Gray) -> npt.NDArray[np.float32]:
    import cv2

    values = image.astype(np.float32)
    fine = values - cv2.GaussianBlur(values, (0, 0), _SIGMA_PX)
    spread = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), _SIGMA_PX))
    return (fine / (spread + _LEAST_SPREAD)).astype(np.float32, copy=False)
