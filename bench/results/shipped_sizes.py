"""Sizes of the package's own models on the encoders of its suites: known at once, without torch.

model_sizes.csv is written by `python -m bench.models.size_table`. It is for plans, where a size that another
version of a library has moved a little does no harm; `bench list models` measures.
"""

import csv
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

from bench.results.model_sizes import SIZES_PX, ModelSize
from bench.suite.catalog import OptionValue, display_name

FILE = "model_sizes.csv"
COLUMNS = ("model", "encoder", "parameters", *(f"side_at_{size_px}_px" for size_px in SIZES_PX), "gmacs")


def shipped_size(name: str, options: Mapping[str, OptionValue], encoder: str) -> ModelSize | None:
    """Returns the size of a model of the catalog; None if it is not in the table.

    Args:
        name: a name of `bench.suite.catalog.MODELS`.
        options: of its constructor.
        encoder: an encoder of segmentation-models-pytorch.
    """
    return shipped_sizes().get((display_name(name, options), encoder))


@lru_cache
def shipped_sizes() -> dict[tuple[str, str], ModelSize]:
    """Returns all sizes of the table, by the name that tables show and encoder."""
    with resources.files("bench.results").joinpath(FILE).open(encoding="utf-8") as stream:
        return {(row["model"], row["encoder"]): _decode(row) for row in csv.DictReader(stream)}


def encode(label: str, encoder: str, size: ModelSize) -> dict[str, str]:
    """Returns a row of the table."""
    sides = (str(size.sides[size_px]) for size_px in SIZES_PX)
    return dict(
        zip(COLUMNS, (label, encoder, str(size.parameters), *sides, f"{size.gmacs:.6g}"), strict=True)
    )


def _decode(row: Mapping[str, str]) -> ModelSize:
    sides = {size_px: int(row[f"side_at_{size_px}_px"]) for size_px in SIZES_PX}
    return ModelSize(int(row["parameters"]), sides, float(row["gmacs"]))
