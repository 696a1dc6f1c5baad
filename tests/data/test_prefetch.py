"""Items made ahead: the same in the same order, never too many, and no thread left behind."""

import threading
import time

import pytest
from waiting import wait_until

from bench.data.prefetch import prefetched


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@pytest.mark.parametrize("num_ahead", [0, 1, 2, 5])
@pytest.mark.parametrize("num", [0, 1, 2, 7])
def test_items_come_in_their_order(num, num_ahead):
    assert list(prefetched(iter(range(num)), num_ahead)) == list(range(num))
    assert not threads()


def test_the_thread_makes_at_most_as_many_ahead_as_were_asked_for():
    made = []

    def items():
        for i in range(10):
            made.append(i)
            yield i

    stream = prefetched(items(), 2)
    for i in range(7):
        assert next(stream) == i
        wait_until(lambda n=i + 3: len(made) >= n, "an item made ahead", pause_s=0.001)
        time.sleep(0.01)  # time enough to make too many
        assert made == list(range(i + 3))
    stream.close()


def test_without_a_thread_an_item_is_made_when_it_is_asked_for():
    made = []
    stream = prefetched(((made.append(i), threading.current_thread())[1] for i in range(3)), 0)
    assert next(stream) is threading.current_thread()
    assert made == [0]


def test_items_are_made_in_another_thread():
    (maker,) = prefetched((threading.current_thread() for _ in range(1)), 2)
    assert maker is not threading.current_thread()


@pytest.mark.parametrize("num_ahead", [0, 2])
def test_an_error_is_raised_in_the_place_of_its_item(num_ahead):
    def items():
        yield from range(3)
        raise ValueError("the fourth")

    got = []
    with pytest.raises(ValueError, match="the fourth"):
        got.extend(prefetched(items(), num_ahead))
    stream = prefetched(items(), num_ahead)
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the fourth"):
        next(stream)
    assert not threads()


def test_the_thread_ends_when_the_consumer_stops_early():
    stream = prefetched(iter(range(100)), 2)
    next(stream)
    assert threads()
    stream.close()
    assert not threads()


def test_the_thread_ends_when_the_consumer_raises():
    def consume():
        for item in prefetched(iter(range(100)), 2):
            raise RuntimeError(item)

    with pytest.raises(RuntimeError):
        consume()
    assert not threads()
