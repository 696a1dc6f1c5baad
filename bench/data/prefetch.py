"""Items made by a thread ahead of their use."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def prefetched(items: Iterator[Item], num_ahead: int) -> Generator[Item, None, None]:
    """Yields `items` in their order, made by a thread that is at most `num_ahead` of them ahead.

    What goes wrong in making an item is raised in its place. The thread ends with the generator: when all
    is yielded, when an item could not be made, or when the generator is closed. Only the thread advances
    `items`. With `num_ahead` 0 there is no thread: each item is made when it is asked for.
    """
    if num_ahead == 0:
        yield from items
        return
    end = object()
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")
    try:
        coming = deque(thread.submit(next, items, end) for _ in range(num_ahead))
        while (item := coming.popleft().result()) is not end:
            coming.append(thread.submit(next, items, end))
            yield item  # type: ignore[misc]  # not the end
    finally:
        thread.shutdown(cancel_futures=True)
