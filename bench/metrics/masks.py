"""Masks as text: what a table of boxes has in its column `mask` of a unit that is outlined pixel by pixel.

The text holds lengths of runs in row-major order, separated by spaces: how many pixels lie outside of the
mask, then how many lie in it, and so on in turn. They are pixels of the image's own frame, and add up to its
area.
"""

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]


def encode(mask: Bools) -> str:
    """Returns the text of a mask [height, width]."""
    changes = np.flatnonzero(np.diff(mask.ravel(), prepend=False))
    return " ".join(map(str, np.diff(changes, prepend=0, append=mask.size).tolist()))


def decode(text: str, width: int, height: int) -> Bools:
    """Returns the mask [height, width] that the text holds.

    Raises:
        ValueError: it holds something else than lengths, or they are not those of such a mask.
    """
    lengths = np.array([int(word) for word in text.split()], dtype=np.int64)
    if (lengths < 0).any() or lengths.sum() != width * height:
        num_px = width * height
        raise ValueError(f"runs of a mask add up to {lengths.sum()} px; its image has {num_px} px")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(height, width)


def bounds(mask: Bools) -> tuple[int, int, int, int]:
    """Returns x, y, w, h of the smallest box that covers the mask [height, width]; zeros of an empty one."""
    rows, columns = (np.flatnonzero(np.any(mask, axis=axis)) for axis in (1, 0))
    if not len(rows):
        return 0, 0, 0, 0
    (top, bottom), (left, right) = ((int(at[0]), int(at[-1]) + 1) for at in (rows, columns))
    return left, top, right - left, bottom - top
