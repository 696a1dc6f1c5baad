"""Decode a data set's images once, in advance, at the resolutions that suites will ask for.

Runs decode what they miss themselves; this does it beforehand. Whatever ends it, the same command goes on.
"""

import argparse
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.cli import arguments as shared

if TYPE_CHECKING:
    from bench.data.images.cache import CachedArray

EXAMPLES = """\
examples:
  bench data prepare nih --data-root ~/nih --size 256 512
  bench data prepare vindr --data-root ~/vindr --size 256 --set split_seed=1
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own argument."""
    parser.add_argument(
        "--size",
        type=_resolution,
        nargs="+",
        required=True,
        metavar="PX",
        help="resolutions of suites, e.g. 256 512; training images are cached larger, for random crops",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Fills the cache and says what is in it."""
    spec, context = shared.dataset_of(arguments)

    from bench.amounts import duration
    from bench.data.images.cache import require_space
    from bench.data.loading import cached_arrays, load_dataset, read_source, require_manifest
    from bench.execution.live import Display
    from bench.suite.schema import StoredSpec

    if not isinstance(spec, StoredSpec):
        print(f"{spec.name}: nothing has to be prepared; its images are drawn when a trial starts")
        return 0
    display = Display(shared.open_store(arguments))
    source = read_source(spec, context)
    manifest = require_manifest(source, replace(context, on_progress=display.preparing))
    arrays: dict[str, CachedArray] = {}
    for size_px in sorted(set(arguments.size)):
        of_parts = cached_arrays(source, manifest, size_px, spec.oversize, context.cache_dir)
        arrays |= {f"{part} for {size_px} px": array for part, array in of_parts.items()}
    require_space(arrays.values(), display.notice)
    kept = {what for what, array in arrays.items() if array.target.exists()}
    num_decoded: dict[str, int] = {}

    def show(what: str, done: int, total: int) -> None:
        num_decoded.setdefault(what, total - done)  # the first call says what an earlier start has left
        display.preparing(what, done, total)

    started = time.monotonic()
    for size_px in sorted(set(arguments.size)):
        load_dataset(spec, size_px, replace(context, on_progress=show))
    seconds = time.monotonic() - started
    print(_summary(arrays, kept))
    count = sum(num_decoded.values())
    rate = f" in {duration(seconds)}, {count / seconds:.0f} images/s" if count else ""
    print(f"decoded {count} images{rate}")
    return 0


def _summary(arrays: "dict[str, CachedArray]", kept: set[str]) -> str:
    """Returns a line for each array."""
    from bench.amounts import size

    lines = [
        f"{what}: {len(array.files)} images of {array.side_px} px, {size(array.target.stat().st_size)}"
        f"{', was there' if what in kept else ''}: {array.target}"
        for what, array in arrays.items()
    ]
    return "\n".join(lines)


def _resolution(text: str) -> int:
    from pydantic import TypeAdapter, ValidationError

    from bench.suite.schema import Resolution

    try:
        size_px: int = TypeAdapter(Resolution).validate_strings(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error.errors()[0]['msg']}") from None
    return size_px
