"""Documents show numbers that code has computed, and commands that are run."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BEGIN, END = "of reports/demo/, kept equal by tests/reporting/test_readme.py -->", "<!-- /table -->"


def _rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line[1:-1].split("|")] for line in text.splitlines() if line.startswith("|")
    ]


@pytest.mark.parametrize(
    ("document", "report"),
    [
        ("README.md", "point_accuracy-phantom-128px.md"),
        ("docs/protocol.md", "sensitivity-phantom-128px.md"),
    ],
)
def test_table_is_made_of_columns_of_the_demo_reports(document: str, report: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    table = _rows(text[text.index(BEGIN) : text.index(END)])
    expected = _rows((ROOT / "reports" / "demo" / report).read_text(encoding="utf-8"))
    columns = [expected[0].index(title) for title in table[0]]
    chosen = [[row[column] for column in columns] for row in expected]
    assert len(table) > 2
    assert table == [row for row in chosen if any(cell != "—" for cell in row[1:])]


def test_continuous_integration_calls_the_second_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [line for line in readme.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
