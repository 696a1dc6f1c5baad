"""The sanity checks that a suite still takes, and their time as far as it was measured."""

from collections.abc import Iterator

from bench.amounts import count, rough_duration
from bench.results.grid_results import native
from bench.results.store import ResultsStore
from bench.suite.grid import Grid, Point

_IMAGES = 2_000
_IMAGES_NATIVE = 5_000
"""About as many images as `bench.evaluation.sanity` passes through a model for each map, of 48 units; of the
native map with its controls."""


def checked_points(grid: Grid) -> list[Point]:
    """Returns the points whose sanity checks are asked for; the native map's come with those of controls."""
    asked = [point for point in grid.points if point.is_checked]
    return list({one.key: one for point in asked for one in (native(point), point)}.values())


def checks_left(grid: Grid, store: ResultsStore) -> Iterator[str]:
    """Yields a sentence on the checks that are left, if there are any: how many, and what they take."""
    keys = [point.key for point in checked_points(grid)]
    states = [store.state(*key, "sanity") for key in keys]
    num_left = sum(state in ("todo", "interrupted") for state in states)
    if not num_left:
        return
    finished = [key for key, state in zip(keys, states, strict=True) if state == "finished"]
    done = [store.evaluation(*key, "sanity") for key in finished]
    times = [one.duration_s for one in done if one is not None and one.duration_s is not None]
    if times:
        took = num_left * sum(times) / len(times)
        cost = (
            f"{rough_duration(took)} one after the other, at the mean of {count(len(times), 'finished one')}"
        )
    else:
        with_controls = f"{_IMAGES_NATIVE:,} with the native map's controls"
        cost = f"each passes about {_IMAGES:,} images through its model, {with_controls}"
    yield f"Sanity checks of {count(num_left, 'map')} are left: {cost}."
