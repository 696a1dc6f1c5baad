"""Many streams of random numbers at once: numpy's own generator gives the same, stream by stream."""

import numpy as np
import pytest

from bench.data.philox import uniforms


def _reference_uniforms(keys, num):
    return np.array([np.random.Generator(np.random.Philox(key=key)).random(num) for key in keys])


@pytest.mark.parametrize("num", [1, 4, 29])
def test_numbers_are_those_of_a_numpy_generator_for_each_key(num):
    keys = np.random.default_rng(0).integers(0, 2**64, (1500, 2), dtype=np.uint64)
    keys[:4] = [[0, 0], [1, 0], [0, 1], [2**64 - 1, 2**64 - 1]]
    found, expected = uniforms(keys, num), _reference_uniforms(keys, num)
    assert found.shape == (1500, num)
    assert (found.view(np.uint64) == expected.view(np.uint64)).all()


def test_no_keys_have_no_numbers():
    assert uniforms(np.empty((0, 2), dtype=np.uint64), 5).shape == (0, 5)
