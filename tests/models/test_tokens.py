"""Tokens of vision transformers become a map."""

import pytest
import torch

from bench.errors import SuiteError
from bench.models.tokens import token_map


def test_patches_lie_row_by_row_and_tokens_before_them_are_left_out():
    tokens = torch.arange(2 * 8 * 3.0).reshape(2, 8, 3)  # two tokens, then a map of 2×3
    found = token_map(tokens, 2, (2, 3))
    assert found.shape == (2, 3, 2, 3)
    for image in range(2):
        for row in range(2):
            for column in range(3):
                assert torch.equal(found[image, :, row, column], tokens[image, 2 + 3 * row + column])


def test_a_grid_that_is_not_given_is_a_square():
    assert token_map(torch.zeros(1, 1 + 37 * 37, 4), 1).shape == (1, 4, 37, 37)


@pytest.mark.parametrize(("prefix", "grid"), [(0, None), (1, (2, 3))])
def test_tokens_that_fill_no_grid_are_refused(prefix, grid):
    with pytest.raises(SuiteError):
        token_map(torch.zeros(1, 5, 4), prefix, grid)
