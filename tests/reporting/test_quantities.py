"""Which value of records a cell shows: of a suite's tables, and of the thesis' in all of their forms."""

from pathlib import Path

import pytest

from bench.reporting.headings import heading_of
from bench.reporting.quantities import Quantity, quantity_of
from bench.reporting.thesis.compact import compact
from bench.reporting.thesis.forms import ours
from bench.reporting.thesis.measured import Measurements
from bench.reporting.thesis.tables import THESIS_TABLES
from bench.results.store import ResultsStore

SUITES = Path(__file__).parents[2] / "suites"
every_table = pytest.mark.parametrize("table", THESIS_TABLES, ids=lambda table: table.number)


@pytest.fixture(scope="module")
def measurements(tmp_path_factory) -> Measurements:
    return Measurements(SUITES, ResultsStore(tmp_path_factory.mktemp("empty")))


def test_tables_of_suites_have_their_metric_in_their_key():
    assert quantity_of("auroc-nih-256px", "PYLON", "", "Mass", "") == Quantity("auroc", "Mass")
    assert quantity_of("point_accuracy-nih-256px", "PYLON", "", "Gain over constant", "") is None
    assert quantity_of("comparisons-nih-256px", "A − B", "", "Over both", "") is None
    assert quantity_of("table-9-9-ours", "PYLON", "", "Mass", "") is None


def test_names_are_found_by_their_headings():
    keys = ("auroc/weighted", "auroc/Pleural_Thickening", "point_accuracy/Mass")
    assert Quantity("auroc", "Pleural Thickening").name_in(keys) == "Pleural_Thickening"
    assert Quantity("auroc", "Weighted avg.").name_in(keys) == "weighted"
    assert Quantity("auroc", "Mass").name_in(keys) is None


@every_table
def test_every_cell_of_a_full_table_is_the_quantity_of_its_slot(table, measurements):
    shown = ours(table, measurements)
    for axis, row in zip(table.rows, shown.models, strict=True):
        for other, column, group in zip(
            table.columns, shown.headings, [c.group for c in shown.columns], strict=True
        ):
            wanted = table.slot(axis, other).quantity
            found = quantity_of(shown.key, row.label, row.section, column, group)
            assert found == Quantity(wanted.metric, heading_of(wanted.name))


@every_table
def test_every_cell_of_ours_in_a_compact_table_is_one_quantity(table, measurements):
    shown = compact(table, measurements)
    metrics = {slot.quantity.metric for slot in table.slots()}
    for row in shown.models:
        for column, group in ((c.heading, c.group) for c in shown.columns):
            found = quantity_of(shown.key, row.label, row.section, column, group)
            if column == "ours":
                assert found is not None
                assert found.metric in metrics
                assert ("AUROC" in row.section) <= (found.metric == "auroc")
            else:
                assert found is None
