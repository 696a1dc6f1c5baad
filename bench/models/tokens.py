"""From the tokens of a vision transformer to a map: the one place where this is done."""

import math

from torch import Tensor

from bench.errors import SuiteError


def token_map(tokens: Tensor, num_prefix_tokens: int, grid: tuple[int, int] | None = None) -> Tensor:
    """Returns the patch tokens as a map [n, k, h, w]: class and register tokens are left out.

    Args:
        tokens: [n, num_prefix_tokens + h·w, k]; patches in row-major order after the prefix.
        num_prefix_tokens: class, distillation and register tokens at the front (timm's `num_prefix_tokens`).
        grid: rows h and columns w of patches; a square if None.

    Raises:
        SuiteError: the number of patches does not fit the grid, or is no square.
    """
    patches = tokens[:, num_prefix_tokens:]
    count = patches.shape[1]
    rows, columns = grid or (math.isqrt(count), math.isqrt(count))
    if rows * columns != count:
        wanted = f"{rows}×{columns}" if grid else "a square"
        raise SuiteError(f"{count} patch tokens do not fill {wanted}", value=count)
    return patches.transpose(1, 2).reshape(len(tokens), -1, rows, columns)
