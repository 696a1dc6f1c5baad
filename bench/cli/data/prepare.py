"""Decode a data set's images once, in advance, at the resolutions of suites.

`bench run` decodes missing images itself; this does it beforehand. After an interrupt the same command goes
on.
"""

import argparse

from bench.amounts import duration
from bench.cli import arguments as shared
from bench.cli.render import Column, Table, show

EXAMPLES = """\
examples:
  bench data prepare nih --data-root ~/nih --size 256 512
  bench data prepare vindr --data-root ~/vindr --size 256 --set split_seed=1
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subverb's own arguments."""
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

    from bench.amounts import size
    from bench.data.loading import prepare_resolutions
    from bench.execution.live import Display
    from bench.suite.dataset_specs import StoredSpec

    if not isinstance(spec, StoredSpec):
        show(f"{spec.name}: nothing has to be prepared; its images are drawn when a trial starts")
        return 0
    display = Display(shared.open_store(arguments))
    prepared = prepare_resolutions(spec, arguments.size, context, display.preparing, display.notice)
    arrays = prepared.arrays
    columns = [
        Column("images of", list(arrays)),
        Column("number", [str(len(one.files)) for one in arrays.values()], is_number=True),
        Column("px", [str(one.side_px) for one in arrays.values()], is_number=True),
        Column("size", [size(one.target.stat().st_size) for one in arrays.values()], is_number=True),
        Column("", ["was there" if name in prepared.were_there else "" for name in arrays]),
    ]
    show(Table(columns, text=Column("file", [str(one.target) for one in arrays.values()])))
    speed = f" in {duration(prepared.duration_s)}, {prepared.images_per_s:.0f} images/s"
    show(f"decoded {prepared.num_decoded} images{speed if prepared.num_decoded else ''}")
    return 0


def _resolution(text: str) -> int:
    from pydantic import TypeAdapter, ValidationError

    from bench.suite.schema import Resolution

    try:
        size_px: int = TypeAdapter(Resolution).validate_strings(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error.errors()[0]['msg']}") from None
    return size_px
