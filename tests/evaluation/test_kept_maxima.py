"""The table of local maxima: of every image and finding, in px of the input, whatever the batches."""

import numpy as np
import pandas as pd
import pytest
import torch

from bench.data.dataset import Dataset, ImageSet
from bench.evaluation.score import score
from bench.metrics.regions import COLUMNS, FRAME
from bench.models.blocks import CamOutput
from bench.results.units import (
    MAXIMA_COLUMNS,
    MAXIMUM_COLUMNS,
    MAXIMUM_LOGITS,
    MAXIMUM_ROWS,
    NUM_MAXIMA,
    read_table,
    write_table,
)
from bench.suite.schema import Recipe

SIDE, FINDINGS = 16, ("A", "B")


class Shown(torch.nn.Module):
    """Returns the next of its maps, whatever it sees."""

    def __init__(self, maps: torch.Tensor) -> None:
        super().__init__()
        self.maps, self.done = maps, 0

    def forward(self, images: torch.Tensor) -> CamOutput:
        own = self.maps[self.done : self.done + len(images)]
        self.done += len(images)
        return CamOutput(own, own.amax(dim=(2, 3)))


def images(num: int, boxes: list[tuple[float, ...]]) -> ImageSet:
    """Returns black images with boxes (image, finding, x, y, w, h), labelled with their findings."""
    labels = np.zeros((num, len(FINDINGS)), np.uint8)
    for image, finding, *_ in boxes:
        labels[image, finding] = 1
    table = pd.DataFrame([(*box, SIDE, SIDE) for box in boxes], columns=[*COLUMNS, *FRAME])
    names = tuple(f"i{number}" for number in range(num))
    pixels = np.zeros((num, SIDE, SIDE), np.uint8)
    return ImageSet(pixels, labels, names, tuple(f"p{name}" for name in names), table)


def scored(maps: torch.Tensor, test: ImageSet, batch_size: int = 4):
    place = Recipe(batch_size=batch_size), torch.device("cpu"), lambda *_: None
    return score(Shown(maps), Dataset(FINDINGS, test, test, test), *place).of_maxima


def test_the_table_has_each_image_and_finding_with_its_maxima_in_px():
    maps = torch.zeros(2, 2, 4, 4)  # cells of 4 px: their middles lie at 1.5, 5.5, 9.5, 13.5
    maps[0, 0, 0, 3], maps[0, 0, 2, 1] = 3, 5
    maps[0, 1, 1, 1] = -4
    maps[1, 1, 3, 2] = 7
    table = scored(maps, images(2, [(0, 0, 0, 0, 15, 2), (1, 1, 9.5, 13.5, 1, 1)])).units
    assert tuple(table.columns) == MAXIMA_COLUMNS
    assert table[["image", "patient", "finding"]].to_numpy().tolist() == [
        [f"i{i}", f"pi{i}", finding] for i in (0, 1) for finding in FINDINGS
    ]
    assert table["label"].tolist() == [1, 0, 0, 1]
    assert table["boxed"].tolist() == [True, False, False, True]
    first, second, third, fourth = (row for _, row in table.iterrows())
    assert first[["logit_1", "row_1", "column_1"]].tolist() == [5, 9.5, 5.5]
    assert first[["logit_2", "row_2", "column_2"]].tolist() == [3, 1.5, 13.5]
    assert first["inside"] == 3
    assert fourth["inside"] == 7
    assert [row["num_maxima"] for row in (first, second, third, fourth)] == [2, 1, 0, 1]
    assert np.isnan([third["logit_1"], first["logit_3"], second["inside"]]).all()
    assert (third["row_1"], first["column_3"]) == (-1, -1)


def test_no_more_than_the_highest_are_kept_and_a_note_says_so():
    maps = torch.zeros(1, 2, 16, 16)
    maps[0, 0, ::2, ::2] = 1 + torch.arange(64.0).reshape(8, 8)
    found = scored(maps, images(1, []))
    row = found.units.iloc[0]
    assert row["num_maxima"] == 64
    assert row[list(MAXIMUM_LOGITS)].tolist() == list(range(64, 64 - NUM_MAXIMA, -1))
    assert any(note.startswith("1 of 2 maps have more than 16") for note in found.notes)
    assert not any("more than" in note for note in scored(maps[:, :, :8, :8], images(1, [])).notes)


@pytest.mark.parametrize("boxes", [[], [(3, 1, 2.0, 3.0, 9.0, 8.0), (6, 0, 0.0, 0.0, 5.0, 5.0)]])
def test_batches_do_not_matter(boxes):
    maps = torch.randn(7, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    first, second = (scored(maps, images(7, boxes), size).units for size in (2, 7))
    pd.testing.assert_frame_equal(first, second)
    assert first["boxed"].sum() == len(boxes)


def test_a_map_that_is_not_finite_has_no_maxima_and_its_metric_counts_it():
    maps = torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    maps[1, 0, 3, 3] = torch.nan
    found = scored(maps, images(4, [(1, 0, 0.0, 0.0, 16.0, 16.0)]))
    row = found.units.iloc[2]
    assert not row["finite"]
    assert row["num_maxima"] == 0
    assert np.isnan(row["inside"])
    assert found.metrics["froc/A"] == 0
    assert any("not finite" in note for note in found.notes)


def test_the_table_comes_back_as_it_was_written(tmp_path):
    maps = torch.randn(5, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    table = scored(maps, images(5, [(0, 0, 1.0, 1.0, 3.0, 3.0)])).units
    write_table(tmp_path / "maxima.parquet", table, MAXIMA_COLUMNS)
    pd.testing.assert_frame_equal(read_table(tmp_path / "maxima.parquet"), table, check_dtype=False)
    kinds = read_table(tmp_path / "maxima.parquet").dtypes
    assert {str(kinds[name]) for name in MAXIMUM_LOGITS} == {"float16"}
    assert {str(kinds[name]) for name in (*MAXIMUM_ROWS, *MAXIMUM_COLUMNS)} == {"float32"}
