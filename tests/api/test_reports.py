"""`bench.report`: a suite's tables from a script."""

import bench


def test_the_report_is_written_and_its_tables_come_back(place, tmp_path):
    written = bench.report(place.suite, results_dir=place.results, reports_dir=tmp_path)
    assert (tmp_path / "small" / "README.md").read_text(encoding="utf-8") == written.page
    assert written.problems == ()
    assert {path.name for path in (tmp_path / "small").glob("*.csv")} >= {
        f"{t.key}.csv" for t in written.tables
    }
    for name in written.files:
        written_by_run = (place.folder / "reports" / "small" / name).read_bytes()
        if name.endswith(".csv"):
            assert (tmp_path / "small" / name).read_bytes() == written_by_run


def test_a_report_of_a_selection_has_its_rows_alone(place, tmp_path):
    written = bench.report(place.suite, only="model=pylon", results_dir=place.results, reports_dir=tmp_path)
    assert "Baseline" not in "".join(text for name, text in written.files.items() if name.endswith(".csv"))
