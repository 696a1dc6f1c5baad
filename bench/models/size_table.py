"""Writes the table of sizes that the package ships, for `bench plan` on a fresh machine.

python -m bench.models.size_table [ENCODER …]    measures every model and variant of the catalog again, on the
                                                 encoders that the table has and on those that are named
"""

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

from bench.errors import SuiteError
from bench.models.size import measure
from bench.results.atomic import write_text
from bench.results.shipped_sizes import COLUMNS, FILE, encode, shipped_sizes
from bench.suite.catalog import MODELS, Variant


def size_table(encoders: Iterable[str]) -> Iterator[dict[str, str]]:
    """Yields a row for every model and variant on every encoder that it can use."""
    for encoder in encoders:
        for name, entry in MODELS.items():
            for variant in (Variant(entry.label, {}), *entry.variants):
                try:
                    yield encode(variant.label, encoder, measure(name, variant.options, encoder))
                except SuiteError as error:
                    print(error, file=sys.stderr)


def main(named: Iterable[str]) -> None:
    """Writes the table anew, with the encoders that are named beside those that it has."""
    path = Path(str(resources.files("bench.results").joinpath(FILE)))
    known = (encoder for _, encoder in shipped_sizes()) if path.exists() else ()
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(size_table(sorted({*known, *named})))
    write_text(path, text.getvalue())


if __name__ == "__main__":
    main(sys.argv[1:])
