"""Per-unit tables as parquet."""

from pathlib import Path

import pandas as pd
import pytest
from records import THESIS_COLUMNS, units_table

from bench.errors import ResultsError
from bench.results.units import BOX_COLUMNS, read_table, write_table

UNITS = units_table(
    [
        ("a.png", "p1", "Mass", 3, 4, 0.75, 1, True, True, 0.625, 0.25),
        ("b.png", "p2", "Nodule", 0, 63, 0.5, 4096, False, False, 0.0, 0.0),
    ]
)


def test_tables_come_back_with_values_and_types(tmp_path: Path) -> None:
    write_table(tmp_path / "units.parquet", UNITS, THESIS_COLUMNS)
    pd.testing.assert_frame_equal(read_table(tmp_path / "units.parquet"), UNITS, check_dtype=False)
    assert read_table(tmp_path / "units.parquet")["hit"].dtype == bool


def test_a_table_without_rows_comes_back_with_its_columns(tmp_path: Path) -> None:
    write_table(tmp_path / "boxes.parquet", pd.DataFrame(columns=list(BOX_COLUMNS)), BOX_COLUMNS)
    table = read_table(tmp_path / "boxes.parquet")
    assert tuple(table.columns) == BOX_COLUMNS
    assert table.empty


def test_other_columns_are_refused_and_write_nothing(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"boxes\.parquet has columns"):
        write_table(tmp_path / "boxes.parquet", UNITS, BOX_COLUMNS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [None, b"", b"PAR1 and then nothing", b"x" * 100])
def test_missing_or_damaged_tables_are_one_clear_sentence(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "units.parquet"
    if damage is not None:
        path.write_bytes(damage)
    with pytest.raises(ResultsError) as caught:
        read_table(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cut_table_is_a_results_error(tmp_path: Path) -> None:
    path = tmp_path / "units.parquet"
    write_table(path, UNITS, THESIS_COLUMNS)
    whole = path.read_bytes()
    for length in (10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ResultsError):
            read_table(path)
