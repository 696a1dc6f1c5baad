"""The folder that a benchmark works in: the one it is given, which stays, or a temporary one."""

import tempfile
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def parser_of(description: str | None) -> ArgumentParser:
    """Returns a parser of FOLDER and no more; --help prints the benchmark's own description."""
    parser = ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", metavar="FOLDER")
    return parser


@contextmanager
def working_folder(parser: ArgumentParser) -> Iterator[tuple[Namespace, Path]]:
    """Yields what the command line says, and the folder to work in."""
    given = parser.parse_args()
    if given.folder is not None:
        yield given, given.folder.resolve()
        return
    with tempfile.TemporaryDirectory() as name:
        yield given, Path(name)
