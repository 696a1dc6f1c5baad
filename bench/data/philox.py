"""Random numbers of many streams at once: those of `numpy.random.Generator(numpy.random.Philox(key=…))`.

Numpy makes one generator per stream, in Python. Here all streams advance together, array by array.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox4x64-10). Numpy's counter
starts at 1, and its double is the upper 53 bits of a word.
"""

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

_NUM_ROUNDS = 10
_WORDS_PER_BLOCK = 4
_MULTIPLIERS = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_KEY_STEPS = np.array([0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B], dtype=np.uint64)

_STREAMS_AT_ONCE = 2**10
"""So that the words of all rounds stay in a core's cache."""

_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF_BITS = np.uint64(32)
_DROPPED_BITS = np.uint64(11)
_DOUBLE_STEP = 2.0**-53


def uniforms(keys: Words, num: int) -> npt.NDArray[np.float64]:
    """Returns the first `num` numbers of the stream of each key, float64 [n, num] in [0, 1).

    Args:
        keys: uint64 [n, 2].
        num: of each stream.
    """
    found = np.empty((len(keys), num))
    for start in range(0, len(keys), _STREAMS_AT_ONCE):
        part = slice(start, start + _STREAMS_AT_ONCE)
        blocks = _blocks(keys[part], -(-num // _WORDS_PER_BLOCK))
        words = blocks.reshape(len(blocks), -1)[:, :num]
        np.multiply(words >> _DROPPED_BITS, _DOUBLE_STEP, out=found[part])
    return found


def _blocks(keys: Words, num_blocks: int) -> Words:
    """Returns the first blocks of words of each stream, [n, num_blocks, 4]."""
    first, third = np.zeros((2, len(keys), num_blocks), dtype=np.uint64)
    first += np.arange(1, num_blocks + 1, dtype=np.uint64)  # the counter
    second, fourth = np.zeros_like(first), np.zeros_like(first)
    key = keys[:, None, :]
    for _ in range(_NUM_ROUNDS):
        high_of_first, low_of_first = _product(_MULTIPLIERS[0], first)
        high_of_third, low_of_third = _product(_MULTIPLIERS[1], third)
        first, second = high_of_third ^ second ^ key[..., 0], low_of_third
        third, fourth = high_of_first ^ fourth ^ key[..., 1], low_of_first
        key = key + _KEY_STEPS  # modulo 2^64, as every sum here
    return np.stack([first, second, third, fourth], axis=-1)


def _product(factor: np.uint64, words: Words) -> tuple[Words, Words]:
    """Returns the upper and the lower 64 bits of `factor` times each of `words`, from halves of 32 bits."""
    upper, lower = words >> _HALF_BITS, words & _LOW_HALF
    factor_upper, factor_lower = factor >> _HALF_BITS, factor & _LOW_HALF
    crossed = factor_upper * lower + (factor_lower * lower >> _HALF_BITS)
    carried = factor_lower * upper + (crossed & _LOW_HALF)
    return factor_upper * upper + (crossed >> _HALF_BITS) + (carried >> _HALF_BITS), factor * words
