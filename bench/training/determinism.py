"""Which operations of a trial had no deterministic algorithm: torch warns of each, and this collects them."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_WARNING = re.compile(r"(\S+) does not have a deterministic implementation|.*(CuBLAS)", re.DOTALL)
_FILTER = r".*(does not have a deterministic implementation|is not deterministic because it uses CuBLAS)"


@contextmanager
def collecting_nondeterminism() -> Iterator[set[str]]:
    """Yields a set that receives the name of each operation that ran without a deterministic algorithm.

    To be used where `bench.training.seeding.fix_arithmetic` has asked for deterministic algorithms. Other
    warnings go their usual way.
    """
    found: set[str] = set()
    with warnings.catch_warnings():
        show = warnings.showwarning

        def collect(message: Warning | str, category: type[Warning], *place: object, **where: object) -> None:
            warning = _WARNING.match(str(message))
            if warning is not None:
                found.add(warning[1] or warning[2])
            else:
                show(message, category, *place, **where)  # type: ignore[arg-type]

        warnings.showwarning = collect
        warnings.filterwarnings("default", message=_FILTER)  # once per place, whatever the process asks for
        yield found
