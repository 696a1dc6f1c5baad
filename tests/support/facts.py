"""The facts of an error that users meet."""

import re

from bench.errors import BenchError


def require_facts(error: BenchError, expected: str | tuple[str | None, object]) -> None:
    """Checks the end of the place and the value, or a pattern of the sentence where it has neither."""
    assert "\n" not in str(error)
    if isinstance(expected, str):
        assert re.search(expected, str(error))
    else:
        place, value = expected
        assert (error.place or "").endswith(place or "")
        assert error.value == value
