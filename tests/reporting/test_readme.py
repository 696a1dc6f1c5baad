"""Documents show numbers that code has computed, and commands that are run."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- the table of reports/demo/", "<!-- /table -->"


def _rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


@pytest.mark.parametrize(
    ("document", "report"),
    [
        ("README.md", "point_accuracy-phantom-128px.md"),
        ("docs/protocol.md", "sensitivity-phantom-128px.md"),
    ],
)
def test_table_is_the_demo_reports(document: str, report: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    table = text[text.index(BEGIN) : text.index(END)]
    expected = (ROOT / "reports" / "demo" / report).read_text(encoding="utf-8")
    assert _rows(table)
    assert _rows(table) == _rows(expected)


def test_continuous_integration_calls_the_second_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [line for line in readme.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
