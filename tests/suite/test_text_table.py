"""The strict reader of tables: what it lets pass, and what it refuses with its place."""

import gzip

import pandas as pd
import pytest
from extracts import NIH_EXTRACT, PUBLISHED, WHOLE

from bench.errors import DataError
from bench.suite.text_table import read_columns, read_table, read_text

PLAIN = "image,Mass,note\na,1,x\nb,0,\n"
ROWS = [["a", "1", "x"], ["b", "0", ""]]

HARMLESS = {
    "as it is": PLAIN.encode(),
    "byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "line ends of Windows": PLAIN.replace("\n", "\r\n").encode(),
    "line ends of old Macs": PLAIN.replace("\n", "\r").encode(),
    "no last line end": PLAIN.rstrip("\n").encode(),
    "blanks around names": PLAIN.replace("image,Mass", " image , Mass").encode(),
    "commas after rows": PLAIN.replace("x\n", "x,\n").replace("0,\n", "0,,,\n").encode(),
    "commas after all rows": PLAIN.replace("\n", ",\n").encode(),
    "commas after the header alone": PLAIN.replace("note", "note,,,").encode(),
    "a spreadsheet's word on commas": f"sep=,\n{PLAIN}".encode(),
    "blank rows": ("\n" + PLAIN.replace("b,", "\n , ,\n,,\nb,")).encode(),
    "rows that pandas has numbered": b",image,Mass,note\n4,a,1,x\n0,b,0,\n",
    "numbered and read again": b"Unnamed: 0,image,Mass,note\n0,a,1,x\n1,b,0,\n",
    "quoted": b'"image","Mass","note"\n"a","1", "x"\n"b","0",""\n',
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_changes_nothing_is_let_pass(tmp_path, kind):
    path = tmp_path / "table.csv"
    path.write_bytes(HARMLESS[kind])
    table = read_table(path)
    assert table.columns == read_columns(path) == ("image", "Mass", "note")
    assert table.rows == ROWS
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(HARMLESS[kind]))
    assert read_table(tmp_path / "table.csv.gz") == table


def test_quoted_cells_may_hold_commas_and_lines_and_lines_are_those_of_the_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('image,note\na,"one, and\ntwo"\nb,three\n')
    table = read_table(path)
    assert table.rows == [["a", "one, and\ntwo"], ["b", "three"]]
    assert table.lines == [2, 4]


REFUSED = {
    "empty": (b"", "", None),
    "blank": (b"\n \n", "", None),
    "a name twice": (b"image,Mass,Mass\na,1,0\n", ":1", "Mass"),
    "a name twice but for a blank": (b"image,Mass, Mass \na,1,0\n", ":1", "Mass"),
    "a name twice but for its case": (b"image,Mass,mass\na,1,0\n", ":1", "mass"),
    "a cell too many": (b"image,Mass\na,1\nb,0,x\n", ":3", "x"),
    "a comma without quotes": (b"image,note\nDoe, John,1\n", ":2", "1"),
    "a cell too few": (b"image,Mass\na,1\nb\n", ":3", None),
    "a column without a name": (b"image,,Mass\na,x,1\n", ":2", "x"),
    "a first one that does not number": (b",image\np1,a\np1,b\n", ":2", "p1"),
    "an open quote": (b'image,Mass\na,1\n"b,0\n', ":3", None),
    "semicolons": (b"image;Mass\na;1\n", "", ";"),
    "tabs": (b"image\tMass\na\t1\n", "", "\t"),
    "UTF-16": (PLAIN.encode("utf-16"), "", None),
    "UTF-16 without its mark": (PLAIN.encode("utf-16-le"), "", None),
    "Latin-1": ("image,Mass\na,1\nJürgen,0\n".encode("latin-1"), ":3", "0xfc"),
    "a spreadsheet": (b"PK\x03\x04...", "", None),
    "a web page": (b"\n<!DOCTYPE html><html>", "", None),
    "gzipped under another name": (gzip.compress(PLAIN.encode()), "", None),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\n", "", None),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_shift_or_rename_is_refused_with_its_place(tmp_path, kind):
    path = tmp_path / "table.csv"
    content, line, value = REFUSED[kind]
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert (caught.value.place, caught.value.value) == (f"{path}{line}", value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told_with_the_one_that_may_be_meant(tmp_path):
    (tmp_path / "BBox_list_2017.csv").write_text(PLAIN)
    with pytest.raises(DataError, match=r"'BBox_list_2017\.csv'") as caught:
        read_text(tmp_path / "BBox_List_2017.csv")
    assert caught.value.place == str(tmp_path / "BBox_List_2017.csv")


WHOLE_TABLES = [path for path in (WHOLE / "data").rglob("*") if path.name.endswith((".csv", ".csv.gz"))]


@pytest.mark.parametrize(
    "paths",
    [
        [*NIH_EXTRACT.glob("*.csv"), *PUBLISHED.glob("*.csv")],
        pytest.param(WHOLE_TABLES, marks=pytest.mark.slow),
    ],
    ids=["in the repository", "beside it"],
)
def test_tables_as_they_are_published_are_read_as_pandas_reads_them(paths):
    for path in paths:
        expected = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
        table = read_table(path)
        named = [name for name in expected.columns if not name.startswith("Unnamed: ")]
        assert list(table.columns) == [name.strip() for name in named], path
        assert table.rows == expected[named].to_numpy().tolist(), path
